//! Whether confidences can be believed, as reports say it.

use crate::report::thousands;
use serde::Serialize;
use thumbnet_train::calibration::{Reliability, fit_temperature};

/// The temperature, and what it does for the test pictures.
#[derive(Serialize)]
pub(crate) struct Calibration {
    /// What logits are divided by; 1 where nothing is held out to fit it on.
    pub(crate) temperature: f64,
    /// Pictures it was fitted on.
    pub(crate) held_out: usize,
    /// Confidence against accuracy of the test pictures without a temperature …
    pub(crate) before: Reliability,
    /// … and with it.
    pub(crate) after: Reliability,
}

/// Logits as real numbers, and what they should say.
pub(crate) struct Judged<'a> {
    pub(crate) logits: &'a [f32],
    pub(crate) labels: &'a [usize],
}

impl Calibration {
    /// Fits on the held-out pictures, if there are any, and judges by those of the test.
    pub(crate) fn new(classes: usize, held_out: &Judged<'_>, test: &Judged<'_>) -> Self {
        let temperature = match held_out.labels {
            [] => 1.0,
            labels => fit_temperature(held_out.logits, classes, labels),
        };
        let reliability =
            |temperature: f64| Reliability::new(test.logits, classes, test.labels, temperature);
        Self {
            temperature,
            held_out: held_out.labels.len(),
            before: reliability(1.0),
            after: reliability(temperature),
        }
    }

    /// In one line.
    pub(crate) fn line(&self) -> String {
        let percent = |of: &Reliability| of.expected_calibration_error * 100.0;
        if self.held_out == 0 {
            return format!(
                "expected calibration error {:.2} % on the test pictures; hold_out in the recipe would fit a temperature",
                percent(&self.before)
            );
        }
        format!(
            "temperature {}, fitted on the {} held-out pictures: expected calibration error on the test pictures {:.2} % -> \
             {:.2} %",
            self.temperature,
            thousands(self.held_out as u64),
            percent(&self.before),
            percent(&self.after)
        )
    }
}
