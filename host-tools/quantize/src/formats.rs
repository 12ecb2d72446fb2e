//! Chooses the number format of every activation.
//!
//! Three things tie formats together. A max pool keeps the format of its input, so tensors joined
//! by pools form a *set* with one format. An add needs power-of-two scales, so that its sum is
//! exact in any engine. And an add needs its operands in one unit, so sets joined by adds form a
//! *group*.
//!
//! The unit is a free choice inside a ReLU network: multiply a tensor by any factor, its maker's
//! weights too, and divide its readers' weights by it, and no code changes. So a scale can be
//! *made* a power of two without rounding it. Only the picture and the logits have units that
//! someone else relies on.

use crate::lower::{Kind, Layer, UNLIMITED};
use crate::statistics::{Range, RealFormat, Statistics};
use crate::weights::{LARGEST_CODE, LARGEST_SUM_CODE};
use crate::{Calibrate, Options, QuantizeError};
use thumbnet_graph::onnx::Form;
use thumbnet_graph::{FloatGraph, Quantization, Shape, TensorId};

/// Above this factor from accumulator to output the device's integer form has no room: it needs
/// less than 0.5, and the weight scale must still be able to grow.
pub(crate) const LARGEST_FACTOR: f64 = 0.45;

/// Scales of an add's tensors lie within this ratio, so that its sum is exact in f32 and its shifts
/// are small.
const LARGEST_ADD_RATIO: f64 = 4096.0;

/// Scales below this, or above its reciprocal, would make products of scales leave f32's normal
/// numbers.
pub(crate) const SMALLEST_SCALE: f64 = 1e-12;

/// What a quantized tensor is in terms of the float network's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Format {
    /// Scale and zero point.
    pub quantization: Quantization,
    /// `value of the int8 network = unit * value of the float network`.
    pub unit: f64,
    /// In the float network's unit: smaller and larger values have become these on purpose.
    pub limits: [f64; 2],
}

/// The format of every tensor that the layers read or make, by tensor index. `statistics` are those
/// of the float network's tensors.
pub(crate) fn choose(
    graph: &FloatGraph,
    layers: &[Layer],
    statistics: &[Statistics],
    options: &Options,
) -> Result<Vec<Format>, QuantizeError> {
    let mut plan = Plan::new(graph, layers, statistics, options);
    plan.choose_units(layers, options.form)?;
    plan.make_room(layers);
    plan.set_of.iter().map(|&set| plan.sets[set].format()).collect()
}

/// One format in the making.
struct Set<'a> {
    /// Name of the tensor that the layers make first, for messages.
    name: &'a str,
    statistics: &'a Statistics,
    /// Smaller and larger values become these: 0 and infinity for ReLU.
    limits: [f64; 2],
    /// Values to cover, in the float network's unit.
    range: Range,
    unit: f64,
    /// Of the int8 network's values: in the float network's unit it is `scale / unit`.
    scale: f64,
    power_of_two: bool,
    /// Equal in sets whose tensors are added.
    group: usize,
}

struct Plan<'a> {
    /// By index of the set's first tensor; others are not used.
    sets: Vec<Set<'a>>,
    /// Set of each tensor.
    set_of: Vec<usize>,
    input: usize,
    output: usize,
}

