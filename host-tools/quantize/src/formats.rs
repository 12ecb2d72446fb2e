//! Chooses the number format of every activation.
//!
//! Three things tie formats together. A max pool keeps the format of its input, and so does whatever else
//! copies codes, so tensors joined by pools and concatenations form a *set* with one format. An add needs
//! power-of-two scales, so that its sum is exact in any engine. And an add needs its operands in one unit, so
//! sets joined by adds form a *group*.
//!
//! The unit is a free choice inside a ReLU network: multiply a tensor by any factor, its maker's
//! weights too, and divide its readers' weights by it, and no code changes. So a scale can be
//! *made* a power of two without rounding it. Only the picture and the logits have units that
//! someone else relies on, and what functions read and make, which are functions of real numbers.

use crate::lower::{Kind, Layer, UNLIMITED};
use crate::sets::{Member, Set, sets_of};
use crate::statistics::{Range, Statistics};
use crate::ties::Ties;
use crate::weights::{LARGEST_CODE, LARGEST_SUM_CODE};
use crate::{Calibrate, Options, QuantizeError};
use thumbnet_graph::onnx::Form;
use thumbnet_graph::{FloatGraph, Function, Quantization, RealOp, Shape, TensorId};

/// Above this factor from accumulator to output the device's integer form has no room: it needs
/// less than 0.5, and the weight scale must still be able to grow.
pub(crate) const LARGEST_FACTOR: f64 = 0.45;

/// Scales of an add's tensors lie within this ratio, so that its sum is exact in f32 and its shifts
/// are small.
const LARGEST_ADD_RATIO: f64 = 4096.0;

/// How often the search for scales without ties goes over all layers: one scale is changed for another's sake
/// where two functions make parts of one map.
const MOST_ROUNDS: usize = 8;

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
    plan.avoid_ties(graph, layers);
    plan.formats(layers)
}

