//! Copies in another order.

use crate::random::{Random, cells};
use proptest::prelude::{any, prop_assert_eq, proptest};
use thumbnet_kernels::map::map;
use thumbnet_kernels::portable::{Loop, Rearrange, rearrange};

/// These loops, inside as many as are missing.
fn layer(start: usize, inner: &[(usize, isize)]) -> Rearrange {
    let mut loops = [Loop::ONCE; 6];
    for (each, (count, stride)) in loops[6 - inner.len()..].iter_mut().zip(inner) {
        *each = Loop { count: *count, stride: *stride };
    }
    Rearrange { start, loops }
}

fn run(layer: &Rearrange, codes: &[i8], len: usize) -> Vec<i8> {
    let mut output = vec![0x55; len];
    rearrange(layer, &cells(codes), map(&mut output));
    output
}

#[test]
fn a_map_is_transposed() {
    let codes = [1, 2, 3, 4, 5, 6];
    assert_eq!(run(&layer(0, &[(3, 1), (2, 3)]), &codes, 6), [1, 4, 2, 5, 3, 6]);
}

#[test]
fn negative_strides_go_backwards() {
    assert_eq!(run(&layer(3, &[(4, -1)]), &[1, 2, 3, 4], 4), [4, 3, 2, 1]);
    assert_eq!(run(&layer(2, &[(2, -2), (2, 1)]), &[1, 2, 3, 4], 4), [3, 4, 1, 2]);
}

#[test]
fn a_stride_of_0_repeats() {
    let twice = layer(0, &[(2, 2), (2, 0), (2, 1)]);
    assert_eq!(run(&twice, &[1, 2, 3, 4], 8), [1, 2, 1, 2, 3, 4, 3, 4]);
    assert_eq!(run(&layer(1, &[(2, 0), (2, 0)]), &[1, 2], 4), [2; 4]);
}

#[test]
fn codes_off_the_input_stay_as_they_are() {
    assert_eq!(run(&layer(1, &[(4, 1)]), &[1, 2], 4), [2, 0x55, 0x55, 0x55]);
    assert_eq!(run(&layer(0, &[(3, -1)]), &[1, 2], 3), [1, 0x55, 0x55]);
}

#[test]
fn a_descriptor_that_lies_leaves_the_output_unwritten() {
    for inner in [&[(3, 1)][..], &[(0, 1)], &[(5, 0)], &[(usize::MAX, 1), (2, 1)], &[]] {
        assert_eq!(run(&layer(0, inner), &[1, 2, 3, 4], 4), [0x55; 4], "{inner:?}");
    }
}

proptest! {
    #[test]
    fn random_loops_match_nested_ones(
        seed in any::<u64>(),
        counts in [1..4_usize, 1..4, 1..4, 1..4, 1..4, 1..4],
        strides in [-9..9_isize, -9..9, -9..9, -9..9, -9..9, -9..9],
        start in 0..100_usize,
    ) {
        let codes = Random::new(seed).codes(100);
        let mut offsets = vec![start as isize];
        for (count, stride) in counts.into_iter().zip(strides) {
            offsets = offsets
                .into_iter()
                .flat_map(|offset| (0..count as isize).map(move |index| offset + index * stride))
                .collect();
        }
        let code = |offset: &isize| {
            usize::try_from(*offset).ok().and_then(|offset| codes.get(offset)).copied()
        };
        let wanted: Vec<i8> = offsets.iter().map(|offset| code(offset).unwrap_or(0x55)).collect();
        let inner: Vec<(usize, isize)> = counts.into_iter().zip(strides).collect();
        prop_assert_eq!(run(&layer(start, &inner), &codes, wanted.len()), wanted);
    }
}
