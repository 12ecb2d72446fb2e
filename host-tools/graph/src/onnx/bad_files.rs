//! Tests: bad files by hand, each with the one message that its owner reads.

use super::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto,
    TensorProto, data_type,
};
use super::{Form, import, write};
use crate::testing::seed_cnn;
use prost::Message;
use std::time::{Duration, Instant};

/// Long enough for a loaded machine; all of these take milliseconds.
const LONGEST: Duration = Duration::from_secs(5);

fn whole() -> ModelProto {
    ModelProto::decode(&*write(&seed_cnn(1), Form::QLinear)).unwrap()
}

/// The seed CNN's file after `change`.
fn changed(change: impl FnOnce(&mut GraphProto)) -> Vec<u8> {
    let mut model = whole();
    change(model.graph.as_mut().unwrap());
    model.encode_to_vec()
}

fn constant<'a>(graph: &'a mut GraphProto, name: &str) -> &'a mut TensorProto {
    graph.initializer.iter_mut().find(|tensor| tensor.name == name).unwrap()
}

fn node<'a>(graph: &'a mut GraphProto, name: &str) -> &'a mut NodeProto {
    graph.node.iter_mut().find(|node| node.name == name).expect(name)
}

fn with_scale(scale: f32) -> Vec<u8> {
    changed(|graph| constant(graph, "conv1_out_scale").raw_data = scale.to_le_bytes().to_vec())
}

fn call(op: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        name: output.to_owned(),
        op_type: op.to_owned(),
        input: inputs.iter().map(|&name| name.to_owned()).collect(),
        output: vec![output.to_owned()],
        ..Default::default()
    }
}

/// Puts `op` before the first layer.
fn with_first(op: &str, domain: &str) -> Vec<u8> {
    changed(|graph| {
        let mut node = call(op, &["input"], "first");
        node.domain = domain.to_owned();
        graph.node[0].input[0] = "first".to_owned();
        graph.node.insert(0, node);
    })
}

/// `depth` graphs in attributes of nodes in graphs, which the schema does not know but the bytes may
/// say.
fn nested(depth: usize) -> Vec<u8> {
    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2];
        prost::encoding::encode_varint(content.len() as u64, &mut out);
        out.extend_from_slice(content);
        out
    }
    let mut graph = Vec::new();
    for _ in 0..depth {
        // AttributeProto.g, NodeProto.attribute, GraphProto.node.
        graph = field(1, &field(5, &field(6, &graph)));
    }
    let mut file = whole().encode_to_vec();
    file.extend(field(7, &graph));
    file
}

fn bomb(dims: &[i64]) -> Vec<u8> {
    changed(|graph| constant(graph, "conv1_weights").dims = dims.to_vec())
}