impl<'a> Plan<'a> {
    fn new(
        graph: &'a FloatGraph,
        layers: &[Layer],
        statistics: &'a [Statistics],
        options: &Options,
    ) -> Self {
        let mut set_of: Vec<usize> = (0..graph.tensors.len()).collect();
        let mut limits = vec![UNLIMITED; graph.tensors.len()];
        for layer in layers {
            limits[layer.output.0] = layer.limits;
            if let Kind::MaxPool2d(_) = layer.kind {
                set_of[layer.output.0] = set_of[layer.inputs[0].0];
            }
        }
        let cut_logits = options.calibrate == Calibrate::MeanSquaredError;
        if cut_logits && has_plain_logits(graph, layers) {
            limits[graph.output.0][0] = statistics[graph.output.0].logit_floor();
        }
        let tensors = graph.tensors.iter().zip(statistics).zip(limits).enumerate();
        let sets = tensors.map(|(index, ((tensor, statistics), limits))| {
            let range = if index == graph.input.0 {
                let zero = f64::from(options.zero_byte);
                Range { low: -zero / 255.0, high: (255.0 - zero) / 255.0 }
            } else if index == graph.output.0 && cut_logits {
                statistics.range(Calibrate::MinMax, limits)
            } else {
                statistics.range(options.calibrate, limits)
            };
            Set::new(index, &tensor.name, statistics, limits, range)
        });
        let sets = sets.collect();
        let (input, output) = (set_of[graph.input.0], set_of[graph.output.0]);
        Self { sets, set_of, input, output }
    }

    fn set(&self, tensor: TensorId) -> usize {
        self.set_of[tensor.0]
    }

    /// Decides which scales are powers of two, and makes them so.
    fn choose_units(&mut self, layers: &[Layer], form: Form) -> Result<(), QuantizeError> {
        for layer in layers.iter().filter(|layer| matches!(layer.kind, Kind::Add)) {
            let joined = [layer.inputs[0], layer.inputs[1], layer.output].map(|t| self.set(t));
            if form == Form::QLinear && joined.contains(&self.input) {
                return Err(QuantizeError::AddOfInput { node: layer.name.to_owned() });
            }
            self.join(joined);
        }
        for group in 0..self.sets.len() {
            let members: Vec<usize> = (0..self.sets.len())
                .filter(|&set| self.set_of[set] == set && self.sets[set].group == group)
                .collect();
            if form == Form::Qdq || members.iter().any(|&set| self.sets[set].power_of_two) {
                self.make_powers_of_two(&members);
            }
        }
        Ok(())
    }

    fn join(&mut self, joined: [usize; 3]) {
        let groups = joined.map(|set| self.sets[set].group);
        for set in &mut self.sets {
            if groups.contains(&set.group) {
                set.group = groups[0];
            }
        }
        for set in joined {
            self.sets[set].power_of_two = true;
        }
    }

    /// Gives the sets of one group a common unit and each a power of two as scale.
    fn make_powers_of_two(&mut self, members: &[usize]) {
        let unit = if members.contains(&self.input) {
            // 1/255 becomes 1/256: the codes of a picture stay what they are.
            255.0 / 256.0
        } else if members.contains(&self.output) {
            1.0
        } else {
            self.best_unit(members)
        };
        for &member in members {
            let set = &mut self.sets[member];
            set.unit = unit;
            set.power_of_two = true;
            let exponent = (set.scale * unit).log2();
            let (below, above) = (exponent.floor().exp2(), exponent.ceil().exp2());
            let nearest = exponent.round();
            set.scale = if (exponent - nearest).abs() < 1e-6 {
                nearest.exp2()
            } else if set.error(below) < set.error(above) {
                below
            } else {
                above
            };
        }
    }

    /// The unit that makes one member's scale a power of two and wastes least in the others.
    fn best_unit(&self, members: &[usize]) -> f64 {
        let waste = |unit: f64| -> f64 {
            let exponents = members.iter().map(|&set| (self.sets[set].scale * unit).log2());
            exponents.map(|exponent| (exponent - 1e-6).ceil() - exponent).sum()
        };
        let units = members.iter().map(|&set| {
            let scale = self.sets[set].scale;
            scale.log2().round().exp2() / scale
        });
        units.min_by(|&a, &b| waste(a).total_cmp(&waste(b))).unwrap_or(1.0)
    }

