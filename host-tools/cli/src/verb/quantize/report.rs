//! What quantization cost, for people and for machines.

use crate::noise::{self, Layer};
use crate::report::thousands;
use serde::Serialize;

/// A classifier below this many times chance does not work.
const FAR_BETTER_THAN_CHANCE: f64 = 2.0;

#[derive(Serialize)]
pub(super) struct Report {
    pub(super) file: String,
    pub(super) written: bool,
    pub(super) bytes: usize,
    #[serde(flatten)]
    pub(super) accuracy: Accuracy,
    /// Whether channels were brought to equal ranges.
    pub(super) equalized: bool,
    /// The byte that the first layer is padded with.
    pub(super) zero_byte: u8,
    /// How far, in bytes, that is from what the float model pads a channel with, at most.
    pub(super) padding_error: f64,
    pub(super) layers: Vec<Layer>,
}

/// How int8 compares with float.
#[derive(Serialize)]
pub(super) struct Accuracy {
    images: usize,
    /// Part of the pictures to which both give the same class.
    agreement: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    float_accuracy: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    int8_accuracy: Option<f64>,
}

impl Accuracy {
    /// Of the answers of both, judged by `labels` if there are any.
    pub(super) fn of(float: &[usize], int8: &[usize], labels: Option<&Vec<usize>>) -> Self {
        let equal = |a: &[usize], b: &[usize]| {
            a.iter().zip(b).filter(|(a, b)| a == b).count() as f64 / a.len().max(1) as f64
        };
        Self {
            images: int8.len(),
            agreement: equal(float, int8),
            float_accuracy: labels.map(|labels| equal(float, labels)),
            int8_accuracy: labels.map(|labels| equal(int8, labels)),
        }
    }

    /// Points lost: of accuracy, or of agreement where there are no labels.
    pub(super) fn drop(&self) -> f64 {
        match (self.float_accuracy, self.int8_accuracy) {
            (Some(float), Some(int8)) => (float - int8) * 100.0,
            _ => (1.0 - self.agreement) * 100.0,
        }
    }

    /// The loss in words.
    pub(super) fn loss(&self) -> String {
        match self.float_accuracy {
            Some(_) => format!("int8 loses {:.2} points of accuracy", self.drop()),
            None => format!("int8 differs from float on {:.2} % of the pictures", self.drop()),
        }
    }
}

impl Report {
    pub(super) fn print(&self, classes: usize) {
        println!("{}\n", noise::table(&self.layers));
        if self.equalized {
            println!("channels were brought to equal ranges: the output has less noise so");
        }
        if self.zero_byte > 0 {
            println!(
                "the first layer is padded with byte {}; the float model pads with up to {:.1} more or less",
                self.zero_byte, self.padding_error
            );
        }
        let Accuracy { images, agreement, float_accuracy, int8_accuracy } = self.accuracy;
        let images = thousands(images as u64);
        if let (Some(float), Some(int8)) = (float_accuracy, int8_accuracy) {
            println!(
                "accuracy   float {:.2} %, int8 {:.2} % ({images} test pictures)",
                float * 100.0,
                int8 * 100.0
            );
            if float * (classes as f64) < FAR_BETTER_THAN_CHANCE {
                println!(
                    "           float is hardly better than chance: see whether --mean, --std, --bytes, --invert \
                     and the order of --labels are those of its training"
                );
            }
        }
        println!("agreement  {:.2} % of {images} pictures get the same class", agreement * 100.0);
        if self.written {
            println!("\nwrote {} ({} B)", self.file, thousands(self.bytes as u64));
        }
    }

    /// What to do about a loss.
    pub(super) fn advice(&self) -> String {
        let worst = self.layers.iter().min_by(|a, b| a.sqnr_db.total_cmp(&b.sqnr_db));
        let noisiest = worst.map_or(String::new(), |layer| {
            format!(" (the noisiest layer is {}, {:.1} dB)", layer.node, layer.sqnr_db)
        });
        format!(
            "try another --calibrate or more varied pictures{noisiest}, or allow it with a larger --max-drop or --force"
        )
    }
}
