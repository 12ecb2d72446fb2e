//! From a checked file to an [`Int8Graph`] or a [`FloatGraph`]: one file for each family of
//! operators.
//!
//! The nodes are visited once, in execution order. Each ONNX value stands for a [`Value`]: a
//! constant, the codes of a map, or a map in float. Float maps never exist in memory: an operation
//! over dequantized maps waits until its QuantizeLinear says in which codes its result is wanted,
//! and only then becomes a node. In a float model every operation becomes a node at once; what
//! differs between the two is [`Precision`].

mod add;
mod affine;
mod channels;
mod combine;
mod constants;
mod conv2d;
mod copies;
mod dense;
mod draft;
mod early_input;
mod elementwise;
mod expand;
mod float;
mod float_pools;
mod fold;
mod formats;
mod functions;
mod head;
mod input_order;
mod int8;
mod join;
mod layout;
mod line;
mod mean;
mod operands;
mod pad;
mod pending;
mod pool;
mod precision;
mod qlinear_constants;
mod quantize;
mod relu;
mod resize;
mod rewrites;
mod slice;
mod softmax;
mod tables;
mod unquantized;
mod value;
mod view;
mod views;
mod wide_weights;
mod window;

use super::error::OnnxError;
use super::interface::{Element, FloatLogits, HeadStep, Interface, Port, TailStep};
use super::raw::{Domain, RawGraph, RawNode};
use crate::graph::{FloatGraph, Int8Graph, TensorId};
use crate::op::{FloatWeights, Int8Weights};
pub(crate) use copies::padded;
use draft::Draft;
use join::Join;
use precision::Precision;
use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;
use tables::Table;
use value::{Clamp, Codes, Pending, Probabilities, Real, Source, Value};
pub(crate) use view::View;

/// The int8 network in `raw`, and its outside.
pub(crate) fn lower(raw: &RawGraph) -> Result<(Int8Graph, Interface), OnnxError> {
    rewrites::refuse_what_cannot_be(raw)?;
    let mut lowering = <Lowering>::new(raw);
    lowering.run()?;
    lowering.finish()
}

/// The float network in `raw`.
pub(crate) fn lower_float(raw: &RawGraph) -> Result<FloatGraph, OnnxError> {
    rewrites::refuse_what_is_quantized(raw)?;
    let mut lowering = Lowering::<FloatWeights>::new_float(raw)?;
    lowering.run()?;
    let Outcome { logits, .. } = lowering.outcome()?;
    lowering.draft.finish(logits, raw).map(|(graph, _)| graph.without_unread_nodes())
}

/// The state of one pass over a file.
struct Lowering<'a, P: Precision = Int8Weights> {
    raw: &'a RawGraph,
    /// Values that a later node still reads.
    values: HashMap<&'a str, Value>,
    /// For each node, the names that it reads last.
    last_reads: Vec<Vec<&'a str>>,
    draft: Draft<P>,
    /// Operations that wait for a QuantizeLinear.
    pending: Vec<Pending<P>>,
    /// Maps whose channels come twice in another: see `wide_weights`.
    doubled: HashMap<TensorId, TensorId>,
    /// How many more elements of constants may be made: see [`Lowering::spend`].
    budget: Cell<usize>,
    /// How many more entries of tables may be made.
    table_budget: Cell<usize>,
    /// Functions of quantized maps.
    tables: Vec<Table>,
    /// Maps that are to be joined.
    joins: Vec<Join>,
    /// Arithmetic on the input before it is quantized.
    head: Vec<HeadStep>,
    /// The biases of pending layers whose file has them in float.
    float_biases: HashMap<usize, Vec<f32>>,
    /// The last layer, if the file gives its result in float.
    float_logits: Option<FloatLogits>,
}

impl<'a> Lowering<'a> {
    fn new(raw: &'a RawGraph) -> Self {
        let (draft, input) = Draft::new(&raw.input.name, None);
        let view = View::row_major(&raw.input.dims);
        let unsigned = raw.input.element == Element::U8;
        let input = match raw.input.element {
            Element::F32 => Value::Real(Real { source: Source::Input, view, clamp: Clamp::NONE }),
            Element::I8 | Element::U8 => Value::Codes(Codes { tensor: input, view, unsigned }),
        };
        Self::with(raw, draft, input)
    }
}

