//! Thumbnet's own kernels.

use crate::cases::{Convolution, FullyConnected, Kind, Scratch, cells};
use crate::table::{Cost, differences};
use crate::timer::Timer;
use alloc::vec;
use core::hint::black_box;
use thumbnet_kernels::map::map;
use thumbnet_kernels::packed::{PackedDense, pack_dense};
use thumbnet_kernels::portable::Dense;
use thumbnet_kernels::scalar::conv2d_scratch_bytes;
use thumbnet_kernels::{Backend, Native, Scalar};

/// The kernel for cores with DSP.
pub fn convolution(timer: &mut Timer, case: &Convolution, kind: Kind) -> Cost {
    let weights = case.pack(kind);
    let layer = case.packed(&weights, case.fixed());
    let mut scratch = Scratch::new(case.scratch_bytes(kind));
    let mut output = vec![0; layer.output.len()];
    let (codes, result) = (cells(&case.codes), map(&mut output));
    let instructions = timer.measure(|| {
        kind.run::<Native>(black_box(&layer), &codes, scratch.bytes(), result);
    });
    Cost { instructions, different: differences(&output, &case.plain(case.fixed())) }
}

/// The kernel for cores without.
pub fn plain_convolution(timer: &mut Timer, case: &Convolution) -> Cost {
    let layer = case.layer(case.fixed());
    let mut scratch = Scratch::new(conv2d_scratch_bytes(&layer.window, layer.input));
    let mut output = vec![0; layer.output.len()];
    let (codes, result) = (cells(&case.codes), map(&mut output));
    let instructions = timer.measure(|| {
        Scalar::conv2d(black_box(&layer), &codes, scratch.bytes(), result);
    });
    Cost { instructions, different: differences(&output, &case.plain(case.fixed())) }
}

/// The kernel for cores with DSP.
pub fn dense(timer: &mut Timer, case: &FullyConnected) -> Cost {
    let weights = pack_dense(&case.weights, case.codes.len()).expect("symmetric weights mix");
    let layer = PackedDense { weights: &weights, bias: &case.bias, requantize: case.requantize() };
    let mut output = vec![0; case.bias.len()];
    let (codes, result) = (cells(&case.codes), map(&mut output));
    let instructions = timer.measure(|| Native::packed_dense(black_box(&layer), &codes, result));
    Cost { instructions, different: differences(&output, &case.plain()) }
}

/// The kernel for cores without.
pub fn plain_dense(timer: &mut Timer, case: &FullyConnected) -> Cost {
    let layer = Dense { weights: &case.weights, bias: &case.bias, requantize: case.requantize() };
    let mut output = vec![0; case.bias.len()];
    let (codes, result) = (cells(&case.codes), map(&mut output));
    let instructions = timer.measure(|| Scalar::dense(black_box(&layer), &codes, result));
    Cost { instructions, different: differences(&output, &case.plain()) }
}
