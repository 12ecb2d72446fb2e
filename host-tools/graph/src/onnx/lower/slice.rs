//! Slice and Split: parts of a map.

use super::Lowering;
use super::copies::{Copy, loops_of};
use super::formats::normalized;
use super::operands::Operand;
use super::precision::Precision;
use super::value::Value;
use super::view::View;
use crate::onnx::error::OnnxError;
use crate::onnx::raw::RawNode;
use thumbnet_kernels::portable::Loop;

/// Most outputs of a Split.
const MOST_PARTS: usize = 64;

/// The part of an axis that a slice takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    start: usize,
    count: usize,
    step: isize,
}

impl<P: Precision> Lowering<'_, P> {
    pub(crate) fn slice_of_map(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        let operand = P::copy_operand(self, node)?;
        let dims = operand.view.dims();
        let parts = self.slice_parts(node, &dims)?;
        let name = self.output_name(node).to_owned();
        self.part_of(node, operand, &parts, name)
    }

    /// Split, into one copy for each output.
    pub(crate) fn split(&mut self, node: &RawNode) -> Result<Vec<Value>, OnnxError> {
        let file = &self.raw.file;
        node.only(file, &["axis", "split", "num_outputs"])?;
        let operand = P::copy_operand(self, node)?;
        let dims = operand.view.dims();
        let count = node.outputs.len();
        let axis = normalized(node.int(file, "axis", 0)?, dims.len());
        let refuse = |lowering: &Self| {
            let reason = format!("it does not split its input {dims:?} into {count} parts");
            lowering.refuse(node, reason, "export the model again")
        };
        let Some(axis) = axis.filter(|_| (1..=MOST_PARTS).contains(&count)) else {
            return Err(refuse(self));
        };
        let given = match (node.ints(file, "split")?, self.optional(node, 1).is_some()) {
            (Some(sizes), _) => Some(sizes.to_vec()),
            (None, true) => Some(self.integers(node, 1)?),
            (None, false) => None,
        };
        let sizes: Option<Vec<usize>> = match given {
            Some(sizes) => sizes.iter().map(|&size| usize::try_from(size).ok()).collect(),
            // Equal parts, of which the last may be smaller.
            None => {
                let size = dims[axis].div_ceil(count);
                let part = |index: usize| dims[axis].checked_sub(index * size);
                (0..count).map(|index| part(index).map(|rest| rest.min(size))).collect()
            }
        };
        let Some(sizes) = sizes.filter(|sizes| {
            sizes.len() == count
                && !sizes.contains(&0)
                && sizes.iter().try_fold(0_usize, |sum, size| sum.checked_add(*size))
                    == Some(dims[axis])
        }) else {
            return Err(refuse(self));
        };
        let mut start = 0;
        let mut values = Vec::with_capacity(count);
        for (size, name) in sizes.into_iter().zip(&node.outputs) {
            let mut parts: Vec<Part> = dims.iter().map(|&side| Part::whole(side)).collect();
            parts[axis] = Part { start, count: size, step: 1 };
            start += size;
            values.push(self.part_of(node, operand.clone(), &parts, name.clone())?);
        }
        Ok(values)
    }

    /// `parts` of each axis of `operand`.
    fn part_of(
        &mut self,
        node: &RawNode,
        mut operand: Operand,
        parts: &[Part],
        name: String,
    ) -> Result<Value, OnnxError> {
        let dims = operand.view.dims();
        if parts.iter().zip(&dims).all(|(part, side)| *part == Part::whole(*side)) {
            return self.copy_of(node, operand);
        }
        let layout = self.laid_out(node, &mut operand)?;
        let view = self.seen(node, &operand)?;
        let copy = sliced(&view, parts).ok_or_else(|| {
            let reason = "it slices an axis that was reshaped".to_owned();
            self.refuse(node, reason, "slice before reshaping")
        })?;
        let made = self.emit_copy(node, operand.tensor, copy, layout, name)?;
        self.copy_of(node, made)
    }

    /// What a Slice takes of each axis: attributes before operator set 10, inputs since.
    fn slice_parts(&self, node: &RawNode, dims: &[usize]) -> Result<Vec<Part>, OnnxError> {
        let file = &self.raw.file;
        node.only(file, &["starts", "ends", "axes"])?;
        let list = |name: &str, index: usize| match node.ints(file, name)? {
            Some(values) => Ok(Some(values.to_vec())),
            None if self.optional(node, index).is_some() => self.integers(node, index).map(Some),
            None => Ok(None),
        };
        let starts = list("starts", 1)?.unwrap_or_default();
        let ends = list("ends", 2)?.unwrap_or_default();
        let axes = list("axes", 3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = list("steps", 4)?.unwrap_or_else(|| vec![1; starts.len()]);
        let mut parts: Vec<Part> = dims.iter().map(|&side| Part::whole(side)).collect();
        let lens = [starts.len(), ends.len(), axes.len(), steps.len()];
        let mut taken = lens.iter().all(|len| *len == lens[0]) && lens[0] > 0;
        for (((start, end), axis), step) in starts.iter().zip(&ends).zip(&axes).zip(&steps) {
            let part = normalized(*axis, dims.len())
                .and_then(|axis| Some((axis, Part::of(dims[axis], *start, *end, *step)?)));
            match part {
                Some((axis, part)) => parts[axis] = part,
                None => taken = false,
            }
        }
        if taken {
            return Ok(parts);
        }
        let reason = format!("it takes nothing of its input {dims:?}, or says that wrongly");
        Err(self.refuse(node, reason, "export the model again"))
    }
}

