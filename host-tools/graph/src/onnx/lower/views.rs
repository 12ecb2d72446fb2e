//! Operators that move no numbers: Reshape, Transpose and their kin.

use super::Lowering;
use super::formats::normalized;
use super::precision::Precision;
use super::value::{Codes, Probabilities, QuantizedConstant, Real, Value, transposed};
use super::view::View;
use crate::onnx::error::OnnxError;
use crate::onnx::raw::{Array, MAX_RANK, RawNode, element_count};
use std::rc::Rc;

/// Whether `op` only reshapes, transposes or copies.
pub(crate) fn is_view(op: &str) -> bool {
    matches!(
        op,
        "Reshape"
            | "Flatten"
            | "Transpose"
            | "Squeeze"
            | "Unsqueeze"
            | "Identity"
            | "Dropout"
            | "Cast"
    )
}

impl<P: Precision> Lowering<'_, P> {
    /// The output of an operator that [`is_view`].
    pub(crate) fn reviewed(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        let file = &self.raw.file;
        let value = self.value(node, 0)?.clone();
        let dims = dims_of(&value);
        if let Value::Constant(_) | Value::Weights(_) = value {
            self.spend(node, dims.iter().product())?;
        }
        let new = match node.op.as_str() {
            "Identity" | "Dropout" => Some(value),
            // Casting a float map to float; codes never change their type this way.
            "Cast" if matches!(value, Value::Real(_) | Value::Probabilities(_)) => {
                (node.int(file, "to", 1)? == 1).then_some(value)
            }
            "Reshape" => {
                let shape = self.integers(node, 1)?;
                let allow_zero = node.int(file, "allowzero", 0)? != 0;
                resolved(&dims, &shape, allow_zero).and_then(|dims| reshaped(&value, &dims))
            }
            "Flatten" => {
                // The axis may also be the rank: everything before it.
                let axis = node.int(file, "axis", 1)?;
                let axis = if axis == dims.len() as i64 {
                    Some(dims.len())
                } else {
                    normalized(axis, dims.len())
                };
                axis.and_then(|axis| {
                    let (outer, inner) = dims.split_at(axis);
                    reshaped(&value, &[outer.iter().product(), inner.iter().product()])
                })
            }
            "Squeeze" => squeezed(&dims, self.axes(node)?).and_then(|dims| reshaped(&value, &dims)),
            "Unsqueeze" => {
                unsqueezed(&dims, self.axes(node)?).and_then(|dims| reshaped(&value, &dims))
            }
            "Transpose" => {
                let reversed = || (0..dims.len() as i64).rev().collect();
                let permutation = node.ints(file, "perm")?.map_or_else(reversed, <[i64]>::to_vec);
                let permutation: Option<Vec<usize>> =
                    permutation.iter().map(|&axis| usize::try_from(axis).ok()).collect();
                permutation.and_then(|permutation| transposed_value(&value, &permutation))
            }
            _ => None,
        };
        new.ok_or_else(|| {
            let reason = format!("it does not work on its input of shape {dims:?}");
            self.refuse(node, reason, "reshape whole maps of batch 1 only, to fixed shapes")
        })
    }

    /// Shape: a constant, because every shape is fixed.
    pub(crate) fn shape_of(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        let dims = dims_of(self.value(node, 0)?);
        let rank = dims.len() as i64;
        let bound = |axis: i64| (if axis < 0 { axis + rank } else { axis }).clamp(0, rank) as usize;
        let start = bound(node.int(&self.raw.file, "start", 0)?.max(-rank));
        let end = bound(node.int(&self.raw.file, "end", rank)?.max(-rank));
        let dims: Vec<i64> =
            dims.get(start..end).unwrap_or_default().iter().map(|&dim| dim as i64).collect();
        let data = crate::onnx::raw::Data::I64(dims);
        Ok(Value::Constant(Rc::new(Array { dims: vec![data.len()], data })))
    }

    /// The axes of Squeeze and Unsqueeze: an attribute before opset 13, an input since.
    fn axes(&self, node: &RawNode) -> Result<Option<Vec<i64>>, OnnxError> {
        match node.ints(&self.raw.file, "axes")? {
            Some(axes) => Ok(Some(axes.to_vec())),
            None if self.optional(node, 1).is_some() => self.integers(node, 1).map(Some),
            None => Ok(None),
        }
    }

    /// The constant integers in input `index`.
    pub(crate) fn integers(&self, node: &RawNode, index: usize) -> Result<Vec<i64>, OnnxError> {
        let integers = match self.value(node, index)? {
            Value::Constant(array) => {
                array.data.integers().filter(|values| values.len() <= MAX_RANK)
            }
            _ => None,
        };
        integers.ok_or_else(|| {
            let reason = format!("its input {index} is not a short list of constant integers");
            self.refuse(node, reason, "export the model with fixed shapes")
        })
    }
}

