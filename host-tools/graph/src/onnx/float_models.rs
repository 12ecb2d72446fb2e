//! Tests: float models as other tools export them, built node by node.

use super::proto::{
    AttributeProto, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto, attribute_type,
    data_type,
};
use super::{Form, OnnxError, read_float, write};
use crate::codes_op::Axis;
use crate::formula::{Binary, Formula, Unary};
use crate::graph::FloatGraph;
use crate::op::{FloatWeights, Op};
use crate::real_op::RealOp;
use crate::testing::seed_cnn;
use prost::Message;
use thumbnet_kernels::geometry::{Padding, Shape, Window};
use thumbnet_kernels::portable::Function;

/// A model in the making: each node reads the value that was made last.
struct Model {
    graph: GraphProto,
    here: String,
}

impl Model {
    fn new(dims: &[i64]) -> Self {
        let mut graph = GraphProto::default();
        graph.input.push(value("x", dims));
        Self { graph, here: "x".to_owned() }
    }

    fn constant(&mut self, name: &str, dims: &[i64], values: &[f32]) -> &mut Self {
        self.graph.initializer.push(TensorProto {
            name: name.to_owned(),
            dims: dims.to_vec(),
            data_type: data_type::FLOAT,
            float_data: values.to_vec(),
            ..Default::default()
        });
        self
    }

    fn node(&mut self, op: &str, constants: &[&str], attribute: Vec<AttributeProto>) -> &mut Self {
        let mut input = vec![self.here.clone()];
        input.extend(constants.iter().map(|name| (*name).to_owned()));
        self.node_of(op, input, attribute)
    }

    fn node_of(
        &mut self,
        op: &str,
        input: Vec<String>,
        attribute: Vec<AttributeProto>,
    ) -> &mut Self {
        self.here = format!("{op}{}", self.graph.node.len());
        self.graph.node.push(NodeProto {
            name: self.here.clone(),
            op_type: op.to_owned(),
            input,
            output: vec![self.here.clone()],
            attribute,
            ..Default::default()
        });
        self
    }

    fn read(&self) -> Result<FloatGraph, OnnxError> {
        let mut graph = self.graph.clone();
        graph.output.push(value(&self.here, &[]));
        let version = OperatorSetIdProto { domain: String::new(), version: 17 };
        let model =
            ModelProto { graph: Some(graph), opset_import: vec![version], ..Default::default() };
        read_float(&model.encode_to_vec(), "m.onnx")
    }

    fn graph(&self) -> FloatGraph {
        self.read().unwrap_or_else(|error| panic!("{error}"))
    }

    fn refusal(&self) -> String {
        let message = self.read().expect_err("a refusal").to_string();
        println!("{message}");
        assert!(message.starts_with("m.onnx: ") && message.contains("; "), "{message}");
        message
    }
}

fn value(name: &str, dims: &[i64]) -> ValueInfoProto {
    let dim = |&size: &i64| DimensionProto { dim_value: Some(size), dim_param: None };
    let shape = Some(TensorShapeProto { dim: dims.iter().map(dim).collect() });
    let tensor_type = Some(TensorTypeProto { elem_type: data_type::FLOAT, shape });
    ValueInfoProto { name: name.to_owned(), r#type: Some(TypeProto { tensor_type }) }
}

fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        ints: values.to_vec(),
        r#type: attribute_type::INTS,
        ..Default::default()
    }
}

fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: name.to_owned(),
        i: Some(value),
        r#type: attribute_type::INT,
        ..Default::default()
    }
}

/// The weights of node `index`, which is a convolution with this window and these groups.
fn conv2d(graph: &FloatGraph, index: usize, window: Window, groups: usize) -> &FloatWeights {
    let Op::Conv2d(conv) = &graph.nodes[index].op else { panic!("{:?}", graph.nodes[index]) };
    assert_eq!((conv.window, conv.groups), (window, groups));
    &conv.weights
}

fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|index| index as f32).collect()
}

