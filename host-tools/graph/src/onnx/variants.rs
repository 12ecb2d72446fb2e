//! Tests: the many ways in which other tools write the same network are read as the same graph. The
//! seed CNN's file is rewritten as another exporter would have written it.

use super::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, attribute_type,
    data_type,
};
use super::{Form, import, read, write};
use crate::codes_op::{CodesOp, Mean, MeanArithmetic, ZeroPoint};
use crate::evaluate::{evaluate, float_sums};
use crate::graph::{Int8Graph, Quantization, Tensor};
use crate::op::Op;
use crate::testing::seed_cnn;
use prost::Message;
use thumbnet_kernels::geometry::{Padding, Shape, Window};
use thumbnet_kernels::portable::SumOrder;

/// The seed CNN's file after `rewrite`, read again.
fn reread(form: Form, rewrite: impl FnOnce(&mut GraphProto)) -> Int8Graph {
    rewritten(&seed_cnn(1), form, rewrite)
}

fn rewritten(graph: &Int8Graph, form: Form, rewrite: impl FnOnce(&mut GraphProto)) -> Int8Graph {
    let mut model = ModelProto::decode(&*write(graph, form)).unwrap();
    rewrite(model.graph.as_mut().unwrap());
    read(&model.encode_to_vec(), "variant.onnx").unwrap_or_else(|error| panic!("{error}"))
}

fn node<'a>(graph: &'a mut GraphProto, name: &str) -> &'a mut NodeProto {
    graph.node.iter_mut().find(|node| node.name == name).unwrap()
}

fn constant<'a>(graph: &'a mut GraphProto, name: &str) -> &'a mut TensorProto {
    graph.initializer.iter_mut().find(|tensor| tensor.name == name).unwrap()
}

