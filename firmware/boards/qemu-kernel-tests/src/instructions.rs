//! Each instruction against its model.

use crate::cases::Random;
use thumbnet_kernels::intrin::{
    fma, model, smlad, smmlar, ssat8, sxtab16, sxtab16_ror8, sxtb16, sxtb16_ror8,
};
use thumbnet_kernels::map::map;
use thumbnet_kernels::requantize::{Float, Requantize, float};

const EXTREMES: [u32; 10] = [
    0,
    1,
    0xffff_ffff,
    0x7fff_ffff,
    0x8000_0000,
    0x8000_8000,
    0x7fff_7fff,
    0x8080_8080,
    0x7f7f_7f7f,
    0x0000_8000,
];

/// Panics on the first difference.
pub fn match_their_models() {
    for a in EXTREMES {
        for b in EXTREMES {
            for c in EXTREMES {
                check(a, b, c);
            }
        }
    }
    let mut random = Random::new(1);
    for _ in 0..20_000 {
        check(random.next(), random.next(), random.next());
    }
}

fn check(a: u32, b: u32, c: u32) {
    assert_eq!(smlad(a, b, c as i32), model::smlad(a, b, c as i32));
    assert_eq!(sxtb16(a), model::sxtb16(a));
    assert_eq!(sxtb16_ror8(a), model::sxtb16_ror8(a));
    assert_eq!(sxtab16(a, b), model::sadd16(a, model::sxtb16(b)));
    assert_eq!(sxtab16_ror8(a, b), model::sadd16(a, model::sxtb16_ror8(b)));
    let [a, b, c] = [a as i32, b as i32, c as i32];
    assert_eq!(smmlar(a, b, c), model::smmlar(a, b, c));
    assert_eq!(ssat8(a), model::ssat8(a));
    assert_eq!(ssat8(a >> 20), model::ssat8(a >> 20));
}

/// The fused multiply-add of the FPU against its model; panics on the first difference.
pub fn fma_matches_its_model() {
    let mut random = Random::new(3);
    for round in 0..20_000 {
        let mut next = || {
            let bits = random.next();
            // Numbers near 1, so that sums cancel; then of every size.
            let near = (bits & 0x807f_ffff) | 0x3f80_0000;
            f32::from_bits(if round % 2 == 0 { near } else { bits })
        };
        let (a, b, c) = (next(), next(), next());
        let (made, expected) = (fma(a, b, c), model::fma(a, b, c));
        let equal = made.to_bits() == expected.to_bits() || (made.is_nan() && expected.is_nan());
        assert!(equal, "{a:?} * {b:?} + {c:?}: {made:?}, not {expected:?}");
    }
}

/// Requantization on the FPU against its plain form; panics on the first difference.
pub fn fpu_matches_its_model() {
    let mut random = Random::new(2);
    for round in 0..2_000 {
        let len = round % 9;
        // Halves and quarters, so that ties are many; then factors of every size, infinities and NaN.
        let factor = |bits: u32| {
            if round % 2 == 0 { (bits % 16) as f32 / 8.0 } else { f32::from_bits(bits) }
        };
        let factors = [0; 9].map(|_| factor(random.next()));
        let mut sum = || random.next() as i32 >> (random.next() % 32);
        let [sums, biases] = [[0; 9].map(|_| sum()), [0; 9].map(|_| sum())];
        let zero_point = random.code();
        let requantize = Float { factors: &factors, zero_point, min: -100, max: 127 };
        let mut codes = [0x55; 9];
        requantize.requantize_channels(1, &sums[..len], &biases, map(&mut codes[..len]));
        for (lane, code) in codes.iter().enumerate().take(len.min(8)) {
            let accumulator = sums[lane].wrapping_add(biases[lane]);
            let expected = float(accumulator, factors[lane + 1], zero_point).max(-100);
            assert_eq!(*code, expected, "{accumulator} * {} + {zero_point}", factors[lane + 1]);
        }
    }
}
