//! microflow: layers as functions over matrices of constant size. It has no max pool, so a convolution is compared with
//! ours without one. It rounds halves away from zero, in f32.

use crate::cases::{Convolution, FullyConnected};
use crate::table::{Cost, differences};
use crate::timer::Timer;
use alloc::vec;
use core::array::from_fn;
use core::hint::black_box;
use microflow::activation::FusedActivation;
use microflow::buffer::Buffer2D;
use microflow::ops::{Conv2DOptions, FullyConnectedOptions, conv_2d, fully_connected};
use microflow::tensor::{Tensor2D, Tensor4D, TensorViewPadding};
use thumbnet_kernels::geometry::{Shape, Window};
use thumbnet_kernels::map::map;
use thumbnet_kernels::portable;

/// A 3 x 3 convolution of an `H x W x C` map to `OC` channels on `OH x OW`.
pub fn convolution<
    const H: usize,
    const W: usize,
    const C: usize,
    const OC: usize,
    const OH: usize,
    const OW: usize,
>(
    timer: &mut Timer,
    case: &Convolution,
) -> Cost {
    let pixel = |y, x| from_fn(|c| case.codes[(y * W + x) * C + c]);
    let input = [Buffer2D::<[i8; C], H, W>::from_fn(pixel)];
    let input = Tensor4D::new(input, [1.0], [0]);
    let filters = from_fn(|oc| {
        Buffer2D::<[i8; C], 3, 3>::from_fn(|y, x| {
            from_fn(|c| case.weights[((oc * 3 + y) * 3 + x) * C + c])
        })
    });
    let filters: Tensor4D<i8, OC, 3, 3, C, OC> = Tensor4D::new(filters, [1.0; OC], [0; OC]);
    let factors = Buffer2D::<f32, OC, 1>::from_fn(|oc, _| factor(case.multipliers[oc]));
    let biases = Buffer2D::<f32, OC, 1>::from_fn(|oc, _| factors[oc] * case.bias[oc] as f32);
    let options = Conv2DOptions {
        fused_activation: FusedActivation::None,
        view_padding: TensorViewPadding::Valid,
        strides: (1, 1),
    };
    let mut result: Option<Tensor4D<i8, 1, OH, OW, OC, 1>> = None;
    let zero_point = case.output_zero_point;
    let instructions = timer.measure(|| {
        let constants = (biases, factors);
        result = Some(conv_2d(input, black_box(&filters), [1.0], [zero_point], options, constants));
    });
    let result = result.expect("it was computed");
    let convolved = Shape::new(OH, OW, OC);
    let at = |index| result.buffer[0][(index / OC / OW, index / OC % OW)][index % OC];
    let output: vec::Vec<i8> = (0..convolved.len()).map(at).collect();
    Cost { instructions, different: differences(&output, &unpooled(case, convolved)) }
}

/// The specification's convolution without the pool.
fn unpooled(case: &Convolution, convolved: Shape) -> vec::Vec<i8> {
    let layer = case.layer(case.fixed());
    let layer = portable::Conv2d { output: convolved, pool: Window::UNIT, ..layer };
    let mut output = vec![0; convolved.len()];
    portable::conv2d(&layer, &crate::cases::cells(&case.codes), map(&mut output));
    output
}

/// A fully connected layer.
pub fn dense<const INPUTS: usize, const OUTPUTS: usize>(
    timer: &mut Timer,
    case: &FullyConnected,
) -> Cost {
    let input = Tensor2D::new(Buffer2D::<i8, 1, INPUTS>::from_fn(|_, i| case.codes[i]), [1.0], [0]);
    let weights = Buffer2D::<i8, INPUTS, OUTPUTS>::from_fn(|i, oc| case.weights[oc * INPUTS + i]);
    let weights = Tensor2D::new(weights, [1.0], [0]);
    // It has one factor for all channels; so this layer is not ours with the same bytes.
    let factor = factor(case.multipliers[0]);
    let biases = Buffer2D::<f32, OUTPUTS, 1>::from_fn(|oc, _| factor * case.bias[oc] as f32);
    let options = FullyConnectedOptions { fused_activation: FusedActivation::None };
    let mut result: Option<Tensor2D<i8, 1, OUTPUTS, 1>> = None;
    let zero_point = case.requantize().zero_point;
    let instructions = timer.measure(|| {
        let constants = (biases, factor, Buffer2D::zeros(), 0);
        let layer = black_box(&weights);
        result = Some(fully_connected(input, layer, [1.0], [zero_point], options, constants));
    });
    let result = result.expect("it was computed");
    let output: vec::Vec<i8> = result.buffer.iter().copied().collect();
    Cost { instructions, different: differences(&output, &one_factor(case)) }
}

/// The specification's layer with the first channel's factor for all.
fn one_factor(case: &FullyConnected) -> vec::Vec<i8> {
    let multipliers = vec![case.multipliers[0]; case.bias.len()];
    let requantize = thumbnet_kernels::requantize::FixedPoint {
        multipliers: &multipliers,
        min: -128,
        max: 127,
        ..case.requantize()
    };
    let layer = portable::Dense { weights: &case.weights, bias: &case.bias, requantize };
    let mut output = vec![0; case.bias.len()];
    portable::dense(&layer, &crate::cases::cells(&case.codes), map(&mut output));
    output
}

/// `multiplier / 2^32`.
fn factor(multiplier: i32) -> f32 {
    multiplier as f32 / 4_294_967_296.0
}
