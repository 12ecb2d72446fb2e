//! Tables of functions.

use crate::random::{Random, cells};
use proptest::prelude::{any, prop_assert_eq, proptest};
use thumbnet_kernels::map::map;
use thumbnet_kernels::portable::{Lookup, lookup};

fn run(tables: &[i8], codes: &[i8]) -> Vec<i8> {
    let mut output = vec![0x55; codes.len()];
    lookup(&Lookup { tables }, &cells(codes), map(&mut output));
    output
}

#[test]
fn a_table_begins_with_the_smallest_code() {
    let identity: Vec<i8> = (i8::MIN..=i8::MAX).collect();
    assert_eq!(run(&identity, &identity), identity);
    let reversed: Vec<i8> = identity.iter().rev().copied().collect();
    assert_eq!(run(&reversed, &[-128, -1, 0, 127]), [127, 0, -1, -128]);
}

#[test]
fn each_channel_has_its_table() {
    let tables: Vec<i8> = [1, 2, 3].iter().flat_map(|code| [*code; 256]).collect();
    assert_eq!(run(&tables, &[9, 9, 9, -9, -9, -9]), [1, 2, 3, 1, 2, 3]);
}

#[test]
fn the_output_may_be_the_input() {
    let negated: Vec<i8> = (i8::MIN..=i8::MAX).map(i8::saturating_neg).collect();
    let codes = cells(&[-128, -5, 0, 5, 127]);
    lookup(&Lookup { tables: &negated }, &codes, &codes);
    assert_eq!(codes, cells(&[127, 5, 0, -5, -127]));
}

#[test]
fn a_descriptor_that_lies_leaves_the_output_unwritten() {
    for (tables, input) in [(0, 4), (255, 4), (257, 4), (256 * 3, 4), (256, 3)] {
        let mut output = [0x55; 4];
        lookup(&Lookup { tables: &vec![1; tables] }, &cells(&vec![0; input]), map(&mut output));
        assert_eq!(output, [0x55; 4], "{tables} {input}");
    }
}

proptest! {
    #[test]
    fn random_tables_match_the_definition(
        seed in any::<u64>(),
        channels in 1..9_usize,
        pixels in 1..20_usize,
    ) {
        let mut random = Random::new(seed);
        let tables = random.codes(256 * channels);
        let codes = random.codes(channels * pixels);
        let entry = |(index, code): (usize, &i8)| {
            tables[index % channels * 256 + (i32::from(*code) + 128) as usize]
        };
        let wanted: Vec<i8> = codes.iter().enumerate().map(entry).collect();
        prop_assert_eq!(run(&tables, &codes), wanted);
    }
}
