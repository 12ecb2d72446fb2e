//! How a file's own input and output relate to the codes of the graph in it: for running a file
//! with the very arrays that its other runtimes take and give.

use super::lower::View;
use crate::evaluate::float_result;
use crate::formula::Binary;
use crate::graph::{Int8Graph, Quantization, TensorId};

/// Element types that a model may take or give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// 32-bit float.
    F32,
    /// Signed codes.
    I8,
    /// Unsigned codes.
    U8,
}

/// The input or the output that a file declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// Its element type.
    pub element: Element,
    /// Its shape; a batch of open size counts as 1.
    pub dims: Vec<usize>,
}

/// The outside of a model: what it takes and gives, and the float steps that the graph leaves out.
#[derive(Clone, Debug, PartialEq)]
pub struct Interface {
    /// What the file takes.
    pub input: Port,
    /// What the file gives.
    pub output: Port,
    pub(crate) input_format: Quantization,
    /// How the file's input lies in the graph's `[h, w, c]` memory.
    pub(crate) input_view: View,
    /// From the file's input to what its first QuantizeLinear reads.
    pub(crate) head: Vec<HeadStep>,
    pub(crate) output_format: Quantization,
    /// From the logits' codes to the output.
    pub(crate) tail: Vec<TailStep>,
    /// What layers make whose file sums in float.
    pub(crate) float_sums: Vec<TensorId>,
    /// The last layer, if the file gives its result in float.
    pub(crate) float_logits: Option<FloatLogits>,
}

/// A last layer whose result the file leaves in float. A device has its codes, in a format of our own.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FloatLogits {
    /// What the layer makes.
    pub(crate) layer: TensorId,
    /// Its bias, if the file has it in float.
    pub(crate) bias: Option<Vec<f32>>,
    /// What an activation function behind it leaves.
    pub(crate) limits: [f32; 2],
}

/// An operation on each element of a float input and a constant.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HeadStep {
    pub(crate) operation: Binary,
    /// One number, or one for each index of an axis.
    pub(crate) numbers: Vec<f32>,
    /// How many elements in a row have the same number.
    pub(crate) repeats: usize,
    /// Whether the element is the first operand.
    pub(crate) map_first: bool,
}

impl HeadStep {
    /// The result for the element number `index`.
    fn at(&self, index: usize, value: f32) -> f32 {
        let channel = index.checked_div(self.repeats).unwrap_or(0);
        let place = channel.checked_rem(self.numbers.len()).unwrap_or(0);
        let number = self.numbers.get(place).copied().unwrap_or(0.0);
        let (left, right) = if self.map_first { (value, number) } else { (number, value) };
        self.operation.at(left, right)
    }
}

/// A step between the logits and a file's output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum TailStep {
    Softmax,
    LogSoftmax,
    /// To codes and back to float, as whatever follows sees it.
    Round(Quantization),
}

/// Numbers of a model's input or output, in the file's order and type.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    /// Real numbers.
    F32(Vec<f32>),
    /// Signed codes.
    I8(Vec<i8>),
    /// Unsigned codes.
    U8(Vec<u8>),
}

impl Interface {
    /// The graph's input `[h, w, c]` for one input of the file; `None` if it has the wrong type or
    /// length.
    ///
    /// Float inputs are quantized as QuantizeLinear does, after the arithmetic that the file has before that.
    pub fn input_codes(&self, numbers: &Numbers) -> Option<Vec<i8>> {
        let codes: Vec<i8> = match (numbers, self.input.element) {
            (Numbers::F32(values), Element::F32) => {
                let prepared = |(index, &value): (usize, &f32)| {
                    self.head.iter().fold(value, |value, step| step.at(index, value))
                };
                let code = |numbered| quantize(prepared(numbered), self.input_format);
                values.iter().enumerate().map(code).collect()
            }
            (Numbers::I8(codes), Element::I8) => codes.clone(),
            (Numbers::U8(codes), Element::U8) => codes.iter().map(|&code| recode(code)).collect(),
            _ => return None,
        };
        if codes.len() != self.input_view.len() {
            return None;
        }
        let mut memory = vec![0; codes.len()];
        for (offset, code) in self.input_view.offsets().into_iter().zip(codes) {
            memory[offset] = code;
        }
        Some(memory)
    }

    /// The maps that layers make between DequantizeLinear and QuantizeLinear: the file sums them in
    /// f32 and not in integers, and its runtimes may round a sum near a half to the other neighbour.
    pub fn float_sums(&self) -> &[TensorId] {
        &self.float_sums
    }

    /// The file's output for the graph's logits.
    ///
    /// A softmax is computed in f64 and may differ from another runtime's in the last bits.
    pub fn output_numbers(&self, logits: &[i8]) -> Numbers {
        if self.tail.is_empty() && self.output.element != Element::F32 {
            return self.as_codes(logits.to_vec());
        }
        self.finished(logits.iter().map(|&code| dequantize(code, self.output_format)).collect())
    }

