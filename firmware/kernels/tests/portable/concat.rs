//! Concatenation.

use crate::random::{Random, cells};
use proptest::prelude::{any, prop, prop_assert_eq, proptest};
use std::cell::Cell;
use thumbnet_kernels::map::{Map, map};
use thumbnet_kernels::portable::{Concat, concat};

fn run(lengths: &[usize], inputs: &[Vec<i8>], len: usize) -> Vec<i8> {
    let inputs: Vec<Vec<Cell<i8>>> = inputs.iter().map(|codes| cells(codes)).collect();
    let inputs: Vec<&Map> = inputs.iter().map(Vec::as_slice).collect();
    let mut output = vec![0x55; len];
    concat(&Concat { lengths }, &inputs, map(&mut output));
    output
}

#[test]
fn channels_take_turns() {
    let inputs = [vec![1, 2, 3, 4], vec![5, 6]];
    assert_eq!(run(&[2, 1], &inputs, 6), [1, 2, 5, 3, 4, 6]);
}

#[test]
fn whole_maps_follow_each_other() {
    let inputs = [vec![1, 2], vec![3], vec![4, 5, 6]];
    assert_eq!(run(&[2, 1, 3], &inputs, 6), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn an_empty_piece_adds_nothing() {
    let inputs = [vec![1, 2], vec![], vec![3, 4]];
    assert_eq!(run(&[1, 0, 1], &inputs, 4), [1, 3, 2, 4]);
}

#[test]
fn a_descriptor_that_lies_leaves_the_output_unwritten() {
    let lies: [(&[usize], [usize; 2], usize); 7] = [
        (&[2, 1], [4, 2], 5),
        (&[2, 1], [4, 3], 6),
        (&[2], [4, 2], 4),
        (&[2, 1, 1], [4, 2], 6),
        (&[0, 0], [0, 0], 4),
        (&[usize::MAX, 1], [4, 2], 6),
        (&[], [4, 2], 6),
    ];
    for (lengths, inputs, len) in lies {
        let made = run(lengths, &inputs.map(|len| vec![1; len]), len);
        assert_eq!(made, vec![0x55; len], "{lengths:?} {inputs:?}");
    }
}

proptest! {
    #[test]
    fn random_maps_join_as_defined(
        seed in any::<u64>(),
        lengths in prop::collection::vec(1..7_usize, 1..6),
        blocks in 1..9_usize,
    ) {
        let mut random = Random::new(seed);
        let inputs: Vec<Vec<i8>> = lengths.iter().map(|len| random.codes(len * blocks)).collect();
        let mut wanted = Vec::new();
        for block in 0..blocks {
            for (input, len) in inputs.iter().zip(&lengths) {
                wanted.extend((block * len..(block + 1) * len).map(|at| input[at]));
            }
        }
        prop_assert_eq!(run(&lengths, &inputs, wanted.len()), wanted);
    }
}
