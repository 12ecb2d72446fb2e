//! From a float network to an int8 network that every engine runs to the same bytes.
//!
//! [`quantize`] chooses the formats of activations from pictures, the codes of weights a channel at
//! a time, and then weight scales such that onnxruntime, tract and the device round alike for every
//! accumulator that exists. It fails, and says where, rather than give a network for which that
//! does not hold.
//!
//! [`integer::run`] is the meaning of an int8 network in plain exact arithmetic.
#![forbid(unsafe_code)]

mod calibrate;
mod codes;
mod equalize;
mod error;
pub mod float;
mod fold;
mod formats;
pub mod integer;
mod lower;
mod meaning;
mod normalize;
#[cfg(test)]
mod operators;
mod real;
mod report;
#[cfg(test)]
mod sample;
mod separate;
mod sets;
mod snap;
mod statistics;
mod structure;
mod taps;
#[cfg(test)]
mod tests;
mod ties;
mod weights;

pub use calibrate::Calibrate;
pub use equalize::Equalize;
pub use error::QuantizeError;
pub use fold::fold_affine;
pub use meaning::{Levels, Meaning};
pub use normalize::{Normalization, Prepared, prepare};
pub use report::LayerReport;

use formats::Format;
use lower::{Kind, Layer};
use thumbnet_graph::onnx::{Form, is_writable_node};
use thumbnet_graph::{FloatGraph, Graph, Int8Graph, Node, Op, Shape, Tensor, TensorId};
use weights::{Cost, quantize_weights};

/// A quantized network and what quantization did to its layers.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantized {
    /// The network.
    pub graph: Int8Graph,
    /// One report a node of `graph`, in order.
    pub layers: Vec<LayerReport>,
    /// Its numbers in the unit of the float network; of the equalized one if layers were equalized.
    pub meaning: Meaning,
    /// Whether layers were equalized first.
    pub equalized: bool,
}

/// How to quantize.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// The form that the ONNX file will have: it decides what makes the engines agree.
    pub form: Form,
    /// How ranges of activations are chosen.
    pub calibrate: Calibrate,
    /// Whether channels are brought to equal ranges first.
    pub equalize: Equalize,
    /// The byte of a picture that is real 0: see [`prepare`].
    pub zero_byte: u8,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            form: Form::QLinear,
            calibrate: Calibrate::MeanSquaredError,
            equalize: Equalize::Never,
            zero_byte: 0,
        }
    }
}

/// Quantizes `graph` for `form`, with ranges from the `calibration` pictures: u8 `[n, h, w, c]`,
/// training pictures, some hundred of them.
///
/// # Errors
/// [`QuantizeError`] if the graph is damaged, a value not finite, the pictures not whole, or if no
/// weight scale makes all engines agree.
pub fn quantize(
    graph: &FloatGraph,
    calibration: &[u8],
    form: Form,
) -> Result<Quantized, QuantizeError> {
    quantize_with(graph, calibration, &Options { form, ..Options::default() })
}

/// [`quantize`] with a choice of how.
///
/// # Errors
/// As [`quantize`].
pub fn quantize_with(
    graph: &FloatGraph,
    calibration: &[u8],
    options: &Options,
) -> Result<Quantized, QuantizeError> {
    let plain = || quantize_as_it_is(graph, calibration, options);
    let equalized = || -> Result<Option<Quantized>, QuantizeError> {
        let Some(graph) = equalize::equalize(graph, calibration, options.zero_byte)? else {
            return Ok(None);
        };
        let quantized = quantize_as_it_is(&graph, calibration, options)?;
        Ok(Some(Quantized { equalized: true, ..quantized }))
    };
    match options.equalize {
        Equalize::Never => plain(),
        Equalize::Always => equalized()?.map_or_else(plain, Ok),
        Equalize::IfBetter => match (plain(), equalized()) {
            (Ok(plain), Ok(Some(equalized))) => {
                let better = equalized.output_sqnr_db() > plain.output_sqnr_db();
                Ok(if better { equalized } else { plain })
            }
            (Err(_), Ok(Some(equalized))) => Ok(equalized),
            (plain, _) => plain,
        },
    }
}

