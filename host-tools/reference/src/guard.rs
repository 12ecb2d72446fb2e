//! Runs someone else's code on someone else's file: a panic becomes an error, and prints nothing.

use crate::error::ReferenceError;
use crate::tract::OnnxFile;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use tract_onnx::prelude::TractResult;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
    static MESSAGE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The result of `work`, or the message of its panic. The panic is not printed; panics elsewhere still are.
pub(crate) fn catch_panic<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    install_hook();
    let outer = GUARDED.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(outer);
    result.map_err(|_| MESSAGE.take())
}

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

/// Puts a hook before the one in place that keeps the message of a guarded panic instead of printing it.
fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let outer = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if GUARDED.get() {
                let message = info.payload_as_str().unwrap_or("it panicked without a message");
                MESSAGE.set(message.to_owned());
            } else {
                outer(info);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::catch_panic;

    #[test]
    fn a_panic_becomes_its_message() {
        assert_eq!(catch_panic(|| 3), Ok(3));
        let index = std::hint::black_box(7);
        let caught = catch_panic(|| [1, 2, 3][index]);
        assert!(caught.expect_err("index 7 of 3").contains("out of bounds"));
    }
}