/// What is wrong, the file, the message.
fn cases() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let file = whole().encode_to_vec();
    let version = |version| {
        let mut model = whole();
        model.opset_import = vec![OperatorSetIdProto { domain: String::new(), version }];
        model.encode_to_vec()
    };
    let mut flipped = file.clone();
    flipped[2] ^= 0x80;
    vec![
        (
            "cut in half",
            file[..file.len() / 2].to_vec(),
            "m.onnx: not a whole ONNX model: at byte 19 of 62973, a field is longer than what \
             contains it; copy or export the file again: it may be cut off",
        ),
        (
            "a flipped bit",
            flipped,
            "m.onnx: not a whole ONNX model: at byte 141 of 125946, a field has a type that \
             ONNX does not use; copy or export the file again: it may be cut off",
        ),
        (
            "a length of 4 GB",
            vec![0x08, 0x08, 0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f],
            "m.onnx: not a whole ONNX model: at byte 2 of 8, a field is longer than what \
             contains it; copy or export the file again: it may be cut off",
        ),
        (
            "a constant of 1 GB in 288 bytes",
            bomb(&[1024, 1024, 1024]),
            "m.onnx: constant 'conv1_weights': its shape [1024, 1024, 1024] needs 1073741824 \
             values, but it has 288; export the model again",
        ),
        (
            "sides whose product overflows",
            bomb(&[i64::MAX, i64::MAX, 2]),
            "m.onnx: constant 'conv1_weights': the product of its sides overflows; export the \
             model again",
        ),
        (
            "scale NaN",
            with_scale(f32::NAN),
            "m.onnx: node 'conv1' (QLinearConv): its scale 'conv1_out_scale' is NaN; quantize \
             the model again: a scale must be positive and finite",
        ),
        (
            "scale 0",
            with_scale(0.0),
            "m.onnx: node 'conv1' (QLinearConv): its scale 'conv1_out_scale' is 0.0; quantize \
             the model again: a scale must be positive and finite",
        ),
        (
            "scale below 0",
            with_scale(-0.25),
            "m.onnx: node 'conv1' (QLinearConv): its scale 'conv1_out_scale' is -0.25; quantize \
             the model again: a scale must be positive and finite",
        ),
        (
            "scale infinite",
            with_scale(f32::INFINITY),
            "m.onnx: node 'conv1' (QLinearConv): its scale 'conv1_out_scale' is inf; quantize \
             the model again: a scale must be positive and finite",
        ),
        (
            "zero point of 32 bits",
            changed(|graph| {
                let zero_point = constant(graph, "conv1_out_zero_point");
                (zero_point.data_type, zero_point.raw_data) = (data_type::INT32, vec![0, 1, 0, 0]);
            }),
            "m.onnx: node 'conv1' (QLinearConv): its zero point is int32; quantize to int8 or \
             uint8 (in Python: QuantType.QInt8)",
        ),
        (
            "zero point out of range",
            changed(|graph| {
                let zero_point = constant(graph, "conv1_out_zero_point");
                (zero_point.raw_data, zero_point.int32_data) = (Vec::new(), vec![300]);
            }),
            "m.onnx: constant 'conv1_out_zero_point': 300 is out of range; export the model \
             again",
        ),
        (
            "16-bit activations",
            changed(|graph| {
                let zero_point = constant(graph, "conv1_out_zero_point");
                (zero_point.data_type, zero_point.raw_data) = (data_type::INT16, vec![0, 0]);
            }),
            "m.onnx: node 'conv1' (QLinearConv): its zero point is int16; quantize to int8 or \
             uint8 (in Python: QuantType.QInt8)",
        ),
        (
            "31 scales for 32 channels",
            changed(|graph| {
                let scales = constant(graph, "conv1_weights_scale");
                scales.dims = vec![31];
                scales.raw_data.truncate(31 * 4);
            }),
            "m.onnx: node 'conv1' (QLinearConv): it has 31 scales and 32 zero points for \
             weights of shape [32, 1, 3, 3]; give one of each, or one for each channel along \
             its axis",
        ),
        (
            "fewer bytes than sides say",
            changed(|graph| constant(graph, "conv1_weights").raw_data.truncate(9)),
            "m.onnx: constant 'conv1_weights': its shape [32, 1, 3, 3] needs 288 values, but it \
             has 9; export the model again",
        ),
        (
            "a cycle",
            changed(|graph| {
                let last = graph.node.last().unwrap().output[0].clone();
                graph.node[0].input[0] = last;
            }),
            "m.onnx: node 'conv1' (QLinearConv): the graph has a cycle through this node: its \
             inputs depend on its own output; export the model again",
        ),
        (
            "a name given twice",
            changed(|graph| node(graph, "conv5").output[0] = "conv1_out".to_owned()),
            "m.onnx: node 'conv5' (QLinearConv): it makes 'conv1_out', which exists already; \
             export the model again",
        ),
        (
            "an output that nothing makes",
            changed(|graph| graph.output[0].name = "nowhere".to_owned()),
            "m.onnx: no node makes the output 'nowhere'; export the model again",
        ),
        (
            "an input that nothing makes",
            changed(|graph| node(graph, "conv5").input[0] = "nowhere".to_owned()),
            "m.onnx: node 'conv5' (QLinearConv): it reads 'nowhere', which nothing in the file \
             defines; export the model again, with its weights inside the file",
        ),
        (
            "weights in /etc/passwd",
            changed(|graph| {
                let weights = constant(graph, "conv1_weights");
                weights.data_location = 1;
                weights.external_data = vec![StringStringEntryProto {
                    key: "location".to_owned(),
                    value: "../../../etc/passwd".to_owned(),
                }];
            }),
            "m.onnx: constant 'conv1_weights' is stored outside the file: only files in the \
             model's folder are read; save the model again as one file (in Python: \
             onnx.save(onnx.load(path), path, save_as_external_data=False))",
        ),
        (
            "LSTM",
            with_first("LSTM", ""),
            "m.onnx: node 'first' (LSTM): this operator is not supported; use a convolutional \
             network: recurrent layers are not supported",
        ),
        (
            "attention",
            with_first("Attention", "com.microsoft"),
            "m.onnx: node 'first' (com.microsoft Attention): this operator is not supported; \
             use a convolutional network: attention is not supported",
        ),
        (
            "an operator of somebody's own",
            with_first("Magic", "com.example"),
            "m.onnx: node 'first' (com.example Magic): this operator is not supported; use \
             operators of ONNX or of com.microsoft",
        ),
        (
            "an unknown operator",
            with_first("Convv", ""),
            "m.onnx: node 'first' (Convv): this operator is not supported; remove it from the \
             model, or replace it by convolutions, pools, dense layers and sums",
        ),
        (
            "dynamic quantization",
            with_first("DynamicQuantizeLinear", ""),
            "m.onnx: node 'first' (DynamicQuantizeLinear): this operator is not supported; use \
             static quantization with calibration pictures (in Python: \
             onnxruntime.quantization.quantize_static)",
        ),
        (
            "two inputs",
            changed(|graph| {
                let mut second = graph.input[0].clone();
                second.name = "second".to_owned();
                graph.input.push(second);
            }),
            "m.onnx: the model has 2 inputs, not one; export the model with one picture as its \
             only input",
        ),
        (
            "two activations multiplied as matrices",
            {
                let mut model = ModelProto::decode(&*write(&seed_cnn(1), Form::Qdq)).unwrap();
                let graph = model.graph.as_mut().unwrap();
                let real =
                    graph.node.iter().find(|node| node.op_type == "Conv").unwrap().input[0].clone();
                let conv = graph.node.iter_mut().find(|node| node.op_type == "Conv").unwrap();
                *conv = NodeProto {
                    name: conv.name.clone(),
                    output: conv.output.clone(),
                    ..call("MatMul", &[&real, &real], "")
                };
                model.encode_to_vec()
            },
            "m.onnx: node 'conv1' (MatMul): it multiplies two matrices that are computed while \
             the model runs; use constant weights: attention and the like are not supported",
        ),
        (
            "opset 99",
            version(99),
            "m.onnx: it uses version 99 of the ONNX operators; export the model with opset 13 \
             to 21",
        ),
        (
            "opset 7",
            version(7),
            "m.onnx: it uses version 7 of the ONNX operators; export the model with opset 13 to \
             21",
        ),
        (
            "sides left open",
            changed(|graph| {
                let input = graph.input[0].r#type.as_mut().unwrap().tensor_type.as_mut().unwrap();
                for side in &mut input.shape.as_mut().unwrap().dim {
                    side.dim_value = None;
                }
            }),
            "m.onnx: input 'input' has the shape [?, ?, ?, ?], which is not fixed; say it with \
             --input-shape (for example --input-shape 1x3x32x32), or export the model with \
             fixed sizes",
        ),
        (
            "an attribute of the wrong type",
            changed(|graph| {
                let attribute = &mut node(graph, "conv5").attribute[0];
                *attribute = AttributeProto {
                    name: attribute.name.clone(),
                    f: Some(1.0),
                    r#type: 1,
                    ..Default::default()
                };
            }),
            "m.onnx: node 'conv5' (QLinearConv): its attribute 'dilations' has the wrong type; \
             export the model again",
        ),
    ]
}

