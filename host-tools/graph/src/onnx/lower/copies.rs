//! Operators that copy codes to other places: Slice, Split, Pad, Resize, DepthToSpace, SpaceToDepth, and
//! transposes that nothing else can look through.

use super::Lowering;
use super::layout::Layout;
use super::operands::Operand;
use super::precision::Precision;
use super::value::{Codes, Real, Source, Value};
use super::view::{Piece, View};
use crate::graph::TensorId;
use crate::onnx::error::OnnxError;
use crate::onnx::raw::RawNode;
use thumbnet_kernels::geometry::Shape;
use thumbnet_kernels::portable::{Loop, MAX_LOOPS, Rearrange};

/// A tensor's codes in another order.
pub(crate) struct Copy {
    pub(crate) start: usize,
    /// For each ONNX axis of the result, its loops over the input from the outermost on.
    pub(crate) axes: Vec<Vec<Loop>>,
}

impl<P: Precision> Lowering<'_, P> {
    /// `operand` copied so that its axes lie in memory as `layout` says.
    pub(crate) fn copied(
        &mut self,
        node: &RawNode,
        operand: &Operand,
        layout: Layout,
    ) -> Result<Operand, OnnxError> {
        let view = self.seen(node, operand)?;
        let axes = (0..view.dims().len()).map(|axis| loops_of(view.axis(axis))).collect();
        let name = format!("{}_in_order", self.draft.name(operand.tensor));
        self.emit_copy(node, operand.tensor, Copy { start: 0, axes }, layout, name)
    }

    /// Makes a copy of `tensor` a node.
    pub(crate) fn emit_copy(
        &mut self,
        node: &RawNode,
        tensor: TensorId,
        copy: Copy,
        layout: Layout,
        name: String,
    ) -> Result<Operand, OnnxError> {
        let side = |loops: &Vec<Loop>| {
            loops.iter().try_fold(1_usize, |side, each| side.checked_mul(each.count))
        };
        let dims: Option<Vec<usize>> = copy.axes.iter().map(side).collect();
        let made = dims.as_deref().and_then(|dims| layout.shape(dims));
        let ordered = layout.order().into_iter().filter_map(|axis| copy.axes.get(axis)).flatten();
        let loops = padded(ordered.copied());
        let (Some(made), Some(loops)) = (made, loops) else {
            let reason = "it shuffles its input in a way that is not supported".to_owned();
            return Err(self.refuse(node, reason, "keep maps as [n, c, h, w] between layers"));
        };
        let op = P::rearrange(made, Rearrange { start: copy.start, loops });
        let input = self.draft.shape(tensor).unwrap_or(Shape::new(0, 0, 0));
        let made = self.output_shape(node, &op, &[input])?;
        let Some(format) = self.draft.format(tensor) else {
            let reason = "it works on codes whose scale is not known yet".to_owned();
            return Err(self.refuse_quantization(node, reason, "quantize the model's input"));
        };
        let tensor = self.draft.emit((node.name.clone(), op, vec![tensor]), (name, made, format));
        Ok(Operand { tensor, view: layout.view(made) })
    }

    /// How ONNX sees an operand in memory.
    pub(crate) fn seen(&mut self, node: &RawNode, operand: &Operand) -> Result<View, OnnxError> {
        self.bind_input_if_open(operand.tensor);
        self.draft.memory_view(operand.tensor, &operand.view).ok_or_else(|| {
            let reason = "its input was reshaped across rows, columns and channels".to_owned();
            self.refuse(node, reason, "keep maps as [n, c, h, w] between layers")
        })
    }

    /// Input 0 as it is, but of `operand`, which is a copy of it.
    pub(crate) fn copy_of(&self, node: &RawNode, operand: Operand) -> Result<Value, OnnxError> {
        let Operand { tensor, view } = operand;
        Ok(match self.value(node, 0)?.clone() {
            Value::Codes(codes) => Value::Codes(Codes { tensor, view, ..codes }),
            Value::Real(real) => Value::Real(Real { source: Source::Tensor(tensor), view, ..real }),
            other => other,
        })
    }

    /// DepthToSpace and SpaceToDepth.
    pub(crate) fn depth_and_space(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        let file = &self.raw.file;
        node.only(file, &["blocksize", "mode"])?;
        let block = usize::try_from(node.int(file, "blocksize", 0)?).unwrap_or(0);
        let blocks_first = node.text(file, "mode")?.unwrap_or("DCR") == "DCR";
        let operand = P::copy_operand(self, node)?;
        let view = self.seen(node, &operand)?;
        let to_space = node.op == "DepthToSpace";
        let Some(axes) = block_axes(&view, block, to_space, blocks_first) else {
            let reason =
                format!("blocks of {block} do not divide its input {:?}", operand.view.dims());
            return Err(self.refuse(node, reason, "export the model again"));
        };
        let name = self.output_name(node).to_owned();
        let copy = Copy { start: 0, axes };
        let operand = self.emit_copy(node, operand.tensor, copy, Layout::ChannelsFirst, name)?;
        self.copy_of(node, operand)
    }
}