#[test]
fn weights_are_reordered_to_channels_last() {
    let mut model = Model::new(&[1, 2, 4, 4]);
    model.constant("w", &[3, 2, 1, 3], &numbers(18)).constant("b", &[3], &[5.0, 6.0, 7.0]);
    model.node("Conv", &["w", "b"], vec![ints("pads", &[0, 1, 0, 1])]);
    model.node("Relu", &[], vec![]).node("GlobalAveragePool", &[], vec![]);
    model.node("Flatten", &[], vec![]);
    model.constant("dense", &[4, 3], &numbers(12));
    model.node("Gemm", &["dense"], vec![int("transB", 1)]).node("Softmax", &[], vec![]);
    let graph = model.graph();
    assert_eq!(graph.tensor(graph.input).shape, Shape::new(4, 4, 2));
    assert_eq!(graph.tensor(graph.output).shape, Shape::new(1, 1, 4));
    let padding = Padding { left: 1, right: 1, ..Padding::NONE };
    let window = Window { kernel: [1, 3], padding, ..Window::UNIT };
    let weights = conv2d(&graph, 0, window, 1);
    assert_eq!(weights.values[..6], [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    assert_eq!(weights.bias, [5.0, 6.0, 7.0]);
    let ops: Vec<&str> = graph.nodes.iter().map(|node| node.op.name()).collect();
    assert_eq!(ops, ["Conv", "Relu", "AveragePool", "Conv"]);
    assert_eq!(conv2d(&graph, 3, Window::UNIT, 1).values, numbers(12));
}

#[test]
fn batch_normalization_is_a_scale_and_a_shift_a_channel() {
    let mut model = Model::new(&[1, 2, 3, 3]);
    for (name, values) in
        [("scale", [2.0, 3.0]), ("b", [1.0, -1.0]), ("mean", [4.0, 0.0]), ("variance", [3.0, 0.25])]
    {
        model.constant(name, &[2], &values);
    }
    let epsilon = AttributeProto {
        name: "epsilon".to_owned(),
        f: Some(1.0),
        r#type: attribute_type::FLOAT,
        ..Default::default()
    };
    let names = ["scale", "b", "mean", "variance"];
    model.node("BatchNormalization", &names, vec![epsilon]);
    model.node("GlobalAveragePool", &[], vec![]);
    let graph = model.graph();
    // 2 / sqrt(3 + 1) = 1; 3 / sqrt(0.25 + 1).
    let weights = conv2d(&graph, 0, Window::UNIT, 2);
    assert_eq!(weights.values, [1.0, (3.0 / 1.25f64.sqrt()) as f32]);
    assert_eq!(weights.bias, [1.0 - 4.0, -1.0]);

    model.constant("negative", &[2], &[-2.0, 1.0]);
    model.node("BatchNormalization", &["scale", "b", "mean", "negative"], vec![]);
    assert!(model.refusal().contains("not a number"));
}

#[test]
fn channels_last_models_are_read_in_memory_order() {
    let mut model = Model::new(&[1, 5, 5, 3]);
    model.constant("mean", &[3], &[0.5, 0.25, 0.125]).constant("deviation", &[], &[0.5]);
    model.node("Sub", &["mean"], vec![]).node("Div", &["deviation"], vec![]);
    model.node("Transpose", &[], vec![ints("perm", &[0, 3, 1, 2])]);
    model.constant("w", &[4, 3, 5, 5], &numbers(300));
    model.node("Conv", &["w"], vec![]).node("Transpose", &[], vec![ints("perm", &[0, 2, 3, 1])]);
    model.constant("b", &[1, 1, 1, 4], &[1.0, 2.0, 3.0, 4.0]).node("Add", &["b"], vec![]);
    let graph = model.graph();
    assert_eq!(graph.tensor(graph.input).shape, Shape::new(5, 5, 3));
    assert_eq!(conv2d(&graph, 0, Window::UNIT, 3).bias, [-0.5, -0.25, -0.125]);
    assert_eq!(conv2d(&graph, 1, Window::UNIT, 3).values, [2.0; 3]);
    assert_eq!(conv2d(&graph, 3, Window::UNIT, 4).bias, [1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn relu6_is_a_clip_with_room_on_both_sides_of_0() {
    let clipped = |low: f32, high: f32| {
        let mut model = Model::new(&[1, 1, 2, 2]);
        model.constant("low", &[], &[low]).constant("high", &[], &[high]);
        model.node("Clip", &["low", "high"], vec![]);
        model
    };
    assert_eq!(clipped(0.0, 6.0).graph().nodes[0].op, Op::Clip([0.0, 6.0]));
    assert_eq!(clipped(-1.0, 1.0).graph().nodes[0].op, Op::Clip([-1.0, 1.0]));
    assert_eq!(clipped(0.0, f32::INFINITY).graph().nodes[0].op, Op::Relu);
    for (low, high) in [(0.5, 6.0), (-6.0, 0.0), (6.0, 0.0)] {
        let clip = Formula::unary(Unary::Clip([low, high]), Formula::Element);
        assert_eq!(clipped(low, high).graph().nodes[0].op, function(clip));
    }
}

#[test]
fn a_constant_on_the_left_is_subtracted_from() {
    let mut model = Model::new(&[1, 1, 2, 2]);
    model.constant("one", &[1, 1, 1], &[1.0]);
    model.node_of("Sub", vec!["one".to_owned(), "x".to_owned()], vec![]);
    let graph = model.graph();
    let weights = conv2d(&graph, 0, Window::UNIT, 1);
    assert_eq!((weights.values[0], weights.bias[0]), (-1.0, 1.0));
    model.node_of("Div", vec!["one".to_owned(), "x".to_owned()], vec![]);
    let one = Formula::Numbers(vec![1.0]);
    let quotient = Formula::binary(Binary::Div, one, Formula::Element);
    assert_eq!(model.graph().nodes[0].op, function(quotient));
}

fn function(formula: Formula) -> Op<FloatWeights> {
    Op::Real(RealOp::Function(formula))
}

#[test]
fn an_operator_on_two_functions_of_one_map_is_one_function() {
    let mut model = Model::new(&[1, 2, 1, 1]);
    model.node("Sigmoid", &[], vec![]).node("Mul", &["x"], vec![]);
    let graph = model.graph();
    assert_eq!((graph.nodes.len(), graph.tensors.len()), (1, 2));
    let Op::Real(RealOp::Function(silu)) = &graph.nodes[0].op else { panic!("a function") };
    assert!((silu.at(1.0, 0) - 0.731_058_6).abs() < 1e-6);
    // x * clip(x + 3, 0, 6) / 6: the division comes after the map's last second reading.
    let mut model = Model::new(&[1, 2, 1, 1]);
    model.constant("three", &[], &[3.0]).constant("six", &[], &[6.0]).constant("zero", &[], &[0.0]);
    model.node("Add", &["three"], vec![]).node("Clip", &["zero", "six"], vec![]);
    model.node("Mul", &["x"], vec![]).node("Div", &["six"], vec![]);
    let graph = model.graph();
    let names: Vec<&str> = graph.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["Mul2", "Div3"]);
}

#[test]
fn maps_are_joined_gated_padded_and_shuffled() {
    let mut model = Model::new(&[1, 4, 4, 6]);
    let padding = TensorProto {
        name: "pads".to_owned(),
        dims: vec![8],
        data_type: data_type::INT64,
        int64_data: vec![0, 0, 1, 0, 0, 0, 0, 2],
        ..Default::default()
    };
    let shape = |name: &str, dims: &[i64]| TensorProto {
        name: name.to_owned(),
        dims: vec![dims.len() as i64],
        data_type: data_type::INT64,
        int64_data: dims.to_vec(),
        ..Default::default()
    };
    model.graph.initializer.extend([
        padding,
        shape("groups", &[1, 2, 4, 5, 8]),
        shape("map", &[1, 8, 5, 8]),
    ]);
    model.node("Concat", &["x"], vec![int("axis", 1)]).node("Pad", &["pads"], vec![]);
    let padded = model.here.clone();
    model.node("GlobalAveragePool", &[], vec![]).node("Mul", &[&padded], vec![]);
    model.node("Reshape", &["groups"], vec![]);
    model.node("Transpose", &[], vec![ints("perm", &[0, 2, 1, 3, 4])]);
    model.node("Reshape", &["map"], vec![]).node("GlobalMaxPool", &[], vec![]);
    let graph = model.graph();
    let [concat, pad, _, gate, shuffle, _] = &graph.nodes[..] else { panic!("{:?}", graph.nodes) };
    assert_eq!(concat.op, Op::Real(RealOp::Concat(Axis::Channels)));
    let border = Padding { top: 1, left: 0, bottom: 0, right: 2 };
    assert_eq!(pad.op, Op::Real(RealOp::Pad(border, 0.0)));
    assert_eq!(gate.op, Op::Real(RealOp::Combine(Function::Multiply)));
    // The map comes first, whatever the file says.
    assert_eq!(gate.inputs[0], pad.output);
    assert!(matches!(shuffle.op, Op::Real(RealOp::Rearrange(Shape { h: 5, w: 8, c: 8 }, _))));
}

#[test]
fn a_slope_for_each_channel_is_a_function() {
    let mut model = Model::new(&[1, 3, 1, 1]);
    model.constant("slopes", &[3, 1, 1], &[0.5, 0.25, 0.1]).node("PRelu", &["slopes"], vec![]);
    let slopes = Formula::Numbers(vec![0.5, 0.25, 0.1]);
    let leak = Formula::binary(Binary::PRelu, Formula::Element, slopes);
    assert_eq!(model.graph().nodes[0].op, function(leak));
    let mut model = Model::new(&[1, 3, 1, 1]);
    model.constant("high", &[], &[6.0]).node("Min", &["high"], vec![]);
    assert_eq!(model.graph().nodes[0].op, Op::Clip([f32::NEG_INFINITY, 6.0]));
}

#[test]
fn averages_count_padding_or_not() {
    for counts in [0, 1] {
        let mut model = Model::new(&[1, 2, 4, 4]);
        let attributes = vec![
            ints("kernel_shape", &[3, 3]),
            ints("pads", &[1, 1, 1, 1]),
            int("count_include_pad", counts),
        ];
        model.node("AveragePool", &[], attributes).node("GlobalMaxPool", &[], vec![]);
        let mean = &model.graph().nodes[0].op;
        let counted = matches!(mean, Op::Real(RealOp::Mean { counts_padding: true, .. }));
        assert_eq!(counted, counts == 1, "{mean:?}");
    }
}

#[test]
fn what_is_no_float_classifier_is_refused_by_name() {
    let quantized = read_float(&write(&seed_cnn(1), Form::Qdq), "m.onnx");
    assert!(matches!(quantized, Err(OnnxError::Quantized { .. })), "{quantized:?}");

    let refusal = |op: &str, dims: &[i64], values: &[f32]| {
        let mut model = Model::new(&[1, 2, 2, 2]);
        model.node("Relu", &[], vec![]).constant("c", dims, values).node(op, &["c"], vec![]);
        model.refusal()
    };
    for (op, dims, count, words) in [
        ("Mul", &[2, 2][..], 4, "not one number a channel"),
        ("Mul", &[2], 2, "not that of the channels"),
        ("Div", &[], 1, "infinite or not a number"),
        ("LSTM", &[1], 1, "recurrent layers are not supported"),
        ("Sinh", &[1], 1, "not supported"),
    ] {
        let message = refusal(op, dims, &vec![0.0; count]);
        assert!(message.contains(words), "{message}");
    }
    assert!(refusal("Mul", &[1], &[f32::NAN]).contains("infinite or not a number"));
    let mut quotient = Model::new(&[1, 2, 2, 2]);
    quotient.node("GlobalMaxPool", &[], vec![]).node("Div", &["x"], vec![]);
    assert!(quotient.refusal().contains("it combines two different maps"));
    let mut unbiased = Model::new(&[1, 1, 2, 2]);
    unbiased.constant("w", &[2, 1, 1, 1], &[1.0, 2.0]).constant("b", &[3], &[0.0; 3]);
    unbiased.node("Conv", &["w", "b"], vec![]);
    assert!(unbiased.refusal().contains("its bias has 3 values for 2 output channels"));
}
