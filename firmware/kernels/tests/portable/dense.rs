//! Fully connected layer.

use crate::random::cells;
use proptest::prelude::{any, prop_assert_eq, proptest};
use thumbnet_kernels::map::map;
use thumbnet_kernels::portable::{Dense, dense};
use thumbnet_kernels::requantize::FixedPoint;

use crate::oracle;
use crate::random::Random;

fn check(seed: u64, inputs: usize, outputs: usize) -> [Vec<i8>; 2] {
    let mut random = Random::new(seed);
    let weights = random.weights(inputs * outputs);
    let bias = random.biases(outputs, inputs as i32 * 128 * 128);
    let multipliers = random.multipliers(outputs);
    let zero_point = random.code();
    let requantize = FixedPoint { multipliers: &multipliers, zero_point, min: -128, max: 127 };
    let codes = random.codes(inputs);
    let layer = Dense { weights: &weights, bias: &bias, requantize };

    let mut output = vec![0x55; outputs];
    dense(&layer, &cells(&codes), map(&mut output));
    let expected = (0..outputs)
        .map(|channel| {
            let sum: i64 = (0..inputs)
                .map(|i| i64::from(codes[i]) * i64::from(weights[channel * inputs + i]))
                .sum();
            oracle::requantize(&requantize, i64::from(bias[channel]) + sum, channel)
        })
        .collect();
    [output, expected]
}

#[test]
fn every_tail_length_counts() {
    for inputs in 1..=40 {
        let [output, expected] = check(inputs as u64, inputs, 9);
        assert_eq!(output, expected, "{inputs} inputs");
    }
}

#[test]
fn the_largest_products_do_not_overflow() {
    let requantize = FixedPoint { multipliers: &[1 << 20; 2], zero_point: 0, min: -128, max: 127 };
    let weights = [[-128; 4096], [127; 4096]].concat();
    let layer = Dense { weights: &weights, bias: &[0, 0], requantize };
    let mut output = [0; 2];
    dense(&layer, &cells(&[-128; 4096]), map(&mut output));
    // 4096 * 2^14 * 2^20 / 2^32 = 2^14, and its negative.
    assert_eq!(output, [127, -128]);
}

#[test]
fn a_descriptor_that_lies_leaves_the_output_unwritten() {
    let requantize = FixedPoint { multipliers: &[1; 2], zero_point: 0, min: -128, max: 127 };
    let layer = Dense { weights: &[1; 6], bias: &[0; 2], requantize };
    for (inputs, outputs) in [(2, 2), (4, 2), (3, 1), (0, 2)] {
        let mut output = vec![0x55; outputs];
        dense(&layer, &cells(&vec![1; inputs]), map(&mut output));
        assert_eq!(output, vec![0x55; outputs], "{inputs} inputs, {outputs} outputs");
    }
}

proptest! {
    #[test]
    fn random_layers_match_the_oracle(
        seed in any::<u64>(), inputs in 1..200_usize, outputs in 1..24_usize,
    ) {
        let [output, expected] = check(seed, inputs, outputs);
        prop_assert_eq!(output, expected);
    }
}
