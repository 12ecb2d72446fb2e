//! Single pictures from files: the best classes of each.

use super::Simulate;
use crate::classify::{Class, top};
use crate::model_file::{self, input_spec};
use crate::outcome::Outcome;
use crate::report::print_json;
use crate::runner::Firmware;
use anyhow::ensure;
use serde::Serialize;
use thumbnet_data::{RawPicture, to_codes};
use thumbnet_simulate::desktop::Simulator;

#[derive(Serialize)]
struct Report {
    model: String,
    pictures: Vec<Picture>,
}

#[derive(Serialize)]
struct Picture {
    file: String,
    top: Vec<Class>,
    logits: Vec<i8>,
    /// Layers in which firmware and desktop differ; absent on the desktop.
    #[serde(skip_serializing_if = "Option::is_none")]
    different_layers: Option<Vec<String>>,
}

pub(super) fn run(arguments: &Simulate) -> anyhow::Result<Outcome> {
    let board = arguments.board()?;
    let program = model_file::load(&arguments.file, board.as_ref())?;
    let input = input_spec(&program);
    let mut desktop = <Simulator>::new(&program);
    let mut firmware = match &board {
        None => None,
        Some(board) => Some(Firmware::boot(board, &arguments.file, &program)?),
    };
    let mut pictures = Vec::with_capacity(arguments.images.len());
    for file in &arguments.images {
        ensure!(file.exists(), "{}: there is no such picture; check the path", file.display());
        let codes = to_codes(&RawPicture::read(file)?.prepare(&input)?);
        let (logits, different_layers) = match &mut firmware {
            None => (desktop.run(&codes, &mut |_, _| {}).to_vec(), None),
            Some(firmware) => {
                let inference = firmware.infer(&codes)?;
                (inference.logits, Some(inference.different_layers))
            }
        };
        let top = top(&program, &logits, arguments.top);
        pictures.push(Picture { file: file.display().to_string(), top, logits, different_layers });
    }
    let report = Report { model: program.metadata.name.clone(), pictures };
    if arguments.json {
        print_json(&report)?
    } else {
        report.print()
    }
    let equal = report.pictures.iter().all(|picture| picture.differences().is_empty());
    Ok(Outcome::of(equal))
}

impl Picture {
    fn differences(&self) -> &[String] {
        self.different_layers.as_deref().unwrap_or_default()
    }
}

impl Report {
    fn print(&self) {
        for picture in &self.pictures {
            println!("{}", picture.file);
            for class in &picture.top {
                println!("  {:>5.1} %  {}", class.score * 100.0, class.label);
            }
            if !picture.differences().is_empty() {
                println!("  DIFFERS from the desktop in {}", picture.differences().join(", "));
            }
        }
    }
}
