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
    let failed = |reason: String| ReferenceError::Tract {
        file: file.name.to_owned(),
        step,
        reason: one_line(&reason),
    };
    let result = catch_panic(work).map_err(|message| failed(format!("it panicked: {message}")))?;
    result.map_err(|error| failed(format!("{error:#}")))
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
    use super::one_line;

    #[test]
    fn long_messages_become_one_bounded_line() {
        assert_eq!(one_line("node\n  'conv1':\tunfit"), "node 'conv1': unfit");
        assert_eq!(one_line(&"ü ".repeat(400)).chars().count(), 301);
    }
}
