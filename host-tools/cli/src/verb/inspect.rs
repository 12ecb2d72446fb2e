//! `thumbnet inspect`: what a model is, what it costs, and whether it fits a board.

use crate::input_shape::InputShapeOption;
use crate::model_file;
use crate::outcome::Outcome;
use crate::report::{print_json, thousands};
use crate::tuning::TuningOptions;
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;
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
        print!("{}", self.summary);
        if let Some(fit) = &self.fit {
            print_fit(fit);
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
        ModelReport::of(&program, fit).print(self.json)?;
        Ok(Outcome::Good)
    }
}
