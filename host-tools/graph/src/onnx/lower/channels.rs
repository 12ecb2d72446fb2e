//! Maps with a scale for each channel, as depthwise convolutions may read them: each channel counts
//! in units of its own, which the layers before and after it multiply into their weights' scales.

use super::Lowering;
use super::formats::normalized;
use super::value::{Clamp, MapCodes};
use super::view::{Piece, View};
use crate::graph::{Quantization, TensorId};
use crate::onnx::error::OnnxError;
use crate::onnx::raw::RawNode;
use crate::op::{Conv2d, Int8Weights, Op};
use thumbnet_kernels::geometry::Window;

impl Lowering<'_> {
    /// The codes in the format of inputs 1 and 2 of a node that quantizes or dequantizes a map seen
    /// as `view`, and whether the file's are unsigned.
    pub(crate) fn map_format(
        &self,
        node: &RawNode,
        view: &View,
    ) -> Result<(MapCodes, bool), OnnxError> {
        let (scales, zero_points, unsigned) = self.formats(node, 1, 2)?;
        let codes = |scale, zero_point, channel_scales| {
            let format = Quantization { scale, zero_point };
            (MapCodes { format, channel_scales }, unsigned)
        };
        match scales.as_slice() {
            [] => Err(self.refuse_channels(node, 0)),
            &[scale] => Ok(codes(scale, zero_points[0], None)),
            scales => {
                let rank = view.dims().len();
                let axis = node.int(&self.raw.file, "axis", 1)?;
                let axis = normalized(axis, rank);
                let channels = [Piece { size: scales.len(), stride: 1 }];
                let along_channels = axis.is_some_and(|axis| view.axis(axis) == channels);
                if !along_channels {
                    return Err(self.refuse_channels(node, scales.len()));
                }
                let largest = scales.iter().copied().fold(0.0, f32::max);
                let zero_point = common_zero_point(scales, &zero_points, largest);
                let zero_point = zero_point.ok_or_else(|| {
                    let reason = "it gives the channels of an activation different zero points";
                    let rewrite = "quantize activations symmetrically, or per tensor";
                    self.refuse_quantization(node, reason.to_owned(), rewrite)
                })?;
                Ok(codes(largest, zero_point, Some(scales.into())))
            }
        }
    }

    /// Checks that `node` reads `tensor` with the scales that it was written with.
    pub(crate) fn same_channel_scales(
        &self,
        node: &RawNode,
        tensor: TensorId,
        codes: &MapCodes,
    ) -> Result<(), OnnxError> {
        if self.draft.channel_scales(tensor) == codes.channel_scales.as_ref() {
            return Ok(());
        }
        let reason = "it reads a map with other scales than it was written with".to_owned();
        Err(self.refuse_quantization(node, reason, "give a tensor one scale a channel, or one"))
    }

    /// The scales of a depthwise convolution's weights if `x` has scales for each channel: the units
    /// of the channels go into them.
    pub(crate) fn in_units_of(
        &self,
        node: &RawNode,
        x: TensorId,
        dims: &[usize],
        scales: Vec<f32>,
    ) -> Result<Vec<f32>, OnnxError> {
        let Some(units) = self.draft.channel_scales(x) else { return Ok(scales) };
        let depthwise = node.op == "Conv" && dims.get(1) == Some(&1);
        let multiplier = scales.len().checked_div(units.len()).unwrap_or(0);
        if !depthwise || multiplier * units.len() != scales.len() {
            return Err(self.refuse_channels(node, units.len()));
        }
        let largest = self.draft.format(x).map_or(1.0, |format| format.scale);
        let scaled = |(channel, scale)| scale * (units[channel / multiplier] / largest);
        Ok(scales.into_iter().enumerate().map(scaled).collect())
    }

    /// A map with one scale, quantized again with one for each channel: a depthwise convolution
    /// of one tap.
    pub(crate) fn scale_channels(
        &mut self,
        node: &RawNode,
        tensor: TensorId,
        clamp: Clamp,
        codes: &MapCodes,
        name: String,
    ) -> Result<TensorId, OnnxError> {
        let units = codes.channel_scales.clone().unwrap_or_default();
        let shape = self.draft.shape(tensor).filter(|shape| shape.c == units.len());
        let Some(shape) = shape else { return Err(self.refuse_channels(node, units.len())) };
        self.spend(node, units.len())?;
        let weights = Int8Weights {
            values: vec![1; shape.c],
            bias: vec![0; shape.c],
            scales: units.iter().map(|unit| codes.format.scale / unit).collect(),
        };
        let op = Op::Conv2d(Conv2d { window: Window::UNIT, groups: shape.c, weights });
        let made = (node.name.clone(), op, vec![tensor]);
        let scaled = self.draft.emit(made, (name.clone(), shape, codes.format));
        self.draft.set_channel_scales(scaled, units);
        self.clamp_codes(node, scaled, clamp, codes, format!("{name}_clamped"))
    }
}

/// The zero point of all channels, but for those that are dead: tools give a channel that is always
/// 0 a scale near 0, with which no code is as much as one step of the channel with scale `largest`.
fn common_zero_point(scales: &[f32], zero_points: &[i8], largest: f32) -> Option<i8> {
    let mut alive = scales.iter().zip(zero_points).filter(|(scale, _)| **scale * 255.0 > largest);
    let (_, &first) = alive.next()?;
    alive.all(|(_, &zero_point)| zero_point == first).then_some(first)
}