    /// Raises scales until every factor is below [`LARGEST_FACTOR`] and adds are within
    /// [`LARGEST_ADD_RATIO`]. Raising one can ask for another behind it, so it goes round until all
    /// is well.
    fn make_room(&mut self, layers: &[Layer]) {
        let mut changed = true;
        while changed {
            changed = false;
            for layer in layers {
                let needed = self.needed_scale(layer);
                let tied: &[TensorId] =
                    if let Kind::Add = layer.kind { &layer.inputs } else { &[] };
                for &tensor in tied.iter().chain([&layer.output]) {
                    let set = self.set(tensor);
                    changed |= self.sets[set].raise(needed);
                }
            }
        }
    }

    /// The least scale that the layer can bear in its output, and an add in its inputs.
    fn needed_scale(&self, layer: &Layer) -> f64 {
        let scale = |tensor: TensorId| self.sets[self.set(tensor)].scale;
        let smallest_scale = match &layer.kind {
            Kind::MaxPool2d(_) => return 0.0,
            Kind::Add => {
                let largest = scale(layer.inputs[0]).max(scale(layer.inputs[1]));
                return largest.max(scale(layer.output)) / LARGEST_ADD_RATIO;
            }
            Kind::Sum { weight, .. } => *weight / LARGEST_SUM_CODE,
            Kind::Conv2d { weights, .. } => {
                let weights = weights.values.iter().map(|w| f64::from(w.abs()));
                weights.fold(0.0, f64::max) / LARGEST_CODE
            }
        };
        let [x, y] = [layer.inputs[0], layer.output].map(|tensor| &self.sets[self.set(tensor)]);
        x.scale * smallest_scale * (y.unit / x.unit) / LARGEST_FACTOR
    }
}

/// Whether the output is a vector of classes that a convolution makes for nobody else, without a
/// ReLU.
fn has_plain_logits(graph: &FloatGraph, layers: &[Layer]) -> bool {
    let Shape { h, w, c } = graph.tensor(graph.output).shape;
    let maker = layers.iter().find(|layer| layer.output == graph.output);
    let plain = maker.is_some_and(|layer| {
        layer.limits == UNLIMITED && matches!(layer.kind, Kind::Conv2d { .. } | Kind::Sum { .. })
    });
    let read = layers.iter().any(|layer| layer.inputs.contains(&graph.output));
    (h, w) == (1, 1) && c > 1 && plain && !read
}

impl<'a> Set<'a> {
    fn new(
        group: usize,
        name: &'a str,
        statistics: &'a Statistics,
        limits: [f64; 2],
        range: Range,
    ) -> Self {
        let width = range.high - range.low;
        // Any scale does for a tensor that is always 0.
        let scale = if width > 0.0 { width } else { 1.0 } / 255.0;
        Self { name, statistics, limits, range, unit: 1.0, scale, power_of_two: false, group }
    }

    /// Squared error of quantization with `scale`.
    fn error(&self, scale: f64) -> f64 {
        self.statistics.error(&self.range.format_with(scale / self.unit), self.limits)
    }

    /// Makes the scale at least `needed`; says whether that changed it.
    fn raise(&mut self, needed: f64) -> bool {
        // A scale that is not finite is refused later; it must not keep the caller going round.
        if self.scale >= needed || !needed.is_finite() {
            return false;
        }
        self.scale = if self.power_of_two { needed.log2().ceil().exp2() } else { needed };
        true
    }

    fn format(&self) -> Result<Format, QuantizeError> {
        if !(SMALLEST_SCALE..=1.0 / SMALLEST_SCALE).contains(&self.scale) {
            return Err(QuantizeError::ScaleRange {
                name: self.name.to_owned(),
                scale: self.scale,
            });
        }
        let RealFormat { zero_point, .. } = self.range.format_with(self.scale / self.unit);
        let quantization = Quantization { scale: self.scale as f32, zero_point: zero_point as i8 };
        // A rounded scale leaves codes below a wanted floor; they are used.
        let [mut floor, ceiling] = self.limits;
        if floor.is_finite() {
            floor = (-128.0 - zero_point) * self.scale / self.unit;
        }
        Ok(Format { quantization, unit: self.unit, limits: [floor, ceiling] })
    }
}
