//! Sets of tensors that have one number format: what copies codes keeps the format of its input.

use crate::QuantizeError;
use crate::lower::Layer;
use crate::statistics::{Range, RealFormat, Statistics};
use thumbnet_graph::{FloatGraph, Quantization};

/// Scales below this, or above its reciprocal, would make products of scales leave f32's normal
/// numbers.
pub(crate) const SMALLEST_SCALE: f64 = 1e-12;

/// One format in the making.
pub(crate) struct Set<'a> {
    /// Name of the tensor that the layers make first, for messages.
    pub(crate) name: &'a str,
    /// The tensors in it whose values are computed, not copied.
    pub(crate) members: Vec<Member<'a>>,
    /// Values to cover, in the float network's unit.
    pub(crate) range: Range,
    pub(crate) unit: f64,
    /// Whether its unit is the float network's, because a function of real numbers reads or makes it.
    pub(crate) pinned: bool,
    /// Of the int8 network's values: in the float network's unit it is `scale / unit`.
    pub(crate) scale: f64,
    pub(crate) power_of_two: bool,
    /// Whether a sum makes it: halves between two codes, which are common there, then become the same code whether an
    /// engine rounds them before or after it adds the zero point.
    pub(crate) even_zero_point: bool,
    /// Equal in sets whose tensors are added.
    pub(crate) group: usize,
}

/// A tensor whose values are computed.
pub(crate) struct Member<'a> {
    pub(crate) statistics: &'a Statistics,
    /// Smaller and larger values become these: 0 and infinity for ReLU.
    pub(crate) limits: [f64; 2],
}

impl<'a> Set<'a> {
    /// Without members; any scale does for a tensor that is always 0.
    pub(crate) fn new(group: usize, name: &'a str) -> Self {
        let range = Range { low: 0.0, high: 0.0 };
        Self {
            name,
            members: Vec::new(),
            range,
            unit: 1.0,
            pinned: false,
            scale: 1.0 / 255.0,
            power_of_two: false,
            even_zero_point: false,
            group,
        }
    }

    /// Adds a member, of whose values these are to be covered.
    pub(crate) fn add(&mut self, member: Member<'a>, Range { low, high }: Range) {
        self.members.push(member);
        self.cover(low);
        self.cover(high);
    }

    /// Covers `value` too.
    pub(crate) fn cover(&mut self, value: f64) {
        self.range.low = self.range.low.min(value);
        self.range.high = self.range.high.max(value);
        let width = self.range.high - self.range.low;
        self.scale = if width > 0.0 { width } else { 1.0 } / 255.0;
    }

    /// Squared error of quantization with `scale`.
    pub(crate) fn error(&self, scale: f64) -> f64 {
        let format = self.range.format_with(scale / self.unit);
        self.members.iter().map(|member| member.statistics.error(&format, member.limits)).sum()
    }

    /// Makes the scale at least `needed`; says whether that changed it.
    pub(crate) fn raise(&mut self, needed: f64) -> bool {
        // A scale that is not finite is refused later; it must not keep the caller going round.
        if self.scale >= needed || !needed.is_finite() {
            return false;
        }
        self.scale = if self.power_of_two { needed.log2().ceil().exp2() } else { needed };
        true
    }

    /// Its format.
    pub(crate) fn quantization(&self) -> Result<Quantization, QuantizeError> {
        if !(SMALLEST_SCALE..=1.0 / SMALLEST_SCALE).contains(&self.scale) {
            return Err(QuantizeError::ScaleRange {
                name: self.name.to_owned(),
                scale: self.scale,
            });
        }
        let RealFormat { zero_point, .. } = self.range.format_with(self.scale / self.unit);
        let zero_point = if self.even_zero_point {
            ((zero_point / 2.0).round_ties_even() * 2.0).min(126.0)
        } else {
            zero_point
        };
        Ok(Quantization { scale: self.scale as f32, zero_point: zero_point as i8 })
    }
}

/// The set of each tensor: that of the first input of the layer that copies it, and of all that it is joined
/// with.
pub(crate) fn sets_of(graph: &FloatGraph, layers: &[Layer]) -> Vec<usize> {
    let mut set_of: Vec<usize> = (0..graph.tensors.len()).collect();
    for layer in layers.iter().filter(|layer| layer.kind.copies_codes()) {
        let joined = set_of[layer.inputs[0].0];
        set_of[layer.output.0] = joined;
        for input in &layer.inputs[1..] {
            let other = set_of[input.0];
            set_of.iter_mut().filter(|set| **set == other).for_each(|set| *set = joined);
        }
    }
    set_of
}
