//! A node's attributes, by name and with the type that the operator gives them.

use super::{Array, RawNode};
use crate::onnx::error::OnnxError;
use crate::onnx::proto::{AttributeProto, TensorProto, attribute_type};

/// The attributes of one node; there are few, so a list is enough.
#[derive(Debug, Default)]
pub(crate) struct Attributes(Vec<AttributeProto>);

impl Attributes {
    pub(crate) fn new(attributes: Vec<AttributeProto>) -> Self {
        Self(attributes)
    }

    /// The tensor in attribute `name`, taken out.
    pub(crate) fn take_tensor(&mut self, name: &str) -> Option<TensorProto> {
        let is_wanted = |attribute: &&mut AttributeProto| attribute.name == name;
        self.0.iter_mut().find(is_wanted)?.t.take().map(|tensor| *tensor)
    }

    /// Those of a one-dimensional layer as those of a layer over maps of one row.
    fn with_one_row(&self) -> Self {
        let widened = |attribute: &AttributeProto| {
            let mut attribute = attribute.clone();
            match (attribute.name.as_str(), attribute.ints.as_slice()) {
                ("kernel_shape" | "strides" | "dilations", &[size]) => {
                    attribute.ints = vec![1, size]
                }
                ("pads", &[before, after]) => attribute.ints = vec![0, before, 0, after],
                _ => {}
            }
            attribute
        };
        Self(self.0.iter().map(widened).collect())
    }

    fn find(&self, name: &str) -> Option<&AttributeProto> {
        self.0.iter().find(|attribute| attribute.name == name)
    }
}

impl RawNode {
    /// This node, a one-dimensional layer, as the layer over maps of one row that does the same.
    pub(crate) fn with_one_row(&self) -> Self {
        Self {
            name: self.name.clone(),
            op: self.op.clone(),
            domain: self.domain.clone(),
            inputs: self.inputs.clone(),
            outputs: self.outputs.clone(),
            attributes: self.attributes.with_one_row(),
        }
    }

    /// Refuses the node if it has an attribute outside `known`: what is not understood is not
    /// ignored.
    pub(crate) fn only(&self, file: &str, known: &[&str]) -> Result<(), OnnxError> {
        let unknown = self.attributes.0.iter().find(|attribute| {
            // ONNX writes unset attributes of some exporters as empty names.
            !attribute.name.is_empty() && !known.contains(&attribute.name.as_str())
        });
        match unknown {
            None => Ok(()),
            Some(attribute) => Err(self.refuse(
                file,
                format!(
                    "its attribute {} is not supported",
                    crate::onnx::error::quoted(&attribute.name)
                ),
                "export the model without it",
            )),
        }
    }

    /// An integer attribute, or `default` if it is absent.
    pub(crate) fn int(&self, file: &str, name: &str, default: i64) -> Result<i64, OnnxError> {
        let Some(attribute) = self.typed(file, name, attribute_type::INT)? else {
            return Ok(default);
        };
        Ok(attribute.i.unwrap_or(0))
    }

    /// A float attribute, or `default` if it is absent.
    pub(crate) fn float(&self, file: &str, name: &str, default: f32) -> Result<f32, OnnxError> {
        let Some(attribute) = self.typed(file, name, attribute_type::FLOAT)? else {
            return Ok(default);
        };
        Ok(attribute.f.unwrap_or(0.0))
    }

    /// An attribute of several integers, if it is there.
    pub(crate) fn ints(&self, file: &str, name: &str) -> Result<Option<&[i64]>, OnnxError> {
        Ok(self.typed(file, name, attribute_type::INTS)?.map(|attribute| &*attribute.ints))
    }

    /// The tensor in attribute `name`, if it is there.
    pub(crate) fn attribute_tensor(&self, name: &str) -> Option<&TensorProto> {
        self.attributes.find(name)?.t.as_deref()
    }

    /// A text attribute, if it is there.
    pub(crate) fn text(&self, file: &str, name: &str) -> Result<Option<&str>, OnnxError> {
        let Some(attribute) = self.typed(file, name, attribute_type::STRING)? else {
            return Ok(None);
        };
        let bytes = attribute.s.as_deref().unwrap_or_default();
        std::str::from_utf8(bytes).map(Some).map_err(|_| {
            self.refuse(file, format!("its attribute '{name}' is not text"), "export it again")
        })
    }

    fn typed(
        &self,
        file: &str,
        name: &str,
        wanted: i32,
    ) -> Result<Option<&AttributeProto>, OnnxError> {
        let Some(attribute) = self.attributes.find(name) else { return Ok(None) };
        // Before IR version 2 the type was not written.
        if attribute.r#type == wanted || attribute.r#type == 0 {
            return Ok(Some(attribute));
        }
        let reason = format!("its attribute '{name}' has the wrong type");
        Err(self.refuse(file, reason, "export the model again"))
    }
}

/// The constant that a Constant node holds.
pub(crate) fn constant(node: &mut RawNode, file: &str) -> Result<Array, OnnxError> {
    use super::Data;
    if let Some(mut tensor) = node.attributes.take_tensor("value") {
        tensor.name = node.outputs.first().cloned().unwrap_or_default();
        return Array::decode(tensor, file);
    }
    let attributes = &node.attributes;
    let of = |name: &str| attributes.find(name);
    let data = if let Some(attribute) = of("value_float") {
        (vec![], Data::F32(vec![attribute.f.unwrap_or(0.0)]))
    } else if let Some(attribute) = of("value_int") {
        (vec![], Data::I64(vec![attribute.i.unwrap_or(0)]))
    } else if let Some(attribute) = of("value_floats") {
        (vec![attribute.floats.len()], Data::F32(attribute.floats.clone()))
    } else if let Some(attribute) = of("value_ints") {
        (vec![attribute.ints.len()], Data::I64(attribute.ints.clone()))
    } else {
        let reason = "it holds neither numbers nor a dense tensor".to_owned();
        return Err(node.refuse(file, reason, "export the model again"));
    };
    Ok(Array { dims: data.0, data: data.1 })
}
