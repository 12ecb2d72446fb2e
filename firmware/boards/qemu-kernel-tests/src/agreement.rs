//! Every case of the desktop's tests, by the backend of this core: the bytes of the specification. Each function panics on
//! the first difference.

use crate::cases::{self, Convolution, Kind};
use cortex_m_semihosting::hprintln;
use thumbnet_kernels::requantize::Requantize;
use thumbnet_kernels::{Backend, Native, Portable, Scalar};

/// Convolutions with packed weights, of every kind and with every form of requantization.
pub fn of_packed_convolutions() {
    for kind in Kind::ALL {
        let mut count = 0;
        for case in cases::convolutions(kind) {
            packed(&case, kind, case.fixed());
            packed(&case, kind, case.float());
            packed(&case, kind, case.mixed(&case.mixed_scales()));
            count += 1;
        }
        hprintln!("{:?} convolutions match: {}", kind, count);
    }
}

fn packed(case: &Convolution, kind: Kind, form: impl Requantize) {
    assert!(case.run::<Native>(kind, form) == case.plain(form), "{kind:?}: {case:?}");
}

/// The same layers with weights as they are: the kernels of this core, and those for cores without DSP.
pub fn of_plain_convolutions() {
    let mut count = 0;
    for kind in [Kind::Deep, Kind::Pointwise, Kind::Shallow] {
        for case in cases::convolutions(kind) {
            plain::<Native>(&case, case.fixed());
            plain::<Scalar>(&case, case.float());
            plain::<Scalar>(&case, case.mixed(&case.mixed_scales()));
            count += 1;
        }
    }
    hprintln!("plain convolutions match: {}", count);
}

fn plain<B: Backend>(case: &Convolution, form: impl Requantize) {
    assert!(case.run_plain::<B>(form) == case.plain(form), "{case:?}");
}

/// Dense layers with packed weights.
pub fn of_dense_layers() {
    let mut count = 0;
    for case in cases::dense_layers() {
        assert!(case.run::<Native>() == case.plain(), "{case:?}");
        count += 1;
    }
    hprintln!("dense layers match: {}", count);
}

/// Depthwise convolutions, with every form of requantization, and in place.
pub fn of_depthwise_convolutions() {
    let mut count = 0;
    for case in cases::depthwise_layers() {
        assert!(case.run::<Native>() == case.plain(), "{case:?}");
        let [result, plain] = case.run_float::<Native>();
        assert!(result == plain, "in f32: {case:?}");
        let [result, plain] = case.run_mixed::<Native>();
        assert!(result == plain, "mixed: {case:?}");
        if case.window.stride == [1, 1] && case.layer().output == case.input {
            assert!(case.run_in_place::<Native>(1) == case.plain(), "in place: {case:?}");
        }
        count += 1;
    }
    hprintln!("depthwise convolutions match: {}", count);
}

/// Max and average pools.
pub fn of_pools() {
    let mut count = 0;
    for (seed, input, window) in cases::pool_layers() {
        let portable = cases::pools::<Portable>(seed, input, window);
        let native = cases::pools::<Native>(seed, input, window);
        assert!(native == portable, "{input:?} {window:?}");
        count += 1;
    }
    hprintln!("pools match: {}", count);
}

/// Sums of two maps.
pub fn of_sums() {
    let mut count = 0;
    for (layer, [lhs, rhs]) in cases::all_sums() {
        let portable = cases::sum::<Portable>(&layer, &lhs, &rhs);
        assert!(cases::sum::<Native>(&layer, &lhs, &rhs) == portable, "{layer:?}");
        count += 1;
    }
    hprintln!("sums match: {}", count);
}
