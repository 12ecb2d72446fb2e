//! Operators on constants, computed now: exporters compute shapes while the model runs.

use super::Lowering;
use super::formats::normalized;
use super::precision::Precision;
use super::value::{QuantizedConstant, Value};
use super::views::is_view;
use crate::onnx::error::OnnxError;
use crate::onnx::proto::data_type;
use crate::onnx::raw::{Array, Data, Domain, MAX_RANK, RawNode, element_count};
use std::rc::Rc;

impl<P: Precision> Lowering<'_, P> {
    /// The inputs of `node` if every one is a constant.
    pub(crate) fn constant_inputs(&self, node: &RawNode) -> Option<Vec<Rc<Array>>> {
        // Some tools quantize float shapes too.
        let is_arithmetic = matches!(node.op.as_str(), "Cast" | "Gather" | "Concat" | "Slice");
        let constant = |name: &String| match self.values.get(name.as_str()) {
            Some(Value::Constant(array)) => Some(Rc::clone(array)),
            Some(Value::Weights(shape)) if is_arithmetic && shape.codes.data.len() <= MAX_RANK => {
                dequantized(shape)
            }
            _ => None,
        };
        let inputs: Option<Vec<_>> = node.inputs.iter().flatten().map(constant).collect();
        inputs.filter(|inputs| !inputs.is_empty() && node.domain == Domain::Standard)
    }

    /// The result of `node` over `inputs`, or `None` if it is no operator that is folded.
    pub(crate) fn fold(
        &mut self,
        node: &RawNode,
        inputs: &[Rc<Array>],
    ) -> Result<Option<Value>, OnnxError> {
        let result = match node.op.as_str() {
            "Cast" => {
                let to = node.int(&self.raw.file, "to", 0)?;
                cast_any(&inputs[0].data, to)
                    .map(|data| Array { dims: inputs[0].dims.clone(), data })
            }
            "ConstantOfShape" => constant_of_shape(node, &inputs[0], &self.raw.file)?,
            "Gather" => gather(inputs, node.int(&self.raw.file, "axis", 0)?),
            "Concat" => concat(inputs),
            "Clip" => clip(inputs, node),
            "Slice" => self.slice(node, inputs)?,
            "Add" | "Sub" | "Mul" | "Div" => arithmetic(&node.op, inputs),
            op if is_view(op) => {
                return self.reviewed(node).map(Some);
            }
            _ => return Ok(None),
        };
        let array = result.ok_or_else(|| {
            let reason = "it computes a constant in a way that is not supported".to_owned();
            self.refuse(node, reason, "fold constants before quantizing (for example with onnxsim)")
        })?;
        self.spend(node, array.data.len())?;
        Ok(Some(Value::Constant(Rc::new(array))))
    }

    /// Counts `elements` of new constants against what a file may make of itself in all: a few
    /// times its own size.
    pub(crate) fn spend(&self, node: &RawNode, elements: usize) -> Result<(), OnnxError> {
        let left = self.budget.get().checked_sub(elements).ok_or_else(|| {
            let reason = "its constants, used again and again, outgrow the file".to_owned();
            self.refuse(node, reason, "export the model so that each layer has weights of its own")
        })?;
        self.budget.set(left);
        Ok(())
    }

    /// A slice of a constant, along any axes, in steps of any size and direction.
    fn slice(&self, node: &RawNode, inputs: &[Rc<Array>]) -> Result<Option<Array>, OnnxError> {
        let file = &self.raw.file;
        // Inputs that are left out have no place in `inputs`.
        let given = |index: usize| -> Option<Vec<i64>> {
            node.inputs.get(index)?.as_ref()?;
            let place = node.inputs[..index].iter().flatten().count();
            inputs.get(place)?.data.integers().filter(|list| list.len() <= MAX_RANK)
        };
        let list = |name, index| Ok(node.ints(file, name)?.map(<[i64]>::to_vec).or(given(index)));
        let (Some(starts), Some(ends)) = (list("starts", 1)?, list("ends", 2)?) else {
            return Ok(None);
        };
        let axes = list("axes", 3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = given(4).unwrap_or_else(|| vec![1; starts.len()]);
        if [&ends, &axes, &steps].iter().any(|other| other.len() != starts.len()) {
            return Ok(None);
        }
        if inputs[0].data.len() == 0 {
            // Sides beside one of 0 may be of any size.
            return Ok(None);
        }
        let dims = &inputs[0].dims;
        let mut kept: Vec<Vec<usize>> = dims.iter().map(|&dim| (0..dim).collect()).collect();
        for (((start, end), axis), step) in starts.iter().zip(&ends).zip(&axes).zip(&steps) {
            let Some(axis) = normalized(*axis, dims.len()) else { return Ok(None) };
            let Some(indices) = sliced(dims[axis], *start, *end, *step) else { return Ok(None) };
            kept[axis] = indices;
        }
        let mut positions = vec![0];
        for (axis, indices) in kept.iter().enumerate() {
            let place = |outer: usize| indices.iter().map(move |at| outer * dims[axis] + at);
            positions = positions.into_iter().flat_map(place).collect();
        }
        let data = inputs[0].data.gather(&positions);
        Ok(Some(Array { dims: kept.iter().map(Vec::len).collect(), data }))
    }
}

