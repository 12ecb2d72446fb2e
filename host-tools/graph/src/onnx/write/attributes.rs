//! Attributes of nodes.

use crate::onnx::proto::{AttributeProto, attribute_type};
use crate::op::Conv2d;
use thumbnet_kernels::geometry::{Padding, Window};

/// An integer attribute.
pub(crate) fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        i: Some(value),
        r#type: attribute_type::INT,
        ..AttributeProto::default()
    }
}

/// A float attribute.
pub(crate) fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        f: Some(value),
        r#type: attribute_type::FLOAT,
        ..AttributeProto::default()
    }
}

/// A text attribute.
pub(crate) fn text(name: &str, value: &str) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        s: Some(value.as_bytes().to_vec()),
        r#type: attribute_type::STRING,
        ..AttributeProto::default()
    }
}

/// An attribute of several integers.
pub(crate) fn ints(name: &str, values: &[usize]) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        ints: values.iter().map(|&value| value as i64).collect(),
        r#type: attribute_type::INTS,
        ..AttributeProto::default()
    }
}

/// Kernel, pads and strides, in alphabetical order.
pub(crate) fn window_attributes(window: &Window) -> Vec<AttributeProto> {
    let Padding { top, left, bottom, right } = window.padding;
    vec![
        ints("kernel_shape", &window.kernel),
        ints("pads", &[top, left, bottom, right]),
        ints("strides", &window.stride),
    ]
}

/// Attributes of Conv and QLinearConv.
pub(crate) fn conv_attributes<W>(conv: &Conv2d<W>) -> Vec<AttributeProto> {
    let mut attributes =
        vec![ints("dilations", &conv.window.dilation), int("group", conv.groups as i64)];
    attributes.extend(window_attributes(&conv.window));
    attributes
}

/// Attributes of MaxPool.
pub(crate) fn max_pool_attributes(window: &Window) -> Vec<AttributeProto> {
    let mut attributes = vec![ints("dilations", &window.dilation)];
    attributes.extend(window_attributes(window));
    attributes
}

/// Attributes of an AveragePool whose windows may reach over the edge.
pub(crate) fn mean_attributes(window: &Window, counts_padding: bool) -> Vec<AttributeProto> {
    let mut attributes = vec![int("count_include_pad", i64::from(counts_padding))];
    attributes.extend(window_attributes(window));
    attributes
}
