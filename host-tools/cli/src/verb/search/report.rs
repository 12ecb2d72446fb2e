//! What a search found, for people and machines.

use super::verify::Finalist;
use crate::report::{table, thousands};
use serde::Serialize;

/// The end of a search.
#[derive(Serialize)]
pub(super) struct Report {
    pub(super) board: String,
    /// Drawn and found to fit.
    pub(super) candidates: usize,
    /// Best first.
    pub(super) finalists: Vec<Finalist>,
    /// The folder of the best one.
    pub(super) best: String,
    pub(super) plot: String,
}

impl Report {
    pub(super) fn print(&self) {
        let percent = |share: f64| format!("{:.2}", share * 100.0);
        let rows = self.finalists.iter().map(|finalist| {
            vec![
                format!("{}{:03}", if finalist.on_front { "* " } else { "  " }, finalist.candidate),
                percent(finalist.held_out_accuracy),
                finalist.test_accuracy.map_or("-".to_owned(), percent),
                thousands(finalist.flash_bytes),
                thousands(finalist.ram_bytes),
                format!("{:.2}", finalist.estimated_instructions as f64 / 1e6),
                finalist.design.clone(),
            ]
        });
        let headers =
            ["candidate", "held-out %", "test %", "flash B", "RAM B", "M instructions", "network"];
        println!("\n{}", table(&headers, &[1, 2, 3, 4, 5], rows.collect()));
        println!(
            "\n* nothing here is better in one column and as good in the others. Accuracies are those of the int8 files; \
             flash and RAM those of their programs for {}; instructions are estimated, `thumbnet profile` counts them.",
            self.board
        );
        println!("\nthe best by the held-out pictures is in {}, all in {}", self.best, self.plot);
    }
}
