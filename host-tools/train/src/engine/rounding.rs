//! Values as the int8 network has them: rounded to levels, gradients passed straight through.

use super::elementwise::vectorized;
use super::real::Real;

/// The levels of a stage's outputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Levels<T> {
    step: T,
    per_step: T,
    /// Of the lowest and the highest level, in steps.
    ends: [T; 2],
    /// Added and taken away again first: see [`Levels::of_sums`].
    grid: T,
}

/// Weights have levels of -127 to 127 steps.
const LARGEST_CODE: f64 = 127.0;

impl<T: Real> Levels<T> {
    /// The levels of int8 codes.
    pub fn new(step: f64, zero_point: i8) -> Self {
        let end = |code: i8| T::from_f64(f64::from(code) - f64::from(zero_point));
        let ends = [end(i8::MIN), end(i8::MAX)];
        Self { step: T::from_f64(step), per_step: T::from_f64(1.0 / step), ends, grid: T::ZERO }
    }

    /// The same for values that are multiplied by `gain` first, as where an average's weights are codes.
    pub fn after(self, gain: f64) -> Self {
        Self { per_step: self.per_step * T::from_f64(gain), ..self }
    }

    /// The same for sums of two maps, whose steps are power-of-two multiples of each other: ties are common there, and what
    /// floats make of one is moved back to it.
    pub fn of_sums(self) -> Self {
        Self { grid: T::ROUNDING * T::from_f64(1.0 / 4096.0), ..self }
    }

    /// Moves every value to the nearest level.
    pub fn round(&self, values: &mut [T]) {
        let Self { step, per_step, ends: [low, high], grid } = *self;
        vectorized(
            #[inline(always)]
            || {
                for value in values.iter_mut() {
                    let steps = *value * per_step;
                    let steps = if steps < low { low } else { steps };
                    let steps = if steps > high { high } else { steps };
                    let steps = steps + grid - grid;
                    *value = (steps + T::ROUNDING - T::ROUNDING) * step;
                }
            },
        );
    }

    /// Clears the gradient where the output is at the end of its range: values beyond have no say.
    pub fn mask(&self, gradient: &mut [T], output: &[T]) {
        let [low, high] = self.ends.map(|end| end * self.step);
        vectorized(
            #[inline(always)]
            || {
                for (gradient, &output) in gradient.iter_mut().zip(output) {
                    let inside = output > low && output < high;
                    *gradient = if inside { *gradient } else { T::ZERO };
                }
            },
        );
    }
}

/// Weights `[.., channels]`, each channel's rounded to the levels that its largest magnitude gives.
pub(crate) fn round_channels<T: Real>(weights: &[T], channels: usize, rounded: &mut Vec<T>) {
    let mut largest = vec![T::ZERO; channels];
    for row in weights.chunks_exact(channels) {
        for (largest, &weight) in largest.iter_mut().zip(row) {
            let magnitude = if weight < T::ZERO { -weight } else { weight };
            *largest = if magnitude > *largest { magnitude } else { *largest };
        }
    }
    let code = T::from_f64(LARGEST_CODE);
    let steps = |largest: &T| if *largest > T::ZERO { *largest / code } else { code };
    let steps: Vec<T> = largest.iter().map(steps).collect();
    rounded.clear();
    for row in weights.chunks_exact(channels) {
        let codes = row.iter().zip(&steps);
        rounded.extend(
            codes.map(|(&weight, &step)| (weight / step + T::ROUNDING - T::ROUNDING) * step),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::{Levels, round_channels};

    #[test]
    fn values_go_to_the_nearest_level_ties_to_the_even_one_and_stop_at_the_ends() {
        let levels = Levels::<f32>::new(0.5, -126);
        let mut values = [0.24, 0.25, 0.26, 0.75, -0.6, -1.0, -9.0, 126.4, 126.6, 1e6];
        levels.round(&mut values);
        assert_eq!(values, [0.0, 0.0, 0.5, 1.0, -0.5, -1.0, -1.0, 126.5, 126.5, 126.5]);
    }

    #[test]
    fn what_floats_make_of_a_tie_in_a_sum_is_a_tie() {
        let levels = Levels::<f32>::new(1.0, 0);
        let near = [0.500_001, 1.499_999, 1.51, -2.500_001];
        let round = |levels: Levels<f32>| {
            let mut values = near;
            levels.round(&mut values);
            values
        };
        assert_eq!(round(levels), [1.0, 1.0, 2.0, -3.0]);
        assert_eq!(round(levels.of_sums()), [0.0, 2.0, 2.0, -2.0]);
    }

    #[test]
    fn gradients_pass_inside_the_range_alone() {
        let levels = Levels::<f64>::new(0.5, -128);
        let mut gradient = [1.0; 4];
        levels.mask(&mut gradient, &[0.0, 0.5, 127.0, 127.5]);
        assert_eq!(gradient, [0.0, 1.0, 1.0, 0.0]);
    }

    #[test]
    fn a_channel_has_the_levels_of_its_largest_weight() {
        let mut rounded = Vec::new();
        round_channels(&[127.0f32, 0.0, 1.4, 0.0, -126.6, 0.0, 0.5, 0.0], 2, &mut rounded);
        assert_eq!(rounded, [127.0, 0.0, 1.0, 0.0, -127.0, 0.0, 0.0, 0.0]);
    }
}
