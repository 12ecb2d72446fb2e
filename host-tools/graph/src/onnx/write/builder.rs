//! Collects nodes and constants under unique names.

use crate::graph::{Int8Graph, TensorId};
use crate::onnx::proto::{
    AttributeProto, DimensionProto, NodeProto, TensorProto, TensorShapeProto, TensorTypeProto,
    TypeProto, ValueInfoProto, attribute_type, data_type,
};
use std::collections::HashSet;
use thumbnet_kernels::geometry::Window;

/// The parts of a model that grow while its nodes are written.
pub(crate) struct Builder<'a> {
    pub(crate) graph: &'a Int8Graph,
    nodes: Vec<NodeProto>,
    initializers: Vec<TensorProto>,
    /// Names of values: tensors and constants.
    value_names: HashSet<String>,
    node_names: HashSet<String>,
    /// Per tensor of the graph.
    tensors: Vec<TensorNames>,
}

/// What a tensor is called, and what has been written for it so far.
struct TensorNames {
    codes: String,
    real: Option<String>,
    parameters: Option<[String; 2]>,
}

impl<'a> Builder<'a> {
    /// An empty model in which the names of `graph` are taken.
    pub(crate) fn new(graph: &'a Int8Graph) -> Self {
        let mut builder = Self {
            graph,
            nodes: Vec::new(),
            initializers: Vec::new(),
            value_names: HashSet::new(),
            node_names: graph.nodes.iter().map(|node| node.name.clone()).collect(),
            tensors: Vec::new(),
        };
        for tensor in &graph.tensors {
            let wanted = if tensor.name.is_empty() { "tensor" } else { &tensor.name };
            let codes = unique(&mut builder.value_names, wanted);
            builder.tensors.push(TensorNames { codes, real: None, parameters: None });
        }
        builder
    }

    /// Nodes and constants, in the order they were written.
    pub(crate) fn finish(self) -> (Vec<NodeProto>, Vec<TensorProto>) {
        (self.nodes, self.initializers)
    }

    /// The name of the int8 tensor `id`.
    pub(crate) fn codes(&self, id: TensorId) -> String {
        self.tensors[id.0].codes.clone()
    }

    /// The declaration of the graph's input.
    pub(crate) fn input(&self, id: TensorId) -> ValueInfoProto {
        let shape = self.graph.tensor(id).shape;
        value_info(self.codes(id), data_type::INT8, &[1, shape.c, shape.h, shape.w])
    }

    /// Names of the scale and the zero point of tensor `id`, written when first asked for.
    pub(crate) fn parameters(&mut self, id: TensorId) -> [String; 2] {
        if let Some(parameters) = &self.tensors[id.0].parameters {
            return parameters.clone();
        }
        let format = self.graph.tensor(id).format;
        let name = self.codes(id);
        let parameters = [
            self.floats(&format!("{name}_scale"), &[], &[format.scale]),
            self.bytes(&format!("{name}_zero_point"), &[], &[format.zero_point]),
        ];
        self.tensors[id.0].parameters = Some(parameters.clone());
        parameters
    }

    /// The name of tensor `id` as f32, through a DequantizeLinear written when first asked for.
    pub(crate) fn real(&mut self, id: TensorId) -> String {
        if let Some(real) = &self.tensors[id.0].real {
            return real.clone();
        }
        let [scale, zero_point] = self.parameters(id);
        let codes = self.codes(id);
        let real = self.dequantize(&codes, [codes.clone(), scale, zero_point], None);
        self.tensors[id.0].real = Some(real.clone());
        real
    }

    /// Writes a QuantizeLinear from `real` to tensor `id`.
    pub(crate) fn quantize(&mut self, real: String, id: TensorId) {
        let [scale, zero_point] = self.parameters(id);
        let output = self.codes(id);
        let name = self.node_name(&format!("{output}_quantize"));
        self.node("QuantizeLinear", name, vec![real, scale, zero_point], output, Vec::new());
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

    /// Writes a node with one output.
    pub(crate) fn node(
        &mut self,
        op: &str,
        name: String,
        input: Vec<String>,
        output: String,
        attribute: Vec<AttributeProto>,
    ) {
        self.nodes.push(NodeProto {
            input,
            output: vec![output],
            name,
            op_type: op.to_owned(),
            attribute,
            domain: String::new(),
        });
    }

    /// Writes f32 constants and returns their name.
    pub(crate) fn floats(&mut self, name: &str, dims: &[usize], values: &[f32]) -> String {
        let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.initializer(name, data_type::FLOAT, dims, raw)
    }

    /// Writes int8 constants and returns their name.
    pub(crate) fn bytes(&mut self, name: &str, dims: &[usize], values: &[i8]) -> String {
        let raw = values.iter().map(|value| value.cast_unsigned()).collect();
        self.initializer(name, data_type::INT8, dims, raw)
    }

    /// Writes int32 constants and returns their name.
    pub(crate) fn ints(&mut self, name: &str, dims: &[usize], values: &[i32]) -> String {
        let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.initializer(name, data_type::INT32, dims, raw)
    }

    /// Writes int64 constants and returns their name.
    pub(crate) fn longs(&mut self, name: &str, values: &[usize]) -> String {
        let raw = values.iter().flat_map(|&value| (value as i64).to_le_bytes()).collect();
        self.initializer(name, data_type::INT64, &[values.len()], raw)
    }

    fn initializer(
        &mut self,
        name: &str,
        data_type: i32,
        dims: &[usize],
        raw_data: Vec<u8>,
    ) -> String {
        let name = self.value_name(name);
        let dims = dims.iter().map(|&dim| dim as i64).collect();
        let tensor =
            TensorProto { dims, data_type, name: name.clone(), raw_data, ..TensorProto::default() };
        self.initializers.push(tensor);
        name
    }

    /// `wanted`, or `wanted_2` and so on if a value has that name already.
    pub(crate) fn value_name(&mut self, wanted: &str) -> String {
        unique(&mut self.value_names, wanted)
    }

    /// `wanted`, or `wanted_2` and so on if a node has that name already.
    pub(crate) fn node_name(&mut self, wanted: &str) -> String {
        unique(&mut self.node_names, wanted)
    }
}

fn unique(taken: &mut HashSet<String>, wanted: &str) -> String {
    let mut name = wanted.to_owned();
    let mut suffix = 2;
    while !taken.insert(name.clone()) {
        name = format!("{wanted}_{suffix}");
        suffix += 1;
    }
    name
}

/// Name, element type and shape of an input or output.
pub(crate) fn value_info(name: String, elem_type: i32, dims: &[usize]) -> ValueInfoProto {
    let dim = dims
        .iter()
        .map(|&dim| DimensionProto { dim_value: Some(dim as i64), dim_param: None })
        .collect();
    let shape = Some(TensorShapeProto { dim });
    let r#type = Some(TypeProto { tensor_type: Some(TensorTypeProto { elem_type, shape }) });
    ValueInfoProto { name, r#type }
}

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
    let padding = window.padding;
    vec![
        ints("kernel_shape", &window.kernel),
        ints("pads", &[padding.top, padding.left, padding.bottom, padding.right]),
        ints("strides", &window.stride),
    ]
}