impl Part {
    fn whole(side: usize) -> Self {
        Self { start: 0, count: side, step: 1 }
    }

    /// The part `start..end` in steps; `None` if it is empty or the step is 0.
    fn of(side: usize, start: i64, end: i64, step: i64) -> Option<Self> {
        let length = i64::try_from(side).ok()?;
        let from_front = |at: i64| if at < 0 { at.saturating_add(length) } else { at };
        let (start, end) = (from_front(start), from_front(end));
        let distance = if step > 0 {
            let start = start.clamp(0, length);
            (start, end.clamp(0, length) - start)
        } else {
            let start = start.clamp(0, length - 1);
            (start, start - end.clamp(-1, length - 1))
        };
        let (start, distance) = distance;
        if distance <= 0 || step == 0 {
            return None;
        }
        let count = (distance - 1) / step.checked_abs()? + 1;
        Some(Self {
            start: usize::try_from(start).ok()?,
            count: usize::try_from(count).ok()?,
            step: isize::try_from(step).ok()?,
        })
    }
}

/// The copy of `parts` of the axes of `view`, each of which is one piece where it is cut.
fn sliced(view: &View, parts: &[Part]) -> Option<Copy> {
    let mut start = 0_usize;
    let mut axes = Vec::with_capacity(parts.len());
    for (axis, part) in parts.iter().enumerate() {
        let loops = loops_of(view.axis(axis));
        let side: usize = loops.iter().map(|each| each.count).product();
        if *part == Part::whole(side) {
            axes.push(loops);
            continue;
        }
        let &[each] = loops.as_slice() else { return None };
        start = start.checked_add_signed(each.stride.checked_mul(part.start.cast_signed())?)?;
        axes.push(vec![Loop { count: part.count, stride: each.stride.checked_mul(part.step)? }]);
    }
    Some(Copy { start, axes })
}

#[cfg(test)]
mod tests {
    use super::Part;

    #[test]
    fn parts_are_counted_as_onnx_does() {
        let part = |start, count, step| Some(Part { start, count, step });
        assert_eq!(Part::of(10, 0, i64::MAX, 1), part(0, 10, 1));
        assert_eq!(Part::of(10, 1, 10, 3), part(1, 3, 3));
        assert_eq!(Part::of(10, -3, -1, 1), part(7, 2, 1));
        assert_eq!(Part::of(10, -1, i64::MIN, -1), part(9, 10, -1));
        assert_eq!(Part::of(10, 8, 2, -2), part(8, 3, -2));
        assert_eq!(Part::of(10, 100, -100, -4), part(9, 3, -4));
        for nothing in [(0, 0, 1), (5, 2, 1), (2, 5, -1), (0, 5, 0), (20, 30, 1)] {
            let (start, end, step) = nothing;
            assert_eq!(Part::of(10, start, end, step), None, "{nothing:?}");
        }
    }
}
