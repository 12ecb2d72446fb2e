//! Packed layers equal the plain ones: in their portable meaning, and on ARMv7E-M by its models.
//!
//! The same cases run on the real instructions in `firmware/boards/qemu-kernel-tests`.

extern crate alloc;

mod cases;
mod overlap;

use cases::{Convolution, Depthwise, Kind, cells};
use thumbnet_kernels::geometry::{Padding, Shape, Window};
use thumbnet_kernels::map::map;
use thumbnet_kernels::packed::{
    pack_compact_winograd4, pack_deep, pack_dense, pack_winograd, pack_winograd4,
};
use thumbnet_kernels::requantize::Requantize;
use thumbnet_kernels::{Armv7em, Portable, Scalar};

fn check(kind: Kind) {
    for case in cases::convolutions(kind) {
        check_form(&case, kind, case.fixed());
        if cfg!(miri) {
            continue; // the same reads and writes, and minutes
        }
        check_form(&case, kind, case.float());
        check_form(&case, kind, case.mixed(&case.mixed_scales()));
    }
}

fn check_form(case: &Convolution, kind: Kind, form: impl Requantize) {
    let expected = case.plain(form);
    assert_eq!(case.run::<Portable>(kind, form), expected, "portable, {kind:?}: {case:?}");
    assert_eq!(case.run::<Armv7em>(kind, form), expected, "armv7em, {kind:?}: {case:?}");
    assert_eq!(case.run_plain::<Scalar>(form), expected, "scalar: {case:?}");
}

#[test]
fn deep_convolutions_match() {
    check(Kind::Deep);
}

#[test]
fn pointwise_convolutions_match() {
    check(Kind::Pointwise);
}

#[test]
fn shallow_convolutions_match() {
    check(Kind::Shallow);
}

#[test]
fn winograd_convolutions_match() {
    check(Kind::Winograd);
}

#[test]
fn winograd4_convolutions_match() {
    check(Kind::Winograd4);
}

#[test]
fn compact_winograd4_convolutions_match() {
    check(Kind::CompactWinograd4);
}

#[test]
#[cfg_attr(miri, ignore = "packers are safe code")]
fn accumulators_of_two_to_the_25_are_too_much_for_large_tiles() {
    for mut case in cases::extremes::large_accumulators() {
        let ic = case.input.c;
        assert!(pack_winograd4(&case.weights, &case.bias, ic).is_some(), "one less is exact");
        case.bias[0] += case.bias[0].signum();
        assert!(pack_winograd4(&case.weights, &case.bias, ic).is_none(), "2^25 is too much");
        assert!(pack_compact_winograd4(&case.weights, &case.bias, ic).is_none(), "here, too");
    }
}

#[test]
fn dense_layers_match() {
    for case in cases::dense_layers() {
        let expected = case.plain();
        assert_eq!(case.run::<Portable>(), expected, "portable: {case:?}");
        assert_eq!(case.run::<Armv7em>(), expected, "armv7em: {case:?}");
    }
}

#[test]
fn depthwise_convolutions_match() {
    for case in cases::depthwise_layers() {
        assert_eq!(case.run::<Armv7em>(), case.plain(), "{case:?}");
        let [result, plain] = case.run_float::<Armv7em>();
        assert_eq!(result, plain, "in f32: {case:?}");
        let [result, plain] = case.run_mixed::<Armv7em>();
        assert_eq!(result, plain, "mixed: {case:?}");
    }
}

#[test]
#[cfg_attr(miri, ignore = "as `overlap`, on larger maps")]
fn depthwise_convolutions_may_write_over_their_input() {
    let padding = Padding { top: 1, left: 1, bottom: 1, right: 1 };
    for [stride, channels] in [[1, 4], [1, 7], [1, 16], [2, 3], [2, 8]] {
        for input in [Shape::new(25, 5, channels), Shape::new(9, 40, channels)] {
            let window = Window { padding, ..Window::square(3, stride) };
            let case = Depthwise::new(11, input, window);
            for shift in 0..3 {
                assert_eq!(case.run_in_place::<Armv7em>(shift), case.plain(), "{input:?}");
            }
        }
    }
}

#[test]
fn pools_match() {
    for (seed, input, window) in cases::pool_layers() {
        let portable = cases::pools::<Portable>(seed, input, window);
        assert_eq!(cases::pools::<Armv7em>(seed, input, window), portable, "{input:?} {window:?}");
    }
}

#[test]
fn sums_match() {
    for (layer, [lhs, rhs]) in cases::all_sums() {
        let portable = cases::sum::<Portable>(&layer, &lhs, &rhs);
        assert!(cases::sum::<Armv7em>(&layer, &lhs, &rhs) == portable, "{layer:?}");
    }
}

#[test]
#[cfg_attr(miri, ignore = "packers are safe code")]
fn weights_that_are_not_exact_are_not_packed() {
    assert!(pack_dense(&[-1, -128], 1).is_none(), "a lane of -1 - 256 * 128 has no 16 bits");
    assert!(pack_dense(&[1, -128], 1).is_some());
    assert!(pack_dense(&[127; 2 * 5000], 5000).is_some(), "512 * 127 * 128 < 2^23");
    let inputs = 700;
    let mut weights = vec![127; 2 * inputs];
    weights[inputs..].fill(-128);
    assert!(pack_dense(&weights, inputs).is_none(), "512 * 128 * 128 = 2^23");
    weights[inputs + 3] = -127;
    assert!(pack_dense(&weights, inputs).is_some(), "one less in the first run, few in the second");
    assert!(pack_deep(&[127; 2 * 9 * 64], &Window::square(3, 1), 64).is_none());
    assert!(pack_winograd(&[-128; 9 * 3640], 3640).is_some(), "9 * 3640 * 128 * 128 < 2^29");
    assert!(pack_winograd(&[-128; 9 * 3641], 3641).is_none(), "9 * 3641 * 128 * 128 > 2^29");
}

#[test]
fn too_little_scratch_leaves_the_output_unwritten() {
    for kind in Kind::ALL {
        let input = Shape::new(6, 6, if kind == Kind::Shallow { 1 } else { 9 });
        let window = if kind == Kind::Pointwise { Window::UNIT } else { Window::square(3, 1) };
        let mut case = Convolution::new(1, input, 3, window, Window::UNIT);
        case.bias.fill(0);
        let weights = case.pack(kind);
        let layer = case.packed(&weights, case.fixed());
        let mut scratch = vec![0; case.scratch_bytes(kind) - 1];
        let mut output = vec![0x55; layer.output.len()];
        kind.run::<Portable>(&layer, &cells(&case.codes), &mut scratch, map(&mut output));
        kind.run::<Armv7em>(&layer, &cells(&case.codes), &mut scratch, map(&mut output));
        assert!(output.iter().all(|code| *code == 0x55), "{kind:?}");
    }
}
