//! What the layers of the seed CNN cost, held to their budgets.

use crate::cases::{Convolution, Depthwise, FullyConnected, Kind, Scratch, cells};
use crate::timer::Timer;
use alloc::vec;
use core::hint::black_box;
use cortex_m_semihosting::hprintln;
use thumbnet_kernels::geometry::{Padding, Shape, Window};
use thumbnet_kernels::map::map;
use thumbnet_kernels::packed::{PackedDense, pack_dense};
use thumbnet_kernels::portable::{Add, AddFloat, AveragePool2d, MaxPool2d};
use thumbnet_kernels::requantize::FixedPoint;
use thumbnet_kernels::{Backend, Native};

/// Measures and prints; panics where a layer costs more than its budget.
pub fn of_the_seed_cnn() {
    let peripherals = cortex_m::Peripherals::take().expect("taken once");
    let mut timer = Timer::new(peripherals.SYST);
    let [window, pool] = [Window::square(3, 1), Window::square(2, 2)];

    let conv1 = layer(1, Shape::new(28, 28, 1), 32, window, pool);
    let conv1 = convolution(&mut timer, "conv1 3x3 1->32 + pool", &conv1, Kind::Shallow);
    let conv2 = layer(2, Shape::new(13, 13, 32), 64, window, pool);
    let conv2 = convolution(&mut timer, "conv2 3x3 32->64 + pool", &conv2, Kind::Deep);
    let winograd = layer(2, Shape::new(13, 13, 32), 64, window, pool);
    let winograd = convolution(&mut timer, "conv2, Winograd", &winograd, Kind::Winograd);
    let dense1 = dense(&mut timer, "dense 1600->64", 1600, 64);
    let dense2 = dense(&mut timer, "dense 64->10", 64, 10);
    let sum = conv1 + conv2 + dense1 + dense2;
    let at_speed = sum - conv2 + winograd;
    hprintln!("seed CNN: {} instructions, {} with Winograd", sum, at_speed);

    let padding = Padding { top: 1, left: 1, bottom: 1, right: 1 };
    let same = Window { padding, ..window };
    let case = layer(3, Shape::new(24, 24, 16), 32, Window::UNIT, Window::UNIT);
    convolution(&mut timer, "pointwise 24x24 16->32", &case, Kind::Pointwise);
    let case = layer(4, Shape::new(25, 5, 64), 64, Window::UNIT, Window::UNIT);
    convolution(&mut timer, "pointwise 25x5 64->64", &case, Kind::Pointwise);
    let case = layer(4, Shape::new(3, 3, 256), 256, Window::UNIT, Window::UNIT);
    let threes = convolution(&mut timer, "pointwise 3x3 256->256", &case, Kind::Pointwise);
    assert!(threes <= 520_000, "a pointwise layer on a small map costs {threes}");
    let case = layer(4, Shape::new(32, 32, 3), 16, same, Window::UNIT);
    let shallow = convolution(&mut timer, "conv 3x3 3->16 @32x32", &case, Kind::Shallow);
    assert!(shallow <= 760_000, "three channels cost {shallow}");
    let case = layer(5, Shape::new(32, 32, 16), 16, same, Window::UNIT);
    convolution(&mut timer, "conv 3x3 16->16 @32x32", &case, Kind::Deep);
    convolution(&mut timer, "conv 3x3 16->16 @32x32, Winograd", &case, Kind::Winograd);
    let tiles =
        convolution(&mut timer, "conv 3x3 16->16 @32x32, 4x4 tiles", &case, Kind::Winograd4);
    convolution(&mut timer, "conv 3x3 16->16 @32x32, compact", &case, Kind::CompactWinograd4);
    assert!(tiles <= 1_100_000, "16 channels in Winograd form with large tiles cost {tiles}");
    let case = layer(5, Shape::new(16, 16, 32), 32, same, Window::UNIT);
    convolution(&mut timer, "conv 3x3 32->32 @16x16, 4x4 tiles", &case, Kind::Winograd4);
    convolution(&mut timer, "conv 3x3 32->32 @16x16, compact", &case, Kind::CompactWinograd4);
    let case = layer(5, Shape::new(8, 8, 64), 64, same, Window::UNIT);
    convolution(&mut timer, "conv 3x3 64->64 @8x8", &case, Kind::Deep);
    convolution(&mut timer, "conv 3x3 64->64 @8x8, 4x4 tiles", &case, Kind::Winograd4);
    convolution(&mut timer, "conv 3x3 64->64 @8x8, compact", &case, Kind::CompactWinograd4);
    let half = Window { stride: [2, 2], ..same };
    let case = layer(6, Shape::new(32, 32, 16), 32, half, Window::UNIT);
    convolution(&mut timer, "conv 3x3 16->32 @32x32, stride 2", &case, Kind::Deep);
    let case = layer(6, Shape::new(16, 16, 32), 64, half, Window::UNIT);
    convolution(&mut timer, "conv 3x3 32->64 @16x16, stride 2", &case, Kind::Deep);
    depthwise(&mut timer, "depthwise 3x3 48x48x8", Shape::new(48, 48, 8), same);
    depthwise(&mut timer, "depthwise 3x3 48x48x16, stride 2", Shape::new(48, 48, 16), half);
    depthwise(&mut timer, "depthwise 3x3 6x6x128", Shape::new(6, 6, 128), same);
    depthwise(&mut timer, "depthwise 3x3 25x5x64", Shape::new(25, 5, 64), same);
    pools(&mut timer);
    sums(&mut timer);

    assert!(conv1 <= 370_000, "conv1 costs {conv1}");
    assert!(conv2 <= 1_680_000, "conv2 costs {conv2}");
    assert!(dense1 <= 130_000, "dense costs {dense1}");
    assert!(winograd <= 960_000, "conv2 in Winograd form costs {winograd}");
    assert!(at_speed <= 1_450_000, "the seed CNN at speed costs {at_speed}");
    assert!(sum <= 2_200_000, "the seed CNN costs {sum}");
}

