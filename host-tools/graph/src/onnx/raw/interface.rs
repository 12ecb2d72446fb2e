//! The one input and the one output of a model.

use super::array::{MAX_RANK, type_name};
use crate::onnx::error::{OnnxError, quoted};
use crate::onnx::interface::{Element, Port};
use crate::onnx::proto::{GraphProto, TensorTypeProto, ValueInfoProto, data_type};
use std::collections::HashSet;

const ONE_INPUT: &str = "export the model with one picture as its only input";
const FIXED: &str = "say it with --input-shape (for example --input-shape 1x3x32x32), or export the model \
     with fixed sizes";

/// The only input that is not a constant.
pub(crate) fn input(graph: &GraphProto, file: &str) -> Result<Port, OnnxError> {
    let constants: HashSet<&str> =
        graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    let mut inputs = graph.input.iter().filter(|input| !constants.contains(input.name.as_str()));
    let (input, more) = (inputs.next(), inputs.count());
    let input = match (input, more) {
        (Some(input), 0) => input,
        (None, _) => return Err(interface(file, "the model has no input".to_owned(), ONE_INPUT)),
        (Some(_), more) => {
            let reason = format!("the model has {} inputs, not one", more + 1);
            return Err(interface(file, reason, ONE_INPUT));
        }
    };
    let (element, tensor) = tensor_type(input, "input", file)?;
    let dims = fixed_dims(&input.name, tensor, file)?;
    Ok(Port { name: input.name.clone(), element, dims })
}

/// Name and element type of the only output. Its declared shape is not trusted: it follows from the
/// nodes.
pub(crate) fn output(graph: &GraphProto, file: &str) -> Result<(String, Element), OnnxError> {
    match graph.output.as_slice() {
        [output] => {
            let (element, _) = tensor_type(output, "output", file)?;
            Ok((output.name.clone(), element))
        }
        outputs => Err(interface(
            file,
            format!("the model has {} outputs, not one", outputs.len()),
            "export the model with the class scores as its only output",
        )),
    }
}

fn tensor_type<'a>(
    value: &'a ValueInfoProto,
    role: &str,
    file: &str,
) -> Result<(Element, &'a TensorTypeProto), OnnxError> {
    let refuse = |found: &str| {
        let reason = format!("{role} {} is {found}", quoted(&value.name));
        interface(file, reason, "export the model with a float32, int8 or uint8 tensor")
    };
    let tensor = value.r#type.as_ref().and_then(|value| value.tensor_type.as_ref());
    let tensor = tensor.ok_or_else(|| refuse("not a tensor"))?;
    let element = match tensor.elem_type {
        data_type::FLOAT => Element::F32,
        data_type::INT8 => Element::I8,
        data_type::UINT8 => Element::U8,
        other => return Err(refuse(&format!("of type {}", type_name(other)))),
    };
    Ok((element, tensor))
}

/// The sides of the input; the first may be left open and is 1 then.
fn fixed_dims(name: &str, tensor: &TensorTypeProto, file: &str) -> Result<Vec<usize>, OnnxError> {
    let sides = tensor.shape.as_ref().map_or(&[][..], |shape| &shape.dim);
    if sides.is_empty() || sides.len() > MAX_RANK {
        let reason = format!("input {} has {} axes", quoted(name), sides.len());
        return Err(interface(file, reason, FIXED));
    }
    let mut dims: Vec<Option<i64>> = sides.iter().map(|side| side.dim_value).collect();
    let open_batch = dims.len() > 1 && dims[0].is_none();
    if open_batch {
        dims[0] = Some(1);
    }
    let fixed: Option<Vec<usize>> =
        dims.iter().map(|&dim| usize::try_from(dim?).ok().filter(|&dim| dim > 0)).collect();
    let countable = |dims: &Vec<usize>| {
        let len = dims.iter().try_fold(1_usize, |len, &dim| len.checked_mul(dim));
        len.is_some_and(|len| isize::try_from(len).is_ok())
    };
    fixed.filter(countable).ok_or_else(|| {
        let shown: Vec<String> = sides
            .iter()
            .take(8)
            .map(|side| side.dim_value.map_or("?".to_owned(), |value| value.to_string()))
            .collect();
        OnnxError::DynamicShape {
            file: file.to_owned(),
            input: name.to_owned(),
            dims: format!("[{}]", shown.join(", ")),
            rewrite: FIXED.to_owned(),
        }
    })
}

fn interface(file: &str, reason: String, rewrite: &str) -> OnnxError {
    OnnxError::Interface { file: file.to_owned(), reason, rewrite: rewrite.to_owned() }
}
