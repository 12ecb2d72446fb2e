//! `thumbnet inspect`: what a model is, what it costs, and whether it fits a board.

use crate::input_shape::InputShapeOption;
use crate::model_file;
use crate::outcome::Outcome;
use crate::report::{print_json, thousands};
use crate::tuning::TuningOptions;
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};
use thumbnet_compile::{FitReport, Program, Summary, fit};

const EXAMPLES: &str = "\
Examples:
  thumbnet inspect models/fashion/model.onnx
  thumbnet inspect models/fashion/model.onnx --board nucleo-f446re --json";

/// Arguments of `inspect`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Inspect {
    /// The int8 ONNX file.
    file: PathBuf,
    #[command(flatten)]
    input_shape: InputShapeOption,
    /// Does it fit this board? (A folder's name in firmware/boards.)
    #[arg(long, value_name = "BOARD")]
    board: Option<String>,
    #[command(flatten)]
    tuning: TuningOptions,
    /// Print one JSON document instead of tables.
    #[arg(long)]
    json: bool,
}

/// What a model is and needs.
#[derive(Serialize)]
pub(crate) struct ModelReport {
    model: String,
    producer: String,
    labels: Vec<String>,
    input: [usize; 3],
    #[serde(flatten)]
    summary: Summary,
    fit: Option<FitReport>,
    /// What `inspect` alone says; other verbs show a model's costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    in_float: Option<InFloat>,
}

/// What the file computes in float and a device in integers.
#[derive(Serialize)]
pub(crate) struct InFloat {
    /// How many layers it sums in f32.
    layers: usize,
    /// Whether it leaves its logits so.
    logits: bool,
}

impl InFloat {
    fn of(file: &Path) -> anyhow::Result<Self> {
        let (graph, interface) = model_file::open(file)?;
        let logits = interface.last_map(&graph).is_some();
        Ok(Self { layers: interface.float_sums().len(), logits })
    }

    fn print(&self) {
        println!();
        if self.layers > 0 {
            println!(
                "The file sums {} layers in f32, and other runtimes may round a sum near a half to the other neighbour:\n\
                 `thumbnet run FILE --inputs X.npy -o Y.npy --explain` counts how often, layer by layer.",
                self.layers
            );
        }
        if self.logits {
            println!(
                "It leaves its logits in float; a device has codes of them, in a scale chosen here."
            );
        }
    }
}

impl ModelReport {
    pub(crate) fn of(program: &Program, fit: Option<FitReport>) -> Self {
        let metadata = &program.metadata;
        let shape = program.input_shape;
        Self {
            model: metadata.name.clone(),
            producer: metadata.producer.clone(),
            labels: metadata.labels.clone(),
            input: [shape.h, shape.w, shape.c],
            summary: Summary::of(program),
            fit,
            in_float: None,
        }
    }

    /// Tables for people, or one document for machines.
    pub(crate) fn print(&self, json: bool) -> anyhow::Result<()> {
        if json {
            return print_json(self);
        }
        let [h, w, c] = self.input;
        println!(
            "model     {}, written by {}",
            or_unknown(&self.model),
            or_unknown(&self.producer)
        );
        println!("input     {h} x {w} x {c}, int8");
        println!("classes   {}", or_unknown(&self.labels.join(", ")));
        println!();
        println!("{}", self.summary);
        if let Some(fit) = &self.fit {
            print_fit(fit);
        }
        if let Some(in_float) =
            self.in_float.as_ref().filter(|found| found.layers > 0 || found.logits)
        {
            in_float.print();
        }
        Ok(())
    }
}

fn or_unknown(text: &str) -> &str {
    if text.is_empty() { "unknown" } else { text }
}

fn print_fit(fit: &FitReport) {
    let bytes = |count: usize| thousands(count as u64);
    println!();
    println!("fits {}:", fit.board);
    println!(
        "  flash   {} of {} B that {} B for code leave",
        bytes(fit.flash.need_bytes),
        bytes(fit.flash.have_bytes),
        bytes(fit.code_bytes)
    );
    println!(
        "  RAM     {} of {} B that {} B for the stack and {} B for other data leave",
        bytes(fit.ram.need_bytes),
        bytes(fit.ram.have_bytes),
        bytes(fit.stack_bytes),
        bytes(fit.data_bytes)
    );
}

impl Inspect {
    pub(crate) fn run(mut self) -> anyhow::Result<Outcome> {
        let _copy = self.input_shape.apply(&mut self.file)?;
        let board =
            self.board.as_deref().map(|name| model_file::board(name, &self.tuning)).transpose()?;
        if board.is_none() {
            self.tuning.only_for_a_board()?;
        }
        let program = model_file::load(&self.file, board.as_ref())?;
        let fit = board.map(|board| fit(&program, &board)).transpose()?;
        let in_float = Some(InFloat::of(&self.file)?);
        ModelReport { in_float, ..ModelReport::of(&program, fit) }.print(self.json)?;
        Ok(Outcome::Good)
    }
}
