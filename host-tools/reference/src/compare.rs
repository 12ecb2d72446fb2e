//! The comparison: every layer of every picture, in every mode, on all cores.

use crate::error::ReferenceError;
use crate::model::Reference;
use crate::report::{Difference, Exposed, LayerReport, ModeReport, Parity, Place};
use crate::side::{Output, Side};
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use thumbnet_compile::{Call, Program, Step};
use thumbnet_graph::Shape;
use thumbnet_simulate::crc32_of_map;

/// The two sides of a comparison, matched layer by layer.
pub struct Comparison<'a> {
    references: Vec<Matched>,
    sides: &'a [Side],
}

/// tract in one mode, and where it shows what our steps make.
struct Matched {
    reference: Reference,
    /// For each side, for each of its steps, the index of its tensor among tract's; `None` if tract does not show it.
    tensors: Vec<Vec<Option<usize>>>,
}

/// What the pictures seen so far have shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Pictures seen.
    pub images: u64,
    /// Bytes that differ, for each side, for each reference, for each step.
    different: Vec<Vec<Vec<u64>>>,
    first: Option<(Rank, Difference)>,
}

/// Which difference is the first: the order is that of the fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    picture: usize,
    side: usize,
    step: usize,
    reference: usize,
}

impl<'a> Comparison<'a> {
    /// Matches the steps of `sides` with the tensors of `references`.
    ///
    /// # Errors
    /// If a program has another input than the file, or a step makes a tensor that the file does not have.
    pub fn new(references: Vec<Reference>, sides: &'a [Side]) -> Result<Self, ReferenceError> {
        let matched = |mut reference: Reference| {
            let tensors = sides.iter().map(|side| match_steps(&mut reference, &side.program));
            let tensors = tensors.collect::<Result<_, _>>()?;
            Ok::<_, ReferenceError>(Matched { reference, tensors })
        };
        let references = references.into_iter().map(matched).collect::<Result<_, _>>()?;
        Ok(Self { references, sides })
    }

    /// Compares pictures `0..images`; `input(i)` gives the int8 `[h, w, c]` codes of picture `i`, and `done` is called
    /// after each. The result does not depend on the number of threads.
    ///
    /// # Errors
    /// If tract or the emulator fails on a picture.
    pub fn run(
        &self,
        images: usize,
        input: impl Fn(usize) -> Vec<i8> + Sync,
        done: impl Fn() + Sync,
    ) -> Result<Tally, ReferenceError> {
        let compared = (0..images).into_par_iter().map(|picture| {
            let tally = self.compare(picture, &input(picture))?;
            done();
            Ok(tally)
        });
        compared.try_reduce(|| self.empty(), |left, right| Ok(left.and(right)))
    }

    /// What was found, as a report on `model` with pictures of `data`.
    pub fn report(&self, tally: Tally, model: &str, data: &str) -> Parity {
        let mut modes = Vec::new();
        for (side_index, side) in self.sides.iter().enumerate() {
            for (reference_index, matched) in self.references.iter().enumerate() {
                let different = &tally.different[side_index][reference_index];
                let shown = &matched.tensors[side_index];
                let layers = side.program.steps.iter().zip(different).zip(shown);
                let layers = layers
                    .filter(|(_, shown)| shown.is_some())
                    .map(|((step, &different), _)| LayerReport::of(step, tally.images, different))
                    .collect();
                modes.push(ModeReport::of(&matched.reference, side, layers));
            }
        }
        Parity {
            model: model.to_owned(),
            data: data.to_owned(),
            images: tally.images,
            modes,
            first_difference: tally.first.map(|(_, difference)| difference),
        }
    }

    /// A tally of no picture.
    fn empty(&self) -> Tally {
        let of_side = |side: &Side| vec![vec![0; side.program.steps.len()]; self.references.len()];
        Tally { images: 0, different: self.sides.iter().map(of_side).collect(), first: None }
    }

    /// Compares one picture.
    fn compare(&self, picture: usize, input: &[i8]) -> Result<Tally, ReferenceError> {
        let expected = self.references.iter().map(|matched| matched.reference.tract.run(input));
        let expected: Vec<_> = expected.collect::<Result<_, _>>()?;
        let mut tally = Tally { images: 1, ..self.empty() };
        for (side_index, side) in self.sides.iter().enumerate() {
            side.run(input, &mut |step, output| {
                for (reference, matched) in self.references.iter().enumerate() {
                    if let Some(tensor) = matched.tensors[side_index][step] {
                        let rank = Rank { picture, side: side_index, step, reference };
                        self.count(&mut tally, rank, &expected[reference][tensor], output);
                    }
                }
            })?;
        }
        Ok(tally)
    }

