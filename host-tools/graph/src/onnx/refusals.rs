//! Tests: each kind of wrong file gets its own error. A valid file is changed in one place.

use super::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, StringStringEntryProto, TensorProto,
    ValueInfoProto, attribute_type, data_type,
};
use super::{Form, OnnxError, read, write};
use crate::testing::seed_cnn;
use prost::Message;

/// The error for the seed CNN's file after `change`.
fn error(form: Form, change: impl FnOnce(&mut ModelProto)) -> OnnxError {
    let mut model = ModelProto::decode(&*write(&seed_cnn(1), form)).unwrap();
    change(&mut model);
    let Err(error) = read(&model.encode_to_vec(), "m.onnx") else { panic!("it was read") };
    let message = error.to_string();
    println!("{message}");
    assert!(message.starts_with("m.onnx: ") && message.contains("; "), "{message}");
    error
}

fn graph(model: &mut ModelProto) -> &mut GraphProto {
    model.graph.as_mut().unwrap()
}

fn constant<'a>(model: &'a mut ModelProto, name: &str) -> &'a mut TensorProto {
    graph(model).initializer.iter_mut().find(|tensor| tensor.name == name).unwrap()
}

fn node<'a>(model: &'a mut ModelProto, op: &str) -> &'a mut NodeProto {
    graph(model).node.iter_mut().find(|node| node.op_type == op).unwrap()
}

fn dim(input: &mut ValueInfoProto, axis: usize) -> &mut Option<i64> {
    let tensor = input.r#type.as_mut().unwrap().tensor_type.as_mut().unwrap();
    &mut tensor.shape.as_mut().unwrap().dim[axis].dim_value
}

macro_rules! assert_refused {
    ($form:ident, $variant:ident, $change:expr) => {
        let error = error(Form::$form, $change);
        assert!(matches!(error, OnnxError::$variant { .. }), "{error:?}");
    };
}

#[test]
fn scales_must_be_positive_normal_numbers() {
    for scale in [f32::NAN, 0.0, -0.5, f32::INFINITY, 1e-40] {
        for name in ["conv1_out_scale", "conv1_weights_scale"] {
            assert_refused!(QLinear, Quantization, |model| {
                constant(model, name).raw_data[..4].copy_from_slice(&scale.to_le_bytes());
            });
        }
    }
}

#[test]
fn zero_points_must_fit_what_they_belong_to() {
    assert_refused!(QLinear, Quantization, |model| {
        constant(model, "conv1_out_zero_point").data_type = data_type::UINT8;
    });
    assert_refused!(Qdq, Quantization, |model| {
        let zero_point = constant(model, "conv1_out_zero_point");
        zero_point.data_type = data_type::INT32;
        zero_point.raw_data = vec![0; 4];
    });
    assert_refused!(Qdq, Quantization, |model| {
        let zero_points = constant(model, "conv1_weights_zero_point");
        zero_points.dims = vec![31];
        zero_points.raw_data.pop();
    });
    assert_refused!(QLinear, Quantization, |model| {
        constant(model, "conv1_weights_zero_point").data_type = data_type::UINT8;
    });
}

#[test]
fn a_tensor_has_one_scale() {
    assert_refused!(QLinear, Quantization, |model| {
        let scale = constant(model, "conv1_out_scale").name.clone();
        node(model, "DequantizeLinear").input[1] = scale;
    });
}

#[test]
fn scales_per_channel_must_be_as_many_as_channels() {
    assert_refused!(QLinear, Quantization, |model| {
        let scales = constant(model, "conv1_weights_scale");
        scales.dims = vec![31];
        scales.raw_data.truncate(31 * 4);
    });
    assert_refused!(Qdq, Quantization, |model| {
        let scales = constant(model, "conv1_out_scale");
        scales.dims = vec![32];
        scales.raw_data = scales.raw_data.repeat(32);
    });
    assert_refused!(QLinear, Operand, |model| {
        let bias = constant(model, "conv1_bias");
        bias.dims = vec![31];
        bias.raw_data.truncate(31 * 4);
    });
}

