//! What follows the logits: f32, flat, softmax.

use super::attributes::{int, ints};
use super::builder::{Builder, value_info};
use super::reals::Format;
use crate::graph::TensorId;
use crate::onnx::proto::{AttributeProto, ValueInfoProto, data_type};

/// Writes the nodes from the logits to the graph's output, probabilities `[1, classes]`, and
/// returns the output's declaration. The softmax stays float: a quantized one is computed
/// differently by every runtime.
pub(crate) fn probabilities<W, F: Format>(
    builder: &mut Builder<'_, W, F>,
    logits: TensorId,
) -> ValueInfoProto {
    let shape = builder.graph.tensor(logits).shape;
    let mut real = F::real(builder, logits);
    if shape.h * shape.w > 1 {
        real = step(builder, "Transpose", "logits_channels_last", real, {
            vec![ints("perm", &[0, 2, 3, 1])]
        });
    }
    let flat = step(builder, "Flatten", "logits_flat", real, vec![int("axis", 1)]);
    let output = step(builder, "Softmax", "probabilities", flat, vec![int("axis", 1)]);
    value_info(output, data_type::FLOAT, &[1, shape.len()])
}

fn step<W, F>(
    builder: &mut Builder<'_, W, F>,
    op: &str,
    output: &str,
    input: String,
    attributes: Vec<AttributeProto>,
) -> String {
    let output = builder.value_name(output);
    let name = builder.node_name(&output);
    builder.node(op, name, vec![input], output.clone(), attributes);
    output
}
