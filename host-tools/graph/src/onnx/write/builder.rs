//! Collects nodes and constants under unique names.

use crate::graph::{Graph, TensorId};
use crate::onnx::proto::{
    AttributeProto, DimensionProto, NodeProto, TensorProto, TensorShapeProto, TensorTypeProto,
    TypeProto, ValueInfoProto, data_type,
};
use std::collections::HashSet;

/// The parts of a model that grow while its nodes are written.
pub(crate) struct Builder<'a, W, F> {
    pub(crate) graph: &'a Graph<W, F>,
    nodes: Vec<NodeProto>,
    initializers: Vec<TensorProto>,
    /// Names of values: tensors and constants.
    value_names: HashSet<String>,
    node_names: HashSet<String>,
    /// Per tensor of the graph.
    pub(super) tensors: Vec<TensorNames>,
}

/// What a tensor is called, and what has been written for it so far.
pub(super) struct TensorNames {
    name: String,
    /// Of its dequantized codes.
    pub(super) real: Option<String>,
    /// Of its scale and zero point.
    pub(super) parameters: Option<[String; 2]>,
}

impl<'a, W, F> Builder<'a, W, F> {
    /// An empty model in which the names of `graph` are taken.
    pub(crate) fn new(graph: &'a Graph<W, F>) -> Self {
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
            let name = unique(&mut builder.value_names, wanted);
            builder.tensors.push(TensorNames { name, real: None, parameters: None });
        }
        builder
    }

    /// Nodes and constants, in the order they were written.
    pub(crate) fn finish(self) -> (Vec<NodeProto>, Vec<TensorProto>) {
        (self.nodes, self.initializers)
    }

    /// The name of the tensor `id`.
    pub(crate) fn name(&self, id: TensorId) -> String {
        self.tensors[id.0].name.clone()
    }

    /// The declaration of the graph's input.
    pub(crate) fn input(&self, element: i32) -> ValueInfoProto {
        let input = self.graph.input;
        let shape = self.graph.tensor(input).shape;
        value_info(self.name(input), element, &[1, shape.c, shape.h, shape.w])
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