fn quantize_as_it_is(
    graph: &FloatGraph,
    calibration: &[u8],
    options: &Options,
) -> Result<Quantized, QuantizeError> {
    let zero_byte = options.zero_byte;
    graph.validate()?;
    let separated = separate::picture_from_others(graph);
    let graph = separated.as_ref().unwrap_or(graph);
    let statistics = calibrate::observe(graph, calibration, zero_byte)?;
    let layers = lower::lower(graph);
    let mut formats = formats::choose(graph, &layers, &statistics, options)?;
    let layers = lower::with_clamps(layers, &mut formats);
    let mut assembly = Assembly::new(graph, &formats);
    let mut costs = Vec::with_capacity(layers.len());
    for layer in &layers {
        costs.push(assembly.push(layer, options.form)?);
    }
    let int8 = assembly.finish();
    if let Some(node) = int8.nodes.iter().find(|node| !is_writable_node(&int8, node)) {
        return Err(QuantizeError::Unwritable { node: node.name.clone() });
    }
    let meaning = Meaning::new(&int8, &layers, &formats);
    let noise = report::measure_noise(graph, &int8, &layers, &formats, calibration, zero_byte)?;
    let layers = layers.iter().zip(noise).zip(costs);
    let layers = layers
        .map(|((layer, sqnr_db), cost)| {
            LayerReport::new(&layer.name, layer.op_name(), sqnr_db, cost)
        })
        .collect();
    Ok(Quantized { graph: int8, layers, meaning, equalized: false })
}

impl Quantized {
    /// Signal over noise of the layer that makes the output, in decibels.
    fn output_sqnr_db(&self) -> f64 {
        let maker = self.graph.producer(self.graph.output);
        maker.map_or(f64::INFINITY, |index| self.layers[index].sqnr_db)
    }
}

/// The int8 graph while its nodes are added.
struct Assembly<'a> {
    float: &'a FloatGraph,
    formats: &'a [Format],
    int8: Int8Graph,
    /// The int8 tensor of each float tensor that has one.
    ids: Vec<Option<TensorId>>,
}

impl<'a> Assembly<'a> {
    fn new(float: &'a FloatGraph, formats: &'a [Format]) -> Self {
        let mut metadata = float.metadata.clone();
        if metadata.producer.is_empty() {
            metadata.producer = concat!("thumbnet ", env!("CARGO_PKG_VERSION")).to_owned();
        }
        let (input, output) = (TensorId(0), TensorId(0));
        let int8 = Graph { tensors: Vec::new(), nodes: Vec::new(), input, output, metadata };
        let ids = vec![None; formats.len()];
        let mut assembly = Self { float, formats, int8, ids };
        assembly.int8.input = assembly.tensor(float.input);
        assembly
    }

    /// The int8 tensor that stands for a float tensor, made when first asked for.
    fn tensor(&mut self, source: TensorId) -> TensorId {
        if let Some(id) = self.ids[source.0] {
            return id;
        }
        let Tensor { name, shape, .. } = self.float.tensor(source).clone();
        self.add(source, name, shape)
    }

    /// Makes the int8 tensor of a float tensor, or of one between a layer and its clamp.
    fn add(&mut self, source: TensorId, name: String, shape: Shape) -> TensorId {
        let format = self.formats[source.0].quantization;
        let id = self.int8.add_tensor(Tensor { name, shape, format });
        self.ids[source.0] = Some(id);
        id
    }

    /// The int8 tensor that a layer makes.
    fn output(&mut self, layer: &Layer) -> (TensorId, Shape) {
        let Tensor { name, shape, .. } =
            self.float.tensor(layer.compared(self.float.tensors.len()));
        if layer.output.0 < self.float.tensors.len() {
            return (self.tensor(layer.output), *shape);
        }
        (self.add(layer.output, format!("{name}_unclamped"), *shape), *shape)
    }

    fn push(&mut self, layer: &Layer, form: Form) -> Result<Cost, QuantizeError> {
        let ends = [layer.inputs[0], layer.output].map(|tensor| self.formats[tensor.0]);
        let inputs: Vec<TensorId> = layer.inputs.iter().map(|&input| self.tensor(input)).collect();
        let (output, shape) = self.output(layer);
        let quantized = quantize_weights(layer, shape, ends, form).transpose()?;
        let (op, cost) = match (quantized, &layer.kind) {
            (Some((conv, cost)), _) => (Op::Conv2d(conv), cost),
            (None, Kind::MaxPool2d(window)) => (Op::MaxPool2d(*window), Cost::default()),
            (None, Kind::Real(op)) => {
                let input = self.int8.tensor(inputs[0]).shape;
                (Op::Codes(codes::operation(op, input, ends)), Cost::default())
            }
            (None, Kind::Clamp(limits)) => (codes::clamp(*limits, ends[1]), Cost::default()),
            (None, _) => (Op::Add, Cost::default()),
        };
        self.int8.nodes.push(Node { name: layer.name.clone(), op, inputs, output });
        Ok(cost)
    }

    fn finish(mut self) -> Int8Graph {
        self.int8.output = self.tensor(self.float.output);
        self.int8
    }
}
