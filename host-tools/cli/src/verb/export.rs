//! `thumbnet export`: a trained network as int8 ONNX, or as the float network that it is.

use crate::calibration::{Calibration, Judged};
use crate::form::FormName;
use crate::inference::logits;
use crate::loading::Loading;
use crate::noise::{self, Layer};
use crate::outcome::Outcome;
use crate::quantization::quantized;
use crate::report::{print_json, thousands};
use crate::verb::data::load_pictures;
use crate::verb::train;
use anyhow::{Context, bail};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};
use thumbnet_compile::{Options, Program, compile};
use thumbnet_data::Dataset;
use thumbnet_graph::onnx::{self, Form};
use thumbnet_train::metrics::predictions;
use thumbnet_train::{CALIBRATION_PICTURES, Recipe, Trained, load};

const EXAMPLES: &str = "\
Examples:
  thumbnet export models/mine
  thumbnet export models/mine --form qdq -o mine-qdq.onnx
  thumbnet export models/mine --data pictures/ --max-drop 0.5
  thumbnet export models/mine --float                           # models/mine/float.onnx, for other tools

Exit code 1: int8 loses more than --max-drop; nothing is written then.";

/// Arguments of `export`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Export {
    /// The folder of a trained network.
    folder: PathBuf,
    /// How quantization is written: operators on int8 tensors, or float operators between Quantize and Dequantize.
    #[arg(long, value_enum, default_value_t = FormName::Qlinear)]
    form: FormName,
    /// Write the float network instead, which needs no data: its input is byte / 255 of each pixel, [1, c, h, w].
    #[arg(long, conflicts_with_all = ["form", "data", "max_drop"])]
    float: bool,
    /// The ONNX file [default: model.onnx in the folder, or float.onnx].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Where the data is that the network was trained on [default: where it was].
    #[arg(long, value_name = "NAME|DIR")]
    data: Option<String>,
    #[command(flatten)]
    loading: Loading,
    /// Refuse to write a model that loses more than this many points of accuracy.
    #[arg(long, value_name = "POINTS", default_value_t = 1.0)]
    max_drop: f64,
    /// Print one JSON document instead of tables.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    file: String,
    bytes: usize,
    images: usize,
    float_accuracy: f64,
    int8_accuracy: f64,
    /// Of the int8 logits.
    calibration: Calibration,
    layers: Vec<Layer>,
}

/// What `--float` reports.
#[derive(Serialize)]
struct Written {
    file: String,
    bytes: usize,
}

impl Export {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let trained = load(&self.folder)?;
        if self.float {
            return self.write_float(&trained);
        }
        let dataset = self.load_data(&trained)?;
        let form = Form::from(self.form);
        let calibration = dataset.train.subset(CALIBRATION_PICTURES);
        let mut quantized = quantized(&trained.network, &calibration.pixels(), form)?;
        let program = compile(&quantized.graph, [0; 8], &Options::default())?;
        let images = dataset.test.len();
        let test = logits(&program, &dataset.test)?;
        let right = predictions(&test, dataset.classes.len());
        let int8 = right.iter().zip(&dataset.test.labels).filter(|(a, b)| a == b).count();
        let calibration = calibrate(&program, trained.network.recipe(), &dataset, &test)?;
        if calibration.held_out > 0 {
            quantized.graph.metadata.temperature = Some(calibration.temperature as f32);
        }
        let bytes = onnx::write(&quantized.graph, form);
        let file = self.output_or("model.onnx");
        let report = Report {
            file: file.display().to_string(),
            bytes: bytes.len(),
            images,
            float_accuracy: train::judge(&trained.network, &dataset)?.accuracy,
            int8_accuracy: int8 as f64 / images.max(1) as f64,
            calibration,
            layers: quantized.layers.into_iter().map(Layer::from).collect(),
        };
        let drop = (report.float_accuracy - report.int8_accuracy) * 100.0;
        let acceptable = drop <= self.max_drop;
        if acceptable {
            write_file(&file, &bytes)?;
        }
        if self.json {
            print_json(&report)?
        } else {
            report.print()
        }
        if !acceptable {
            eprintln!(
                "thumbnet: int8 loses {drop:.2} points, more than --max-drop {}: nothing was written; train longer, or \
                 allow it with a larger --max-drop",
                self.max_drop
            );
        } else if !self.json {
            println!("\n{}", wrote(&report.file, report.bytes));
        }
        Ok(Outcome::of(acceptable))
    }

    fn write_float(&self, trained: &Trained) -> anyhow::Result<Outcome> {
        let bytes = onnx::write_float(&trained.network.to_graph())
            .map_err(|node| anyhow::anyhow!("{node} has no operator in ONNX"))?;
        let path = self.output_or("float.onnx");
        write_file(&path, &bytes)?;
        let written = Written { file: path.display().to_string(), bytes: bytes.len() };
        if self.json {
            print_json(&written)?;
        } else {
            println!("{}", wrote(&written.file, written.bytes));
        }
        Ok(Outcome::Good)
    }

    fn output_or(&self, usual: &str) -> PathBuf {
        self.output.clone().unwrap_or_else(|| self.folder.join(usual))
    }

    /// The pictures the network learned from; ranges of activations come from them.
    fn load_data(&self, trained: &Trained) -> anyhow::Result<Dataset> {
        let recipe = trained.network.recipe();
        let origin = recipe.data.as_ref().context("the model's recipe names no data")?;
        let source = self.data.as_deref().unwrap_or(&origin.name);
        let loaded = load_pictures(source, recipe, &self.loading).with_context(|| {
            format!(
                "the data that {} was trained on is needed; say where it is with --data",
                recipe.name
            )
        })?;
        let dataset = loaded.dataset;
        if dataset.classes != origin.classes {
            bail!(
                "{source} has other classes than the network; give the data it was trained on with --data"
            );
        }
        let labelled = recipe.pseudo_labels.as_ref().map(|pseudo| &pseudo.digest);
        if dataset.digest().to_string() != *labelled.unwrap_or(&origin.digest) {
            eprintln!(
                "note: {source} is not the data that the network was trained on ({})",
                origin.name
            );
        }
        Ok(dataset)
    }
}

fn write_file(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    thumbnet_files::write(file, bytes)
        .with_context(|| format!("{} cannot be written", file.display()))
}

fn wrote(file: &str, bytes: usize) -> String {
    format!("wrote {file} ({} B)", thousands(bytes as u64))
}

/// The temperature of the int8 network, fitted on what the recipe holds out.
fn calibrate(
    program: &Program,
    recipe: &Recipe,
    dataset: &Dataset,
    test: &[f32],
) -> anyhow::Result<Calibration> {
    let held_out = recipe.held_out(dataset)?;
    let held_out_logits = logits(program, &held_out)?;
    let held_out = Judged { logits: &held_out_logits, labels: &held_out.labels };
    let test = Judged { logits: test, labels: &dataset.test.labels };
    Ok(Calibration::new(dataset.classes.len(), &held_out, &test))
}

impl Report {
    fn print(&self) {
        println!("{}", noise::table(&self.layers));
        println!(
            "\naccuracy  float {:.2} %, int8 {:.2} % ({} test pictures)",
            self.float_accuracy * 100.0,
            self.int8_accuracy * 100.0,
            thousands(self.images as u64)
        );
        if self.images > 0 {
            println!("confidence  {}", self.calibration.line());
        }
    }
}
