//! Which rows of which map each step of a group makes in each round.
//!
//! ```text
//! in each round, from the last step back:
//!     the last step makes some more rows
//!     each other step makes the rows that those behind it need for theirs and that are not there yet
//! ```

use super::reach::Reach;
use crate::call::Call;
use crate::lower::Lowered;
use crate::plan::MAP_ALIGNMENT;
use std::ops::Range;
use thumbnet_graph::{Int8Graph, Padding, Shape, TensorId, Window};
use thumbnet_kernels::armv7em::depthwise_scratch_bytes;
use thumbnet_kernels::order::Overlap;

/// Maps of more rows than any microcontroller holds are not walked.
const MOST_ROWS: usize = 1 << 12;
/// Rounds before the last step begins, at most.
const MOST_EARLY: usize = 64;

/// Some rows of one step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stripe {
    /// Index of the step.
    pub step: usize,
    /// Rows of each of its inputs.
    pub input: Range<usize>,
    /// Rows of its output.
    pub output: Range<usize>,
    /// Padding around these rows of the input.
    pub padding: Padding,
}

impl Stripe {
    /// The window of the step over these rows.
    fn window(&self, call: &Call) -> Option<Window> {
        call.window().map(|window| Window { padding: self.padding, ..*window })
    }
}

/// A map that is never whole: its rows in a buffer from one round to the next.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Band {
    /// By round, the row at the front of the buffer.
    pub first: Vec<usize>,
    /// By round, one past the last row.
    pub end: Vec<usize>,
}

impl Band {
    /// Most rows in the buffer.
    pub fn rows(&self) -> usize {
        let rows = self.first.iter().zip(&self.end).map(|(first, end)| end - first);
        rows.max().unwrap_or(0)
    }
}

/// A group of steps by stripes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Schedule {
    /// The steps.
    pub steps: Range<usize>,
    /// The stripes of each round, in execution order.
    pub rounds: Vec<Vec<Stripe>>,
    /// Maps that only steps of the group need.
    pub bands: Vec<(TensorId, Band)>,
    /// Maps whose rows are written where those of another map will be, as a step element by element makes the latter
    /// from the former.
    pub in_place: Vec<(TensorId, TensorId)>,
    /// Input and output of the whole group, and how they may share memory.
    pub overlaps: Vec<(TensorId, TensorId, Overlap)>,
    /// By step, the scratch memory that each of its calls gets.
    pub scratch_bytes: Vec<usize>,
}

impl Schedule {
    /// Steps `steps`, the last of which makes `rows` rows of its output in each round; `None` where some step cannot, or
    /// where that would be one round. `last_uses` has the last step that needs each tensor.
    pub fn of(
        graph: &Int8Graph,
        lowered: &[Lowered],
        last_uses: &[usize],
        steps: Range<usize>,
        rows: usize,
    ) -> Option<Self> {
        let group = Group::of(graph, lowered, last_uses, steps.clone())?;
        let fronts = group.fronts(rows)?;
        let rounds = (0..fronts[0].len()).map(|round| group.stripes(&fronts, round));
        let rounds = rounds.collect::<Option<Vec<_>>>()?;
        let mut bands: Vec<_> =
            (0..steps.len()).filter_map(|index| group.band(&fronts, index)).collect();
        let in_place = group.in_place(&bands);
        for (map, band) in bands.iter_mut().filter(|(map, _)| place(&in_place, *map) == *map) {
            band.end = group.written(&fronts, &in_place, *map);
        }
        let overlaps = group.overlaps(&fronts, &bands, &in_place);
        let scratch_bytes = group.scratch_bytes(&rounds);
        Some(Self { steps, rounds, bands, in_place, overlaps, scratch_bytes })
    }

    /// The map in whose place `tensor` is written: itself, or what is made of it in place.
    pub fn place(&self, tensor: TensorId) -> TensorId {
        place(&self.in_place, tensor)
    }

    /// The band that a map has, if it is not whole.
    pub fn band(&self, tensor: TensorId) -> Option<&Band> {
        band(&self.bands, tensor)
    }
}

