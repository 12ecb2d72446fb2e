//! What the user says about an input whose shape the file leaves open.

use super::error::{OnnxError, quoted};
use super::proto::{
    DimensionProto, GraphProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
    data_type,
};
use std::str::FromStr;

/// Most axes that an input may have.
const MAX_RANK: usize = 8;

/// Largest side that is accepted: far beyond what a microcontroller sees.
const MAX_SIDE: i64 = 1 << 20;

/// A shape for a model's input, and the input's name if the user gave it: `input=1x3x32x32` or
/// `1x3x32x32`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputShape {
    name: Option<String>,
    dims: Vec<i64>,
}

impl FromStr for InputShape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, dims) = match text.rsplit_once('=') {
            Some((name, dims)) => (Some(name.to_owned()), dims),
            None => (None, text),
        };
        let side = |side: &str| side.parse().ok().filter(|side| (1..=MAX_SIDE).contains(side));
        let dims: Option<Vec<i64>> = dims.split(['x', 'X', ',']).map(side).collect();
        match dims {
            Some(dims) if dims.len() <= MAX_RANK => Ok(Self { name, dims }),
            _ => {
                Err("give sizes as in 1x3x32x32, or with the input's name: image=1x3x32x32".into())
            }
        }
    }
}

impl InputShape {
    /// Writes the shape into the declaration of the graph's one input.
    pub(crate) fn apply(&self, graph: &mut GraphProto, file: &str) -> Result<(), OnnxError> {
        let refuse = |reason: String| OnnxError::Interface {
            file: file.to_owned(),
            reason,
            rewrite: "give --input-shape the shape that the model is used with".to_owned(),
        };
        let constants: Vec<&str> =
            graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
        let mut inputs: Vec<&mut ValueInfoProto> = graph
            .input
            .iter_mut()
            .filter(|input| !constants.contains(&input.name.as_str()))
            .collect();
        // How many inputs there are is judged by the reader.
        let Some(input) = inputs.first_mut() else { return Ok(()) };
        if self.name.as_ref().is_some_and(|name| *name != input.name) {
            let wanted = self.name.as_deref().unwrap_or_default();
            let reason =
                format!("its input is called {}, not {}", quoted(&input.name), quoted(wanted));
            return Err(refuse(reason));
        }
        let element = TensorTypeProto { elem_type: data_type::FLOAT, shape: None };
        let declared = input.r#type.get_or_insert(TypeProto { tensor_type: None });
        let tensor = declared.tensor_type.get_or_insert(element);
        let shape = tensor.shape.get_or_insert(TensorShapeProto { dim: Vec::new() });
        let fits = shape.dim.len() == self.dims.len()
            && shape.dim.iter().zip(&self.dims).all(|(side, &wanted)| {
                side.dim_value.is_none_or(|value| value == wanted || value < 1)
            });
        if !shape.dim.is_empty() && !fits {
            let sides = shape.dim.iter().take(MAX_RANK).map(|side| {
                side.dim_value.map_or_else(|| "?".to_owned(), |value| value.to_string())
            });
            let declared: Vec<String> = sides.collect();
            let reason = format!(
                "input {} is declared as [{}], which {:?} is not",
                quoted(&input.name),
                declared.join(", "),
                self.dims
            );
            return Err(refuse(reason));
        }
        let side = |&dim: &i64| DimensionProto { dim_value: Some(dim), dim_param: None };
        shape.dim = self.dims.iter().map(side).collect();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::InputShape;

    #[test]
    fn shapes_are_sizes_with_or_without_a_name() {
        let shape = |text: &str| text.parse::<InputShape>();
        let dims = vec![1, 3, 32, 32];
        assert_eq!(shape("1x3x32x32"), Ok(InputShape { name: None, dims: dims.clone() }));
        let named = InputShape { name: Some("a=b".to_owned()), dims };
        assert_eq!(shape("a=b=1x3x32x32"), Ok(named));
        for wrong in ["", "x", "1x0x3", "1x-1", "1x99999999999999999999", "a=", "1x1x1x1x1x1x1x1x1"]
        {
            assert!(shape(wrong).is_err(), "{wrong}");
        }
    }
}
