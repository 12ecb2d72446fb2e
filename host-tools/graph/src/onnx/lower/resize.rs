//! Resize by the nearest neighbour, where each pixel is repeated or skipped a whole number of times.

use super::Lowering;
use super::copies::{Copy, loops_of};
use super::precision::Precision;
use super::value::Value;
use crate::onnx::error::OnnxError;
use crate::onnx::raw::{Data, RawNode};
use thumbnet_kernels::portable::Loop;

const REWRITE: &str = "enlarge maps by whole factors with mode nearest";

impl<P: Precision> Lowering<'_, P> {
    /// Resize and Upsample.
    pub(crate) fn resize(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        let file = &self.raw.file;
        let known = [
            "mode",
            "coordinate_transformation_mode",
            "nearest_mode",
            "cubic_coeff_a",
            "exclude_outside",
            "extrapolation_value",
            "scales",
            "antialias",
            "keep_aspect_ratio_policy",
        ];
        node.only(file, &known)?;
        if node.text(file, "keep_aspect_ratio_policy")?.unwrap_or("stretch") != "stretch" {
            let reason = "it keeps an aspect ratio".to_owned();
            return Err(self.refuse(node, reason, REWRITE));
        }
        if node.text(file, "mode")?.unwrap_or("nearest") != "nearest" {
            let reason = "it interpolates between pixels".to_owned();
            return Err(self.refuse(node, reason, REWRITE));
        }
        let mut operand = P::copy_operand(self, node)?;
        let layout = self.laid_out(node, &mut operand)?;
        let view = self.seen(node, &operand)?;
        let dims = view.dims();
        let scales = self.resize_scales(node, &dims)?;
        let mut start = 0_usize;
        let mut axes = Vec::with_capacity(dims.len());
        for (axis, side) in dims.iter().enumerate() {
            let loops = loops_of(view.axis(axis));
            let step = self.resized(node, *side, scales[axis])?;
            let resized = step.map(|step| step.over(&loops, *side));
            match resized {
                None => axes.push(loops),
                Some(Some((offset, loops))) => {
                    start = start.saturating_add(offset);
                    axes.push(loops);
                }
                Some(None) => {
                    let reason = format!("it resizes axis {axis} of {dims:?} unevenly");
                    return Err(self.refuse(node, reason, REWRITE));
                }
            }
        }
        let name = self.output_name(node).to_owned();
        let made = self.emit_copy(node, operand.tensor, Copy { start, axes }, layout, name)?;
        self.copy_of(node, made)
    }

    /// The scale of each axis.
    fn resize_scales(&self, node: &RawNode, dims: &[usize]) -> Result<Vec<f32>, OnnxError> {
        let floats = |index: usize| match self.optional(node, index) {
            Some(Value::Constant(array)) => match &array.data {
                Data::F32(values) if values.len() == dims.len() => Some(values.clone()),
                _ => None,
            },
            _ => None,
        };
        let sizes = match self.optional(node, 3) {
            Some(Value::Constant(array)) => array.data.integers(),
            _ => None,
        };
        // Upsample and the first Resize have the scales where later ones have a region.
        let scales = match sizes.filter(|sizes| sizes.len() == dims.len()) {
            Some(sizes) => {
                let ratio = |(size, side): (&i64, &usize)| *size as f32 / *side as f32;
                Some(sizes.iter().zip(dims).map(ratio).collect())
            }
            None => floats(2).or_else(|| floats(1)),
        };
        scales.ok_or_else(|| {
            let reason = "its scales or sizes are not constants for each axis".to_owned();
            self.refuse(node, reason, "export the model with fixed shapes")
        })
    }

    /// How an axis of `side` is resized by `scale`; `None` if it is not.
    fn resized(
        &self,
        node: &RawNode,
        side: usize,
        scale: f32,
    ) -> Result<Option<Resized>, OnnxError> {
        let file = &self.raw.file;
        let made = (side as f32 * scale).floor();
        if !(1.0..=65_536.0).contains(&made) {
            let reason = format!("it resizes {side} by {scale}");
            return Err(self.refuse(node, reason, REWRITE));
        }
        let made = made as usize;
        if made == side {
            return Ok(None);
        }
        let upsample = node.op == "Upsample" || self.raw.opset < 11;
        let default = if upsample { "asymmetric" } else { "half_pixel" };
        let mode = node.text(file, "coordinate_transformation_mode")?.unwrap_or(default);
        let default = if upsample { "floor" } else { "round_prefer_floor" };
        let nearest = node.text(file, "nearest_mode")?.unwrap_or(default);
        let place = |at: usize| {
            let at = at as f32;
            let place = match mode {
                "asymmetric" => at / scale,
                "half_pixel" => (at + 0.5) / scale - 0.5,
                "pytorch_half_pixel" if made > 1 => (at + 0.5) / scale - 0.5,
                "pytorch_half_pixel" => 0.0,
                "align_corners" if made > 1 => at * (side - 1) as f32 / (made - 1) as f32,
                "align_corners" => 0.0,
                _ => return None,
            };
            let rounded = match nearest {
                "floor" => place.floor(),
                "ceil" => place.ceil(),
                "round_prefer_floor" => (place - 0.5).ceil(),
                "round_prefer_ceil" => (place + 0.5).floor(),
                _ => return None,
            };
            Some(rounded.clamp(0.0, (side - 1) as f32) as usize)
        };
        let places: Option<Vec<usize>> = (0..made).map(place).collect();
        match places {
            Some(places) => Ok(Some(Resized { places })),
            None => {
                let reason = format!("it resizes in mode {mode}, {nearest}");
                Err(self.refuse(node, reason, REWRITE))
            }
        }
    }
}

/// Which element of an axis each one of the result is.
struct Resized {
    places: Vec<usize>,
}

impl Resized {
    /// The same as loops over an axis that is one piece, and where they start.
    fn over(&self, loops: &[Loop], side: usize) -> Option<(usize, Vec<Loop>)> {
        let stride = match loops {
            [] => 0,
            [each] => each.stride,
            _ => return None,
        };
        let made = self.places.len();
        if made.is_multiple_of(side) {
            let factor = made / side;
            let repeats = self.places.iter().enumerate().all(|(at, place)| at / factor == *place);
            let loops = vec![Loop { count: side, stride }, Loop { count: factor, stride: 0 }];
            return repeats.then_some((0, loops));
        }
        let (first, second) = (*self.places.first()?, self.places.get(1).copied());
        let step = second.map_or(0, |second| second.saturating_sub(first));
        let even = self.places.iter().enumerate().all(|(at, place)| first + at * step == *place);
        let start = first.checked_mul(stride.unsigned_abs())?;
        let loops = vec![Loop { count: made, stride: stride.checked_mul(step.cast_signed())? }];
        even.then_some((start, loops))
    }
}
