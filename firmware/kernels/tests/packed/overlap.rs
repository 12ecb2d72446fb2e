//! Output and input in one buffer, as near as the kernel's order allows: the same bytes as apart. One pixel nearer
//! breaks, so that the order claims no more than is true and no less.

use crate::cases::suite::STEP;
use crate::cases::{Convolution, Depthwise, Kind, Random, Scratch, cells};
use core::cell::Cell;
use thumbnet_kernels::armv7em::{
    compact_winograd4_conv2d_order, deep_conv2d_order, depthwise_conv2d_order,
    pointwise_conv2d_order, shallow_conv2d_order, winograd_conv2d_order, winograd4_conv2d_order,
};
use thumbnet_kernels::geometry::{Padding, Shape, Window};
use thumbnet_kernels::map::Map;
use thumbnet_kernels::order::{Order, Overlap};
use thumbnet_kernels::portable::{
    AVERAGE_POOL2D_ORDER, Add, AddFloat, AveragePool2d, MAX_POOL2D_ORDER, MaxPool2d, conv2d_order,
};
use thumbnet_kernels::requantize::FixedPoint;
use thumbnet_kernels::{Armv7em, Backend, Portable, Scalar, scalar};

/// A kernel with its layer: from an input to an output.
type Kernel<'a> = &'a dyn Fn(&Map, &Map);

/// The output of `kernel` with the input `distance` bytes behind it in one buffer.
fn beside(codes: &[i8], len: usize, distance: isize, kernel: impl Fn(&Map, &Map)) -> Vec<i8> {
    let (output, input) = match usize::try_from(distance) {
        Ok(distance) => (0, distance),
        Err(_) => (distance.unsigned_abs(), 0),
    };
    let buffer = vec![Cell::new(0x3c); (output + len).max(input + codes.len())];
    for (to, from) in buffer[input..].iter().zip(codes) {
        to.set(*from);
    }
    let output = &buffer[output..output + len];
    kernel(&buffer[input..input + codes.len()], output);
    output.iter().map(Cell::get).collect()
}

/// Cases that a pixel less than allowed did and did not break.
#[derive(Default)]
struct Count {
    broken: usize,
    unbroken: usize,
}

