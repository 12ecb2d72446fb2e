//! The memories of a board, read from the linker script that the firmware itself is linked with.
//!
//! Only the `MEMORY { NAME (attributes) : ORIGIN = value, LENGTH = value }` command is read. Values are
//! numbers (decimal, octal, `0x`; suffixes `K` and `M`) joined by `+`, `-` and `*`, as such scripts have them.

/// One memory of a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// First address.
    pub origin: u64,
    /// Size in bytes.
    pub bytes: u64,
}

/// All memories of a linker script with their names, in order.
///
/// # Errors
/// What is wrong, without the file's name.
pub(crate) fn parse(script: &str) -> Result<Vec<(String, Memory)>, String> {
    let script = without_comments(script)?;
    let mut tokens = tokens(&script);
    loop {
        match tokens.next() {
            None => return Err("there is no MEMORY { ... } command".into()),
            Some("MEMORY") => break,
            Some(_) => {}
        }
    }
    if tokens.next() != Some("{") {
        return Err("MEMORY is not followed by {".into());
    }
    let mut memories = Vec::new();
    loop {
        match tokens.next() {
            None => return Err("the } of MEMORY is missing".into()),
            Some("}") => return Ok(memories),
            Some(name) => memories.push((name.to_owned(), memory(name, &mut tokens)?)),
        }
    }
}

/// The rest of one line after its name.
fn memory<'a>(name: &str, tokens: &mut Tokens<'a>) -> Result<Memory, String> {
    let mut token = tokens.next();
    if token == Some("(") {
        while !matches!(token, Some(")") | None) {
            token = tokens.next();
        }
        token = tokens.next();
    }
    if token != Some(":") {
        return Err(format!("{name} is not followed by a colon"));
    }
    let origin = value(name, &["ORIGIN", "org", "o"], tokens)?;
    if tokens.next() != Some(",") {
        return Err(format!("there is no comma between ORIGIN and LENGTH of {name}"));
    }
    let bytes = value(name, &["LENGTH", "len", "l"], tokens)?;
    Ok(Memory { origin, bytes })
}

/// `KEY = term (+ term | - term | * term)*`.
fn value<'a>(name: &str, keys: &[&str], tokens: &mut Tokens<'a>) -> Result<u64, String> {
    let key = keys[0];
    if !tokens.next().is_some_and(|token| keys.contains(&token)) || tokens.next() != Some("=") {
        return Err(format!("{name} has no {key} = ..."));
    }
    let wrong =
        || format!("{key} of {name} is no sum or product of numbers like 0x20000000 or 512K");
    let mut total = 0u64;
    let mut operator = "+";
    loop {
        let mut factor = tokens.next().and_then(number).ok_or_else(wrong)?;
        while tokens.peek() == Some("*") {
            tokens.next();
            let next = tokens.next().and_then(number).ok_or_else(wrong)?;
            factor = factor.checked_mul(next).ok_or_else(wrong)?;
        }
        let sum =
            if operator == "+" { total.checked_add(factor) } else { total.checked_sub(factor) };
        total = sum.ok_or_else(wrong)?;
        match tokens.peek() {
            Some(next @ ("+" | "-")) => operator = next,
            _ => return Ok(total),
        }
        tokens.next();
    }
}

fn number(token: &str) -> Option<u64> {
    let (digits, unit) = match token.as_bytes().last()? {
        b'K' | b'k' => (&token[..token.len() - 1], 1 << 10),
        b'M' | b'm' => (&token[..token.len() - 1], 1 << 20),
        _ => (token, 1),
    };
    let hexadecimal = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let value = match hexadecimal {
        Some(digits) => u64::from_str_radix(digits, 16).ok()?,
        None if digits.len() > 1 && digits.starts_with('0') => {
            u64::from_str_radix(digits, 8).ok()?
        }
        None => digits.parse().ok()?,
    };
    value.checked_mul(unit)
}

fn without_comments(script: &str) -> Result<String, String> {
    let mut text = String::with_capacity(script.len());
    let mut rest = script;
    while let Some((before, after)) = rest.split_once("/*") {
        text.push_str(before);
        text.push(' ');
        let Some((_, after)) = after.split_once("*/") else {
            return Err("a comment /* has no end".into());
        };
        rest = after;
    }
    text.push_str(rest);
    Ok(text)
}

/// Words and single marks of a script.
struct Tokens<'a> {
    rest: &'a str,
}

fn tokens(script: &str) -> Tokens<'_> {
    Tokens { rest: script }
}

impl<'a> Tokens<'a> {
    fn peek(&self) -> Option<&'a str> {
        let rest = self.rest.trim_start();
        let is_word = |c: char| c.is_alphanumeric() || "_.$".contains(c);
        let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        let first = rest.chars().next()?;
        Some(if end > 0 { &rest[..end] } else { &rest[..first.len_utf8()] })
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let token = self.peek()?;
        self.rest = &self.rest.trim_start()[token.len()..];
        Some(token)
    }
}

#[cfg(test)]
mod tests {
    use super::{Memory, parse};
    use proptest::prelude::{any, proptest};

    #[test]
    fn a_usual_script_is_understood() {
        let script = "/* STM32F446RE { */
            _stack = 3;
            MEMORY
            {
              /* NOTE 1 K = 1 KiBi = 1024 bytes */
              FLASH (rx) : ORIGIN = 0x08000000, LENGTH = 512K
              RAM (xrw): org=0x20000000,len=128K - 2 * 1K + 0
              CCM : o = 0x10000000, l = 65536
            }
            SECTIONS { }";
        let memory = |origin, bytes| Memory { origin, bytes };
        let expected = [
            ("FLASH".to_owned(), memory(0x0800_0000, 512 << 10)),
            ("RAM".to_owned(), memory(0x2000_0000, 126 << 10)),
            ("CCM".to_owned(), memory(0x1000_0000, 65_536)),
        ];
        assert_eq!(parse(script), Ok(expected.to_vec()));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (script, problem) in [
            ("", "no MEMORY"),
            ("MEMORY", "not followed by {"),
            ("MEMORY {", "the } of MEMORY is missing"),
            ("MEMORY { /* }", "comment"),
            ("MEMORY { RAM }", "colon"),
            ("MEMORY { RAM : LENGTH = 4K }", "RAM has no ORIGIN"),
            ("MEMORY { RAM : ORIGIN = 0 LENGTH = 4K }", "no comma"),
            ("MEMORY { RAM : ORIGIN = 0, LENGTH = }", "LENGTH of RAM"),
            ("MEMORY { RAM : ORIGIN = 0, LENGTH = 4K - 5K }", "LENGTH of RAM"),
            ("MEMORY { RAM : ORIGIN = 0, LENGTH = 0xffffffffffffffff * 2 }", "LENGTH of RAM"),
            ("MEMORY { RAM : ORIGIN = start, LENGTH = 4K }", "ORIGIN of RAM"),
        ] {
            let message = parse(script).expect_err(script);
            assert!(message.contains(problem), "{script}: {message}");
        }
    }

    proptest! {
        #[test]
        fn no_script_makes_it_panic(script in any::<String>(), tail in "[A-Z:={},()0-9a-fxKM*+/ -]{0,60}") {
            let _ = parse(&script);
            let _ = parse(&format!("MEMORY {{ RAM : ORIGIN = {tail}"));
        }
    }
}