#[test]
fn constants_must_be_what_they_say() {
    let weights = "conv1_weights";
    assert_refused!(QLinear, Constant, |model| {
        constant(model, weights).raw_data.truncate(9);
    });
    assert_refused!(QLinear, Constant, |model| {
        constant(model, weights).dims = vec![i64::MAX, i64::MAX, 3, 3];
    });
    assert_refused!(QLinear, Constant, |model| {
        constant(model, weights).dims = vec![-32, 1, 3, 3];
    });
    assert_refused!(QLinear, Constant, |model| {
        constant(model, weights).data_type = 8;
    });
    assert_refused!(QLinear, Constant, |model| {
        constant(model, weights).dims = vec![1; 1000];
    });
    assert_refused!(QLinear, ExternalData, |model| {
        constant(model, weights).external_data = vec![StringStringEntryProto {
            key: "location".to_owned(),
            value: "../../etc/passwd".to_owned(),
        }];
    });
    assert_refused!(QLinear, Quantization, |model| {
        let constant = constant(model, weights);
        (constant.dims, constant.raw_data) = (vec![0, 1, 3, 3], Vec::new());
    });
}

#[test]
fn names_must_be_defined_once() {
    assert_refused!(QLinear, Name, |model| {
        node(model, "MaxPool").output[0] = "conv1_out".to_owned();
    });
    assert_refused!(QLinear, Name, |model| {
        node(model, "MaxPool").input[0] = "nowhere".to_owned();
    });
    assert_refused!(QLinear, Constant, |model| {
        let twice = constant(model, "conv1_bias").clone();
        graph(model).initializer.push(twice);
    });
    assert_refused!(QLinear, Interface, |model| {
        graph(model).output[0].name = "nowhere".to_owned();
    });
}

#[test]
fn cycles_are_found() {
    assert_refused!(QLinear, Cycle, |model| {
        let last = graph(model).node.last().unwrap().output[0].clone();
        graph(model).node[0].input[0] = last;
    });
    assert_refused!(QLinear, Cycle, |model| {
        let output = graph(model).node[0].output[0].clone();
        graph(model).node[0].input[0] = output;
    });
}

