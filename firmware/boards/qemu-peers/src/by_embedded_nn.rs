//! embedded-nn: kernels after CMSIS-NN. Its requantization rounds twice (to 31 bits, then to the output), so bytes can
//! differ from ONNX's by one.

use crate::cases::{Convolution, FullyConnected};
use crate::table::{Cost, differences};
use crate::timer::Timer;
use alloc::vec;
use alloc::vec::Vec;
use core::hint::black_box;
use embedded_nn::convolution::convolve_per_channel_s8;
use embedded_nn::fully_connected::fully_connected_per_channel_s8;
use embedded_nn::pooling::max_pool_s8;
use embedded_nn::types::{
    Activation, ConvParams, Dims, FcParams, Padding2D, PerChannelQuantParams, PoolParams, Tile,
};
use thumbnet_kernels::geometry::Shape;

/// Its zero points: they are folded into the bias here as they are for our kernels, which it allows.
const NO_OFFSET: i32 = 0;

/// A convolution and a max pool.
pub fn convolution(timer: &mut Timer, case: &Convolution) -> Cost {
    let [h, w] = case.window.positions(case.input.h, case.input.w).expect("the window fits");
    let convolved = Shape::new(h, w, case.oc);
    let pooled = case.output();
    let conv = ConvParams {
        input_offset: NO_OFFSET,
        output_offset: case.output_zero_point.into(),
        stride: Tile::new(1, 1),
        padding: Padding2D::new(0, 0, 0, 0),
        dilation: Tile::new(1, 1),
        activation: Activation::int8_unconstrained(),
    };
    let pool = PoolParams {
        stride: Tile::new(2, 2),
        padding: Padding2D::new(0, 0, 0, 0),
        activation: Activation::int8_unconstrained(),
    };
    let (multipliers, shifts) = factors(&case.multipliers);
    let quantization = PerChannelQuantParams::new(&multipliers, &shifts);
    let filter = Dims::new(case.oc as i32, 3, 3, case.input.c as i32);
    let mut map = vec![0; convolved.len()];
    let mut output = vec![0; pooled.len()];
    let instructions = timer.measure(|| {
        let convolution = convolve_per_channel_s8(
            black_box(&conv),
            &quantization,
            &dims(case.input),
            &case.codes,
            &filter,
            &case.weights,
            Some(&case.bias),
            &dims(convolved),
            &mut map,
        );
        convolution.expect("the layer is sound");
        let pooling = max_pool_s8(
            black_box(&pool),
            &Tile::new(2, 2),
            &dims(convolved),
            &map,
            &dims(pooled),
            &mut output,
        );
        pooling.expect("the layer is sound");
    });
    Cost { instructions, different: differences(&output, &case.plain(case.fixed())) }
}

/// A fully connected layer.
pub fn dense(timer: &mut Timer, case: &FullyConnected) -> Cost {
    let parameters = FcParams {
        input_offset: NO_OFFSET,
        filter_offset: NO_OFFSET,
        output_offset: case.requantize().zero_point.into(),
        activation: Activation::new(case.requantize().min.into(), case.requantize().max.into()),
    };
    let (multipliers, shifts) = factors(&case.multipliers);
    let quantization = PerChannelQuantParams::new(&multipliers, &shifts);
    let [inputs, outputs] = [case.codes.len(), case.bias.len()].map(|len| len as i32);
    let mut output = vec![0; case.bias.len()];
    let instructions = timer.measure(|| {
        let dense = fully_connected_per_channel_s8(
            black_box(&parameters),
            &quantization,
            &Dims::new(1, 1, 1, inputs),
            &case.codes,
            &Dims::new(inputs, 1, 1, outputs),
            &case.weights,
            Some(&case.bias),
            &Dims::new(1, 1, 1, outputs),
            &mut output,
        );
        dense.expect("the layer is sound");
    });
    Cost { instructions, different: differences(&output, &case.plain()) }
}

fn dims(shape: Shape) -> Dims {
    Dims::new(1, shape.h as i32, shape.w as i32, shape.c as i32)
}

/// Its factors, `multiplier / 2^31 * 2^shift` with as many bits as fit, of ours, `multiplier / 2^32`.
fn factors(multipliers: &[i32]) -> (Vec<i32>, Vec<i32>) {
    multipliers
        .iter()
        .map(|multiplier| {
            let spare = multiplier.leading_zeros().saturating_sub(1);
            (multiplier << spare, -(spare as i32) - 1)
        })
        .unzip()
}