impl<'a, P: Precision> Lowering<'a, P> {
    /// At the beginning of `raw`, where `input` stands for its input.
    fn with(raw: &'a RawGraph, draft: Draft<P>, input: Value) -> Self {
        let constants = raw
            .constants
            .iter()
            .map(|(name, array)| (name.as_str(), Value::Constant(Rc::clone(array))));
        let mut values: HashMap<&str, Value> = constants.collect();
        values.insert(&raw.input.name, input);
        let mut last_reads: Vec<Vec<&str>> = vec![Vec::new(); raw.nodes.len()];
        let mut last_read: HashMap<&str, usize> = HashMap::new();
        for (index, node) in raw.nodes.iter().enumerate() {
            node.inputs.iter().flatten().for_each(|name| {
                last_read.insert(name, index);
            });
        }
        last_read.remove(raw.output.as_str());
        last_read.into_iter().for_each(|(name, index)| last_reads[index].push(name));
        Self {
            raw,
            values,
            last_reads,
            draft,
            pending: Vec::new(),
            doubled: HashMap::new(),
            budget: Cell::new(raw.file_bytes.saturating_mul(4)),
            table_budget: Cell::new(raw.file_bytes.saturating_mul(4).saturating_add(1 << 22)),
            tables: Vec::new(),
            joins: Vec::new(),
            head: Vec::new(),
            float_biases: HashMap::new(),
            float_logits: None,
        }
    }

    /// Visits all nodes.
    fn run(&mut self) -> Result<(), OnnxError> {
        let raw = self.raw;
        for (index, node) in raw.nodes.iter().enumerate() {
            let outputs = self.node(node)?;
            for (name, value) in node.outputs.iter().zip(outputs) {
                self.values.insert(name, value);
            }
            self.forget_after(index);
        }
        Ok(())
    }

    fn forget_after(&mut self, index: usize) {
        for name in &self.last_reads[index] {
            self.values.remove(name);
        }
    }

    /// The values of a node's outputs.
    fn node(&mut self, node: &RawNode) -> Result<Vec<Value>, OnnxError> {
        if let Some(constants) = self.constant_inputs(node)
            && let Some(value) = self.fold(node, &constants)?
        {
            return Ok(vec![value]);
        }
        if self.is_along_a_line(node) {
            return self.along_a_line(node);
        }
        P::operator(self, node)
    }

    /// Input `index` of `node`, which must be given.
    fn value(&self, node: &RawNode, index: usize) -> Result<&Value, OnnxError> {
        self.optional(node, index).ok_or_else(|| {
            let reason = format!("its input {index} is missing");
            self.refuse(node, reason, "export the model again")
        })
    }

    /// Input `index` of `node`, if it is given.
    fn optional(&self, node: &RawNode, index: usize) -> Option<&Value> {
        // Every name was checked to be defined, and values live until they are read last.
        self.values.get(node.inputs.get(index)?.as_deref()?)
    }

    fn refuse(&self, node: &RawNode, reason: String, rewrite: &str) -> OnnxError {
        node.refuse(&self.raw.file, reason, rewrite)
    }

    fn refuse_quantization(&self, node: &RawNode, reason: String, rewrite: &str) -> OnnxError {
        let place = node.place(&self.raw.file);
        OnnxError::Quantization { place, reason, rewrite: rewrite.to_owned() }
    }

    /// The name of what `node` makes.
    fn output_name<'n>(&self, node: &'n RawNode) -> &'n str {
        node.outputs.first().map_or("", String::as_str)
    }

    /// What the model's output stands for.
    fn outcome(&self) -> Result<Outcome, OnnxError> {
        let name = &self.raw.output;
        let refuse = |reason: &str, rewrite: &str| OnnxError::Interface {
            file: self.raw.file.clone(),
            reason: format!("output {} {reason}", super::error::quoted(name)),
            rewrite: rewrite.to_owned(),
        };
        let (logits, view, tail) = match self.values.get(name.as_str()) {
            Some(Value::Codes(codes)) => (codes.tensor, &codes.view, Vec::new()),
            Some(Value::Probabilities(Probabilities { logits, view, tail, .. })) => {
                (*logits, view, tail.clone())
            }
            Some(Value::Real(Real { source: Source::Tensor(tensor), view, clamp }))
                if clamp.is_none() =>
            {
                (*tensor, view, Vec::new())
            }
            Some(Value::Real(_)) => {
                return Err(refuse(
                    "is float and not quantized",
                    "quantize the output of the last layer too",
                ));
            }
            _ => return Err(refuse("is a constant", "export the model again")),
        };
        let in_order =
            self.draft.memory_view(logits, view).is_some_and(|view| view.is_memory_order());
        if !in_order {
            return Err(refuse(
                "is a map whose channels are not the last axis",
                "end the model in a vector of class scores, or transpose it to [n, h, w, c]",
            ));
        }
        Ok(Outcome { logits, dims: view.dims(), tail })
    }
}