#[test]
fn there_is_one_input_of_a_fixed_shape() {
    assert_refused!(QLinear, Interface, |model| {
        let mut second = graph(model).input[0].clone();
        second.name = "second".to_owned();
        graph(model).input.push(second);
    });
    assert_refused!(QLinear, Interface, |model| graph(model).input.clear());
    assert_refused!(QLinear, Interface, |model| {
        let second = graph(model).output[0].clone();
        graph(model).output.push(second);
    });
    assert_refused!(QLinear, Interface, |model| graph(model).input[0].r#type = None);
    for size in [None, Some(0), Some(-1), Some(i64::MAX)] {
        assert_refused!(QLinear, DynamicShape, |model| {
            *dim(&mut graph(model).input[0], 2) = size;
        });
    }
    assert_refused!(QLinear, Operand, |model| *dim(&mut graph(model).input[0], 0) = Some(8));
}

#[test]
fn an_open_batch_is_one() {
    let expected = seed_cnn(1);
    let mut model = ModelProto::decode(&*write(&expected, Form::Qdq)).unwrap();
    *dim(&mut graph(&mut model).input[0], 0) = None;
    assert_eq!(read(&model.encode_to_vec(), "m.onnx").as_ref(), Ok(&expected));
}

#[test]
fn operators_must_be_known() {
    for op in ["Convv", "LSTM", "Attention", "If", "Loop", "DynamicQuantizeLinear", "ConvInteger"] {
        assert_refused!(QLinear, UnsupportedOp, |model| {
            node(model, "QLinearConv").op_type = op.to_owned();
        });
    }
    assert_refused!(QLinear, UnsupportedOp, |model| {
        node(model, "QLinearConv").domain = "com.example".to_owned();
    });
    assert_refused!(QLinear, Operand, |model| {
        node(model, "QLinearConv").attribute[0].name = "dilution".to_owned();
    });
    for version in [0, 9, 999] {
        assert_refused!(QLinear, Version, |model| model.opset_import[0].version = version);
    }
    assert_refused!(QLinear, Version, |model| model.opset_import.clear());
    assert_refused!(QLinear, NotOnnx, |model| model.graph = None);
}

#[test]
fn quantization_computed_at_run_time_is_refused() {
    assert_refused!(QLinear, Quantization, |model| {
        let scale = constant(model, "conv1_out_scale").name.clone();
        let computed = NodeProto {
            op_type: "Relu".to_owned(),
            input: vec!["input".to_owned()],
            output: vec![scale.clone()],
            ..Default::default()
        };
        graph(model).initializer.retain(|tensor| tensor.name != scale);
        graph(model).node.insert(0, computed);
    });
}

#[test]
fn a_float_model_names_the_verb_that_quantizes() {
    let error = error(Form::Qdq, |model| {
        let graph = graph(model);
        graph.node.retain(|node| node.op_type == "Conv");
        graph.node.truncate(1);
        graph.node[0].input[0] = "input".to_owned();
        graph.node[0].input[1] = "conv1_weights".to_owned();
        graph.node[0].input.truncate(2);
        graph.output[0].name = graph.node[0].output[0].clone();
    });
    assert!(matches!(error, OnnxError::FloatModel { .. }), "{error:?}");
    assert!(error.to_string().contains("`thumbnet quantize m.onnx`"), "{error}");
}

#[test]
fn a_float_tensor_between_layers_is_refused() {
    assert_refused!(Qdq, Quantization, |model| {
        let float = node(model, "Conv").output[0].clone();
        let mut layers = graph(model).node.iter_mut().filter(|node| node.op_type == "Conv");
        layers.nth(1).unwrap().input[0] = float;
    });
}

#[test]
fn joined_maps_of_two_ranges_are_quantized_before_they_are_transposed() {
    assert_refused!(Qdq, Quantization, |model| {
        let mut layers = graph(model).node.iter().filter(|node| node.op_type == "Conv");
        let map = layers.nth(1).unwrap().input[0].clone();
        let made = |op: &str, input: &[&str], attribute| NodeProto {
            op_type: op.to_owned(),
            input: input.iter().map(|&name| name.to_owned()).collect(),
            output: vec![op.to_owned()],
            attribute,
            ..Default::default()
        };
        let perm = AttributeProto {
            name: "perm".to_owned(),
            ints: vec![0, 1, 3, 2],
            r#type: attribute_type::INTS,
            ..Default::default()
        };
        graph(model).node.extend([
            made("Relu", &[&map], vec![]),
            made("Concat", &[&map, "Relu"], vec![]),
            made("Transpose", &["Concat"], vec![perm]),
            made(
                "QuantizeLinear",
                &["Transpose", "conv1_out_scale", "conv1_out_zero_point"],
                vec![],
            ),
        ]);
        graph(model).output[0].name = "QuantizeLinear".to_owned();
    });
}

#[test]
fn one_constant_in_a_thousand_layers_does_not_grow_the_file() {
    assert_refused!(QLinear, Operand, |model| {
        // The largest layer, again and again; all are added up so that all are needed.
        let layers: Vec<NodeProto> = graph(model)
            .node
            .iter()
            .filter(|node| node.name == "conv5")
            .flat_map(|node| (0..1000).map(move |index| (index, node.clone())))
            .map(|(index, mut node)| {
                node.output[0] = format!("copy{index}");
                node
            })
            .collect();
        let sum = NodeProto {
            op_type: "Concat".to_owned(),
            input: layers.iter().map(|node| node.output[0].clone()).collect(),
            output: vec!["all".to_owned()],
            ..Default::default()
        };
        graph(model).node.extend(layers);
        graph(model).node.push(sum);
        graph(model).output[0].name = "all".to_owned();
    });
}