impl Count {
    /// Checks a layer on both backends at the least distance and some larger ones.
    fn check(
        &mut self,
        what: &dyn std::fmt::Debug,
        (codes, expected): (&[i8], &[i8]),
        (overlap, pixel): (Overlap, usize),
        kernels: [Kernel<'_>; 2],
    ) {
        let least = overlap.least_distance();
        let step = overlap.step as isize;
        for distance in [least, least + step, least + 2 * step, least + 7 * step] {
            for kernel in kernels {
                let output = beside(codes, expected.len(), distance, kernel);
                assert_eq!(output, expected, "{distance} of {overlap:?}: {what:?}");
            }
        }
        let nearer = least - pixel as isize;
        if nearer <= -(codes.len() as isize) || nearer >= expected.len() as isize {
            return; // apart, or the next one is
        }
        let breaks =
            kernels.iter().any(|kernel| beside(codes, expected.len(), nearer, kernel) != expected);
        if breaks { self.broken += 1 } else { self.unbroken += 1 }
    }

    /// A case survives where clamps hide what was overwritten; many must not.
    fn assert_tight(&self) {
        if STEP > 1 {
            return; // too few to say
        }
        assert!(self.broken > self.unbroken / 2, "{} broken, {} not", self.broken, self.unbroken);
    }
}

fn packed(kind: Kind, order: impl Fn(Shape, &Window) -> Order) {
    let mut count = Count::default();
    for seed in (0..600).step_by(STEP) {
        let case = Convolution::random(seed, kind);
        let windows = [&case.window, &case.pool];
        let overlap = order(case.output(), &case.pool).overlap(case.input, case.output(), windows);
        let weights = case.pack(kind);
        let layer = case.packed(&weights, case.fixed());
        let run = |input: &Map, output: &Map, portable: bool| {
            let mut scratch = Scratch::new(case.scratch_bytes(kind));
            let scratch = scratch.bytes();
            match portable {
                true => kind.run::<Portable>(&layer, input, scratch, output),
                false => kind.run::<Armv7em>(&layer, input, scratch, output),
            }
        };
        let kernels: [Kernel<'_>; 2] = [&|i, o| run(i, o, true), &|i, o| run(i, o, false)];
        let overlap = overlap.expect("small maps have one");
        count.check(&case, (&case.codes, &case.plain(case.fixed())), (overlap, case.oc), kernels);
    }
    count.assert_tight();
}

#[test]
fn deep_convolutions_overlap() {
    packed(Kind::Deep, |_, pool| deep_conv2d_order(pool));
}

#[test]
fn pointwise_convolutions_overlap() {
    packed(Kind::Pointwise, |output, _| pointwise_conv2d_order(output));
}

#[test]
fn shallow_convolutions_overlap() {
    packed(Kind::Shallow, shallow_conv2d_order);
}

#[test]
fn winograd_convolutions_overlap() {
    packed(Kind::Winograd, |_, pool| winograd_conv2d_order(pool));
}

#[test]
fn winograd4_convolutions_overlap() {
    packed(Kind::Winograd4, |_, _| winograd4_conv2d_order());
    packed(Kind::CompactWinograd4, |_, _| compact_winograd4_conv2d_order());
}

#[test]
fn plain_convolutions_overlap() {
    let mut count = Count::default();
    for seed in (0..600).step_by(STEP) {
        let kind = [Kind::Deep, Kind::Shallow][seed as usize % 2];
        let mut case = Convolution::random(seed, kind);
        if seed % 3 == 0 {
            // More channels than one block.
            case = Convolution::new(seed, case.input, 35, case.window, case.pool);
        }
        let windows = [&case.window, &case.pool];
        let orders = [conv2d_order(case.oc), scalar::conv2d_order(case.oc, &case.pool)];
        let [one, other] = orders.map(|order| order.overlap(case.input, case.output(), windows));
        let overlap = one.zip(other).map(|(one, other)| one.and(other));
        let run = |input: &Map, output: &Map, portable: bool| {
            let layer = case.layer(case.fixed());
            let scratch_bytes = scalar::conv2d_scratch_bytes(&layer.window, layer.input);
            let mut scratch = Scratch::new(scratch_bytes);
            let scratch = scratch.bytes();
            match portable {
                true => Portable::conv2d(&layer, input, scratch, output),
                false => Scalar::conv2d(&layer, input, scratch, output),
            }
        };
        let kernels: [Kernel<'_>; 2] = [&|i, o| run(i, o, true), &|i, o| run(i, o, false)];
        let overlap = overlap.expect("small maps have one");
        count.check(&case, (&case.codes, &case.plain(case.fixed())), (overlap, case.oc), kernels);
    }
    count.assert_tight();
}

#[test]
fn depthwise_convolutions_overlap() {
    let mut count = Count::default();
    for seed in (0..900).step_by(STEP) {
        let case = Depthwise::random(seed);
        let layer = case.layer();
        for scratch_bytes in [0, case.scratch_bytes()] {
            let order = depthwise_conv2d_order(layer.output.w, scratch_bytes > 0);
            let overlap = order.overlap(case.input, layer.output, [&case.window, &Window::UNIT]);
            let run = |input: &Map, output: &Map, portable: bool| {
                let mut scratch = Scratch::new(scratch_bytes);
                let scratch = scratch.bytes();
                match portable {
                    true => Portable::depthwise_conv2d(&layer, input, scratch, output),
                    false => Armv7em::depthwise_conv2d(&layer, input, scratch, output),
                }
            };
            let kernels: [Kernel<'_>; 2] = [&|i, o| run(i, o, true), &|i, o| run(i, o, false)];
            let overlap = overlap.expect("small maps have one");
            count.check(&case, (&case.codes, &case.plain()), (overlap, overlap.step), kernels);
        }
    }
    count.assert_tight();
}

/// A random map and a window that fits it.
fn pooled(random: &mut Random) -> (Shape, Window, Shape) {
    loop {
        let [top, left, bottom, right] = [0; 4].map(|_| random.below(2));
        let window = Window {
            kernel: [1 + random.below(3), 1 + random.below(3)],
            stride: [1 + random.below(3), 1 + random.below(3)],
            dilation: [1, 1],
            padding: Padding { top, left, bottom, right },
        };
        let input = Shape::new(1 + random.below(9), 1 + random.below(9), 1 + random.below(37));
        if let Some([h, w]) = window.positions(input.h, input.w) {
            return (input, window, Shape::new(h, w, input.c));
        }
    }
}

#[test]
fn pools_overlap() {
    let mut counts = [Count::default(), Count::default()];
    for seed in (0..900).step_by(STEP) {
        let mut random = Random::new(seed);
        let (input, window, output) = pooled(&mut random);
        let codes: Vec<i8> = (0..input.len()).map(|_| random.code()).collect();
        let apart = |kernel: Kernel<'_>| {
            let output = cells(&vec![0; output.len()]);
            kernel(&cells(&codes), &output);
            output.iter().map(Cell::get).collect::<Vec<i8>>()
        };
        let overlap = |order: Order| {
            let overlap = order.overlap(input, output, [&window, &Window::UNIT]);
            let overlap = overlap.expect("small maps have one");
            (overlap, overlap.step)
        };

        let max = MaxPool2d { input, output, window };
        let kernels: [Kernel<'_>; 2] =
            [&|input, output| Portable::max_pool2d(&max, input, output), &|input, output| {
                Armv7em::max_pool2d(&max, input, output)
            }];
        counts[0].check(&max, (&codes, &apart(kernels[0])), overlap(MAX_POOL2D_ORDER), kernels);

        let multipliers = [i32::MAX / window.taps() as i32];
        let requantize =
            FixedPoint { multipliers: &multipliers, zero_point: 3, min: -128, max: 127 };
        let average =
            AveragePool2d { input, output, window, input_zero_point: 5, bias: -17, requantize };
        let kernels: [Kernel<'_>; 2] = [
            &|input, output| Portable::average_pool2d(&average, input, output),
            &|input, output| Armv7em::average_pool2d(&average, input, output),
        ];
        let expected = apart(kernels[0]);
        counts[1].check(&average, (&codes, &expected), overlap(AVERAGE_POOL2D_ORDER), kernels);
    }
    counts.iter().for_each(Count::assert_tight);
}

#[test]
fn sums_lie_on_either_operand() {
    let mut count = Count::default();
    for seed in (0..200).step_by(STEP) {
        let mut random = Random::new(seed);
        let len = 1 + random.below(100);
        let [lhs, rhs] = [0; 2].map(|_| (0..len).map(|_| random.code()).collect::<Vec<i8>>());
        let shifts =
            Add { zero_points: [3, -4, 5], shifts: [1, 0], output_shift: 1, min: -128, max: 127 };
        let float =
            AddFloat { zero_points: [3, -4, 5], scales: [0.3, 0.2, 0.5], min: -128, max: 127 };
        for left in [true, false] {
            let (dying, other) = if left { (&lhs, cells(&rhs)) } else { (&rhs, cells(&lhs)) };
            let operands = |map: &Map, run: &dyn Fn(&Map, &Map)| {
                if left { run(map, &other) } else { run(&other, map) }
            };
            let kernels: [[Kernel<'_>; 2]; 2] = [
                [
                    &|map, sum| operands(map, &|l, r| Portable::add(&shifts, l, r, sum)),
                    &|map, sum| operands(map, &|l, r| Armv7em::add(&shifts, l, r, sum)),
                ],
                [
                    &|map, sum| operands(map, &|l, r| Portable::add_float(&float, l, r, sum)),
                    &|map, sum| operands(map, &|l, r| Armv7em::add_float(&float, l, r, sum)),
                ],
            ];
            for kernels in kernels {
                let sum = cells(&vec![0; len]);
                kernels[0](&cells(dying), &sum);
                let expected: Vec<i8> = sum.iter().map(Cell::get).collect();
                count.check(&seed, (dying, &expected), (Overlap::ELEMENTWISE, 1), kernels);
            }
        }
    }
    count.assert_tight();
}
