//! Matrix products on windows of maps: the one place where training spends its time.
//!
//! Every sum a network needs (a convolution, its gradients, a dense layer) is a product of a matrix A,
//! whose rows are looked up in a map by strides, and a matrix B with rows contiguous in memory:
//!
//! ```text
//! for row in 0..rows, column in 0..columns:
//!     sum = Σ over run in 0..runs, step in 0..steps, in this order, fused multiply-add:
//!         a[row * a.row + run * a.run + step * a.step] * b[run * b.run + step * b.step + column]
//!     c[row * c_row + column] = sum, or += sum
//! ```
//!
//! A convolution is one such product per output row (its runs are the kernel's rows), so nothing is
//! copied into patches first, and no operand is packed. A tile of C is held in vector registers; since each
//! element is summed in one fixed order, the width of the registers does not show in the result.

use super::real::Real;
use pulp::{Arch, Simd, WithSimd};

/// Sizes and strides of a product, in elements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Product {
    pub rows: usize,
    pub columns: usize,
    pub runs: usize,
    pub steps: usize,
    pub a: AStrides,
    pub b: BStrides,
    pub c_row: usize,
    /// Whether C's values are added to, or replaced.
    pub accumulate: bool,
}

/// Where the elements of A are; `row` or `step` is 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AStrides {
    pub row: usize,
    pub run: usize,
    pub step: usize,
}

/// Where the rows of B are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BStrides {
    pub run: usize,
    pub step: usize,
}

impl Product {
    /// Computes C from A and B, each beginning at the first element used.
    ///
    /// # Panics
    /// If a slice ends before the last element used, or neither of A's strides is 1.
    pub fn run<T: Real>(&self, a: &[T], b: &[T], c: &mut [T]) {
        self.run_on(Arch::new(), a, b, c);
    }

    fn run_on<T: Real>(&self, arch: Arch, a: &[T], b: &[T], c: &mut [T]) {
        assert!(self.a.step == 1 || self.a.row == 1, "A is contiguous along rows or steps");
        arch.dispatch(Job { product: *self, a, b, c });
    }
}

struct Job<'a, T> {
    product: Product,
    a: &'a [T],
    b: &'a [T],
    c: &'a mut [T],
}

impl<T: Real> WithSimd for Job<'_, T> {
    type Output = ();

    /// Cuts C's columns into strips of four registers (where there are enough), two or one.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { product, a, b, c } = self;
        let lanes = T::lanes::<S>();
        let mut column = 0;
        while column < product.columns {
            let left = product.columns - column;
            let (b, c) = (&b[column..], &mut c[column..]);
            if S::REGISTER_COUNT >= 32 && left >= 4 * lanes {
                strip::<T, S, 4>(simd, &product, 4 * lanes, a, b, c);
                column += 4 * lanes;
            } else if left >= 2 * lanes {
                strip::<T, S, 2>(simd, &product, 2 * lanes, a, b, c);
                column += 2 * lanes;
            } else {
                let width = left.min(lanes);
                strip::<T, S, 1>(simd, &product, width, a, b, c);
                column += width;
            }
        }
    }
}

/// Most rows of a tile: 6 rows of 4 registers of sums leave room for B among 32 registers, 6 of 2 among 16.
const MAX_TILE_ROWS: usize = 6;

/// Cuts a strip of C, `width` columns in `N` registers, into tiles of nearly equal heights.
#[inline(always)]
fn strip<T: Real, S: Simd, const N: usize>(
    simd: S,
    product: &Product,
    width: usize,
    a: &[T],
    b: &[T],
    c: &mut [T],
) {
    let tiles = product.rows.div_ceil(MAX_TILE_ROWS);
    for index in 0..tiles {
        let row = index * product.rows / tiles;
        let rows = (index + 1) * product.rows / tiles - row;
        let (a, c) = (&a[row * product.a.row..], &mut c[row * product.c_row..]);
        let tile = TileJob { product, width, a, b, c };
        match rows {
            1 => tile.run::<S, 1, N>(simd),
            2 => tile.run::<S, 2, N>(simd),
            3 => tile.run::<S, 3, N>(simd),
            4 => tile.run::<S, 4, N>(simd),
            5 => tile.run::<S, 5, N>(simd),
            _ => tile.run::<S, 6, N>(simd),
        }
    }
}