fn place(in_place: &[(TensorId, TensorId)], tensor: TensorId) -> TensorId {
    let next = in_place.iter().find(|(from, _)| *from == tensor);
    next.map_or(tensor, |(_, to)| place(in_place, *to))
}

fn band(bands: &[(TensorId, Band)], tensor: TensorId) -> Option<&Band> {
    bands.iter().find(|(id, _)| *id == tensor).map(|(_, band)| band)
}

/// The steps that a schedule is made for; indices count from the first of them.
struct Group<'a> {
    graph: &'a Int8Graph,
    steps: &'a [Lowered],
    start: usize,
    last_uses: &'a [usize],
    reaches: Vec<Reach>,
}

impl<'a> Group<'a> {
    fn of(
        graph: &'a Int8Graph,
        lowered: &'a [Lowered],
        last_uses: &'a [usize],
        steps: Range<usize>,
    ) -> Option<Self> {
        let start = steps.start;
        let steps = &lowered[steps];
        let reaches = steps.iter().map(|step| Reach::of(graph, step)).collect::<Option<_>>()?;
        let group = Self { graph, steps, start, last_uses, reaches };
        // Kernels may rely on the alignment of maps, and so each row has to be aligned.
        let maps = steps.iter().flat_map(|step| step.inputs.iter().chain([&step.output]));
        let mut shapes = maps.map(|id| group.shape(*id));
        let fit = |shape: Shape| row_bytes(shape).is_multiple_of(MAP_ALIGNMENT);
        shapes.all(|shape| fit(shape) && (1..=MOST_ROWS).contains(&shape.h)).then_some(group)
    }

    fn shape(&self, id: TensorId) -> Shape {
        self.graph.tensor(id).shape
    }

    fn rows(&self, index: usize) -> usize {
        self.shape(self.steps[index].output).h
    }

    /// The steps of the group that read a map.
    fn readers(&self, id: TensorId) -> impl Iterator<Item = usize> {
        (0..self.steps.len()).filter(move |index| self.steps[*index].inputs.contains(&id))
    }

    /// By step and round, the rows that are there at the end of it.
    ///
    /// Steps begin one after the other, none with more rows than it makes in a later round, and what nobody needs is made
    /// in the end.
    fn fronts(&self, rows: usize) -> Option<Vec<Vec<usize>>> {
        let last_rows = self.rows(self.steps.len() - 1);
        let rounds = last_rows.div_ceil(rows);
        let begun =
            |early: &usize| self.lines(-((early * rows) as i64)).iter().all(|line| *line <= 0);
        let early = (0..MOST_EARLY).find(begun).unwrap_or(MOST_EARLY);
        let mut fronts = vec![vec![]; self.steps.len()];
        for round in 1..=early + rounds {
            let made = (round * rows) as i64 - (early * rows) as i64;
            for (index, line) in self.lines(made.min(last_rows as i64)).into_iter().enumerate() {
                fronts[index].push(self.rows(index).min(usize::try_from(line).unwrap_or(0)));
            }
        }
        for index in 0..self.steps.len() {
            if let Some(front) = self.ahead(&fronts, index) {
                fronts[index] = front;
            }
        }
        let missing = |index: usize| fronts[index].last() != Some(&self.rows(index));
        if (0..self.steps.len()).any(missing) {
            fronts.iter_mut().enumerate().for_each(|(index, front)| front.push(self.rows(index)));
        }
        (rounds > 1).then_some(fronts)
    }

    /// By step, the rows that are needed for `last` rows of the last step, as straight lines.
    fn lines(&self, last: i64) -> Vec<i64> {
        let mut lines = vec![last; self.steps.len()];
        let last_rows = self.rows(self.steps.len() - 1) as i64;
        for index in (0..self.steps.len() - 1).rev() {
            let needed = self.readers(self.steps[index].output);
            let needed = needed.map(|reader| self.reaches[reader].line(lines[reader]));
            // What no step of the group needs comes with the rest.
            let share = || -(-last * self.rows(index) as i64).div_euclid(last_rows);
            lines[index] = needed.max().unwrap_or_else(share);
        }
        lines
    }

