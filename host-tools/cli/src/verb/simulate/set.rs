//! A whole test part: accuracy, and in the emulator equality with the desktop.

use super::Simulate;
use crate::classify::{best, top};
use crate::inference::count_correct;
use crate::model_file::{self, input_spec, label};
use crate::outcome::Outcome;
use crate::progress::bar;
use crate::report::{print_json, thousands};
use crate::runner::Firmware;
use anyhow::bail;
use serde::Serialize;
use thumbnet_compile::{Board, Program};
use thumbnet_data::{Pictures, to_codes};

#[derive(Serialize)]
struct Report {
    model: String,
    data: String,
    images: usize,
    correct: usize,
    accuracy: f64,
    #[serde(flatten)]
    firmware: Option<FirmwareReport>,
}

/// What only the emulator can tell.
#[derive(Serialize)]
struct FirmwareReport {
    /// Pictures of which the checksum of every layer equals the desktop's.
    equal: usize,
    layers: usize,
    instructions: u64,
    stack_bytes: usize,
}

pub(super) fn run(arguments: &Simulate, source: &str) -> anyhow::Result<Outcome> {
    let board = arguments.board()?;
    let program = model_file::load(&arguments.file, board.as_ref())?;
    let loaded = arguments.loading.load(source, input_spec(&program), 0)?;
    let pictures = &loaded.dataset.test;
    let classes = loaded.dataset.classes.len();
    if classes > program.output.bytes {
        bail!(
            "{source} has {classes} classes, but {} tells only {} apart; train on this data, or choose its own",
            arguments.file.display(),
            program.output.bytes
        );
    }
    let images = arguments.limit.unwrap_or(usize::MAX).min(pictures.len());
    if images == 0 {
        bail!("{source} has no test pictures to run; add some, or give --images a number above 0");
    }
    let (correct, firmware) = match &board {
        None => (count_correct(&program, pictures, images)?, None),
        Some(board) => {
            let (correct, report) = in_emulator(arguments, board, &program, pictures, images)?;
            (correct, Some(report))
        }
    };
    let report = Report {
        model: program.metadata.name.clone(),
        data: loaded.dataset.name,
        images,
        correct,
        accuracy: correct as f64 / images as f64,
        firmware,
    };
    if arguments.json {
        print_json(&report)?
    } else {
        report.print()
    }
    Ok(Outcome::of(report.firmware.is_none_or(|firmware| firmware.equal == images)))
}

fn in_emulator(
    arguments: &Simulate,
    board: &Board,
    program: &Program,
    pictures: &Pictures,
    images: usize,
) -> anyhow::Result<(usize, FirmwareReport)> {
    let mut firmware = Firmware::boot(board, &arguments.file, program)?;
    let layers = program.steps.len();
    let mut report = FirmwareReport { equal: 0, layers, instructions: 0, stack_bytes: 0 };
    let mut correct = 0;
    let bar = bar(images as u64, "pictures in the emulator");
    for index in 0..images {
        let inference = firmware.infer(&to_codes(&pictures.picture(index)))?;
        let truth = pictures.labels[index];
        correct += usize::from(best(&inference.logits) == truth);
        report.equal += usize::from(inference.different_layers.is_empty());
        report.instructions = report.instructions.max(inference.instructions);
        report.stack_bytes = report.stack_bytes.max(inference.stack_bytes);
        bar.inc(1);
        if !arguments.json {
            let words = &top(program, &inference.logits, 1)[0];
            let verdict = match inference.different_layers.as_slice() {
                [] => "bytes equal".to_owned(),
                layers => format!("DIFFERS in {}", layers.join(", ")),
            };
            bar.suspend(|| {
                for line in &inference.log {
                    println!("  firmware | {line}");
                }
                println!(
                    "{index:>4}  {:<12} {:>5.1} %  (is {})  {verdict}",
                    words.label,
                    words.score * 100.0,
                    label(program, truth)
                );
            });
        }
    }
    bar.finish_and_clear();
    pictures.check()?;
    Ok((correct, report))
}

impl Report {
    fn print(&self) {
        println!(
            "accuracy      {:.2} % ({} of {} test pictures of {})",
            self.accuracy * 100.0,
            thousands(self.correct as u64),
            thousands(self.images as u64),
            self.data
        );
        if let Some(firmware) = &self.firmware {
            println!(
                "firmware      {} of {} pictures equal to the desktop in all {} layers",
                firmware.equal, self.images, firmware.layers
            );
            println!("instructions  {} an inference, at most", thousands(firmware.instructions));
            println!("stack         {} B", thousands(firmware.stack_bytes as u64));
        }
    }
}