#[test]
fn each_bad_file_has_its_message() {
    for (what, file, expected) in cases() {
        let started = Instant::now();
        let message = match import(&file, "m.onnx") {
            Ok(_) => "it was read".to_owned(),
            Err(error) => error.to_string(),
        };
        assert!(started.elapsed() < LONGEST, "{what}");
        assert_eq!(message, expected, "{what}");
    }
}

#[test]
fn two_thousand_nested_graphs_need_no_stack() {
    let started = Instant::now();
    // What the schema does not know is skipped; the seed CNN is read as ever.
    assert!(import(&nested(2_000), "m.onnx").is_ok());
    assert!(started.elapsed() < LONGEST);
}

#[test]
fn twenty_thousand_identities_are_read_at_once() {
    let file = changed(|graph| {
        let mut name = "input".to_owned();
        for index in 0..20_000 {
            let next = format!("i{index}");
            graph.node.push(call("Identity", &[&name], &next));
            name = next;
        }
        graph.node[0].input[0] = name;
    });
    let started = Instant::now();
    let (graph, _) = import(&file, "m.onnx").unwrap();
    assert_eq!(graph.nodes.len(), seed_cnn(1).nodes.len());
    println!("{:?}", started.elapsed());
    assert!(started.elapsed() < LONGEST);
}
