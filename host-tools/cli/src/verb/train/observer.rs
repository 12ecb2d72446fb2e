//! What training shows while it runs, and how Ctrl-C ends it.

use super::sparkline::sparkline;
use crate::progress::training_bar;
use crate::report::thousands;
use indicatif::ProgressBar;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use thumbnet_train::{BatchProgress, EpochResult, Observer};

/// Characters of a curve.
const WIDTH: usize = 32;

/// On a terminal: progress, speed, remaining time and curves of the running training. Everywhere: a line for each
/// complete epoch.
pub(in crate::verb) struct Console {
    bar: ProgressBar,
    interrupted: Arc<AtomicBool>,
    quiet: bool,
    began: Instant,
    /// Batches done when it began: not 0 where a training is resumed.
    first: Option<usize>,
    epoch_began: Instant,
    /// Pictures of the epoch's first batch, which began before the clock.
    uncounted: usize,
    /// Logarithms of every batch's loss: it falls fast, then slowly.
    losses: Vec<f64>,
    /// Of every complete epoch, on the pictures that judge.
    accuracies: Vec<f64>,
}

impl Console {
    /// Shows nothing but the bar if `quiet`.
    pub(in crate::verb) fn new(interrupted: Arc<AtomicBool>, quiet: bool) -> Self {
        let now = Instant::now();
        Self {
            bar: training_bar(),
            interrupted,
            quiet,
            began: now,
            first: None,
            epoch_began: now,
            uncounted: 0,
            losses: Vec::new(),
            accuracies: Vec::new(),
        }
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

    /// Time that the batches ahead take, if they are as fast as those so far and the epochs' ends between them.
    fn remaining(&self, done: usize, all: usize) -> Duration {
        let since = done - self.first.unwrap_or(done).min(done);
        let share = (all - done) as f64 / since.max(1) as f64;
        Duration::from_secs_f64(self.began.elapsed().as_secs_f64() * share)
    }

    fn curves(&self) -> String {
        let mut text = format!("loss {}", sparkline(&self.losses, WIDTH));
        if self.accuracies.len() > 1 {
            text.push_str(&format!("  accuracy {}", sparkline(&self.accuracies, WIDTH)));
        }
        text
    }
}

impl Observer for Console {
    fn batch(&mut self, progress: &BatchProgress) -> ControlFlow<()> {
        if progress.batches_done == 1 {
            self.epoch_began = Instant::now();
            self.uncounted = progress.pictures;
        }
        self.losses.push(progress.batch_loss.max(f64::MIN_POSITIVE).ln());
        let all = progress.epochs * progress.batches;
        let done = (progress.epoch - 1) * progress.batches + progress.batches_done;
        self.first.get_or_insert(done);
        if self.bar.is_hidden() {
            return self.flow();
        }
        self.bar.set_length(all as u64);
        self.bar.set_position(done as u64);
        let seconds = self.epoch_began.elapsed().as_secs_f64().max(1e-3);
        self.bar.set_message(format!(
            "epoch {}/{}  loss {:.4}  accuracy {:.2} %  {} pictures/s  {} left",
            progress.epoch,
            progress.epochs,
            progress.loss,
            progress.accuracy * 100.0,
            thousands(((progress.pictures - self.uncounted) as f64 / seconds) as u64),
            minutes(self.remaining(done, all))
        ));
        self.bar.set_prefix(self.curves());
        self.flow()
    }

    fn epoch(&mut self, result: &EpochResult, time: Duration) -> ControlFlow<()> {
        self.accuracies.extend(result.held_out_accuracy.or(result.test_accuracy));
        if !self.quiet {
            let line = line(result, time);
            self.bar.suspend(|| println!("{line}"));
        }
        self.flow()
    }
}

/// An epoch in one line.
fn line(result: &EpochResult, time: Duration) -> String {
    let part = |name: &str, accuracy: Option<f64>| {
        let text = |accuracy: f64| format!("  {name} accuracy {:.2} %", accuracy * 100.0);
        accuracy.map_or(String::new(), text)
    };
    format!(
        "epoch {:>3}  loss {:.4}  accuracy {:.2} %{}{}  ({:.1} s)",
        result.epoch,
        result.loss,
        result.accuracy * 100.0,
        part("held-out", result.held_out_accuracy),
        part("test", result.test_accuracy),
        time.as_secs_f64()
    )
}

/// `1:05`, `2:00:30`, `12 s`.
fn minutes(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes}:{seconds:02}"),
        (hours, minutes, seconds) => format!("{hours}:{minutes:02}:{seconds:02}"),
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

#[cfg(test)]
mod tests {
    use super::{Console, line, minutes};
    use std::sync::Arc;
    use std::time::Duration;
    use thumbnet_train::EpochResult;

    #[test]
    fn times_are_as_clocks_show_them() {
        let texts = [9, 65, 7_230].map(|seconds| minutes(Duration::from_secs(seconds)));
        assert_eq!(texts, ["9 s", "1:05", "2:00:30"]);
    }

    #[test]
    fn a_line_says_which_pictures_its_figures_are_of() {
        let mut result = EpochResult {
            epoch: 3,
            loss: 0.25,
            accuracy: 0.9,
            held_out_loss: Some(0.3),
            held_out_accuracy: Some(0.875),
            test_accuracy: None,
            learning_rate: 0.001,
        };
        let time = Duration::from_millis(1500);
        let text = line(&result, time);
        assert_eq!(
            text,
            "epoch   3  loss 0.2500  accuracy 90.00 %  held-out accuracy 87.50 %  (1.5 s)"
        );
        (result.held_out_accuracy, result.test_accuracy) = (None, Some(0.75));
        assert!(line(&result, time).contains("%  test accuracy 75.00 %  ("));
    }

    #[test]
    fn what_is_left_counts_only_what_this_run_did() {
        let mut console = Console::new(Arc::default(), true);
        console.first = Some(500);
        console.began = std::time::Instant::now() - Duration::from_secs(100);
        // A hundred batches in a hundred seconds.
        assert_eq!(console.remaining(600, 650).as_secs(), 50);
        assert_eq!(console.remaining(650, 650).as_secs(), 0);
    }
}
