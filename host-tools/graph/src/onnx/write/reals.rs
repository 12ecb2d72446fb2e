//! Tensors as the real numbers that float operators read and make: as they are in a float graph, between
//! DequantizeLinear and QuantizeLinear in an int8 one.

use super::attributes::int;
use super::builder::Builder;
use crate::graph::{Node, Quantization, TensorId};
use crate::onnx::proto::AttributeProto;

/// The number format of a graph's tensors.
pub(crate) trait Format: Sized {
    /// The name of tensor `id` as f32.
    fn real<W>(builder: &mut Builder<'_, W, Self>, id: TensorId) -> String;

    /// A name for what an operator makes that tensor `id` is made of.
    fn result<W>(builder: &mut Builder<'_, W, Self>, id: TensorId) -> String;

    /// Makes tensor `id` of that result, which is written.
    fn make<W>(builder: &mut Builder<'_, W, Self>, result: String, id: TensorId);
}

impl Format for () {
    fn real<W>(builder: &mut Builder<'_, W, Self>, id: TensorId) -> String {
        builder.name(id)
    }

    fn result<W>(builder: &mut Builder<'_, W, Self>, id: TensorId) -> String {
        builder.name(id)
    }

    fn make<W>(_builder: &mut Builder<'_, W, Self>, _result: String, _id: TensorId) {}
}

impl Format for Quantization {
    fn real<W>(builder: &mut Builder<'_, W, Self>, id: TensorId) -> String {
        builder.dequantized(id)
    }

    fn result<W>(builder: &mut Builder<'_, W, Self>, id: TensorId) -> String {
        let name = builder.name(id);
        builder.value_name(&format!("{name}_exact"))
    }

    fn make<W>(builder: &mut Builder<'_, W, Self>, result: String, id: TensorId) {
        let [scale, zero_point] = builder.parameters(id);
        let output = builder.name(id);
        let name = builder.node_name(&format!("{output}_quantize"));
        builder.node("QuantizeLinear", name, vec![result, scale, zero_point], output, Vec::new());
    }
}

/// Writes `node` as a float operator over its inputs.
pub(crate) fn float<W, F: Format>(
    builder: &mut Builder<'_, W, F>,
    node: &Node<W>,
    op: &str,
    attributes: Vec<AttributeProto>,
) {
    let inputs = node.inputs.iter().map(|&input| F::real(builder, input)).collect();
    operator(builder, node, op, inputs, attributes);
}

/// Writes `node` as a float operator over `inputs`.
pub(crate) fn operator<W, F: Format>(
    builder: &mut Builder<'_, W, F>,
    node: &Node<W>,
    op: &str,
    inputs: Vec<String>,
    attributes: Vec<AttributeProto>,
) {
    let result = F::result(builder, node.output);
    builder.node(op, node.name.clone(), inputs, result.clone(), attributes);
    F::make(builder, result, node.output);
}

impl<W> Builder<'_, W, Quantization> {
    /// Names of the scale and the zero point of tensor `id`, written when first asked for.
    pub(crate) fn parameters(&mut self, id: TensorId) -> [String; 2] {
        if let Some(parameters) = &self.tensors[id.0].parameters {
            return parameters.clone();
        }
        let format = self.graph.tensor(id).format;
        let name = self.name(id);
        let parameters = [
            self.floats(&format!("{name}_scale"), &[], &[format.scale]),
            self.bytes(&format!("{name}_zero_point"), &[], &[format.zero_point]),
        ];
        self.tensors[id.0].parameters = Some(parameters.clone());
        parameters
    }

    /// The name of tensor `id` as f32, through a DequantizeLinear written when first asked for.
    fn dequantized(&mut self, id: TensorId) -> String {
        if let Some(real) = &self.tensors[id.0].real {
            return real.clone();
        }
        let [scale, zero_point] = self.parameters(id);
        let codes = self.name(id);
        let real = self.dequantize(&codes, [codes.clone(), scale, zero_point], None);
        self.tensors[id.0].real = Some(real.clone());
        real
    }

    /// Writes a DequantizeLinear of `[codes, scale, zero point]` and returns its output's name.
    pub(crate) fn dequantize(
        &mut self,
        stem: &str,
        inputs: [String; 3],
        axis: Option<i64>,
    ) -> String {
        let output = self.value_name(&format!("{stem}_real"));
        let name = self.node_name(&format!("{stem}_dequantize"));
        let attributes = axis.map(|axis| int("axis", axis)).into_iter().collect();
        self.node("DequantizeLinear", name, inputs.to_vec(), output.clone(), attributes);
        output
    }
}