/// The indices that a slice keeps of an axis of `len`; `None` for a step of 0.
fn sliced(len: usize, start: i64, end: i64, step: i64) -> Option<Vec<usize>> {
    let len = i64::try_from(len).ok()?;
    let from_front = |at: i64| if at < 0 { at.saturating_add(len) } else { at };
    // Backwards, the end may lie before the first index.
    let (least, most) = if step > 0 { (0, len) } else { (-1, len - 1) };
    let [start, end] = [start, end].map(|at| from_front(at).clamp(least, most));
    let mut indices = Vec::new();
    let mut at = start;
    while if step > 0 { at < end } else { at > end } {
        indices.push(usize::try_from(at).ok()?);
        at = at.saturating_add(step);
        if step == 0 {
            return None;
        }
    }
    (step != 0).then_some(indices)
}

/// The numbers behind a DequantizeLinear.
pub(crate) fn dequantized(constant: &QuantizedConstant) -> Option<Rc<Array>> {
    let real = |position| {
        constant.centred(position).map(|(code, scale)| (code as f64 * f64::from(scale)) as f32)
    };
    let values = (0..constant.codes.data.len()).map(real).collect::<Option<Vec<f32>>>()?;
    Some(Rc::new(Array { dims: constant.codes.dims.clone(), data: Data::F32(values) }))
}

/// Integers or floats as the type numbered `to`; floats lose what is behind the point.
fn cast_any(data: &Data, to: i64) -> Option<Data> {
    let to_float = to == i64::from(data_type::FLOAT);
    match (data, data.integers()) {
        (Data::F32(values), _) if to_float => Some(Data::F32(values.clone())),
        (Data::F32(values), _) => {
            let integer = |&value: &f32| {
                let value = value.trunc();
                (value.abs() < 9e18).then_some(value as i64)
            };
            cast(values.iter().map(integer).collect::<Option<_>>()?, to)
        }
        (_, Some(values)) if to_float => {
            Some(Data::F32(values.into_iter().map(|value| value as f32).collect()))
        }
        (_, Some(values)) => cast(values, to),
        _ => None,
    }
}

/// A short list of one number.
fn constant_of_shape(
    node: &RawNode,
    shape: &Array,
    file: &str,
) -> Result<Option<Array>, OnnxError> {
    let value = node.attribute_tensor("value").cloned().map(|value| Array::decode(value, file));
    let value = value.transpose()?.unwrap_or(Array { dims: vec![1], data: Data::F32(vec![0.0]) });
    let sides = shape.data.integers().filter(|sides| sides.len() <= MAX_RANK);
    let dims: Option<Vec<usize>> =
        sides.and_then(|sides| sides.into_iter().map(|side| usize::try_from(side).ok()).collect());
    let count = dims.as_deref().and_then(element_count).filter(|&count| count <= MAX_RANK);
    Ok(dims
        .zip(count)
        .filter(|_| value.data.len() == 1)
        .map(|(dims, count)| Array { dims, data: value.data.gather(&vec![0; count]) }))
}

fn cast(values: Vec<i64>, to: i64) -> Option<Data> {
    match i32::try_from(to).ok()? {
        data_type::INT64 => Some(Data::I64(values)),
        data_type::INT32 => values
            .into_iter()
            .map(|value| i32::try_from(value).ok())
            .collect::<Option<_>>()
            .map(Data::I32),
        _ => None,
    }
}

/// Elements of a one-dimensional constant.
fn gather(inputs: &[Rc<Array>], axis: i64) -> Option<Array> {
    let [from, indices] = inputs else { return None };
    let &[len] = from.dims.as_slice() else { return None };
    normalized(axis, 1)?;
    let at: Option<Vec<usize>> =
        indices.data.integers()?.into_iter().map(|index| normalized(index, len)).collect();
    Some(Array { dims: indices.dims.clone(), data: from.data.gather(&at?) })
}

/// Integers between two limits, either of which may be left out: codes of fewer than 8 bits.
fn clip(inputs: &[Rc<Array>], node: &RawNode) -> Option<Array> {
    let is_given = |index: usize| matches!(node.inputs.get(index), Some(Some(_)));
    let mut limits = inputs.iter().skip(1);
    let mut limit = |index, default| {
        if !is_given(index) {
            return Some(default);
        }
        let limit = limits.next()?;
        (limit.data.len() == 1).then(|| limit.data.integer(0))?
    };
    let (min, max) = (limit(1, i64::MIN)?, limit(2, i64::MAX)?);
    let values = inputs[0].data.integers()?.into_iter().map(|value| value.min(max).max(min));
    let data = like(&inputs[0].data, values.collect())?;
    Some(Array { dims: inputs[0].dims.clone(), data })
}

