//! What the finalists really are: exported as int8 ONNX, read back, compiled for the board, run over the pictures.

use super::halving::{Point, front};
use super::state::{Candidate, candidate_folder};
use super::trial::Trials;
use crate::calibration::{Calibration, Judged};
use crate::estimate::Estimate;
use crate::inference::logits;
use crate::quantization::quantized;
use anyhow::Context;
use serde::Serialize;
use thumbnet_compile::{Board, compile_file, fit};
use thumbnet_data::Pictures;
use thumbnet_graph::Int8Graph;
use thumbnet_graph::onnx::{self, Form};
use thumbnet_train::metrics::predictions;
use thumbnet_train::{CALIBRATION_PICTURES, load};

/// A finalist, as its file says.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Finalist {
    pub(super) candidate: usize,
    pub(super) design: String,
    pub(super) folder: String,
    /// Whether no other finalist is better in something and as good in everything else.
    pub(super) on_front: bool,
    /// Of the int8 network on the held-out pictures, by which the best is chosen.
    pub(super) held_out_accuracy: f64,
    /// Of the int8 network on the test pictures; absent if there are none.
    pub(super) test_accuracy: Option<f64>,
    pub(super) flash_bytes: usize,
    pub(super) ram_bytes: usize,
    /// By the model of the kernels, for the compiled program.
    pub(super) estimated_instructions: u64,
    #[serde(skip)]
    right: usize,
}

impl Finalist {
    /// Exports a candidate into its folder and measures what was written.
    pub(super) fn verify(
        number: usize,
        candidate: &Candidate,
        trials: &mut Trials<'_>,
        board: &Board,
    ) -> anyhow::Result<Self> {
        let folder = candidate_folder(&trials.folder, number);
        let dataset = trials.dataset(candidate.design.input)?;
        let network = load(&folder)?.network;
        let held_out = network.recipe().held_out(dataset)?;
        let some = dataset.train.subset(CALIBRATION_PICTURES);
        let mut quantized = quantized(&network, &some.pixels(), Form::QLinear)?;
        let file = folder.join("model.onnx");
        let write = |graph: &Int8Graph| {
            thumbnet_files::write(&file, &onnx::write(graph, Form::QLinear))
                .with_context(|| format!("{} cannot be written", file.display()))
        };
        write(&quantized.graph)?;
        let options = board.options();
        let program = compile_file(&file, &options)?;
        let fit = fit(&program, board)?;
        let classes = dataset.classes.len();
        let [held_out_logits, test_logits] =
            [logits(&program, &held_out)?, logits(&program, &dataset.test)?];
        let temperature = Calibration::new(
            classes,
            &Judged { logits: &held_out_logits, labels: &held_out.labels },
            &Judged { logits: &test_logits, labels: &dataset.test.labels },
        )
        .temperature;
        quantized.graph.metadata.temperature = Some(temperature as f32);
        write(&quantized.graph)?;
        let right = right(&held_out_logits, classes, &held_out);
        let share = |right: usize, pictures: &Pictures| right as f64 / pictures.len().max(1) as f64;
        let test = (!dataset.test.is_empty())
            .then(|| share(self::right(&test_logits, classes, &dataset.test), &dataset.test));
        Ok(Self {
            candidate: number,
            design: candidate.design.to_string(),
            folder: folder.display().to_string(),
            on_front: false,
            held_out_accuracy: share(right, &held_out),
            test_accuracy: test,
            flash_bytes: fit.flash.need_bytes,
            ram_bytes: fit.ram.need_bytes,
            estimated_instructions: Estimate::of(&quantized.graph, board)?.instructions,
            right,
        })
    }
}

fn right(logits: &[f32], classes: usize, pictures: &Pictures) -> usize {
    let predicted = predictions(logits, classes);
    predicted.iter().zip(&pictures.labels).filter(|(predicted, label)| predicted == label).count()
}

/// Best first, those on the front marked.
pub(super) fn rank(mut finalists: Vec<Finalist>) -> Vec<Finalist> {
    let points: Vec<Point> = finalists
        .iter()
        .map(|finalist| Point {
            right: finalist.right,
            flash_bytes: finalist.flash_bytes,
            ram_bytes: finalist.ram_bytes,
            instructions: finalist.estimated_instructions,
        })
        .collect();
    for (finalist, on_front) in finalists.iter_mut().zip(front(&points)) {
        finalist.on_front = on_front;
    }
    finalists.sort_by_key(|finalist| {
        (std::cmp::Reverse(finalist.right), finalist.estimated_instructions, finalist.candidate)
    });
    finalists
}