    /// Counts the differences of one map.
    fn count(&self, tally: &mut Tally, rank: Rank, expected: &[i8], output: Output<'_>) {
        let side = &self.sides[rank.side];
        let step = &side.program.steps[rank.step];
        let (different, at) = differences(step.output_shape, expected, output);
        if different == 0 {
            return;
        }
        tally.different[rank.side][rank.reference][rank.step] += different as u64;
        let difference = Difference {
            mode: self.references[rank.reference].reference.mode,
            build: side.build,
            picture: rank.picture,
            layer: step.name.clone(),
            tensor: step.tensor.clone(),
            at,
        };
        tally.meet((rank, difference));
    }
}

impl Tally {
    /// Both tallies together.
    fn and(mut self, other: Self) -> Self {
        self.images += other.images;
        let left = self.different.iter_mut().flatten().flatten();
        for (left, right) in left.zip(other.different.iter().flatten().flatten()) {
            *left += right;
        }
        if let Some(difference) = other.first {
            self.meet(difference);
        }
        self
    }

    /// Keeps the earlier of the first difference and this one.
    fn meet(&mut self, difference: (Rank, Difference)) {
        if self.first.as_ref().is_none_or(|(rank, _)| difference.0 < *rank) {
            self.first = Some(difference);
        }
    }
}

impl ModeReport {
    /// The report with the sums of its `layers`.
    fn of(reference: &Reference, side: &Side, layers: Vec<LayerReport>) -> Self {
        let bytes = layers.iter().map(|layer| layer.bytes).sum();
        let different = layers.iter().map(|layer| layer.different).sum();
        let Reference { mode, exposed, .. } = *reference;
        let not_in_file = match exposed {
            Exposed::EveryLayer => side.program.steps.len() - layers.len(),
            Exposed::Logits => 0,
        };
        Self { mode, exposed, build: side.build, bytes, different, not_in_file, layers }
    }
}

impl LayerReport {
    fn of(step: &Step, images: u64, different: u64) -> Self {
        let Shape { h, w, c } = step.output_shape;
        let bytes = images * step.output_shape.len() as u64;
        let (name, tensor) = (step.name.clone(), step.tensor.clone());
        Self { name, tensor, shape: [h, w, c], bytes, different }
    }
}

/// For each step of `program`, the index of its tensor among those that tract shows.
fn match_steps(
    reference: &mut Reference,
    program: &Program,
) -> Result<Vec<Option<usize>>, ReferenceError> {
    let Reference { exposed, tract, .. } = reference;
    tract.expect_input(program.input_shape)?;
    let last = program.steps.len().saturating_sub(1);
    let steps = program.steps.iter().enumerate().map(|(index, step)| {
        if *exposed == Exposed::Logits && index != last {
            return Ok(None);
        }
        let shown = tract.tensors().iter().any(|tensor| tensor.name == step.tensor);
        if !shown && is_between_tensors(&step.call) {
            return Ok(None);
        }
        tract.expect(&step.tensor, step.output_shape, &step.name).map(Some)
    });
    steps.collect()
}

/// Whether a step may make codes that the file has in float only: the reader copies and translates codes where the
/// file slices, joins or pads what it dequantized.
fn is_between_tensors(call: &Call) -> bool {
    matches!(call, Call::Lookup { .. } | Call::Concat { .. } | Call::Rearrange(_) | Call::Pad(_))
}

/// How many bytes of a map differ, and where the first is; a map whose checksum differs counts whole.
fn differences(shape: Shape, expected: &[i8], output: Output<'_>) -> (usize, Option<Place>) {
    match output {
        Output::Checksum(crc) if crc == crc32_of_map(expected) => (0, None),
        Output::Checksum(_) => (expected.len(), None),
        Output::Map(found) => {
            let pairs = expected.iter().zip(found);
            let different = pairs.clone().filter(|(expected, found)| expected != found).count();
            let first = pairs.clone().position(|(expected, found)| expected != found);
            (different, first.map(|index| place(shape, index, expected[index], found[index])))
        }
    }
}

/// Element `index` of a map of `shape`.
fn place(shape: Shape, index: usize, tract: i8, thumbnet: i8) -> Place {
    let pixel = index / shape.c;
    Place {
        channel: index % shape.c,
        row: pixel / shape.w,
        column: pixel % shape.w,
        tract,
        thumbnet,
    }
}
