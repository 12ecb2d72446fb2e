//! What the comparison runs on: pictures of a data set, or seeded random codes.

use thumbnet_data::{Pictures, to_codes};
use thumbnet_kernels::geometry::Shape;

/// Inputs of a network, made when asked for.
#[derive(Clone, Debug)]
pub enum Inputs {
    /// The pictures of a set.
    Pictures {
        /// The set's name and part.
        name: String,
        /// Of the network's input shape.
        pictures: Pictures,
    },
    /// Three constant maps (-128, 127, 0), then uniformly random codes.
    Random {
        /// Each seed gives other codes.
        seed: u64,
        /// How many.
        count: usize,
        /// Of the network's input.
        shape: Shape,
    },
}

impl Inputs {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Pictures { pictures, .. } => pictures.len(),
            Self::Random { count, .. } => *count,
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The int8 `[h, w, c]` codes of input `index`; the same whenever and from wherever it is asked for.
    ///
    /// # Panics
    /// If there is no such input.
    pub fn codes(&self, index: usize) -> Vec<i8> {
        match self {
            Self::Pictures { pictures, .. } => to_codes(&pictures.picture(index)),
            Self::Random { seed, shape, .. } => match index {
                0 => vec![i8::MIN; shape.len()],
                1 => vec![i8::MAX; shape.len()],
                2 => vec![0; shape.len()],
                _ => random_codes(*seed, index as u64, shape.len()),
            },
        }
    }

    /// What they are, for the report.
    pub fn describe(&self) -> String {
        match self {
            Self::Pictures { name, .. } => name.clone(),
            Self::Random { seed, .. } => format!("random inputs, seed {seed}"),
        }
    }
}

/// Codes from SplitMix64, eight a word, started at a state of their own for each input.
fn random_codes(seed: u64, index: u64, count: usize) -> Vec<i8> {
    let mut state = mix(seed.wrapping_add(mix(index)));
    let mut codes = Vec::with_capacity(count + 8);
    while codes.len() < count {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        codes.extend(mix(state).to_le_bytes().map(|byte| byte as i8));
    }
    codes.truncate(count);
    codes
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood 2014).
fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::Inputs;
    use thumbnet_kernels::geometry::Shape;

    #[test]
    fn random_inputs_are_constant_edges_then_noise() {
        let inputs = Inputs::Random { seed: 1, count: 5, shape: Shape::new(3, 3, 3) };
        assert_eq!(inputs.codes(0), [-128; 27]);
        assert_eq!(inputs.codes(1), [127; 27]);
        assert_eq!(inputs.codes(3), inputs.codes(3));
        assert_ne!(inputs.codes(3), inputs.codes(4));
        let other = Inputs::Random { seed: 2, count: 5, shape: Shape::new(3, 3, 3) };
        assert_ne!(inputs.codes(3), other.codes(3));
    }
}
