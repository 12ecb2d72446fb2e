//! Pictures that are there twice: to the byte, or but for tone, noise and compression.

use super::{At, all};
use crate::{Dataset, Digest};
use rayon::prelude::*;
use std::collections::HashMap;
use thumbnet_kernels::geometry::Shape;

/// A picture that is another one again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// The picture that comes first; training before test.
    pub first: At,
    /// The one that is it again.
    pub again: At,
    /// 0 for the same bytes; else how far apart they are: the root mean square difference after mean and contrast of
    /// both are made equal, below [`NEAR`].
    pub distance: f32,
}

/// Two pictures nearer than this, in standard deviations, are taken for one: a correlation above 0.99.
pub const NEAR: f32 = 0.12;

/// Every picture that is an earlier one again, with the nearest such.
///
/// ```text
/// each picture: mean 0, standard deviation 1; its blocks' means as a sketch
/// for each picture, each earlier one:
///     the distance of the sketches is never above that of the pictures: most pairs end here
///     distance of the pictures below NEAR: a pair
/// ```
pub fn duplicates(dataset: &Dataset) -> Vec<Pair> {
    let places = all(dataset);
    let exact = exact(dataset, &places);
    let shape = dataset.train.shape;
    // Four times the pictures' bytes: made again where it is needed, which is seldom.
    let normal = |index: usize| normalized(&places[index].picture(dataset));
    let sketches: Vec<Sketch> =
        (0..places.len()).into_par_iter().map(|index| sketch(&normal(index), shape)).collect();
    let pair = |again: usize| {
        if let Some(first) = exact[again] {
            return Some((first, 0.0));
        }
        let limit = NEAR * NEAR;
        let similar = |first: &usize| squares(&sketches[*first], &sketches[again]) < limit;
        let mut firsts =
            (0..again).filter(|first| exact[*first].is_none()).filter(similar).peekable();
        firsts.peek()?;
        let own = normal(again);
        let with_distance = firsts.map(|first| (first, mean_square(&normal(first), &own)));
        let near = with_distance.filter(|(_, distance)| *distance < limit);
        let nearest = near.min_by(|a, b| a.1.total_cmp(&b.1));
        nearest.map(|(first, distance)| (first, distance.sqrt()))
    };
    let pairs: Vec<Option<(usize, f32)>> = (0..places.len()).into_par_iter().map(pair).collect();
    let found = pairs.into_iter().enumerate();
    found
        .filter_map(|(again, pair)| {
            let (first, distance) = pair?;
            Some(Pair { first: places[first], again: places[again], distance })
        })
        .collect()
}

/// For each picture, an earlier one with the same bytes.
fn exact(dataset: &Dataset, places: &[At]) -> Vec<Option<usize>> {
    let digests: Vec<Digest> =
        places.par_iter().map(|at| Digest::of(&at.picture(dataset))).collect();
    let mut first = HashMap::new();
    let earlier = |(index, digest): (usize, Digest)| {
        let first = *first.entry(digest).or_insert(index);
        (first < index).then_some(first)
    };
    digests.into_iter().enumerate().map(earlier).collect()
}

/// Mean 0 and standard deviation 1; all 0 for a picture of one tone, which is near no other.
fn normalized(picture: &[u8]) -> Vec<f32> {
    let count = picture.len() as f32;
    let mean = picture.iter().map(|byte| f32::from(*byte)).sum::<f32>() / count;
    let centred: Vec<f32> = picture.iter().map(|byte| f32::from(*byte) - mean).collect();
    let variance = centred.iter().map(|value| value * value).sum::<f32>() / count;
    let scale = if variance > 1.0 { 1.0 / variance.sqrt() } else { f32::NAN };
    centred.into_iter().map(|value| value * scale).collect()
}

const SIDE: usize = 8;

/// Means of up to 8 x 8 blocks, times the root of each one's share of the picture.
type Sketch = [f32; SIDE * SIDE];

/// By the inequality of the means, `squares` of two sketches is at most the mean square of the pictures.
fn sketch(picture: &[f32], shape: Shape) -> Sketch {
    let Shape { h, w, c } = shape;
    let mut sums = [0.0; SIDE * SIDE];
    let mut counts = [0.0_f32; SIDE * SIDE];
    for (at, value) in picture.iter().enumerate() {
        let [y, x] = [at / (w * c) * SIDE / h, at / c % w * SIDE / w];
        sums[y * SIDE + x] += value;
        counts[y * SIDE + x] += 1.0;
    }
    let total = picture.len() as f32;
    std::array::from_fn(|block| {
        if counts[block] > 0.0 { sums[block] / (counts[block] * total).sqrt() } else { 0.0 }
    })
}

fn squares(a: &Sketch, b: &Sketch) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

fn mean_square(a: &[f32], b: &[f32]) -> f32 {
    let sum: f32 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
    sum / a.len() as f32
}
