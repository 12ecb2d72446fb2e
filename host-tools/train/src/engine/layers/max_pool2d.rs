//! Max pool: the largest value of each window, and which one it was (the first, if several).

use crate::engine::elementwise::vectorized;
use crate::engine::layer::{Backward, Forward, Layer, Sizes};
use crate::engine::real::Real;
use thumbnet_graph::{Shape, Window};

/// A max pool on its own.
pub(crate) struct MaxPool2d {
    geometry: PoolGeometry,
}

impl MaxPool2d {
    pub fn new(input: Shape, window: Window) -> Self {
        Self { geometry: PoolGeometry::new(input, window) }
    }
}

impl<T: Real> Layer<T> for MaxPool2d {
    fn sizes(&self) -> Sizes {
        let (input, output) = (self.geometry.input.len(), self.geometry.output.len());
        Sizes { input, output, choices: output, ..Sizes::default() }
    }

    fn forward(&self, pass: Forward<'_, T>) {
        let (input, output) = (self.geometry.input.len(), self.geometry.output.len());
        let inputs = pass.inputs[0].chunks_exact(input);
        let outputs = pass.output.chunks_exact_mut(output);
        let choices = pass.choices.chunks_exact_mut(output);
        for ((input, output), choices) in inputs.zip(outputs).zip(choices) {
            self.geometry.forward(input, output, choices);
        }
    }

    fn backward(&self, pass: Backward<'_, T>) {
        let Some(input_gradient) = pass.input_gradients[0].as_deref_mut() else { return };
        let (input, output) = (self.geometry.input.len(), self.geometry.output.len());
        let inputs = input_gradient.chunks_exact_mut(input);
        let outputs = pass.output_gradient.chunks_exact(output);
        let choices = pass.choices.chunks_exact(output);
        for ((input, output), choices) in inputs.zip(outputs).zip(choices) {
            self.geometry.backward(output, choices, input);
        }
    }
}

/// A window sliding over one picture's map; no padding.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolGeometry {
    pub input: Shape,
    pub output: Shape,
    window: Window,
}

impl PoolGeometry {
    /// # Panics
    /// If the window does not fit, which the plan has checked.
    pub fn new(input: Shape, window: Window) -> Self {
        let [h, w] = window.positions(input.h, input.w).expect("the plan checked the window");
        Self { input, output: Shape::new(h, w, input.c), window }
    }

    /// Writes each window's maximum, and the index of its tap to `choices`.
    pub fn forward<T: Real>(&self, input: &[T], output: &mut [T], choices: &mut [u8]) {
        vectorized(
            #[inline(always)]
            || {
                self.for_each_window(
                    #[inline(always)]
                    |start, at| {
                        let c = self.input.c;
                        let (output, choices) = (&mut output[at..][..c], &mut choices[at..][..c]);
                        output.copy_from_slice(&input[start..][..c]);
                        choices.fill(0);
                        for tap in 1..self.window.taps() {
                            let values = &input[start + self.tap_offset(tap)..][..c];
                            keep_larger(values, tap as u8, output, choices);
                        }
                    },
                )
            },
        );
    }

    /// Gives each window's gradient to the tap that was chosen; `input_gradient` is replaced.
    pub fn backward<T: Real>(
        &self,
        output_gradient: &[T],
        choices: &[u8],
        input_gradient: &mut [T],
    ) {
        let replace = self.reads_each_value_once();
        if !replace {
            input_gradient.fill(T::ZERO);
        }
        vectorized(
            #[inline(always)]
            || {
                self.for_each_window(
                    #[inline(always)]
                    |start, at| {
                        let c = self.input.c;
                        let (gradient, choices) =
                            (&output_gradient[at..][..c], &choices[at..][..c]);
                        for tap in 0..self.window.taps() {
                            let target = &mut input_gradient[start + self.tap_offset(tap)..][..c];
                            add_chosen(gradient, choices, tap as u8, target, replace);
                        }
                    },
                )
            },
        );
    }

    fn reads_each_value_once(&self) -> bool {
        let Window { kernel, stride, .. } = self.window;
        let covered = [self.output.h * stride[0], self.output.w * stride[1]];
        kernel == stride && covered == [self.input.h, self.input.w]
    }

    /// Calls `visit` with the offset of each window's first input and of its output.
    #[inline(always)]
    pub fn for_each_window(&self, mut visit: impl FnMut(usize, usize)) {
        let c = self.input.c;
        for y in 0..self.output.h {
            for x in 0..self.output.w {
                let [sy, sx] = self.window.stride;
                visit((y * sy * self.input.w + x * sx) * c, (y * self.output.w + x) * c);
            }
        }
    }

    /// Offset of a tap's first channel from the window's first input.
    #[inline(always)]
    pub fn tap_offset(&self, tap: usize) -> usize {
        let kw = self.window.kernel[1];
        (tap / kw * self.input.w + tap % kw) * self.input.c
    }
}

#[inline(always)]
fn keep_larger<T: Real>(values: &[T], tap: u8, largest: &mut [T], choices: &mut [u8]) {
    for ((&value, largest), choice) in values.iter().zip(largest).zip(choices) {
        let larger = value > *largest;
        *largest = if larger { value } else { *largest };
        *choice = if larger { tap } else { *choice };
    }
}

/// Gives the gradient to the channels that chose this tap; to the others 0.
#[inline(always)]
fn add_chosen<T: Real>(gradient: &[T], choices: &[u8], tap: u8, target: &mut [T], replace: bool) {
    for ((&gradient, &choice), target) in gradient.iter().zip(choices).zip(target) {
        let old = if replace { T::ZERO } else { *target };
        *target = old + if choice == tap { gradient } else { T::ZERO };
    }
}