    /// The rows of a step that goes on as far as its input does, where that takes less memory than to wait until they
    /// are needed: its own rows are smaller than those of the input that wait for it.
    fn ahead(&self, fronts: &[Vec<usize>], index: usize) -> Option<Vec<usize>> {
        let (step, reach) = (&self.steps[index], self.reaches[index]);
        let &[input] = step.inputs.as_slice() else { return None };
        let maker = self.steps.iter().position(|step| step.output == input)?;
        let possible = |rows: usize| match rows == self.rows(maker) {
            true => self.rows(index),
            false => reach.outputs(rows).min(self.rows(index)),
        };
        let ahead = fronts[maker].iter().zip(&fronts[index]);
        let ahead: Vec<usize> = ahead.map(|(rows, now)| possible(*rows).max(*now)).collect();
        let round = ahead.len() / 2;
        let others = self.readers(input).filter(|reader| *reader != index);
        let others = others.map(|reader| self.reaches[reader].first(fronts[reader][round])).min();
        let kept_from = |rows: usize| reach.first(rows).min(others.unwrap_or(usize::MAX));
        let [now, then] = [fronts[index][round], ahead[round]];
        let saved = kept_from(then).saturating_sub(kept_from(now)) * row_bytes(self.shape(input));
        (saved > (then - now) * row_bytes(self.shape(step.output))).then_some(ahead)
    }

    /// What is done in a round; `None` if some rows are made from padding only.
    fn stripes(&self, fronts: &[Vec<usize>], round: usize) -> Option<Vec<Stripe>> {
        let mut stripes = Vec::new();
        for (index, front) in fronts.iter().enumerate() {
            let output = before(front, round)..front[round];
            if !output.is_empty() {
                stripes.push(self.stripe(index, output)?);
            }
        }
        Some(stripes)
    }

    fn stripe(&self, index: usize, output: Range<usize>) -> Option<Stripe> {
        let (reach, step) = (self.reaches[index], &self.steps[index]);
        let all = self.shape(step.inputs[0]).h;
        let end = reach.end(output.end);
        let input = reach.first(output.start)..end.min(all);
        let around = step.call.window().map_or(Padding::NONE, |window| window.padding);
        let padding = Padding {
            top: reach.above.saturating_sub(output.start.saturating_mul(reach.step)),
            bottom: end.saturating_sub(all),
            ..around
        };
        let stripe = Stripe { step: self.start + index, input, output, padding };
        (!stripe.input.is_empty()).then_some(stripe)
    }

    /// What each step needs for its largest stripe.
    fn scratch_bytes(&self, rounds: &[Vec<Stripe>]) -> Vec<usize> {
        let mut most: Vec<usize> = self.steps.iter().map(|step| step.scratch_bytes).collect();
        for (index, (step, most)) in self.steps.iter().zip(&mut most).enumerate() {
            // That of other kernels depends on channels and windows only.
            let Call::DepthwiseConv2d { input, .. } = &step.call else { continue };
            if *most > 0 {
                let stripes =
                    rounds.iter().flatten().filter(|stripe| stripe.step == self.start + index);
                let bytes = stripes.filter_map(|stripe| {
                    let input = Shape { h: stripe.input.len(), ..*input };
                    depthwise_scratch_bytes(&stripe.window(&step.call)?, input)
                });
                *most = bytes.max().unwrap_or(0);
            }
        }
        most
    }

    /// The map of a step and its rows in memory, where only steps of the group need it.
    fn band(&self, fronts: &[Vec<usize>], index: usize) -> Option<(TensorId, Band)> {
        let map = self.steps[index].output;
        if self.last_uses[map.0] >= self.start + self.steps.len() {
            return None;
        }
        let first = |round: usize| {
            let needed = self.first_needed(fronts, map, round);
            needed.unwrap_or(usize::MAX).min(before(&fronts[index], round))
        };
        let first = (0..fronts[index].len()).map(first).collect();
        Some((map, Band { first, end: fronts[index].clone() }))
    }

    /// The first row of `map` that steps read in `round` or later; `None` if they have all that they need.
    fn first_needed(&self, fronts: &[Vec<usize>], map: TensorId, round: usize) -> Option<usize> {
        let need = |reader: usize| {
            let there = before(&fronts[reader], round);
            (there < self.rows(reader)).then(|| self.reaches[reader].first(there))
        };
        self.readers(map).filter_map(need).min()
    }