impl Lowering<'_> {
    /// Input 0 of an operator that copies codes whether they are dequantized or not: its tensor.
    pub(crate) fn codes_to_copy(&mut self, node: &RawNode) -> Result<Operand, OnnxError> {
        let early = match self.value(node, 0)?.clone() {
            Value::Real(real) => self.input_before_copies(&real).map(|tensor| (tensor, real.view)),
            _ => None,
        };
        if let Some((tensor, view)) = early {
            return Ok(Operand { tensor, view });
        }
        let operand = match self.value(node, 0)? {
            Value::Codes(Codes { tensor, view, .. })
            | Value::Real(Real { source: Source::Tensor(tensor), view, .. }) => {
                Operand { tensor: *tensor, view: view.clone() }
            }
            _ => return self.dequantized_operand(node, 0),
        };
        if self.draft.channel_scales(operand.tensor).is_none() {
            return Ok(operand);
        }
        let reason = "its input has a scale for each channel".to_owned();
        Err(self.refuse_quantization(node, reason, "quantize activations per tensor"))
    }
}

/// The axes of a map of which blocks of channels become rows and columns, or the other way.
fn block_axes(
    view: &View,
    block: usize,
    to_space: bool,
    blocks_first: bool,
) -> Option<Vec<Vec<Loop>>> {
    let &[1, c, h, w] = view.dims().as_slice() else { return None };
    let square = block.checked_mul(block).filter(|square| *square > 0)?;
    let joined = |view: &View, joined: [&[usize]; 3]| {
        let pieces =
            |axes: &&[usize]| axes.iter().flat_map(|axis| loops_of(view.axis(*axis))).collect();
        let mut all = vec![Vec::new()];
        all.extend(joined.iter().map(pieces));
        all
    };
    if to_space {
        let depth = c.checked_div(square).filter(|depth| depth * square == c)?;
        if blocks_first {
            let split = view.reshaped(&[1, block, block, depth, h, w])?;
            Some(joined(&split, [&[3], &[4, 1], &[5, 2]]))
        } else {
            let split = view.reshaped(&[1, depth, block, block, h, w])?;
            Some(joined(&split, [&[1], &[4, 2], &[5, 3]]))
        }
    } else {
        let [rows, columns] = [h / block, w / block];
        if rows * block != h || columns * block != w {
            return None;
        }
        let split = view.reshaped(&[1, c, rows, block, columns, block])?;
        Some(joined(&split, [&[3, 5, 1], &[2], &[4]]))
    }
}

/// The loops over the pieces of an axis.
pub(crate) fn loops_of(pieces: &[Piece]) -> Vec<Loop> {
    let each = |piece: &Piece| Loop { count: piece.size, stride: piece.stride.cast_signed() };
    pieces.iter().map(each).collect()
}

/// All loops that do something, neighbours joined where they are one; `None` if they are too many.
pub(crate) fn padded(loops: impl Iterator<Item = Loop>) -> Option<[Loop; MAX_LOOPS]> {
    let mut kept: Vec<Loop> = Vec::new();
    for each in loops.filter(|each| each.count != 1) {
        match kept.last_mut() {
            Some(last)
                if Some(last.stride) == each.stride.checked_mul(each.count.cast_signed()) =>
            {
                *last = Loop { count: last.count.checked_mul(each.count)?, stride: each.stride };
            }
            _ => kept.push(each),
        }
    }
    let missing = MAX_LOOPS.checked_sub(kept.len())?;
    let mut all = [Loop::ONCE; MAX_LOOPS];
    all[missing..].copy_from_slice(&kept);
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::{block_axes, padded};
    use crate::onnx::lower::View;
    use thumbnet_kernels::geometry::Shape;
    use thumbnet_kernels::portable::Loop;

    #[test]
    fn neighbouring_loops_become_one() {
        let loops = [(2, 12), (3, 4), (4, 1)].map(|(count, stride)| Loop { count, stride });
        let all = padded(loops.into_iter()).unwrap();
        assert_eq!(all[5], Loop { count: 24, stride: 1 });
        assert_eq!(all[..5], [Loop::ONCE; 5]);
        let apart = [Loop { count: 2, stride: 0 }; 7];
        assert!(padded(apart.into_iter()).is_none_or(|all| all[5].count == 128));
    }

    #[test]
    fn blocks_must_divide_the_map() {
        let view = View::nchw(Shape::new(4, 6, 8));
        assert!(block_axes(&view, 2, true, true).is_some());
        assert!(block_axes(&view, 3, true, true).is_none());
        assert!(block_axes(&view, 0, true, true).is_none());
        assert!(block_axes(&view, 2, false, true).is_some());
        assert!(block_axes(&view, 3, false, true).is_none());
    }
}