impl Lowering<'_> {
    /// The output of an operator that an int8 model may have.
    fn operator(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        match (&node.domain, node.op.as_str()) {
            (Domain::Standard | Domain::Microsoft, "QuantizeLinear") => self.quantize_linear(node),
            (Domain::Standard | Domain::Microsoft, "DequantizeLinear") => {
                self.dequantize_linear(node)
            }
            (Domain::Standard, "Conv") => self.conv(node),
            (Domain::Standard, "QLinearConv") => self.qlinear_conv(node),
            (Domain::Standard, "Gemm") => self.gemm(node),
            (Domain::Standard, "MatMul") => self.matmul(node),
            (Domain::Standard, "QLinearMatMul") => self.qlinear_matmul(node),
            (Domain::Microsoft, "QGemm") => self.qgemm(node),
            (Domain::Standard, "MaxPool" | "GlobalMaxPool") => self.max_pool_of_any(node),
            (Domain::Standard, "AveragePool") => self.mean_pool(node),
            (Domain::Standard, "GlobalAveragePool") => self.mean_of_map(node),
            (Domain::Standard, "ReduceMean") => self.mean_over_axes(node),
            (Domain::Standard, "ReduceMax") => self.reduce_max(node),
            (Domain::Microsoft, "QLinearAveragePool") => self.qlinear_average_pool(node),
            (Domain::Microsoft, "QLinearGlobalAveragePool") => {
                self.qlinear_global_average_pool(node)
            }
            (Domain::Standard, "Add" | "Sub" | "Mul" | "Div" | "Min" | "Max" | "Pow" | "PRelu") => {
                self.elementwise(node)
            }
            (Domain::Microsoft, "QLinearAdd" | "QLinearMul") => self.qlinear_combined(node),
            (Domain::Standard, "BatchNormalization") => self.normalized_map(node),
            (Domain::Microsoft, "QLinearSigmoid" | "QLinearLeakyRelu") => {
                self.qlinear_function(node)
            }
            (Domain::Standard, "Concat") => self.concat(node),
            (Domain::Microsoft, "QLinearConcat") => self.qlinear_concat(node),
            (Domain::Standard, "Slice") => self.slice_of_map(node),
            (Domain::Standard, "Pad") => self.pad(node),
            (Domain::Standard, "Resize" | "Upsample") => self.resize(node),
            (Domain::Standard, "DepthToSpace" | "SpaceToDepth") => self.depth_and_space(node),
            (Domain::Standard, "Relu") => self.relu(node),
            (Domain::Standard, "Clip") => self.clip(node),
            (Domain::Standard, "Softmax" | "LogSoftmax") => {
                self.quantize_logits(node)?;
                self.softmax(node)
            }
            (Domain::Microsoft, "QLinearSoftmax") => self.qlinear_softmax(node),
            (Domain::Standard, "Shape") => self.shape_of(node),
            (Domain::Standard, "Expand") => self.expand(node),
            (Domain::Standard, op) if views::is_view(op) => self.reviewed(node),
            (Domain::Standard | Domain::Microsoft, _) => match self.function(node)? {
                Some(value) => Ok(value),
                None => Err(rewrites::unsupported(node, &self.raw.file)),
            },
            _ => Err(rewrites::unsupported(node, &self.raw.file)),
        }
    }

    fn finish(mut self) -> Result<(Int8Graph, Interface), OnnxError> {
        self.quantize_output()?;
        let Outcome { logits, dims, tail } = self.outcome()?;
        let float_sums = self.draft.float_sums().to_vec();
        let float_logits = self.float_logits.take();
        let head = std::mem::take(&mut self.head);
        let (graph, input_view) = self.draft.finish(logits, self.raw)?;
        let interface = Interface {
            input: self.raw.input.clone(),
            output: Port { name: self.raw.output.clone(), element: self.raw.output_element, dims },
            input_format: graph.tensor(graph.input).format,
            input_view,
            head,
            output_format: graph.tensor(logits).format,
            tail,
            float_sums,
            float_logits,
        };
        Ok((graph, interface))
    }
}

/// What a model's output stands for: the logits, and what float steps make of them.
struct Outcome {
    logits: TensorId,
    dims: Vec<usize>,
    tail: Vec<TailStep>,
}