fn transposed_value(value: &Value, permutation: &[usize]) -> Option<Value> {
    match value {
        Value::Constant(array) => {
            transposed(array, permutation).map(|array| Value::Constant(Rc::new(array)))
        }
        Value::Weights(weights) => {
            weights.transposed(permutation).map(|weights| Value::Weights(Rc::new(weights)))
        }
        _ => with_view(value, |view| view.transposed(permutation)),
    }
}

/// The ONNX shape of a value.
pub(crate) fn dims_of(value: &Value) -> Vec<usize> {
    match value {
        Value::Constant(array) => array.dims.clone(),
        Value::Weights(weights) => weights.codes.dims.clone(),
        Value::Codes(codes) => codes.view.dims(),
        Value::Probabilities(probabilities) => probabilities.view.dims(),
        Value::Real(real) => real.view.dims(),
    }
}

/// `value` with another shape for the same number of elements.
pub(crate) fn reshaped(value: &Value, dims: &[usize]) -> Option<Value> {
    match value {
        Value::Constant(array) => reshaped_array(array, dims).map(Value::Constant),
        Value::Weights(weights) => {
            let axis = match weights.axis {
                None => None,
                Some(axis) => Some(same_axis(&weights.codes.dims, axis, dims)?),
            };
            let codes = reshaped_array(&weights.codes, dims)?;
            let QuantizedConstant { scales, zero_points, .. } = (**weights).clone();
            Some(Value::Weights(Rc::new(QuantizedConstant { codes, scales, zero_points, axis })))
        }
        _ => with_view(value, |view| view.reshaped(dims)),
    }
}

fn reshaped_array(array: &Array, dims: &[usize]) -> Option<Rc<Array>> {
    (element_count(dims)? == array.data.len())
        .then(|| Rc::new(Array { dims: dims.to_vec(), data: array.data.clone() }))
}

/// Which axis of `to` runs over the same elements as `axis` of `from`.
fn same_axis(from: &[usize], axis: usize, to: &[usize]) -> Option<usize> {
    let outer: usize = from[..axis].iter().product();
    let position = |index: &usize| {
        to[..*index].iter().try_fold(1_usize, |len, &dim| len.checked_mul(dim)) == Some(outer)
            && to[*index] == from[axis]
    };
    (0..to.len()).find(position)
}

fn with_view(value: &Value, change: impl FnOnce(&View) -> Option<View>) -> Option<Value> {
    Some(match value {
        Value::Codes(codes) => Value::Codes(Codes { view: change(&codes.view)?, ..*codes }),
        Value::Probabilities(probabilities) => Value::Probabilities(Probabilities {
            view: change(&probabilities.view)?,
            ..probabilities.clone()
        }),
        Value::Real(real) => Value::Real(Real { view: change(&real.view)?, ..real.clone() }),
        Value::Constant(_) | Value::Weights(_) => return None,
    })
}

