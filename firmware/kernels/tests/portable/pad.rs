//! Borders.

use crate::oracle::{at, elements};
use crate::random::{Random, cells};
use proptest::prelude::{any, prop_assert_eq, proptest};
use thumbnet_kernels::geometry::{Padding, Shape};
use thumbnet_kernels::map::map;
use thumbnet_kernels::portable::{Pad, pad};

fn run(layer: &Pad, codes: &[i8], len: usize) -> Vec<i8> {
    let mut output = vec![0x55; len];
    pad(layer, &cells(codes), map(&mut output));
    output
}

#[test]
fn each_side_has_its_own_width() {
    let padding = Padding { top: 1, left: 2, bottom: 0, right: 1 };
    let layer = Pad { input: Shape::new(1, 1, 2), padding, value: -7 };
    let [edge, left, right] = [[-7; 8].as_slice(), &[-7; 4], &[-7; 2]];
    assert_eq!(run(&layer, &[1, 2], 16), [edge, left, &[1, 2], right].concat());
}

#[test]
fn no_padding_copies() {
    let layer = Pad { input: Shape::new(2, 1, 3), padding: Padding::NONE, value: 9 };
    assert_eq!(run(&layer, &[1, 2, 3, 4, 5, 6], 6), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_descriptor_that_lies_leaves_the_output_unwritten() {
    let one = Padding { top: 1, ..Padding::NONE };
    let lies = [
        (Shape::new(2, 2, 1), one, 4, 5),
        (Shape::new(2, 2, 1), one, 3, 6),
        (Shape::new(2, 2, 1), Padding::NONE, 4, 6),
        (Shape::new(0, 2, 1), one, 0, 2),
        (Shape::new(2, 2, 1), Padding { left: usize::MAX, ..one }, 4, 6),
        (Shape::new(2, 2, 1), Padding { left: usize::MAX / 2, ..one }, 4, 6),
    ];
    for (input, padding, codes, len) in lies {
        let made = run(&Pad { input, padding, value: 1 }, &vec![2; codes], len);
        assert_eq!(made, vec![0x55; len], "{input:?} {padding:?}");
    }
}

proptest! {
    #[test]
    fn random_borders_match_the_definition(
        seed in any::<u64>(),
        [h, w, c] in [1..7_usize, 1..7, 1..7],
        [top, left, bottom, right] in [0..4_usize, 0..4, 0..4, 0..4],
    ) {
        let mut random = Random::new(seed);
        let input = Shape::new(h, w, c);
        let codes = random.codes(input.len());
        let padding = Padding { top, left, bottom, right };
        let layer = Pad { input, padding, value: random.code() };
        let made = Shape::new(top + h + bottom, left + w + right, c);
        let code = |[y, x, c]: [usize; 3]| {
            let [row, column] = [y as i64 - top as i64, x as i64 - left as i64];
            at(&codes, input, row, column, c, layer.value.into()) as i8
        };
        let wanted: Vec<i8> = elements(made).map(code).collect();
        prop_assert_eq!(run(&layer, &codes, made.len()), wanted);
    }
}