    /// Steps that work element by element take an input that nobody else needs in their output's place.
    fn in_place(&self, bands: &[(TensorId, Band)]) -> Vec<(TensorId, TensorId)> {
        let mut pairs = Vec::new();
        for (index, step) in self.steps.iter().enumerate() {
            let elementwise = step.call.window().is_none();
            let own =
                |id: &&TensorId| band(bands, **id).is_some() && self.readers(**id).eq([index]);
            let made = |id: &&TensorId| self.steps.iter().position(|step| step.output == **id);
            // The one made last: its rows wait least.
            if elementwise && let Some(input) = step.inputs.iter().filter(own).max_by_key(made) {
                pairs.push((*input, step.output));
            }
        }
        pairs
    }

    /// By round, one past the last row that is written in the place of `map`: steps whose rows lie there may be ahead of the
    /// step that makes it.
    fn written(
        &self,
        fronts: &[Vec<usize>],
        in_place: &[(TensorId, TensorId)],
        map: TensorId,
    ) -> Vec<usize> {
        let steps = self.steps.iter().zip(fronts);
        let writers = steps.filter(|(step, _)| place(in_place, step.output) == map);
        let end = |round: usize| writers.clone().map(|(_, front)| front[round]).max().unwrap_or(0);
        (0..fronts[0].len()).map(end).collect()
    }

    /// How whole outputs may lie on whole inputs that only this group still needs.
    fn overlaps(
        &self,
        fronts: &[Vec<usize>],
        bands: &[(TensorId, Band)],
        in_place: &[(TensorId, TensorId)],
    ) -> Vec<(TensorId, TensorId, Overlap)> {
        let made = |id: TensorId| self.steps.iter().any(|step| step.output == id);
        let mut inputs: Vec<TensorId> =
            self.steps.iter().flat_map(|step| step.inputs.iter().copied()).collect();
        inputs.sort_by_key(|id| id.0);
        inputs.dedup();
        let dies = |id: &TensorId| self.last_uses[id.0] < self.start + self.steps.len();
        let inputs: Vec<TensorId> =
            inputs.into_iter().filter(|id| !made(*id) && dies(id)).collect();
        let mut overlaps = Vec::new();
        for (index, step) in self.steps.iter().enumerate() {
            let output = step.output;
            let writes = |step: &Lowered| place(in_place, step.output) == output;
            let first_writer = self.steps.iter().position(writes).unwrap_or(index);
            if band(bands, output).is_none() && place(in_place, output) == output {
                overlaps.extend(inputs.iter().map(|input| {
                    let written = self.written(fronts, in_place, output);
                    let overlap = self.overlap(fronts, *input, (output, &written), first_writer);
                    (*input, output, overlap)
                }));
            }
        }
        overlaps
    }

    /// As in [`thumbnet_kernels::order`], with rounds as groups: what a round has written must not be what is read later.
    /// `written` has, by round, the rows in the output's place.
    fn overlap(
        &self,
        fronts: &[Vec<usize>],
        input: TensorId,
        (output, written): (TensorId, &[usize]),
        first_writer: usize,
    ) -> Overlap {
        // Whether in each round all that it needs of the input is read before the first byte is written.
        let gathers = self.readers(input).all(|reader| reader < first_writer);
        let input_row = row_bytes(self.shape(input));
        let output_row = row_bytes(self.shape(output));
        let mut lead = -(self.shape(input).len() as isize);
        for (round, front) in written.iter().enumerate() {
            let reading = if gathers { round + 1 } else { round };
            if let Some(row) = self.first_needed(fronts, input, reading) {
                lead = lead.max((front * output_row) as isize - (row * input_row) as isize);
            }
        }
        Overlap { lead, step: MAP_ALIGNMENT }
    }
}

/// What is there at the beginning of a round.
fn before(front: &[usize], round: usize) -> usize {
    round.checked_sub(1).map_or(0, |round| front[round])
}

/// Bytes of a row of a map.
pub(crate) fn row_bytes(shape: Shape) -> usize {
    shape.w * shape.c
}
