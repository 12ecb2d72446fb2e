//! Which pictures look alike: each one's nearest in a coarse view, and labels that spread between them.
//!
//! A coarse view is the picture's shrunk bytes, scaled to length 1: the distance of two is that of their directions, whatever
//! their brightness. `W` has a weight for every two pictures of which one is among the other's nearest; labels spread by
//! `P <- share * D^-1/2 W D^-1/2 P + (1 - share) * P0`, where `D` are the sums of `W`'s rows (Zhou et al., Learning with Local and Global
//! Consistency, 2004).

use crate::engine::{AStrides, BStrides, Product};
use rayon::prelude::*;
use std::collections::BTreeMap;
use thumbnet_data::{Fit, InputSpec, Pictures, Preprocessing};
use thumbnet_graph::Shape;

/// Longest side of a coarse view.
const SIDE: usize = 7;
/// How much of a label comes from pictures that look alike.
const SHARE: f64 = 0.8;
/// Enough for `SHARE`'s power to be below a hundredth.
const ROUNDS: usize = 21;
/// Pictures whose distances to all others are in memory at a time, for each thread.
const BLOCK: usize = 64;

/// Pictures, and for each those that look like it with their weights.
pub(crate) struct Likeness {
    alike: Vec<Vec<(u32, f64)>>,
}

impl Likeness {
    /// Of all pictures of some parts, each with its `nearest` others.
    pub fn new(parts: &[&Pictures], nearest: usize) -> Self {
        let views = Views::of(parts);
        let found: Vec<Vec<(f32, u32)>> = (0..views.count)
            .step_by(BLOCK)
            .collect::<Vec<_>>()
            .into_par_iter()
            .flat_map_iter(|first| views.nearest(first, nearest))
            .collect();
        Self::weigh(&found)
    }

    /// Weights from squared distances: `exp(-2 * d^2 / m)`, where `m` is the mean of the largest a picture has.
    fn weigh(found: &[Vec<(f32, u32)>]) -> Self {
        let largest =
            |near: &Vec<(f32, u32)>| near.iter().fold(0.0, |most, &(d, _)| f32::max(most, d));
        let sum: f64 = found.iter().map(|near| f64::from(largest(near))).sum();
        let mean = (sum / found.len().max(1) as f64).max(f64::MIN_POSITIVE);
        let mut weights = vec![BTreeMap::new(); found.len()];
        for (picture, near) in found.iter().enumerate() {
            for &(distance, other) in near {
                let weight = libm::exp(-2.0 * f64::from(distance) / mean);
                weights[picture].insert(other, weight);
                weights[other as usize].insert(picture as u32, weight);
            }
        }
        let scale: Vec<f64> =
            weights.iter().map(|near| 1.0 / near.values().sum::<f64>().sqrt()).collect();
        let alike = weights.iter().zip(&scale).map(|(near, own)| {
            near.iter()
                .map(|(&other, weight)| (other, weight * own * scale[other as usize]))
                .collect()
        });
        Self { alike: alike.collect() }
    }

    /// Rows of class probabilities, one a picture, after they have spread; each sums to 1 again.
    pub fn spread(&self, rows: &[f64], classes: usize) -> Vec<f64> {
        let mut now = rows.to_vec();
        for _ in 0..ROUNDS {
            let mut next = vec![0.0; now.len()];
            let each = next.par_chunks_exact_mut(classes).zip(rows.par_chunks_exact(classes));
            each.zip(&self.alike).for_each(|((next, own), alike)| {
                for &(other, weight) in alike {
                    let row = &now[other as usize * classes..][..classes];
                    next.iter_mut().zip(row).for_each(|(next, value)| *next += weight * value);
                }
                for (next, own) in next.iter_mut().zip(own) {
                    *next = SHARE * *next + (1.0 - SHARE) * own;
                }
            });
            now = next;
        }
        for row in now.chunks_exact_mut(classes) {
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|value| *value /= sum);
        }
        now
    }
}

/// Coarse views of length 1.
struct Views {
    count: usize,
    /// Values a view.
    size: usize,
    /// `[count, size]`.
    rows: Vec<f32>,
    /// `[size, count]`.
    columns: Vec<f32>,
}

impl Views {
    fn of(parts: &[&Pictures]) -> Self {
        let Shape { h, w, c } = parts[0].shape;
        let coarse = Shape::new(h.min(SIDE), w.min(SIDE), c);
        let input = InputSpec::new(coarse, Preprocessing::new(Fit::Stretch, false));
        let (size, mut rows) = (coarse.len(), Vec::new());
        let mut bytes = vec![0; size];
        for pictures in parts {
            for index in 0..pictures.len() {
                let picture = pictures.picture(index);
                input
                    .prepare(&picture, pictures.shape, &mut bytes)
                    .expect("it has been prepared before");
                let squares: f32 =
                    bytes.iter().map(|&byte| f32::from(byte) * f32::from(byte)).sum();
                let scale = if squares > 0.0 { 1.0 / squares.sqrt() } else { 0.0 };
                rows.extend(bytes.iter().map(|&byte| f32::from(byte) * scale));
            }
        }
        let count = rows.len() / size;
        let mut columns = vec![0.0; rows.len()];
        for (index, row) in rows.chunks_exact(size).enumerate() {
            row.iter()
                .enumerate()
                .for_each(|(place, &value)| columns[place * count + index] = value);
        }
        Self { count, size, rows, columns }
    }

    /// The nearest pictures of each of a block, with their squared distances.
    fn nearest(&self, first: usize, nearest: usize) -> Vec<Vec<(f32, u32)>> {
        let block = BLOCK.min(self.count - first);
        let product = Product {
            rows: block,
            columns: self.count,
            runs: 1,
            steps: self.size,
            a: AStrides { row: self.size, run: 0, step: 1 },
            b: BStrides { run: 0, step: self.count },
            c_row: self.count,
            accumulate: false,
        };
        let mut cosines = vec![0.0; block * self.count];
        product.run(&self.rows[first * self.size..], &self.columns, &mut cosines);
        let rows = cosines.chunks_exact(self.count).enumerate();
        rows.map(|(row, cosines)| self.nearest_of(first + row, cosines, nearest)).collect()
    }

    fn nearest_of(&self, picture: usize, cosines: &[f32], nearest: usize) -> Vec<(f32, u32)> {
        let others = (0..).zip(cosines).filter(|&(other, _)| other as usize != picture);
        let mut distances: Vec<(f32, u32)> =
            others.map(|(other, &cosine)| ((2.0 - 2.0 * cosine).max(0.0), other)).collect();
        let order = |a: &(f32, u32), b: &(f32, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        if nearest < distances.len() {
            distances.select_nth_unstable_by(nearest, order);
            distances.truncate(nearest);
        }
        distances
    }
}