/// One-dimensional numbers, one list after another.
fn concat(inputs: &[Rc<Array>]) -> Option<Array> {
    if let Data::F32(_) = inputs[0].data {
        let mut values: Vec<f32> = Vec::new();
        for input in inputs {
            match &input.data {
                Data::F32(more) if input.dims.len() == 1 => values.extend(more),
                _ => return None,
            }
        }
        return Some(Array { dims: vec![values.len()], data: Data::F32(values) });
    }
    let mut values = Vec::new();
    for input in inputs {
        if input.dims.len() != 1 {
            return None;
        }
        values.extend(input.data.integers()?);
    }
    let data = like(&inputs[0].data, values)?;
    Some(Array { dims: vec![data.len()], data })
}

/// Integers, of one shape or one of them a single number.
fn arithmetic(op: &str, inputs: &[Rc<Array>]) -> Option<Array> {
    let [lhs, rhs] = inputs else { return None };
    let (left, right) = (lhs.data.integers()?, rhs.data.integers()?);
    let compute = |(&left, &right): (&i64, &i64)| match op {
        "Add" => left.checked_add(right),
        "Sub" => left.checked_sub(right),
        "Mul" => left.checked_mul(right),
        _ => left.checked_div(right),
    };
    let (dims, values): (_, Option<Vec<i64>>) = if lhs.dims == rhs.dims {
        (&lhs.dims, left.iter().zip(&right).map(compute).collect())
    } else if right.len() == 1 {
        (&lhs.dims, left.iter().zip(std::iter::repeat(&right[0])).map(compute).collect())
    } else if left.len() == 1 {
        (&rhs.dims, std::iter::repeat(&left[0]).zip(&right).map(compute).collect())
    } else {
        return None;
    };
    Some(Array { dims: dims.clone(), data: like(&lhs.data, values?)? })
}

/// Integers of the type of `model`.
fn like(model: &Data, values: Vec<i64>) -> Option<Data> {
    match model {
        Data::I64(_) => cast(values, i64::from(data_type::INT64)),
        Data::I32(_) => cast(values, i64::from(data_type::INT32)),
        Data::I8(_) => narrowed(values).map(Data::I8),
        Data::U8(_) => narrowed(values).map(Data::U8),
        _ => None,
    }
}

fn narrowed<T: TryFrom<i64>>(values: Vec<i64>) -> Option<Vec<T>> {
    values.into_iter().map(|value| T::try_from(value).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::{arithmetic, concat, gather, sliced};
    use crate::onnx::raw::{Array, Data};
    use std::rc::Rc;

    fn list(values: &[i64]) -> Rc<Array> {
        Rc::new(Array { dims: vec![values.len()], data: Data::I64(values.to_vec()) })
    }

    #[test]
    fn a_shape_can_be_taken_apart_and_put_together() {
        let picked = gather(&[list(&[1, 64, 5, 5]), list(&[0, -1])], 0).unwrap();
        assert_eq!(picked, *list(&[1, 5]));
        assert_eq!(concat(&[list(&[1]), list(&[1600])]).unwrap(), *list(&[1, 1600]));
        assert_eq!(arithmetic("Mul", &[list(&[5, 5]), list(&[64])]).unwrap(), *list(&[320, 320]));
    }

    #[test]
    fn slices_go_both_ways() {
        assert_eq!(sliced(5, 1, -1, 1), Some(vec![1, 2, 3]));
        assert_eq!(sliced(4, -1, i64::MIN, -1), Some(vec![3, 2, 1, 0]));
        assert_eq!(sliced(4, -1, i64::MIN + 1, -2), Some(vec![3, 1]));
        assert_eq!(sliced(4, 0, i64::MAX, 3), Some(vec![0, 3]));
        assert_eq!(sliced(4, 3, 1, 1), Some(vec![]));
        assert_eq!(sliced(0, -1, i64::MIN, -1), Some(vec![]));
        assert_eq!(sliced(4, 0, 4, 0), None);
    }

    #[test]
    fn what_has_no_result_gives_none() {
        assert_eq!(gather(&[list(&[1]), list(&[1])], 0), None);
        assert_eq!(arithmetic("Div", &[list(&[1]), list(&[0])]), None);
        assert_eq!(arithmetic("Mul", &[list(&[i64::MAX]), list(&[2])]), None);
        assert_eq!(arithmetic("Add", &[list(&[1, 2]), list(&[1, 2, 3])]), None);
    }
}
