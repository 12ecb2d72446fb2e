//! Runs someone else's code on someone else's file: a panic becomes an error, and prints nothing.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
    static MESSAGE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The result of `work`, or the message of its panic. The panic is not printed; panics elsewhere still are.
///
/// # Errors
/// The panic's message.
pub fn catch_panic<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    install_hook();
    let outer = GUARDED.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(outer);
    result.map_err(|_| MESSAGE.take())
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
