//! Progress bars: on a terminal only, and on standard error, so that output can be piped.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over `length` steps of `what`.
pub(crate) fn bar(length: u64, what: &str) -> ProgressBar {
    let bar = ProgressBar::new(length).with_style(style("{msg} {wide_bar} {pos}/{len} ({eta})"));
    bar.with_message(what.to_owned())
}

/// The bar of a whole training, its state above and its curves below.
pub(crate) fn training_bar() -> ProgressBar {
    ProgressBar::new(0).with_style(style("{msg}\n{wide_bar} {percent} %\n{prefix}"))
}

/// A bar over bytes that arrive; how many is not known yet.
pub(crate) fn bytes_bar() -> ProgressBar {
    ProgressBar::new(0).with_style(style("{msg} {wide_bar} {bytes}/{total_bytes} ({eta})"))
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates here are right")
}
