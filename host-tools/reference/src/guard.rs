//! The steps of tract's, which run on someone else's file: an error or a panic becomes one line of ours.

use crate::error::ReferenceError;
use crate::tract::OnnxFile;
use thumbnet_simulate::catch_panic;
use tract_onnx::prelude::TractResult;

/// Runs a step of tract's; its error or panic becomes ours.
pub(crate) fn guard<T>(
    file: OnnxFile<'_>,
    step: &'static str,
    work: impl FnOnce() -> TractResult<T>,
) -> Result<T, ReferenceError> {
    let failed = |reason: String| match unknown_operator(&reason) {
        Some((node, op)) => ReferenceError::NotInTract { file: file.name.to_owned(), node, op },
        None => {
            ReferenceError::Tract { file: file.name.to_owned(), step, reason: one_line(&reason) }
        }
    };
    let result = catch_panic(work).map_err(|message| failed(format!("it panicked: {message}")))?;
    result.map_err(|error| failed(format!("{error:#}")))
}

/// The node and the operator that tract has not implemented, if that is the `reason`:
/// `Translating node #3 "name" Unimplemented(QLinearAdd) ...`.
fn unknown_operator(reason: &str) -> Option<(String, String)> {
    let (before, after) = reason.split_once("Unimplemented(")?;
    let (op, _) = after.split_once(')')?;
    let node = before.split('"').nth(1)?;
    Some((one_line(node), one_line(op)))
}

/// `text` on one line of bounded length: tract's messages can hold whole nodes.
pub(crate) fn one_line(text: &str) -> String {
    const MOST_CHARACTERS: usize = 300;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::{one_line, unknown_operator};

    #[test]
    fn an_unknown_operator_is_told_from_other_failures() {
        let reason = "Translating node #29 \"/f/add\" Unimplemented(QLinearAdd) ToTypedTranslator";
        let found = unknown_operator(reason);
        assert_eq!(found, Some(("/f/add".to_owned(), "QLinearAdd".to_owned())));
        assert_eq!(unknown_operator("Translating node #2 \"a\": wrong rank"), None);
        assert_eq!(unknown_operator("Unimplemented("), None);
    }

    #[test]
    fn long_messages_become_one_bounded_line() {
        assert_eq!(one_line("node\n  'conv1':\tunfit"), "node 'conv1': unfit");
        assert_eq!(one_line(&"ü ".repeat(400)).chars().count(), 301);
    }
}
