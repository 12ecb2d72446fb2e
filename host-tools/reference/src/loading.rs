//! From an ONNX file to a model of tract's: one input at batch 1, outputs where we want to look.

use crate::error::ReferenceError;
use crate::guard::{guard, one_line};
use crate::port::{Port, is_int8};
use crate::tract::{Expose, Mode, OnnxFile};
use thumbnet_simulate::catch_panic;
use tract_onnx::prelude::{
    DatumType, Framework, InferenceFact, InferenceModel, InferenceModelExt, OutletId, TypedModel,
};
use tract_onnx::tract_hir::infer::{DimFact, Factoid};
use tract_onnx::tract_hir::internal::DimLike;

/// The model as it stands in the file.
pub(crate) fn read(file: OnnxFile<'_>) -> Result<InferenceModel, ReferenceError> {
    let not_onnx = |reason| ReferenceError::NotOnnx { file: file.name.to_owned(), reason };
    let onnx = tract_onnx::onnx().with_ignore_value_info(true);
    let decoded = catch_panic(|| onnx.proto_model_for_read(&mut &*file.bytes)).map_err(not_onnx)?;
    let proto = decoded.map_err(|error| not_onnx(one_line(&format!("{error:#}"))))?;
    if proto.graph.is_none() {
        return Err(not_onnx("it holds no graph".to_owned()));
    }
    guard(file, "read", || onnx.model_for_proto_model(&proto))
}

/// Gives the one input batch 1 and returns it.
pub(crate) fn fix_input(
    file: OnnxFile<'_>,
    model: &mut InferenceModel,
) -> Result<Port, ReferenceError> {
    let unfit = |tensor: String, found: String| ReferenceError::Input {
        file: file.name.to_owned(),
        tensor,
        found,
    };
    let inputs = guard(file, "read", || model.input_outlets().map(<[OutletId]>::to_vec))?;
    let &[outlet] = inputs.as_slice() else {
        let names: Vec<_> = inputs.iter().map(|&outlet| name_of(model, outlet)).collect();
        return Err(unfit(names.join("', '"), format!("{} inputs", inputs.len())));
    };
    let name = name_of(model, outlet);
    let fact = guard(file, "read", || model.outlet_fact(outlet).cloned())?;
    let described = one_line(&format!("{fact:?}"));
    let dimensions = batch_one(&fact);
    let kind = fact
        .datum_type
        .concretize()
        .filter(|kind| matches!(kind, DatumType::I8 | DatumType::U8 | DatumType::F32));
    let port = kind
        .zip(dimensions)
        .and_then(|(kind, dimensions)| Port::new(name.clone(), kind, &dimensions))
        .ok_or_else(|| unfit(name, described))?;
    let fact = InferenceFact::dt_shape(port.kind, &*port.dimensions);
    guard(file, "type", || model.set_outlet_fact(outlet, fact))?;
    Ok(port)
}

/// The dimensions of `fact` at batch 1; `None` if another dimension is open.
fn batch_one(fact: &InferenceFact) -> Option<Vec<usize>> {
    if fact.shape.is_open() {
        return None;
    }
    let concrete = |dimension: &DimFact| dimension.concretize()?.to_usize().ok();
    let mut dimensions = fact.shape.dims();
    let batch = concrete(dimensions.next()?).unwrap_or(1);
    let map: Option<Vec<usize>> = dimensions.map(concrete).collect();
    (batch == 1).then(|| map.map(|map| [vec![1], map].concat())).flatten()
}

/// The tensors that `expose` asks for.
pub(crate) fn choose_outlets(
    file: OnnxFile<'_>,
    model: &mut InferenceModel,
    expose: Expose<'_>,
) -> Result<Vec<OutletId>, ReferenceError> {
    if let Expose::Only(name) = expose {
        let found = outlet_named(model, name).ok_or_else(|| ReferenceError::NoSuchTensor {
            file: file.name.to_owned(),
            tensor: name.to_owned(),
            step: name.to_owned(),
        })?;
        return Ok(vec![found]);
    }
    guard(file, "type", || model.analyse(false))?;
    let order = guard(file, "type", || model.eval_order())?;
    let mut outlets = Vec::new();
    for node in order.into_iter().map(|id| model.node(id)) {
        for (slot, output) in node.outputs.iter().enumerate() {
            let kind = output.fact.datum_type.concretize();
            let is_constant = output.fact.value.concretize().is_some();
            if kind.is_some_and(is_int8) && !is_constant && !node.inputs.is_empty() {
                outlets.push(OutletId::new(node.id, slot));
            }
        }
    }
    Ok(outlets)
}

/// The outlet labelled, or of the node named, `name`.
fn outlet_named(model: &InferenceModel, name: &str) -> Option<OutletId> {
    let by_node = || {
        model.nodes().iter().find(|node| node.name == name).map(|node| OutletId::new(node.id, 0))
    };
    model.find_outlet_label(name).or_else(by_node)
}

/// The ONNX name of a tensor: tract labels what nodes make; inputs are nodes of that name.
pub(crate) fn name_of(model: &InferenceModel, outlet: OutletId) -> String {
    model.outlet_label(outlet).unwrap_or(&model.node(outlet.node).name).to_owned()
}

/// Takes the typed model as far as `mode` says.
pub(crate) fn prepare(
    file: OnnxFile<'_>,
    typed: TypedModel,
    mode: Mode,
) -> Result<TypedModel, ReferenceError> {
    match mode {
        Mode::Decluttered => guard(file, "declutter", || typed.into_decluttered()),
        Mode::Optimized => guard(file, "optimize", || typed.into_optimized()),
    }
}

/// The ports of the prepared model's outputs, which are called `names` in the file.
pub(crate) fn ports(
    file: OnnxFile<'_>,
    model: &TypedModel,
    names: Vec<String>,
) -> Result<Vec<Port>, ReferenceError> {
    let port = |(index, name): (usize, String)| {
        let fact = guard(file, "type", || model.output_fact(index).cloned())?;
        let dimensions = fact.shape.as_concrete().map(<[usize]>::to_vec);
        let described = one_line(&format!("{fact:?}"));
        dimensions
            .and_then(|dimensions| Port::new(name.clone(), fact.datum_type, &dimensions))
            .ok_or(ReferenceError::Tract {
                file: file.name.to_owned(),
                step: "type",
                reason: format!("tensor '{name}' is {described}, not a map of fixed size"),
            })
    };
    names.into_iter().enumerate().map(port).collect()
}
