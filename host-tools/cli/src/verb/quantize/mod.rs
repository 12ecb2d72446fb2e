//! `thumbnet quantize`: a float ONNX file as an int8 one.

mod pictures;
mod report;

use crate::classify;
use crate::form::FormName;
use crate::inference::predict;
use crate::input_shape::InputShapeOption;
use crate::loading::Loading;
use crate::outcome::Outcome;
use crate::preprocessing::PreprocessingOptions;
use crate::progress::bar;
use crate::report::print_json;
use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
use pictures::Judged;
use rayon::prelude::{IntoParallelIterator, ParallelIterator};
use report::{Accuracy, Report};
use std::path::{Path, PathBuf};
use thumbnet_compile::{compile, digest};
use thumbnet_data::{InputSpec, Pictures};
use thumbnet_graph::onnx::{self, Form};
use thumbnet_quantize::float::Executor;
use thumbnet_quantize::{
    Calibrate, Equalize, Normalization, Options, Prepared, prepare, quantize_with,
};

/// Part of the values that `percentile` leaves out at each end.
const PERCENTILE: f64 = 1e-4;

const EXAMPLES: &str = "\
Examples:
  thumbnet quantize net.onnx --data pictures/                           # one folder of pictures a class
  thumbnet quantize net.onnx --data fashion-mnist --mean 0.286 --std 0.353
  thumbnet quantize net.onnx --data photos/ --labels labels.txt -o net-int8.onnx   # photos without classes
  thumbnet quantize keras.onnx --data pictures/ --bytes --max-drop 0.5

The model gets (byte / 255 - mean) / std of each pixel. With classes in DIR, accuracy is compared on its test part;
without, how often int8 and float agree. Ranges come from 500 training pictures. Exit code 1: int8 loses more than
--max-drop; nothing is written then.";

/// Arguments of `quantize`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Quantize {
    /// The float ONNX file.
    file: PathBuf,
    /// Pictures: a data set's name, a folder of IDX files, of class folders, or of pictures without classes.
    #[arg(long, value_name = "NAME|DIR")]
    data: String,
    /// How ranges of activations are chosen.
    #[arg(long, value_enum, default_value_t = CalibrateName::Mse)]
    calibrate: CalibrateName,
    /// Whether channels are brought to equal ranges first.
    #[arg(long, value_enum, default_value_t = EqualizeName::IfBetter)]
    equalize: EqualizeName,
    /// The int8 ONNX file [default: FILE with -int8 before its extension].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// How quantization is written: operators on int8 tensors, or float operators between Quantize and Dequantize.
    #[arg(long, value_enum, default_value_t = FormName::Qlinear)]
    form: FormName,
    /// Refuse to write a model that loses more than this many points of accuracy, or of agreement.
    #[arg(long, value_name = "POINTS", default_value_t = 1.0)]
    max_drop: f64,
    /// Write the model whatever it loses.
    #[arg(long)]
    force: bool,
    /// What is subtracted from byte / 255: one number, or one a channel.
    #[arg(long, value_name = "M,…", value_delimiter = ',', default_value = "0")]
    mean: Vec<f64>,
    /// What that is divided by: one number, or one a channel.
    #[arg(long, value_name = "S,…", value_delimiter = ',', default_value = "1")]
    std: Vec<f64>,
    /// The model takes bytes, 0 to 255, and scales them itself.
    #[arg(long, conflicts_with_all = ["mean", "std"])]
    bytes: bool,
    #[command(flatten)]
    preprocessing: PreprocessingOptions,
    /// Names of the model's classes, one a line, in its order [default: the file's, else those of DIR].
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    #[command(flatten)]
    input_shape: InputShapeOption,
    #[command(flatten)]
    loading: Loading,
    /// Print one JSON document instead of tables.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum CalibrateName {
    /// From the smallest to the largest value.
    Minmax,
    /// All but one value in ten thousand at each end.
    Percentile,
    /// With the least squared error.
    Mse,
}

#[derive(Clone, Copy, ValueEnum)]
enum EqualizeName {
    /// If the output has less noise with it.
    IfBetter,
    /// Wherever two layers allow it.
    Always,
    /// Never.
    Never,
}

