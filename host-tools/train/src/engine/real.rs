//! The numbers the engine computes with: f32 to train, f64 to check gradients.

use pulp::Simd;
use std::fmt::Debug;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub};

/// f32 or f64, with their vector registers. All methods are exact IEEE operations, and the
/// functions come from `libm`, so that every machine computes the same bits.
pub(crate) trait Real:
    Copy
    + Debug
    + Default
    + PartialOrd
    + Send
    + Sync
    + Sum
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + MulAssign
    + 'static
{
    /// A register of instruction set `S`.
    type Vector<S: Simd>: Copy;
    const ZERO: Self;
    /// One and a half times the power of two from which neighbours are 1 apart: added and taken away again, it rounds
    /// smaller numbers to whole ones, ties to even.
    const ROUNDING: Self;

    fn from_f64(value: f64) -> Self;
    fn to_f64(self) -> f64;
    fn sqrt(self) -> Self;
    fn exp(self) -> Self;

    /// Values in a register.
    fn lanes<S: Simd>() -> usize;
    fn splat<S: Simd>(simd: S, value: Self) -> Self::Vector<S>;
    /// `a * b + c`, rounded once.
    fn mul_add<S: Simd>(
        simd: S,
        a: Self::Vector<S>,
        b: Self::Vector<S>,
        c: Self::Vector<S>,
    ) -> Self::Vector<S>;
    fn add_vectors<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// The slice as whole registers; the rest is left out.
    fn vectors<S: Simd>(values: &[Self]) -> &[Self::Vector<S>];
    fn vectors_mut<S: Simd>(values: &mut [Self]) -> &mut [Self::Vector<S>];
    /// At most a register's values; zeros beyond.
    fn load_part<S: Simd>(simd: S, values: &[Self]) -> Self::Vector<S>;
    fn store_part<S: Simd>(simd: S, values: &mut [Self], vector: Self::Vector<S>);
}

impl Real for f32 {
    type Vector<S: Simd> = S::f32s;
    const ZERO: Self = 0.0;
    const ROUNDING: Self = 12_582_912.0; // 1.5 * 2^23

    fn from_f64(value: f64) -> Self {
        value as f32
    }

    fn to_f64(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        self.sqrt()
    }

    fn exp(self) -> Self {
        libm::expf(self)
    }

    #[inline(always)]
    fn lanes<S: Simd>() -> usize {
        S::F32_LANES
    }

    #[inline(always)]
    fn splat<S: Simd>(simd: S, value: Self) -> S::f32s {
        simd.splat_f32s(value)
    }

    #[inline(always)]
    fn mul_add<S: Simd>(simd: S, a: S::f32s, b: S::f32s, c: S::f32s) -> S::f32s {
        simd.mul_add_f32s(a, b, c)
    }

    #[inline(always)]
    fn add_vectors<S: Simd>(simd: S, a: S::f32s, b: S::f32s) -> S::f32s {
        simd.add_f32s(a, b)
    }

    #[inline(always)]
    fn vectors<S: Simd>(values: &[Self]) -> &[S::f32s] {
        S::as_simd_f32s(values).0
    }

    #[inline(always)]
    fn vectors_mut<S: Simd>(values: &mut [Self]) -> &mut [S::f32s] {
        S::as_mut_simd_f32s(values).0
    }

    #[inline(always)]
    fn load_part<S: Simd>(simd: S, values: &[Self]) -> S::f32s {
        simd.partial_load_f32s(values)
    }

    #[inline(always)]
    fn store_part<S: Simd>(simd: S, values: &mut [Self], vector: S::f32s) {
        simd.partial_store_f32s(values, vector);
    }
}

impl Real for f64 {
    type Vector<S: Simd> = S::f64s;
    const ZERO: Self = 0.0;
    const ROUNDING: Self = 6_755_399_441_055_744.0; // 1.5 * 2^52

    fn from_f64(value: f64) -> Self {
        value
    }

    fn to_f64(self) -> f64 {
        self
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        self.sqrt()
    }

    fn exp(self) -> Self {
        libm::exp(self)
    }

    #[inline(always)]
    fn lanes<S: Simd>() -> usize {
        S::F64_LANES
    }

    #[inline(always)]
    fn splat<S: Simd>(simd: S, value: Self) -> S::f64s {
        simd.splat_f64s(value)
    }

    #[inline(always)]
    fn mul_add<S: Simd>(simd: S, a: S::f64s, b: S::f64s, c: S::f64s) -> S::f64s {
        simd.mul_add_f64s(a, b, c)
    }

    #[inline(always)]
    fn add_vectors<S: Simd>(simd: S, a: S::f64s, b: S::f64s) -> S::f64s {
        simd.add_f64s(a, b)
    }

    #[inline(always)]
    fn vectors<S: Simd>(values: &[Self]) -> &[S::f64s] {
        S::as_simd_f64s(values).0
    }

    #[inline(always)]
    fn vectors_mut<S: Simd>(values: &mut [Self]) -> &mut [S::f64s] {
        S::as_mut_simd_f64s(values).0
    }

    #[inline(always)]
    fn load_part<S: Simd>(simd: S, values: &[Self]) -> S::f64s {
        simd.partial_load_f64s(values)
    }

    #[inline(always)]
    fn store_part<S: Simd>(simd: S, values: &mut [Self], vector: S::f64s) {
        simd.partial_store_f64s(values, vector);
    }
}