/// One tile of C, of some rows and registers.
struct TileJob<'a, T> {
    product: &'a Product,
    width: usize,
    a: &'a [T],
    b: &'a [T],
    c: &'a mut [T],
}

impl<T: Real> TileJob<'_, T> {
    /// Calls the one function compiled for this shape, so that each has the registers to itself.
    #[inline(always)]
    fn run<S: Simd, const M: usize, const N: usize>(self, simd: S) {
        if self.product.a.step == 1 {
            simd.vectorize(Tile::<T, M, N, true>(self));
        } else {
            simd.vectorize(Tile::<T, M, N, false>(self));
        }
    }
}

/// `M` rows of `N` registers; `BY_ROWS` if steps are neighbours in A, else rows are.
struct Tile<'a, T, const M: usize, const N: usize, const BY_ROWS: bool>(TileJob<'a, T>);

impl<T: Real, const M: usize, const N: usize, const BY_ROWS: bool> WithSimd
    for Tile<'_, T, M, N, BY_ROWS>
{
    type Output = ();

    /// Sums in registers, then stores.
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let TileJob { product, width, a, b, c } = self.0;
        let mut sums = [[T::splat(simd, T::ZERO); N]; M];
        for run in 0..product.runs {
            let (a, b) = (&a[run * product.a.run..], &b[run * product.b.run..]);
            sums = if BY_ROWS {
                add_run_of_rows::<T, S, M, N>(simd, product, width, a, b, sums)
            } else {
                add_run_of_columns::<T, S, M, N>(simd, product, width, a, b, sums)
            };
        }
        for (row, sums) in sums.iter().enumerate() {
            let c = &mut c[row * product.c_row..][..width];
            store::<T, S, N>(simd, c, sums, product.accumulate);
        }
    }
}

/// A run whose steps are neighbours in A.
#[inline(always)]
fn add_run_of_rows<T: Real, S: Simd, const M: usize, const N: usize>(
    simd: S,
    product: &Product,
    width: usize,
    a: &[T],
    b: &[T],
    mut sums: [[T::Vector<S>; N]; M],
) -> [[T::Vector<S>; N]; M] {
    let rows: [&[T]; M] = std::array::from_fn(|row| &a[row * product.a.row..][..product.steps]);
    for step in 0..product.steps {
        let b = load::<T, S, N>(simd, &b[step * product.b.step..][..width]);
        for (row, sums) in rows.iter().zip(sums.iter_mut()) {
            multiply_add::<T, S, N>(simd, row[step], &b, sums);
        }
    }
    sums
}

/// A run whose rows are neighbours in A.
#[inline(always)]
fn add_run_of_columns<T: Real, S: Simd, const M: usize, const N: usize>(
    simd: S,
    product: &Product,
    width: usize,
    a: &[T],
    b: &[T],
    mut sums: [[T::Vector<S>; N]; M],
) -> [[T::Vector<S>; N]; M] {
    for step in 0..product.steps {
        let b = load::<T, S, N>(simd, &b[step * product.b.step..][..width]);
        let a = &a[step * product.a.step..][..M];
        for (&a, sums) in a.iter().zip(sums.iter_mut()) {
            multiply_add::<T, S, N>(simd, a, &b, sums);
        }
    }
    sums
}

#[inline(always)]
fn multiply_add<T: Real, S: Simd, const N: usize>(
    simd: S,
    a: T,
    b: &[T::Vector<S>; N],
    sums: &mut [T::Vector<S>; N],
) {
    let a = T::splat(simd, a);
    for (sum, &b) in sums.iter_mut().zip(b) {
        *sum = T::mul_add(simd, a, b, *sum);
    }
}

/// `N` registers; a single one may be filled in part.
#[inline(always)]
fn load<T: Real, S: Simd, const N: usize>(simd: S, values: &[T]) -> [T::Vector<S>; N] {
    if N == 1 {
        return [T::load_part(simd, values); N];
    }
    let vectors = T::vectors::<S>(values);
    std::array::from_fn(|index| vectors[index])
}

