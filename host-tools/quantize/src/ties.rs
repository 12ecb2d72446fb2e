//! Results near the middle between two codes, which engines may round to different ones.
//!
//! A function of one code has 256 results, a product of two codes some 65,000: few enough to look at all. Each
//! engine computes them with errors of its own in the last bits, so their codes agree exactly where no result
//! is within these errors of a middle. A scale some millionths larger moves all results.

use crate::integer::dequantize;
use crate::lower::Kind;
use thumbnet_graph::{Function, Quantization, RealOp};

/// Errors of a sum or product in f32, and of what follows it, in parts of the result.
const ROUNDING: f64 = 1e-6;

/// Errors of engines' approximations of exponentials, in steps of the output.
const APPROXIMATION: f64 = 1e-4;

/// By which part a scale grows from one try to the next.
const GROWTH: f64 = 1e-5;

/// Most scales that are tried.
const MOST_TRIES: u32 = 2000;

/// The largest product of two codes less their zero points.
const LARGEST_PRODUCT: f64 = 255.0 * 255.0;

/// The results of a layer, before its output's scale divides them.
pub(crate) enum Ties {
    /// All results, and by how many steps they may be wrong.
    Results(Vec<f64>, f64),
    /// All whole multiples of a unit.
    Multiples(f64),
}

impl Ties {
    /// The results of a layer over inputs in these formats; `None` if they are too many or exact.
    pub fn of(kind: &Kind, inputs: &[Quantization], channels: usize) -> Option<Self> {
        match kind {
            Kind::Real(RealOp::Function(formula)) => {
                let tables = if formula.channels() == Ok(1) { 1 } else { channels };
                let results = (0..tables).flat_map(|channel| {
                    let result = move |code| formula.at(dequantize(code, inputs[0]), channel);
                    (i8::MIN..=i8::MAX).map(move |code| f64::from(result(code)))
                });
                let error = if formula.is_approximated() { APPROXIMATION } else { 0.0 };
                Some(Self::Results(results.collect(), error))
            }
            Kind::Real(RealOp::Combine(Function::Multiply)) => {
                Some(Self::Multiples(f64::from(inputs[0].scale) * f64::from(inputs[1].scale)))
            }
            _ => None,
        }
    }

    /// `scale`, or the next larger one that has no result near a middle; `scale` if none is near it.
    pub fn free_scale(&self, scale: f64) -> f64 {
        let tries = (0..MOST_TRIES).map(|step| scale * (1.0 + GROWTH * f64::from(step)));
        tries.into_iter().find(|&scale| self.is_free(f64::from(scale as f32))).unwrap_or(scale)
    }

    fn is_free(&self, scale: f64) -> bool {
        match self {
            Self::Results(results, error) => results.iter().all(|result| {
                let steps = result / scale;
                let distance = ((steps - steps.floor()) - 0.5).abs();
                steps.abs() > 256.0 || distance > error + ROUNDING * steps.abs()
            }),
            Self::Multiples(unit) => (0..255).all(|code| {
                let middle = f64::from(code) + 0.5;
                let product = (middle * scale / unit).round();
                let distance = (product * unit / scale - middle).abs();
                product > LARGEST_PRODUCT || distance > ROUNDING * middle
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Ties;

    #[test]
    fn a_scale_moves_away_from_a_tie_and_no_further() {
        let ties = Ties::Results(vec![0.5, 1.25, -3.0], 1e-4);
        assert_eq!(ties.free_scale(0.3), 0.3);
        let moved = ties.free_scale(1.0);
        assert!(moved > 1.0 && moved < 1.001, "{moved}");
        // Results that saturate never matter.
        assert_eq!(Ties::Results(vec![1000.5], 1e-4).free_scale(1.0), 1.0);
    }

    #[test]
    fn products_avoid_every_middle() {
        let moved = Ties::Multiples(0.25).free_scale(1.0);
        assert!(moved > 1.0 && moved < 1.02, "{moved}");
        assert!((1..=65_025).all(|product| {
            let steps = f64::from(product) * 0.25 / f64::from(moved as f32);
            ((steps - steps.floor()) - 0.5).abs() > 1e-7 * steps || steps > 256.0
        }));
    }
}