impl Quantize {
    pub(crate) fn run(self) -> anyhow::Result<Outcome> {
        let name = self.file.display().to_string();
        let bytes = std::fs::read(&self.file).with_context(|| format!("{name} cannot be read"))?;
        let folder = self.file.parent().unwrap_or(Path::new(""));
        let bytes = onnx::resolve(&bytes, &name, folder, self.input_shape.shape())?;
        let float = onnx::read_float(&bytes, &name)?;
        let Prepared { mut graph, zero_byte, padding_error } =
            prepare(&float, &self.normalization())?;
        let input = self.input_spec(&graph);
        let classes = graph.tensor(graph.output).shape.len();
        let judged = Judged::load(&self, input, classes, &graph.metadata.labels)?;
        graph.metadata.labels = judged.labels.clone();
        graph.metadata.preprocessing = Some(input.how);
        // The file that is written is not the tool's that wrote this one.
        graph.metadata.producer = String::new();
        if graph.metadata.name.is_empty() {
            let stem = self.file.file_stem().unwrap_or_default();
            graph.metadata.name = stem.to_string_lossy().into_owned();
        }

        let options = self.options(zero_byte);
        let quantized = quantize_with(&graph, &judged.calibration.pixels(), &options)?;
        let int8 = onnx::write(&quantized.graph, options.form);
        let program = compile(&quantized.graph, digest(&int8), &Default::default())?;
        let executor = Executor::new(&graph)?.with_zero_byte(zero_byte);
        let output = graph.output.0;
        let accuracy = Accuracy::of(
            &predict_float(&executor, output, &judged.pictures)?,
            &predict(&program, &judged.pictures, judged.pictures.len())?,
            judged.is_labelled.then_some(&judged.pictures.labels),
        );
        let file = self.output();
        let acceptable = accuracy.drop() <= self.max_drop || self.force;
        if acceptable {
            thumbnet_files::write(&file, &int8)
                .with_context(|| format!("{} cannot be written", file.display()))?;
        }
        let report = Report {
            file: file.display().to_string(),
            written: acceptable,
            bytes: int8.len(),
            accuracy,
            equalized: quantized.equalized,
            zero_byte,
            padding_error,
            layers: quantized.layers.into_iter().map(Into::into).collect(),
        };
        if self.json {
            print_json(&report)?
        } else {
            report.print(classes)
        }
        if !acceptable {
            eprintln!(
                "thumbnet: {}, more than --max-drop {}: nothing was written; {}",
                report.accuracy.loss(),
                self.max_drop,
                report.advice()
            );
        }
        Ok(Outcome::of(acceptable))
    }

    fn normalization(&self) -> Normalization {
        if self.bytes {
            return Normalization { mean: vec![0.0], std: vec![1.0 / 255.0] };
        }
        Normalization { mean: self.mean.clone(), std: self.std.clone() }
    }

    fn input_spec(&self, graph: &thumbnet_graph::FloatGraph) -> InputSpec {
        let how = self.preprocessing.over(graph.metadata.preprocessing.unwrap_or_default());
        InputSpec::new(graph.tensor(graph.input).shape, how)
    }

    fn options(&self, zero_byte: u8) -> Options {
        Options {
            form: Form::from(self.form),
            calibrate: match self.calibrate {
                CalibrateName::Minmax => Calibrate::MinMax,
                CalibrateName::Percentile => Calibrate::Percentile(PERCENTILE),
                CalibrateName::Mse => Calibrate::MeanSquaredError,
            },
            equalize: match self.equalize {
                EqualizeName::IfBetter => Equalize::IfBetter,
                EqualizeName::Always => Equalize::Always,
                EqualizeName::Never => Equalize::Never,
            },
            zero_byte,
        }
    }

    fn output(&self) -> PathBuf {
        self.output.clone().unwrap_or_else(|| {
            let mut name = self.file.file_stem().unwrap_or_default().to_owned();
            name.push("-int8.onnx");
            self.file.with_file_name(name)
        })
    }
}

/// The class that the float network gives each picture.
fn predict_float(
    executor: &Executor,
    output: usize,
    pictures: &Pictures,
) -> anyhow::Result<Vec<usize>> {
    ensure!(!pictures.is_empty(), "there are no pictures to judge by; add some to the test part");
    let bar = bar(pictures.len() as u64, "pictures in float");
    let answers = (0..pictures.len())
        .into_par_iter()
        .map(|index| {
            bar.inc(1);
            Ok(classify::best(&executor.run_picture(&pictures.picture(index))?[output]))
        })
        .collect::<anyhow::Result<_>>()?;
    bar.finish_and_clear();
    pictures.check()?;
    Ok(answers)
}