#[inline(always)]
fn store<T: Real, S: Simd, const N: usize>(
    simd: S,
    c: &mut [T],
    sums: &[T::Vector<S>; N],
    accumulate: bool,
) {
    let mut sums = *sums;
    if accumulate {
        let old = load::<T, S, N>(simd, c);
        for (sum, old) in sums.iter_mut().zip(old) {
            *sum = T::add_vectors(simd, old, *sum);
        }
    }
    if N == 1 {
        T::store_part(simd, c, sums[0]);
        return;
    }
    for (c, sum) in T::vectors_mut::<S>(c).iter_mut().zip(sums) {
        *c = sum;
    }
}

#[cfg(test)]
mod tests {
    use super::{AStrides, Arch, BStrides, Product, Real};
    use thumbnet_data::Random;

    /// The sum that the module's head specifies.
    fn reference(product: &Product, a: &[f64], b: &[f64], c: &mut [f64]) {
        for row in 0..product.rows {
            for column in 0..product.columns {
                let mut sum = 0.0;
                for run in 0..product.runs {
                    for step in 0..product.steps {
                        let strides = product.a;
                        let a = a[row * strides.row + run * strides.run + step * strides.step];
                        let b = b[run * product.b.run + step * product.b.step + column];
                        sum = a.mul_add(b, sum);
                    }
                }
                let c = &mut c[row * product.c_row + column];
                *c = if product.accumulate { *c + sum } else { sum };
            }
        }
    }

    fn values<T: Real>(random: &mut Random, count: usize) -> Vec<T> {
        (0..count).map(|_| T::from_f64(random.between(-1.0, 1.0))).collect()
    }

    fn product(rows: usize, columns: usize, by_rows: bool, accumulate: bool) -> Product {
        let (runs, steps) = (3, 5);
        let a = if by_rows {
            AStrides { row: 7, run: 11, step: 1 }
        } else {
            AStrides { row: 1, run: 11, step: 40 }
        };
        let b = BStrides { run: 5 * columns + 2, step: columns };
        Product { rows, columns, runs, steps, a, b, c_row: columns + 1, accumulate }
    }

    #[test]
    fn every_tile_and_tail_is_the_specified_sum_bit_for_bit() {
        let mut random = Random::new(1, 0);
        for columns in (1..=40).chain([64, 65, 100, 200]) {
            for rows in 1..=14 {
                for (by_rows, accumulate) in
                    [(true, false), (true, true), (false, false), (false, true)]
                {
                    let product = product(rows, columns, by_rows, accumulate);
                    let (a, b) = (values(&mut random, 400), values(&mut random, 4000));
                    let mut c: Vec<f64> = values(&mut random, rows * (columns + 1));
                    let mut expected = c.clone();
                    reference(&product, &a, &b, &mut expected);
                    product.run(&a, &b, &mut c);
                    assert_eq!(c, expected, "{product:?}");
                }
            }
        }
    }

    /// The instruction sets that this machine has.
    fn instruction_sets() -> Vec<Arch> {
        let mut sets = vec![Arch::Scalar, Arch::new()];
        #[cfg(target_arch = "x86_64")]
        sets.extend(pulp::x86::V3::try_new().map(Arch::V3));
        sets
    }

    #[test]
    fn every_instruction_set_gives_the_same_bits() {
        let mut random = Random::new(2, 0);
        for columns in [1, 3, 8, 10, 16, 17, 32, 64, 100] {
            for by_rows in [true, false] {
                let product = product(13, columns, by_rows, true);
                let (a, b) = (values::<f32>(&mut random, 400), values(&mut random, 4000));
                let c: Vec<f32> = values(&mut random, 13 * (columns + 1));
                let run = |set: Arch| {
                    let mut c = c.clone();
                    product.run_on(set, &a, &b, &mut c);
                    c
                };
                let results: Vec<Vec<f32>> = instruction_sets().into_iter().map(run).collect();
                assert!(results.iter().all(|result| *result == results[0]), "{product:?}");
            }
        }
    }
}
