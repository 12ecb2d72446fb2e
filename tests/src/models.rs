//! The models that are checked: those that are shipped, and a small one that is trained on the spot.

use crate::root;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use thumbnet_compile::{Board, Program, compile_file, fit};
use thumbnet_data::{Dataset, EMBEDDED, InputSpec, Pictures};
use thumbnet_graph::onnx::{self, Form};
use thumbnet_graph::{FloatGraph, Int8Graph};
use thumbnet_train::Recipe;

/// Enough to tell most pictures apart, and trained in a moment.
const SMALL_TRAINING_PICTURES: usize = 320;
const SMALL_TEST_PICTURES: usize = 200;

/// A file to check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFile {
    /// What goldens and messages call it.
    pub name: String,
    /// The int8 ONNX file.
    pub path: PathBuf,
}

/// The seed CNN after one epoch of a few hundred pictures of the embedded set.
#[derive(Clone, Debug)]
pub struct Small {
    /// As trained.
    pub float: FloatGraph,
    /// What it was trained and calibrated on, and test pictures.
    pub dataset: Dataset,
    /// Quantized for operators on int8 tensors.
    pub qlinear: Int8Graph,
    /// Quantized for float operators between QuantizeLinear and DequantizeLinear.
    pub qdq: Int8Graph,
}

impl Small {
    /// The ONNX file in the default form.
    pub fn onnx(&self) -> Vec<u8> {
        onnx::write(&self.qlinear, Form::QLinear)
    }

    /// Writes the ONNX file into `folder`.
    pub fn write_to(&self, folder: &Path) -> ModelFile {
        let path = folder.join("small.onnx");
        std::fs::write(&path, self.onnx()).expect("the folder is writable");
        ModelFile { name: "small".to_owned(), path }
    }
}

/// Trains the small network, once in a process.
pub fn small() -> &'static Small {
    static SMALL: OnceLock<Small> = OnceLock::new();
    SMALL.get_or_init(|| {
        let mut recipe = Recipe::find("seed-cnn").expect("it is built in");
        recipe.training.epochs = 1;
        let mut dataset = thumbnet_data::load(EMBEDDED, recipe.input_spec()).expect("embedded");
        dataset.train = dataset.train.subset(SMALL_TRAINING_PICTURES);
        dataset.test = dataset.test.subset(SMALL_TEST_PICTURES);
        let folder = tempfile::tempdir().expect("there is a folder for temporary files");
        let trained = thumbnet_train::train(&recipe, &dataset, folder.path(), &mut ());
        let float = trained.unwrap_or_else(|error| panic!("{error}")).network.to_graph();
        let calibration = dataset.train.subset(100);
        let quantize = |form| {
            let quantized = thumbnet_quantize::quantize(&float, &calibration.pixels(), form);
            quantized.unwrap_or_else(|error| panic!("{error}")).graph
        };
        let [qlinear, qdq] = [Form::QLinear, Form::Qdq].map(quantize);
        Small { float, dataset, qlinear, qdq }
    })
}

/// Every `model.onnx` of a folder of `models/`, in the order of the names.
pub fn shipped() -> Vec<ModelFile> {
    in_folders_of(&root().join("models"))
}

/// Models of other tools, which lie beside the repository where they are; says so where they are not.
pub fn foreign() -> Vec<ModelFile> {
    let folder = root().join("../shared/models");
    let models = in_folders_of(&folder);
    if models.is_empty() {
        println!("skipped: there are no models in {}", folder.display());
    }
    models
}

/// Small files of other tools, which are part of the repository: `tests/foreign/TOOL/NAME/model.onnx`.
pub fn of_other_tools() -> Vec<ModelFile> {
    let tools = ["brevitas", "keras", "nncf", "onnxruntime", "tf2onnx"];
    let folder = |tool: &str| root().join("tests/foreign").join(tool);
    tools.iter().flat_map(|tool| in_folders_of(&folder(tool))).collect()
}

/// Every `model.onnx` of a folder of `parent`, in the order of the names.
fn in_folders_of(parent: &Path) -> Vec<ModelFile> {
    let Ok(folders) = std::fs::read_dir(parent) else { return Vec::new() };
    let mut models: Vec<ModelFile> = folders
        .map(|folder| folder.expect("a folder can be listed"))
        .map(|folder| ModelFile {
            name: folder.file_name().to_string_lossy().into_owned(),
            path: folder.path().join("model.onnx"),
        })
        .filter(|model| model.path.is_file())
        .collect();
    models.sort_by(|a, b| a.name.cmp(&b.name));
    models
}

/// The shipped models, and the small one, written into `folder`.
pub fn models(folder: &Path) -> Vec<ModelFile> {
    let mut models = shipped();
    models.push(small().write_to(folder));
    models
}

/// Those of the models that `board` has room for; prints which it has not.
pub fn fitting(board: &Board, mut models: Vec<ModelFile>) -> Vec<ModelFile> {
    models.retain(|model| {
        let program = compile_file(&model.path, &board.options());
        let program = program.unwrap_or_else(|error| panic!("{error}"));
        let fits = fit(&program, board);
        fits.inspect_err(|error| println!("left out on {}: {error}", board.name)).is_ok()
    });
    models
}

/// The test pictures of the embedded set as `program` takes them.
pub fn pictures(program: &Program) -> Pictures {
    let preprocessing = program.metadata.preprocessing.expect("our models say how they see");
    let input = InputSpec::new(program.input_shape, preprocessing);
    thumbnet_data::load(EMBEDDED, input).expect("it is embedded").test
}
