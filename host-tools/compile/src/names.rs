//! Names from someone else's file, made safe for messages, comments and string literals.
//!
//! An ONNX file may name its nodes anything: nothing, a newline, a quote, a thousand characters.

/// Characters of a name that are kept; what is longer ends in `...`.
const NAME_CHARS: usize = 64;

/// A node as messages name it: its ONNX name, or its place if it has none, and its operation.
pub(crate) fn node(index: usize, name: &str, op: &str) -> String {
    let name = plain(name);
    if name.is_empty() { format!("node {index} ({op})") } else { format!("node {name} ({op})") }
}

/// `name` for one line of text: printable ASCII, at most 64 characters and an ellipsis.
///
/// Backslashes and backquotes go too: the result may stand in a comment or a code span.
pub(crate) fn plain(name: &str) -> String {
    let keep =
        |c: char| if c.is_ascii_graphic() && !"\\`".contains(c) || c == ' ' { c } else { '_' };
    shorten(name).chars().map(keep).collect()
}

/// `name` as a Rust string literal of ASCII characters, shortened to 64 characters and an ellipsis.
pub(crate) fn literal(name: &str) -> String {
    format!("\"{}\"", shorten(name).escape_default())
}

/// Bytes that [`literal`] takes in flash.
pub(crate) fn literal_bytes(name: &str) -> usize {
    shorten(name).len()
}

fn shorten(name: &str) -> String {
    let mut short: String = name.chars().take(NAME_CHARS).collect();
    if short.len() < name.len() {
        short.push_str("...");
    }
    short
}

#[cfg(test)]
mod tests {
    use super::{literal, node, plain};

    #[test]
    fn hostile_names_become_one_line_of_ascii() {
        assert_eq!(plain("a\nb\"c`d\\eä\u{202e}"), "a_b\"c_d_e__");
        assert_eq!(plain(&"x".repeat(9_999)).len(), 67);
        assert_eq!(literal("a\"b\nü\u{202e}"), r#""a\"b\n\u{fc}\u{202e}""#);
    }

    #[test]
    fn nameless_nodes_are_named_by_their_place() {
        assert_eq!(node(3, "", "Conv"), "node 3 (Conv)");
        assert_eq!(node(3, "conv1", "Conv"), "node conv1 (Conv)");
    }
}
