//! The weight file: int8 weights, packed weights, int32 biases and multipliers, then f32 factors.

use crate::call::Factors;
use crate::program::Program;

/// Every part of a layer begins at a multiple of this: kernels may read words.
const ALIGNMENT: usize = 4;

/// The weight file, and where each step finds its constants.
pub(super) struct Layout {
    /// The file.
    pub bytes: Vec<u8>,
    /// By step.
    pub steps: Vec<Places>,
}

/// Where a step finds its constants; 0 for what it does not have.
#[derive(Clone, Copy, Default)]
pub(super) struct Places {
    /// First byte of the weights, plain or packed.
    pub weights: usize,
    /// First byte of the biases.
    pub bias: usize,
    /// First byte of the multipliers or factors.
    pub factors: usize,
}

impl Layout {
    /// Lays out the constants of all steps, in their order within each section.
    pub(super) fn of(program: &Program) -> Self {
        let mut bytes = Vec::new();
        let mut steps = vec![Places::default(); program.steps.len()];
        for (places, step) in steps.iter_mut().zip(&program.steps) {
            // `as` keeps the bits: the file holds two's complement.
            let weights = step.call.weights().iter().map(|weight| *weight as u8);
            places.weights = append(&mut bytes, weights);
        }
        for (places, step) in steps.iter_mut().zip(&program.steps) {
            let words = step.call.packed_weights();
            if !words.is_empty() {
                places.weights = append(&mut bytes, words.iter().flat_map(|w| w.to_le_bytes()));
            }
        }
        for (places, step) in steps.iter_mut().zip(&program.steps) {
            places.bias = append(&mut bytes, step.call.bias().iter().flat_map(|b| b.to_le_bytes()));
            let factors = step.call.requantize().map(|requantize| &requantize.factors);
            if let Some(Factors::Fixed(factors) | Factors::Mixed(factors)) = factors {
                places.factors = append(&mut bytes, factors.iter().flat_map(|f| f.to_le_bytes()));
            }
        }
        for (places, step) in steps.iter_mut().zip(&program.steps) {
            if let Some(Factors::Float(factors)) = step.call.requantize().map(|r| &r.factors) {
                places.factors = append(&mut bytes, factors.iter().flat_map(|f| f.to_le_bytes()));
            }
        }
        Self { bytes, steps }
    }
}

fn append(bytes: &mut Vec<u8>, values: impl Iterator<Item = u8>) -> usize {
    bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
    let offset = bytes.len();
    bytes.extend(values);
    offset
}

/// Bytes of the weight file, alignment included.
pub(crate) fn weight_file_bytes(program: &Program) -> usize {
    Layout::of(program).bytes.len()
}