/// Puts `op` between a value and whoever reads it, right before its first reader.
fn insert(graph: &mut GraphProto, op: &str, after: &str, attributes: Vec<AttributeProto>) {
    let made = format!("{after}_{op}");
    let first = graph.node.iter().position(|node| node.input.iter().any(|name| name == after));
    for name in graph.node.iter_mut().flat_map(|node| &mut node.input) {
        if name == after {
            name.clone_from(&made);
        }
    }
    let node = NodeProto {
        name: made.clone(),
        op_type: op.to_owned(),
        input: vec![after.to_owned()],
        output: vec![made],
        attribute: attributes,
        ..Default::default()
    };
    graph.node.insert(first.unwrap(), node);
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

fn shape(graph: &mut GraphProto, name: &str, values: &[i64]) {
    graph.initializer.push(TensorProto {
        name: name.to_owned(),
        dims: vec![values.len() as i64],
        data_type: data_type::INT64,
        int64_data: values.to_vec(),
        ..Default::default()
    });
}

fn set_input(input: &mut ValueInfoProto, elem_type: i32, dims: &[i64]) {
    let tensor = input.r#type.as_mut().unwrap().tensor_type.as_mut().unwrap();
    tensor.elem_type = elem_type;
    let shape = tensor.shape.as_mut().unwrap();
    shape.dim.resize(dims.len(), Default::default());
    for (side, &dim) in shape.dim.iter_mut().zip(dims) {
        side.dim_value = Some(dim);
    }
}

/// Replaces the convolutions of the dense layers by a Flatten and Gemms.
fn gemms(graph: &mut GraphProto) {
    insert(graph, "Flatten", "step4_out_real", vec![]);
    for (layer, dims) in [("conv5", [64, 1600]), ("conv6", [10, 64])] {
        let gemm = node(graph, layer);
        gemm.op_type = "Gemm".to_owned();
        gemm.attribute = vec![int("transB", 1)];
        constant(graph, &format!("{layer}_weights")).dims = dims.to_vec();
    }
}

#[test]
fn unsigned_codes_become_signed_ones() {
    for form in [Form::QLinear, Form::Qdq] {
        let graph = reread(form, |graph| {
            set_input(&mut graph.input[0], data_type::UINT8, &[1, 1, 28, 28]);
            for tensor in &mut graph.initializer {
                let of_map = tensor.name.ends_with("_zero_point") && tensor.dims.is_empty();
                if of_map {
                    tensor.data_type = data_type::UINT8;
                    tensor.raw_data[0] ^= 0x80;
                }
            }
        });
        assert_eq!(graph, seed_cnn(1));
    }
}

#[test]
fn a_float_input_is_quantized_outside() {
    let graph = reread(Form::Qdq, |graph| {
        set_input(&mut graph.input[0], data_type::FLOAT, &[1, 1, 28, 28]);
        graph.input[0].name = "picture".to_owned();
        graph.node.push(NodeProto {
            op_type: "QuantizeLinear".to_owned(),
            input: ["picture", "input_scale", "input_zero_point"].map(String::from).to_vec(),
            output: vec!["input".to_owned()],
            ..Default::default()
        });
    });
    assert_eq!(graph, seed_cnn(1));
}

#[test]
fn channels_may_come_last_in_the_file() {
    let graph = reread(Form::QLinear, |graph| {
        insert(graph, "Transpose", "input", vec![ints("perm", &[0, 3, 1, 2])]);
        set_input(&mut graph.input[0], data_type::INT8, &[1, 28, 28, 1]);
    });
    assert_eq!(graph, seed_cnn(1));
}

#[test]
fn the_input_may_be_flat() {
    let graph = reread(Form::Qdq, |graph| {
        shape(graph, "map", &[-1, 1, 28, 28]);
        insert(graph, "Reshape", "input", vec![]);
        node(graph, "input_Reshape").input.push("map".to_owned());
        set_input(&mut graph.input[0], data_type::INT8, &[1, 784]);
    });
    assert_eq!(graph, seed_cnn(1));
}

#[test]
fn dense_layers_are_convolutions_over_the_whole_map() {
    assert_eq!(reread(Form::Qdq, gemms), seed_cnn(1));
}

#[test]
fn a_matrix_product_and_a_sum_are_a_dense_layer() {
    let graph = reread(Form::Qdq, |graph| {
        gemms(graph);
        let layer = node(graph, "conv6");
        layer.op_type = "MatMul".to_owned();
        layer.attribute.clear();
        let bias = layer.input.pop().unwrap();
        let product = layer.output[0].clone();
        insert(graph, "Add", &product, vec![]);
        node(graph, &format!("{product}_Add")).input.push(bias);
        // The weights are transposed in the file, so their scales run along its second axis.
        let weights = constant(graph, "conv6_weights");
        weights.dims = vec![64, 10];
        let transposed = (0..640).map(|at| weights.raw_data[at % 10 * 64 + at / 10]).collect();
        weights.raw_data = transposed;
        node(graph, "conv6_weights_dequantize").attribute = vec![int("axis", 1)];
    });
    assert_eq!(graph, seed_cnn(1));
}

#[test]
fn shapes_may_be_computed_from_shapes() {
    let graph = reread(Form::Qdq, |graph| {
        gemms(graph);
        shape(graph, "zero", &[0]);
        shape(graph, "one", &[1]);
        shape(graph, "rest", &[-1]);
        let made = |op: &str, inputs: &[&str], output: &str| NodeProto {
            op_type: op.to_owned(),
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: vec![output.to_owned()],
            ..Default::default()
        };
        let mut concat = made("Concat", &["batch", "rest"], "wanted");
        concat.attribute = vec![int("axis", 0)];
        let mut wide = made("Cast", &["wanted"], "wanted_wide");
        wide.attribute = vec![int("to", 7)];
        let flatten = node(graph, "step4_out_real_Flatten");
        flatten.op_type = "Reshape".to_owned();
        flatten.input.push("wanted_wide".to_owned());
        graph.node.extend([
            made("Shape", &["step4_out_real"], "shape"),
            made("Slice", &["shape", "zero", "one", "zero"], "batch"),
            concat,
            wide,
        ]);
    });
    assert_eq!(graph, seed_cnn(1));
}

#[test]
fn rectifiers_disappear_in_the_clamp_of_the_codes() {
    let graph = reread(Form::Qdq, |graph| {
        insert(graph, "Relu", "conv1_out_exact", vec![]);
        insert(graph, "Clip", "conv3_out_exact", vec![]);
        graph.initializer.push(TensorProto {
            name: "zero".to_owned(),
            data_type: data_type::FLOAT,
            float_data: vec![0.0],
            ..Default::default()
        });
        node(graph, "conv3_out_exact_Clip").input.push("zero".to_owned());
    });
    assert_eq!(graph, seed_cnn(1));
}

#[test]
fn a_rectifier_above_the_lowest_code_is_a_node() {
    let graph = reread(Form::Qdq, |graph| {
        insert(graph, "Relu", "conv5_out_exact", vec![]);
    });
    let relu = graph.nodes.iter().find(|node| matches!(node.op, Op::Relu)).unwrap();
    assert_eq!(relu.name, "conv5_out_exact_Relu");
    assert_eq!(graph.tensor(relu.output).name, "conv5_out");
    assert_eq!(graph.nodes.len(), seed_cnn(1).nodes.len() + 1);
}

#[test]
fn the_order_of_nodes_and_names_nobody_reads_do_not_matter() {
    let graph = reread(Form::Qdq, |graph| {
        graph.node.reverse();
        graph.node.push(NodeProto {
            op_type: "LSTM".to_owned(),
            input: vec!["input".to_owned()],
            output: vec!["unused".to_owned()],
            ..Default::default()
        });
    });
    assert_eq!(graph, seed_cnn(1));
}

#[test]
fn constants_may_be_nodes() {
    let graph = reread(Form::QLinear, |graph| {
        for tensor in std::mem::take(&mut graph.initializer) {
            let value = AttributeProto {
                name: "value".to_owned(),
                r#type: 4,
                t: Some(Box::new(TensorProto { name: String::new(), ..tensor.clone() })),
                ..Default::default()
            };
            graph.node.push(NodeProto {
                op_type: "Constant".to_owned(),
                output: vec![tensor.name],
                attribute: vec![value],
                ..Default::default()
            });
        }
    });
    assert_eq!(graph, seed_cnn(1));
}

#[test]
fn a_quantized_gemm_of_onnxruntime_is_a_dense_layer() {
    let graph = reread(Form::QLinear, |graph| {
        insert(graph, "Flatten", "conv5_out", vec![]);
        let layer = node(graph, "conv6");
        "QGemm".clone_into(&mut layer.op_type);
        "com.microsoft".clone_into(&mut layer.domain);
        layer.attribute = vec![int("transB", 1)];
        let bias = layer.input.pop().unwrap();
        layer.input.insert(6, bias);
        constant(graph, "conv6_weights").dims = vec![10, 64];
    });
    assert_eq!(graph, seed_cnn(1));
}

#[test]
fn padding_may_be_said_in_words() {
    let mut expected = seed_cnn(1);
    let padding = Padding { top: 1, left: 1, bottom: 1, right: 1 };
    let Op::Conv2d(conv) = &mut expected.nodes[0].op else { unreachable!("conv1") };
    conv.window = Window { padding, ..conv.window };
    // Only the first layer is kept, and its pool rounds up.
    expected.nodes.truncate(2);
    expected.tensors.truncate(3);
    expected.tensors[1].shape = Shape::new(28, 28, 32);
    let window = Window { stride: [3, 3], ..Window::square(2, 2) };
    expected.nodes[1].op = Op::MaxPool2d(window);
    expected.tensors[2].shape = Shape::new(9, 9, 32);
    expected.output = expected.nodes[1].output;
    assert_eq!(expected.validate(), Ok(()));
    let graph = rewritten(&expected, Form::Qdq, |graph| {
        let conv = node(graph, "conv1");
        conv.attribute.retain(|attribute| attribute.name != "pads");
        conv.attribute.push(AttributeProto {
            name: "auto_pad".to_owned(),
            s: Some(b"SAME_UPPER".to_vec()),
            r#type: attribute_type::STRING,
            ..Default::default()
        });
        node(graph, "step2").attribute.push(int("ceil_mode", 1));
    });
    let padding = Padding { top: 0, left: 0, bottom: 1, right: 1 };
    expected.nodes[1].op = Op::MaxPool2d(Window { padding, ..window });
    expected.tensors[2].shape = Shape::new(10, 10, 32);
    assert_eq!(graph, expected);
}

#[test]
fn layers_between_dequantized_maps_are_summed_in_float() {
    let graph = seed_cnn(1);
    let layers = graph.nodes.iter().filter(|node| matches!(node.op, Op::Conv2d(_))).count();
    for (form, count) in [(Form::QLinear, 0), (Form::Qdq, layers)] {
        let (graph, interface) = import(&write(&graph, form), "m.onnx").unwrap();
        assert_eq!(interface.float_sums().len(), count);
        let codes = evaluate(&graph, &[17; 784]);
        let sums = float_sums(&graph, interface.float_sums(), &codes);
        // Scales of our own QDQ files are such that sums in float are exact.
        assert!(sums.iter().all(|layer| layer.otherwise == 0), "{sums:?}");
        assert_eq!(sums.len(), count);
    }
}

#[test]
fn means_over_the_map_are_average_pools() {
    let mut expected = seed_cnn(1);
    expected.nodes.truncate(4);
    expected.tensors.truncate(5);
    let mean = |order| {
        let arithmetic = MeanArithmetic::Real(order, ZeroPoint::AfterRounding);
        Op::Codes(CodesOp::Mean(Mean::whole(Shape::new(11, 11, 64), arithmetic)))
    };
    expected.nodes[3].op = mean(SumOrder::Lanes);
    let format = Quantization { scale: 0.01, zero_point: -100 };
    let shape = Shape::new(1, 1, 64);
    expected.tensors[4] = Tensor { name: "step4_out".to_owned(), shape, format };
    expected.output = expected.nodes[3].output;
    let written = expected.clone();
    for (op, order, attributes) in [
        ("GlobalAveragePool", SumOrder::Lanes, vec![]),
        ("ReduceMean", SumOrder::Packets, vec![ints("axes", &[2, 3])]),
        ("ReduceMean", SumOrder::Packets, vec![ints("axes", &[-1, -2]), int("keepdims", 0)]),
    ] {
        expected.nodes[3].op = mean(order);
        let graph = rewritten(&written, Form::QLinear, |graph| {
            let mean = node(graph, "step4");
            op.clone_into(&mut mean.op_type);
            mean.attribute = attributes;
        });
        assert_eq!(graph, expected);
    }
}
