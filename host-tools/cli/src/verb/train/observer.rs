//! What training shows while it runs, and how Ctrl-C ends it.

use crate::progress::bar;
use indicatif::ProgressBar;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use thumbnet_train::{BatchProgress, EpochResult, Observer};

/// A bar for the running epoch, a line for each complete one.
pub(in crate::verb) struct Console {
    bar: ProgressBar,
    interrupted: Arc<AtomicBool>,
    quiet: bool,
}

impl Console {
    /// Shows nothing but the bar if `quiet`.
    pub(in crate::verb) fn new(interrupted: Arc<AtomicBool>, quiet: bool) -> Self {
        Self { bar: bar(0, ""), interrupted, quiet }
    }

    pub(in crate::verb) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn flow(&self) -> ControlFlow<()> {
        if self.interrupted.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

impl Observer for Console {
    fn batch(&mut self, progress: &BatchProgress) -> ControlFlow<()> {
        self.bar.set_length(progress.batches as u64);
        self.bar.set_position(progress.batches_done as u64);
        self.bar.set_message(format!(
            "epoch {}/{}  loss {:.4}  accuracy {:.2} %",
            progress.epoch,
            progress.epochs,
            progress.loss,
            progress.accuracy * 100.0
        ));
        self.flow()
    }

    fn epoch(&mut self, result: &EpochResult, time: Duration) -> ControlFlow<()> {
        if !self.quiet {
            let part = |name: &str, accuracy: Option<f64>| {
                accuracy.map_or(String::new(), |accuracy| {
                    format!("  {name} accuracy {:.2} %", accuracy * 100.0)
                })
            };
            let judged = part("held-out", result.held_out_accuracy);
            let judged = judged + &part("test", result.test_accuracy);
            self.bar.suspend(|| {
                println!(
                    "epoch {:>3}  loss {:.4}  accuracy {:.2} %{judged}  ({:.1} s)",
                    result.epoch,
                    result.loss,
                    result.accuracy * 100.0,
                    time.as_secs_f64()
                );
            });
        }
        self.flow()
    }
}

/// Ctrl-C sets `flag`; a second one ends the program at once.
pub(in crate::verb) fn interruption(flag: &Arc<AtomicBool>) -> anyhow::Result<()> {
    let flag = Arc::clone(flag);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        eprintln!("\nstopping; the last complete epoch is kept (Ctrl-C again ends at once)");
    })?;
    Ok(())
}
