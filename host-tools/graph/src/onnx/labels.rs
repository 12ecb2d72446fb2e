//! A list of strings as JSON, the form in which class names travel inside an ONNX file.

/// `["a","b"]`, with everything escaped that JSON asks for.
pub(crate) fn to_json(labels: &[String]) -> String {
    let items: Vec<String> = labels.iter().map(|label| quote(label)).collect();
    format!("[{}]", items.join(","))
}

fn quote(label: &str) -> String {
    let mut quoted = String::with_capacity(label.len() + 2);
    quoted.push('"');
    for character in label.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\u{0}'..='\u{1f}' => quoted.push_str(&format!("\\u{:04x}", character as u32)),
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

/// The strings of a JSON list of strings; `None` if `json` is anything else.
pub(crate) fn from_json(json: &str) -> Option<Vec<String>> {
    let mut rest = json.trim_start().strip_prefix('[')?.trim_start();
    let mut labels = Vec::new();
    if let Some(end) = rest.strip_prefix(']') {
        return end.trim().is_empty().then_some(labels);
    }
    loop {
        let (label, after) = string(rest)?;
        labels.push(label);
        let after = after.trim_start();
        if let Some(end) = after.strip_prefix(']') {
            return end.trim().is_empty().then_some(labels);
        }
        rest = after.strip_prefix(',')?.trim_start();
    }
}

/// The string at the start of `json` and what follows it.
fn string(json: &str) -> Option<(String, &str)> {
    let mut rest = json.strip_prefix('"')?.chars();
    let mut label = String::new();
    loop {
        match rest.next()? {
            '"' => return Some((label, rest.as_str())),
            '\\' => label.push(escape(&mut rest)?),
            '\u{0}'..='\u{1f}' => return None,
            character => label.push(character),
        }
    }
}

/// The character that an escape stands for, after its backslash.
fn escape(rest: &mut std::str::Chars<'_>) -> Option<char> {
    match rest.next()? {
        character @ ('"' | '\\' | '/') => Some(character),
        'b' => Some('\u{8}'),
        'f' => Some('\u{c}'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'u' => match utf16_unit(rest)? {
            high @ 0xd800..0xdc00 => {
                (rest.next()? == '\\' && rest.next()? == 'u').then_some(())?;
                let low = utf16_unit(rest)?;
                char::decode_utf16([high, low]).next()?.ok()
            }
            unit => char::from_u32(u32::from(unit)),
        },
        _ => None,
    }
}

fn utf16_unit(rest: &mut std::str::Chars<'_>) -> Option<u16> {
    let digits = rest.as_str().get(..4)?;
    *rest = rest.as_str()[4..].chars();
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then_some(())?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::{from_json, to_json};

    #[test]
    fn every_label_survives() {
        let labels: Vec<String> =
            ["", "T-shirt/top", "a \"quoted\" \\ label", "new\nline\u{0}", "日本 🥾", "],["]
                .map(String::from)
                .to_vec();
        assert_eq!(from_json(&to_json(&labels)), Some(labels));
        assert_eq!(from_json(&to_json(&[])), Some(Vec::new()));
    }

    #[test]
    fn what_other_writers_escape_is_understood() {
        let json = " [ \"\\u00e9\\/\\n\" ,\t\"\\ud83e\\udd7e\" ] ";
        assert_eq!(from_json(json), Some(vec!["é/\n".to_owned(), "🥾".to_owned()]));
    }

    #[test]
    fn anything_else_is_refused() {
        for json in [
            "",
            "[",
            "]",
            "{}",
            "[1]",
            "[\"a\"",
            "[\"a\",]",
            "[\"a\"] x",
            "[\"\\x\"]",
            "[\"\\u12\"]",
            "[\"\\ud800\"]",
            "[\"\\ud800\\u0041\"]",
            "[\"\\u+123\"]",
            "[\"a\nb\"]",
            "[\"é\\u12é\"]",
        ] {
            assert_eq!(from_json(json), None, "{json}");
        }
    }
}