/// The shape that Reshape's argument asks for: 0 copies a side, -1 takes what is left.
pub(crate) fn resolved(from: &[usize], shape: &[i64], allow_zero: bool) -> Option<Vec<usize>> {
    let mut dims = Vec::with_capacity(shape.len());
    let mut open = None;
    for (index, &side) in shape.iter().enumerate() {
        match side {
            -1 if open.is_none() => {
                open = Some(index);
                dims.push(1);
            }
            0 if !allow_zero => dims.push(*from.get(index)?),
            side => dims.push(usize::try_from(side).ok()?),
        }
    }
    if let Some(open) = open {
        let total: usize = from.iter().product();
        let given = dims.iter().try_fold(1_usize, |len, &dim| len.checked_mul(dim))?;
        dims[open] = total.checked_div(given).filter(|open| open * given == total)?;
    }
    Some(dims)
}

/// `dims` without the axes given, or without all sides of 1.
pub(crate) fn squeezed(dims: &[usize], axes: Option<Vec<i64>>) -> Option<Vec<usize>> {
    let removed: Vec<usize> = match axes {
        None => (0..dims.len()).filter(|&axis| dims[axis] == 1).collect(),
        Some(axes) => {
            axes.iter().map(|&axis| normalized(axis, dims.len())).collect::<Option<_>>()?
        }
    };
    let kept = |(axis, &dim): (usize, &usize)| (!removed.contains(&axis)).then_some(dim);
    removed
        .iter()
        .all(|&axis| dims[axis] == 1)
        .then(|| dims.iter().enumerate().filter_map(kept).collect())
}

/// `dims` with sides of 1 at the axes given, which count in the result.
pub(crate) fn unsqueezed(dims: &[usize], axes: Option<Vec<i64>>) -> Option<Vec<usize>> {
    let axes = axes?;
    let rank = dims.len() + axes.len();
    let axes: Vec<usize> =
        axes.iter().map(|&axis| normalized(axis, rank)).collect::<Option<_>>()?;
    let mut rest = dims.iter();
    let new: Vec<usize> = (0..rank)
        .filter_map(|axis| if axes.contains(&axis) { Some(1) } else { rest.next().copied() })
        .collect();
    (new.len() == rank && rank <= MAX_RANK).then_some(new)
}

#[cfg(test)]
mod tests {
    use super::{resolved, same_axis, squeezed, unsqueezed};

    #[test]
    fn reshape_arguments_copy_and_complete() {
        assert_eq!(resolved(&[2, 3, 4], &[0, -1], false), Some(vec![2, 12]));
        assert_eq!(resolved(&[2, 3, 4], &[-1, 5], false), None);
        assert_eq!(resolved(&[2, 3], &[-1, -1], false), None);
        assert_eq!(resolved(&[2, 3], &[0, 0, 0], false), None);
        assert_eq!(resolved(&[2, 3], &[0, -1], true), None);
        assert_eq!(resolved(&[2, 3], &[i64::MAX, i64::MAX, -1], false), None);
    }

    #[test]
    fn squeezing_and_unsqueezing_undo_each_other() {
        assert_eq!(squeezed(&[1, 5, 1], None), Some(vec![5]));
        assert_eq!(squeezed(&[1, 5, 1], Some(vec![-1])), Some(vec![1, 5]));
        assert_eq!(squeezed(&[1, 5, 1], Some(vec![1])), None);
        assert_eq!(unsqueezed(&[5], Some(vec![0, -1])), Some(vec![1, 5, 1]));
        assert_eq!(unsqueezed(&[5], Some(vec![0, 0])), None);
        assert_eq!(unsqueezed(&[5], None), None);
    }

    #[test]
    fn a_channel_axis_survives_a_reshape_that_keeps_it() {
        assert_eq!(same_axis(&[8, 9], 0, &[8, 1, 3, 3]), Some(0));
        assert_eq!(same_axis(&[4, 8], 1, &[2, 2, 8]), Some(2));
        assert_eq!(same_axis(&[4, 8], 1, &[8, 4]), None);
    }
}
