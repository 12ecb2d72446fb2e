//! From the messages of a file to a [`RawGraph`].

use super::attributes::constant;
use super::order::{execution_order, live};
use super::{Array, Attributes, Domain, RawGraph, RawNode, interface};
use crate::onnx::error::{OnnxError, quoted};
use crate::onnx::interface::Port;
use crate::onnx::proto::{ModelProto, NodeProto, OperatorSetIdProto, TensorProto};
use crate::onnx::{metadata, write};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// Versions of the standard operators that this reader knows. Scales per channel came with 13;
/// quantization was not standard before 10.
const OPSETS: std::ops::RangeInclusive<i64> = 10..=28;

/// Checks names and order and decodes what the output depends on.
pub(crate) fn raw_graph(
    model: ModelProto,
    file: &str,
    file_bytes: usize,
) -> Result<RawGraph, OnnxError> {
    let opset = opset(&model.opset_import, file)?;
    let graph = model.graph.ok_or_else(|| OnnxError::NotOnnx {
        file: file.to_owned(),
        reason: "it holds no graph".to_owned(),
        rewrite: "give the .onnx file that an exporter wrote".to_owned(),
    })?;
    let input = interface::input(&graph, file)?;
    let (output, output_element) = interface::output(&graph, file)?;
    let name = if graph.name == write::NAMELESS { "" } else { &graph.name };
    let metadata =
        metadata::read(name, &model.producer_name, &model.producer_version, &model.metadata_props);
    let nodes: Vec<RawNode> = graph.node.into_iter().map(raw_node).collect();
    let nodes = ordered(nodes, &input, &graph.initializer, &output, file)?;
    let (nodes, constants) = decode_constants(nodes, graph.initializer, file)?;
    Ok(RawGraph {
        file: file.to_owned(),
        file_bytes,
        opset,
        input,
        output,
        output_element,
        nodes,
        constants,
        metadata,
    })
}

/// The version of the standard operators.
fn opset(imports: &[OperatorSetIdProto], file: &str) -> Result<i64, OnnxError> {
    let standard = imports.iter().find(|import| is_standard(&import.domain));
    let refuse = |reason: String| OnnxError::Version {
        file: file.to_owned(),
        reason,
        rewrite: "export the model with opset 13 to 21".to_owned(),
    };
    let version = standard.map(|import| import.version).ok_or_else(|| {
        refuse("it does not say which version of the ONNX operators it uses".into())
    })?;
    if !OPSETS.contains(&version) {
        return Err(refuse(format!("it uses version {version} of the ONNX operators")));
    }
    Ok(version)
}

fn is_standard(domain: &str) -> bool {
    matches!(domain, "" | "ai.onnx")
}

fn raw_node(node: NodeProto) -> RawNode {
    let domain = match node.domain.as_str() {
        domain if is_standard(domain) => Domain::Standard,
        "com.microsoft" => Domain::Microsoft,
        _ => Domain::Other(node.domain),
    };
    RawNode {
        name: node.name,
        op: node.op_type,
        domain,
        inputs: node.input.into_iter().map(|name| (!name.is_empty()).then_some(name)).collect(),
        outputs: node.output,
        attributes: Attributes::new(node.attribute),
    }
}

/// The nodes that the output depends on, in execution order, after checking that every name is
/// defined once.
fn ordered(
    nodes: Vec<RawNode>,
    input: &Port,
    constants: &[TensorProto],
    output: &str,
    file: &str,
) -> Result<Vec<RawNode>, OnnxError> {
    let mut sources: HashSet<&str> = HashSet::from([input.name.as_str()]);
    for constant in constants {
        if !sources.insert(&constant.name) {
            return Err(OnnxError::Constant {
                file: file.to_owned(),
                tensor: constant.name.clone(),
                reason: "its name is given twice".to_owned(),
                rewrite: "export the model again".to_owned(),
            });
        }
    }
    let makers = makers(&nodes, &sources, file)?;
    for node in &nodes {
        let known =
            |name: &&String| makers.contains_key(name.as_str()) || sources.contains(name.as_str());
        if let Some(name) = node.inputs.iter().flatten().find(|name| !known(name)) {
            return Err(OnnxError::Name {
                place: node.place(file),
                reason: format!("it reads {}, which nothing in the file defines", quoted(name)),
                rewrite: "export the model again, with its weights inside the file".to_owned(),
            });
        }
    }
    if !makers.contains_key(output) {
        return Err(OnnxError::Interface {
            file: file.to_owned(),
            reason: format!("no node makes the output {}", quoted(output)),
            rewrite: "export the model again".to_owned(),
        });
    }
    let order = execution_order(&nodes, &makers, file)?;
    let live = live(&nodes, &makers, output);
    let mut nodes: Vec<Option<RawNode>> = nodes.into_iter().map(Some).collect();
    Ok(order
        .into_iter()
        .filter(|&index| live[index])
        .filter_map(|index| nodes[index].take())
        .collect())
}

/// Which node makes which value.
fn makers<'a>(
    nodes: &'a [RawNode],
    sources: &HashSet<&str>,
    file: &str,
) -> Result<HashMap<&'a str, usize>, OnnxError> {
    let mut makers = HashMap::new();
    for (index, node) in nodes.iter().enumerate() {
        for name in node.outputs.iter().filter(|name| !name.is_empty()) {
            let taken = sources.contains(name.as_str());
            if taken || makers.insert(name.as_str(), index).is_some() {
                return Err(OnnxError::Name {
                    place: node.place(file),
                    reason: format!("it makes {}, which exists already", quoted(name)),
                    rewrite: "export the model again".to_owned(),
                });
            }
        }
    }
    Ok(makers)
}

type Constants = HashMap<String, Rc<Array>>;

/// Decodes the constants that nodes read, those of Constant nodes included, which are dropped.
fn decode_constants(
    nodes: Vec<RawNode>,
    initializers: Vec<TensorProto>,
    file: &str,
) -> Result<(Vec<RawNode>, Constants), OnnxError> {
    let mut kept = Vec::with_capacity(nodes.len());
    let mut constants = Constants::new();
    for mut node in nodes {
        if node.domain == Domain::Standard && node.op == "Constant" {
            let array = Rc::new(constant(&mut node, file)?);
            let name = node.outputs.into_iter().next().unwrap_or_default();
            constants.insert(name, array);
        } else {
            kept.push(node);
        }
    }
    let read: HashSet<&str> =
        kept.iter().flat_map(|node| node.inputs.iter().flatten()).map(String::as_str).collect();
    let used: Vec<TensorProto> =
        initializers.into_iter().filter(|tensor| read.contains(tensor.name.as_str())).collect();
    for tensor in used {
        let name = tensor.name.clone();
        constants.insert(name, Rc::new(Array::decode(tensor, file)?));
    }
    Ok((kept, constants))
}