/// A layer as a trained network has it: a ReLU is the saturation at the zero point.
fn layer(seed: u64, input: Shape, oc: usize, window: Window, pool: Window) -> Convolution {
    let case = Convolution::new(seed, input, oc, window, pool);
    let bias = case.bias.iter().map(|bias| bias % (1 << 20)).collect();
    Convolution { clamp: [-128, 127], output_zero_point: -128, bias, ..case }
}

fn convolution(timer: &mut Timer, name: &str, case: &Convolution, kind: Kind) -> u32 {
    let weights = case.pack(kind);
    let layer = case.packed(&weights, case.fixed());
    let bytes = case.scratch_bytes(kind);
    let mut scratch = Scratch::new(bytes);
    let mut output = vec![0; layer.output.len()];
    let (codes, result) = (cells(&case.codes), map(&mut output));
    let cost = timer.measure(|| {
        kind.run::<Native>(&layer, &codes, scratch.bytes(), result);
    });
    assert!(output == case.plain(case.fixed()), "{name} differs");
    let macs = case.output().len() * case.window.taps() * case.input.c * case.pool.taps();
    let hundredths = u64::from(cost) * 100 / macs as u64;
    let (whole, part) = (hundredths / 100, hundredths % 100);
    hprintln!(
        "{}: {} instructions, {}.{:02} a MAC, {} bytes of scratch",
        name,
        cost,
        whole,
        part,
        bytes
    );
    cost
}

fn dense(timer: &mut Timer, name: &str, inputs: usize, outputs: usize) -> u32 {
    let case = FullyConnected::new(4, inputs, outputs);
    let weights = pack_dense(&case.weights, inputs).expect("symmetric weights mix");
    let layer = PackedDense { weights: &weights, bias: &case.bias, requantize: case.requantize() };
    let mut output = vec![0; outputs];
    let (codes, result) = (cells(&case.codes), map(&mut output));
    let cost = timer.measure(|| Native::packed_dense(&layer, &codes, result));
    assert!(output == case.plain(), "{name} differs");
    hprintln!("{}: {} instructions", name, cost);
    cost
}

fn depthwise(timer: &mut Timer, name: &str, input: Shape, window: Window) -> u32 {
    let case = Depthwise::new(7, input, window);
    let layer = case.layer();
    let mut output = vec![0; layer.output.len()];
    let (codes, result) = (cells(&case.codes), map(&mut output));
    let bytes = case.scratch_bytes();
    let mut scratch = Scratch::new(bytes);
    let scratch = scratch.bytes();
    let cost = timer.measure(|| {
        Native::depthwise_conv2d(black_box(&layer), &codes, scratch, result);
    });
    assert!(output == case.plain(), "{name} differs");
    hprintln!("{}: {} instructions, {} bytes of scratch", name, cost, bytes);
    cost
}

fn pools(timer: &mut Timer) {
    let input = Shape::new(26, 26, 32);
    let output = Shape::new(13, 13, 32);
    let layer = MaxPool2d { input, output, window: Window::square(2, 2) };
    let codes = cells(&vec![3; input.len()]);
    let mut pooled = vec![0; output.len()];
    let pooled = map(&mut pooled);
    let cost = timer.measure(|| Native::max_pool2d(black_box(&layer), black_box(&codes), pooled));
    hprintln!("max pool 2x2 26x26x32: {} instructions", cost);
    assert!(cost <= 55_000, "a max pool costs {cost}");
    let input = Shape::new(25, 5, 64);
    let output = Shape::new(1, 1, 64);
    let window = Window { kernel: [25, 5], ..Window::square(1, 1) };
    let requantize = FixedPoint { multipliers: &[34_359_738], zero_point: 3, min: -128, max: 127 };
    let layer = AveragePool2d { input, output, window, input_zero_point: 3, bias: 0, requantize };
    let codes = cells(&vec![3; input.len()]);
    let mut average = vec![0; output.len()];
    let average = map(&mut average);
    let cost = timer.measure(|| Native::average_pool2d(black_box(&layer), &codes, average));
    hprintln!("average pool 25x5x64: {} instructions", cost);
}

fn sums(timer: &mut Timer) {
    let layer =
        AddFloat { zero_points: [-128, 3, -128], scales: [0.02, 0.1, 0.11], min: -128, max: 127 };
    let shifts =
        Add { zero_points: [-128, 3, -128], shifts: [1, 0], output_shift: 2, min: -128, max: 127 };
    let [lhs, rhs] = [0, 1].map(|code| cells(&vec![code; 16 * 1024]));
    let mut sums = vec![0; lhs.len()];
    let sums = map(&mut sums);
    let cost = timer.measure(|| Native::add_float(black_box(&layer), &lhs, &rhs, sums));
    hprintln!("add of 16,384 codes in f32: {} instructions", cost);
    assert!(cost <= 16 * 16 * 1024, "a sum in f32 costs {cost}");
    let cost = timer.measure(|| Native::add(black_box(&shifts), &lhs, &rhs, sums));
    hprintln!("add of 16,384 codes by shifts: {} instructions", cost);
}