struct Plan<'a> {
    /// By index of the set's first tensor; others are not used.
    sets: Vec<Set<'a>>,
    /// Set of each tensor.
    set_of: Vec<usize>,
    /// Limits of each tensor.
    limits: Vec<[f64; 2]>,
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
        let set_of = sets_of(graph, layers);
        let mut limits = vec![UNLIMITED; graph.tensors.len()];
        let mut computed = vec![false; graph.tensors.len()];
        computed[graph.input.0] = true;
        for layer in layers {
            limits[layer.output.0] = layer.limits;
            computed[layer.output.0] = !layer.kind.copies_codes();
        }
        let cut_logits = options.calibrate == Calibrate::MeanSquaredError;
        if cut_logits && has_plain_logits(graph, layers) {
            limits[graph.output.0][0] = statistics[graph.output.0].logit_floor();
        }
        let names = graph.tensors.iter().enumerate();
        let mut sets: Vec<Set> =
            names.map(|(index, tensor)| Set::new(index, &tensor.name)).collect();
        for (index, (statistics, limits)) in statistics.iter().zip(&limits).enumerate() {
            if !computed[index] {
                continue;
            }
            let range = if index == graph.input.0 {
                let zero = f64::from(options.zero_byte);
                Range { low: -zero / 255.0, high: (255.0 - zero) / 255.0 }
            } else if index == graph.output.0 && cut_logits {
                statistics.range(Calibrate::MinMax, *limits)
            } else {
                statistics.range(options.calibrate, *limits)
            };
            sets[set_of[index]].add(Member { statistics, limits: *limits }, range);
        }
        for layer in layers {
            if let Kind::Real(RealOp::Pad(_, value)) = layer.kind {
                sets[set_of[layer.output.0]].cover(f64::from(*value));
            }
        }
        let (input, output) = (set_of[graph.input.0], set_of[graph.output.0]);
        Self { sets, set_of, limits, input, output }
    }

    fn set(&self, tensor: TensorId) -> usize {
        self.set_of[tensor.0]
    }

    /// Decides which scales are powers of two, and makes them so.
    fn choose_units(&mut self, layers: &[Layer], form: Form) -> Result<(), QuantizeError> {
        for layer in layers.iter().filter(|layer| needs_its_unit(&layer.kind)) {
            for tensor in layer.inputs.iter().chain([&layer.output]) {
                let set = self.set(*tensor);
                self.sets[set].pinned = true;
            }
        }
        for layer in layers.iter().filter(|layer| layer.kind.sums_maps()) {
            let joined = [layer.inputs[0], layer.inputs[1], layer.output].map(|t| self.set(t));
            if form == Form::QLinear && joined.contains(&self.input) {
                return Err(QuantizeError::AddOfInput { node: layer.name.to_owned() });
            }
            self.join(joined);
            self.sets[joined[2]].even_zero_point = true;
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
        let pinned = members.iter().any(|&set| self.sets[set].pinned);
        if pinned && members.contains(&self.input) {
            // A function of the picture's real values: they cannot be powers of two.
            return;
        }
        let unit = if members.contains(&self.input) {
            // 1/255 becomes 1/256: the codes of a picture stay what they are.
            255.0 / 256.0
        } else if pinned || members.contains(&self.output) {
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

    /// The format of every tensor.
    fn formats(&self, layers: &[Layer]) -> Result<Vec<Format>, QuantizeError> {
        let mut formats = Vec::with_capacity(self.set_of.len());
        for (&set, &limits) in self.set_of.iter().zip(&self.limits) {
            let Set { unit, .. } = self.sets[set];
            let quantization = self.sets[set].quantization()?;
            formats.push(Format { quantization, unit, limits });
        }
        for layer in layers {
            let mut format = formats[layer.output.0];
            if layer.kind.copies_codes() {
                let of_inputs = layer.inputs.iter().map(|input| formats[input.0].limits);
                format.limits = of_inputs.fold([f64::INFINITY, f64::NEG_INFINITY], hull);
            } else if format.limits[0].is_finite() && format.clamp(layer.limits).is_none() {
                // A rounded scale leaves codes below a wanted floor; they are used.
                let Quantization { scale, zero_point } = format.quantization;
                format.limits[0] =
                    (-128.0 - f64::from(zero_point)) * f64::from(scale) / format.unit;
            }
            formats[layer.output.0] = format;
        }
        Ok(formats)
    }

    /// Raises the scales of what functions and products make a little, until no result lies so near the middle
    /// between two codes that engines could round it to different ones. A power of two stays one.
    fn avoid_ties(&mut self, graph: &FloatGraph, layers: &[Layer]) {
        for _ in 0..MOST_ROUNDS {
            let mut changed = false;
            for layer in layers {
                let set = self.set(layer.output);
                let read = layer.inputs.iter().map(|&input| &self.sets[self.set(input)]);
                let Ok(inputs) = read.map(Set::quantization).collect::<Result<Vec<_>, _>>() else {
                    continue;
                };
                let channels = graph.tensor(layer.output).shape.c;
                if self.sets[set].power_of_two || set == self.input {
                    continue;
                }
                let Some(ties) = Ties::of(&layer.kind, &inputs, channels) else { continue };
                let scale = ties.free_scale(self.sets[set].scale);
                changed |= self.sets[set].raise(scale);
            }
            if !changed {
                return;
            }
        }
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
                let tied: &[TensorId] = if layer.kind.sums_maps() { &layer.inputs } else { &[] };
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
            kind if kind.sums_maps() => {
                let largest = scale(layer.inputs[0]).max(scale(layer.inputs[1]));
                return largest.max(scale(layer.output)) / LARGEST_ADD_RATIO;
            }
            Kind::Sum { weight, .. } => *weight / LARGEST_SUM_CODE,
            Kind::Conv2d { weights, .. } => {
                let weights = weights.values.iter().map(|w| f64::from(w.abs()));
                weights.fold(0.0, f64::max) / LARGEST_CODE
            }
            Kind::MaxPool2d(_) | Kind::Add | Kind::Real(_) | Kind::Clamp(_) => return 0.0,
        };
        let [x, y] = [layer.inputs[0], layer.output].map(|tensor| &self.sets[self.set(tensor)]);
        x.scale * smallest_scale * (y.unit / x.unit) / LARGEST_FACTOR
    }
}

fn hull([low, high]: [f64; 2], other: [f64; 2]) -> [f64; 2] {
    [low.min(other[0]), high.max(other[1])]
}

/// Whether a layer computes on real numbers, in whose unit it must get and give them.
fn needs_its_unit(kind: &Kind) -> bool {
    match kind {
        Kind::Real(RealOp::Function(_) | RealOp::Mean { .. }) => true,
        Kind::Real(RealOp::Combine(function)) => *function == Function::Multiply,
        Kind::Real(RealOp::Pad(_, value)) => *value != 0.0,
        _ => false,
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

impl Format {
    /// The codes that values within `limits`, in the float network's unit, have; `None` if they can have all.
    pub fn clamp(&self, limits: [f64; 2]) -> Option<[i8; 2]> {
        let Quantization { scale, zero_point } = self.quantization;
        let code = |limit: f64| {
            let steps = (limit * self.unit / f64::from(scale)).round_ties_even();
            (steps + f64::from(zero_point)).clamp(-128.0, 127.0) as i8
        };
        // Infinite limits are beyond all codes; one code beyond a limit is rounding.
        let [low, high] = limits.map(code);
        let codes = [if low <= -127 { -128 } else { low }, if high >= 126 { 127 } else { high }];
        (codes != [-128, 127]).then_some(codes)
    }
}
