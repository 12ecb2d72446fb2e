//! When two requantizations are the same function of all 2^32 accumulators: their thresholds agree.
//!
//! A requantization is monotone in its accumulator and takes 256 values, so it is a staircase: it
//! is known completely once the 255 accumulators are known where it climbs. Two of them are equal
//! for every accumulator exactly when these thresholds are equal, and that takes a microsecond to
//! decide.

/// Accumulators are int32; one step outside stands for "always" and "never".
const ALWAYS: i64 = i32::MIN as i64;
const NEVER: i64 = i32::MAX as i64 + 1;

/// The level of the first threshold: -128 is reached by every accumulator.
const FIRST_LEVEL: i8 = i8::MIN + 1;

/// A monotone function from int32 to int8, as the 255 places where it climbs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staircase {
    /// For each level from -127 to 127 the smallest accumulator that reaches it, [`NEVER`] if none
    /// does.
    thresholds: [i64; 255],
}

impl Staircase {
    /// The staircase of `f`, which must not decrease.
    ///
    /// `factor` and `zero_point` say where the thresholds are about, `f(acc) ~ acc * factor +
    /// zero_point`. They make the search short and cannot make it wrong: a bad hint, even NaN,
    /// costs time only.
    pub fn of(f: impl Fn(i32) -> i8, factor: f64, zero_point: i8) -> Self {
        let mut thresholds = [NEVER; 255];
        for (level, threshold) in (FIRST_LEVEL..=i8::MAX).zip(&mut thresholds) {
            let crossing = (f64::from(level) - 0.5 - f64::from(zero_point)) / factor;
            // The cast saturates and makes NaN zero.
            let guess = (crossing.ceil() as i64).clamp(ALWAYS, NEVER);
            *threshold = search(|acc| f(acc) >= level, guess);
        }
        Self { thresholds }
    }

    /// Whether `g`, which must not decrease, is the same function for all 2^32 accumulators.
    ///
    /// Evaluates `g` on the two sides of each threshold and nowhere else.
    pub fn matches(&self, g: impl Fn(i32) -> i8) -> bool {
        (FIRST_LEVEL..=i8::MAX)
            .zip(&self.thresholds)
            .all(|(level, &threshold)| climbs_at(threshold, |acc| g(acc) >= level))
    }

    /// The smallest accumulator that reaches `level`, or `None` if none does; level -128 is reached
    /// by [`i32::MIN`].
    pub fn threshold(&self, level: i8) -> Option<i32> {
        let Ok(index) = usize::try_from(i32::from(level) - i32::from(FIRST_LEVEL)) else {
            return Some(i32::MIN);
        };
        i32::try_from(self.thresholds[index]).ok()
    }
}

/// Whether the monotone predicate `reaches` becomes true exactly at `threshold`.
fn climbs_at(threshold: i64, reaches: impl Fn(i32) -> bool) -> bool {
    let reached_here = i32::try_from(threshold).map_or(true, &reaches);
    let missed_before = i32::try_from(threshold - 1).map_or(true, |acc| !reaches(acc));
    reached_here && missed_before
}

/// The smallest accumulator for which the monotone predicate `reaches` holds, or [`NEVER`].
///
/// Steps of doubling length from `guess` until the place is bracketed, then halving: two
/// evaluations if the guess is right, about `2 * log2(distance)` if not.
fn search(reaches: impl Fn(i32) -> bool, guess: i64) -> i64 {
    let reaches = |acc: i64| acc >= NEVER || (acc >= ALWAYS && reaches(acc as i32));
    let (mut missed, mut reached) = (guess, guess);
    let mut step = 1;
    if reaches(guess) {
        missed = guess - 1;
        while reaches(missed) {
            reached = missed;
            missed = (missed - step).max(ALWAYS - 1);
            step *= 2;
        }
    } else {
        reached = guess + 1;
        while !reaches(reached) {
            missed = reached;
            reached = (reached + step).min(NEVER);
            step *= 2;
        }
    }
    while reached - missed > 1 {
        let middle = missed + (reached - missed) / 2;
        if reaches(middle) {
            reached = middle;
        } else {
            missed = middle;
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::Staircase;
    use crate::requantization::{exact, fixed_multiplier};
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
    use thumbnet_kernels::requantize::{fixed_point, float};

    /// Asserts that the thresholds describe `f` at `acc`.
    fn value(staircase: &Staircase, acc: i32) -> i8 {
        (i8::MIN..=i8::MAX)
            .rev()
            .find(|&level| staircase.threshold(level).is_some_and(|threshold| acc >= threshold))
            .expect("level -128 is always reached")
    }

    proptest! {
        #[test]
        fn thresholds_reproduce_the_function(
            exponent in -30..3i32,
            mantissa in 1.0..2.0f32,
            zero_point in any::<i8>(),
            accs in proptest::collection::vec(any::<i32>(), 64),
        ) {
            let factor = mantissa * 2f32.powi(exponent);
            let f = |acc| float(acc, factor, zero_point);
            let staircase = Staircase::of(f, f64::from(factor), zero_point);
            let span = (512.0 / factor) as i64 + 1;
            for acc in accs {
                let near = (i64::from(acc) % span) as i32;
                prop_assert_eq!(value(&staircase, acc), f(acc));
                prop_assert_eq!(value(&staircase, near), f(near));
            }
        }

        #[test]
        fn a_wrong_hint_gives_the_same_thresholds(
            factor in 1e-6..0.5f32,
            hint in proptest::num::f64::ANY,
            zero_point in any::<i8>(),
            wrong_zero_point in any::<i8>(),
        ) {
            let f = |acc| exact(acc, factor, zero_point);
            let right = Staircase::of(f, f64::from(factor), zero_point);
            prop_assert!(right == Staircase::of(f, hint, wrong_zero_point));
        }

        #[test]
        fn matching_means_equal_on_a_range_around_every_threshold(
            factor in 1e-4..0.5f32,
            zero_point in any::<i8>(),
        ) {
            let f = |acc| float(acc, factor, zero_point);
            let multiplier = fixed_multiplier(factor).expect("below one half");
            let g = |acc| fixed_point(acc, multiplier, zero_point);
            let span = (300.0 / factor) as i32;
            let equal = (-span..=span).all(|acc| f(acc) == g(acc));
            let matches = Staircase::of(f, f64::from(factor), zero_point).matches(g);
            prop_assert_eq!(matches, equal);
        }
    }

    #[test]
    fn a_tie_tells_half_even_from_half_up() {
        // 2 * 0.25 = 0.5: even gives 0, up gives 1.
        let even = Staircase::of(|acc| float(acc, 0.25, 0), 0.25, 0);
        assert!(!even.matches(|acc| fixed_point(acc, 1 << 30, 0)));
        assert!(even.matches(|acc| exact(acc, 0.25, 0)));
    }

    #[test]
    fn constants_are_staircases_too() {
        let lowest = Staircase::of(|_| -128, 0.0, 0);
        assert_eq!(lowest.threshold(-128), Some(i32::MIN));
        assert_eq!(lowest.threshold(-127), None);
        let highest = Staircase::of(|_| 127, f64::NAN, 0);
        assert_eq!(highest.threshold(127), Some(i32::MIN));
        assert!(highest.matches(|_| 127));
        assert!(!highest.matches(|acc| if acc == i32::MIN { 126 } else { 127 }));
        assert!(!lowest.matches(|acc| if acc == i32::MAX { -127 } else { -128 }));
    }
}