    /// The map that the last layer reads, if the file gives that layer's result in float and not in codes.
    ///
    /// Then [`Interface::float_output`] of that map is what the file's other runtimes give, while
    /// [`Interface::output_numbers`] is what a device can: codes, of a scale that the reader chose.
    pub fn last_map(&self, graph: &Int8Graph) -> Option<TensorId> {
        let layer = self.float_logits.as_ref()?.layer;
        graph.nodes.iter().find(|node| node.output == layer)?.inputs.first().copied()
    }

    /// The file's output for the codes of [`Interface::last_map`]; `None` if there is no such map, or `codes` has
    /// another length.
    pub fn float_output(&self, graph: &Int8Graph, codes: &[i8]) -> Option<Numbers> {
        let FloatLogits { layer, bias, limits: [min, max] } = self.float_logits.as_ref()?;
        let node = graph.nodes.iter().find(|node| node.output == *layer)?;
        if codes.len() != graph.tensor(*node.inputs.first()?).shape.len() {
            return None;
        }
        let values = float_result(graph, node, bias.as_deref(), codes)?;
        Some(self.finished(values.into_iter().map(|value| value.min(*max).max(*min)).collect()))
    }

    /// The output that the steps behind the logits make of these.
    fn finished(&self, mut values: Vec<f32>) -> Numbers {
        let mut format = self.output_format;
        for step in &self.tail {
            match *step {
                TailStep::Softmax => softmax(&mut values, |exponent, sum| exponent.exp() / sum),
                TailStep::LogSoftmax => softmax(&mut values, |exponent, sum| exponent - sum.ln()),
                TailStep::Round(to) => {
                    format = to;
                    let round = |value: &mut f32| *value = dequantize(quantize(*value, to), to);
                    values.iter_mut().for_each(round);
                }
            }
        }
        match self.output.element {
            Element::F32 => Numbers::F32(values),
            _ => self.as_codes(values.into_iter().map(|value| quantize(value, format)).collect()),
        }
    }

    fn as_codes(&self, codes: Vec<i8>) -> Numbers {
        match self.output.element {
            Element::U8 => {
                Numbers::U8(codes.into_iter().map(|code| code.cast_unsigned() ^ 0x80).collect())
            }
            _ => Numbers::I8(codes),
        }
    }
}

/// The code of a real number, as QuantizeLinear computes it.
pub(crate) fn quantize(value: f32, format: Quantization) -> i8 {
    let steps = (value / format.scale).round_ties_even();
    // A cast saturates, and NaN becomes 0: no value leaves the range.
    (steps + f32::from(format.zero_point)) as i8
}

fn dequantize(code: i8, format: Quantization) -> f32 {
    (f32::from(code) - f32::from(format.zero_point)) * format.scale
}

/// The signed code of an unsigned one: 128 below.
pub(crate) fn recode(code: u8) -> i8 {
    (code ^ 0x80).cast_signed()
}

/// `result(x - max, sum of exp(x - max))` for each value.
fn softmax(values: &mut [f32], result: impl Fn(f64, f64) -> f64) {
    let max = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponent = |value: f32| f64::from(value) - f64::from(max);
    let sum: f64 = values.iter().map(|&value| exponent(value).exp()).sum();
    values.iter_mut().for_each(|value| *value = result(exponent(*value), sum) as f32);
}

#[cfg(test)]
mod tests {
    use super::{Numbers, quantize};
    use crate::graph::Quantization;
    use crate::onnx::{Form, import, write};
    use crate::testing::int8_graph;

    #[test]
    fn the_input_is_reordered_to_channels_last() {
        let graph = (0..).map(int8_graph).find(|graph| graph.tensor(graph.input).shape.c == 3);
        let graph = graph.unwrap();
        let shape = graph.tensor(graph.input).shape;
        let (_, interface) = import(&write(&graph, Form::QLinear), "m.onnx").unwrap();
        assert_eq!(interface.input.dims, [1, 3, shape.h, shape.w]);
        let file: Vec<i8> = (0..shape.len()).map(|at| (at / (shape.h * shape.w)) as i8).collect();
        let codes = interface.input_codes(&Numbers::I8(file)).unwrap();
        assert_eq!(codes, [0, 1, 2].repeat(shape.h * shape.w));
        assert_eq!(interface.input_codes(&Numbers::I8(vec![0; 1])), None);
        assert_eq!(interface.input_codes(&Numbers::F32(vec![0.0; shape.len()])), None);
    }

    #[test]
    fn the_output_is_the_softmax_of_the_logits() {
        let graph = int8_graph(1);
        let (_, interface) = import(&write(&graph, Form::Qdq), "m.onnx").unwrap();
        let classes = graph.tensor(graph.output).shape.c;
        let equal = interface.output_numbers(&vec![7; classes]);
        assert_eq!(equal, Numbers::F32(vec![(1.0 / classes as f64) as f32; classes]));
    }

    #[test]
    fn codes_saturate_and_halves_go_to_even() {
        let format = Quantization { scale: 0.5, zero_point: -128 };
        let codes =
            [-1.0, 0.0, 0.25, 0.75, 127.5, 1e30, f32::INFINITY].map(|x| quantize(x, format));
        assert_eq!(codes, [-128, -128, -128, -126, 127, 127, 127]);
    }
}
