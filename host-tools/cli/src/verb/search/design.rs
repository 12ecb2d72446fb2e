//! The space that is searched: networks of a few numbers each, drawn at random.

use serde::{Deserialize, Serialize};
use std::fmt;
use thumbnet_data::Random;
use thumbnet_train::{Layer, Recipe};

/// What stages are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Block {
    /// Convolutions, then a max pool.
    Conv,
    /// Depthwise convolutions with pointwise ones after them.
    Separable,
    /// Sums of two convolutions and a shortcut.
    Residual,
}

/// A network, as a few numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Design {
    /// `[h, w, c]`.
    pub(super) input: [usize; 3],
    block: Block,
    /// Filters of the first stage.
    width: usize,
    /// Filters of a stage, in hundredths of those of the stage before.
    growth: usize,
    /// Each halves the map, if it is large enough.
    stages: usize,
    /// Blocks a stage.
    repeats: usize,
    /// Side of the windows that are not pointwise.
    kernel: usize,
    /// Stride of the first convolution, where blocks do not begin with it.
    stem_stride: usize,
    /// Units of a dense layer before the last; 0 for the mean of each channel instead.
    hidden: usize,
}

/// Filters are multiples of it, as the kernels on the device like them.
const FILTER_STEP: usize = 4;
/// A map is not made smaller if its shorter side is less.
const SMALLEST_HALVED: usize = 4;
/// Pictures are not made smaller than this.
const SMALLEST_INPUT: usize = 8;

impl Design {
    /// One of the space, for pictures no larger than `largest`.
    pub(super) fn draw(random: &mut Random, largest: [usize; 3]) -> Self {
        let [h, w, c] = largest;
        let percent = pick(random, &[100, 75, 50]);
        let side = |full: usize| (full * percent / 100).max(SMALLEST_INPUT.min(full));
        // All numbers are drawn for every kind of block, so that one does not change the others.
        Self {
            input: [side(h), side(w), c],
            block: pick(random, &[Block::Conv, Block::Separable, Block::Residual]),
            width: pick(random, &[8, 12, 16, 24, 32, 48]),
            growth: pick(random, &[100, 150, 200]),
            stages: pick(random, &[2, 3, 4]),
            repeats: pick(random, &[1, 1, 2]),
            kernel: pick(random, &[3, 3, 5]),
            stem_stride: pick(random, &[1, 2]),
            hidden: pick(random, &[0, 0, 32, 64]),
        }
    }

    /// The recipe of this network, with the training options of `base`.
    pub(super) fn recipe(&self, base: &Recipe, name: String) -> Recipe {
        let mut recipe = Recipe { name, layers: self.layers(), ..base.clone() };
        recipe.input.shape = self.input;
        recipe
    }

    fn layers(&self) -> Vec<Layer> {
        let mut layers = Vec::new();
        let mut side = self.input[0].min(self.input[1]);
        if self.block != Block::Conv {
            layers.push(Layer::normalized_conv2d(self.filters(0), 3, self.stem_stride));
            side = side.div_ceil(self.stem_stride);
        }
        let mut channels = self.filters(0);
        for stage in 0..self.stages {
            let halves = side >= SMALLEST_HALVED;
            let filters = self.filters(stage);
            for repeat in 0..self.repeats {
                let stride = if halves && repeat == 0 { 2 } else { 1 };
                match self.block {
                    Block::Conv => {
                        layers.push(Layer::normalized_conv2d(filters, self.kernel, 1));
                    }
                    Block::Separable => {
                        let pointwise = Layer::normalized_conv2d(filters, 1, 1);
                        layers.extend([Layer::depthwise(self.kernel, stride), pointwise]);
                    }
                    Block::Residual => {
                        layers.push(Layer::residual([channels, filters], self.kernel, stride));
                    }
                }
                channels = filters;
            }
            if halves && self.block == Block::Conv {
                layers.push(Layer::HALVING);
            }
            if halves {
                side = if self.block == Block::Conv { side / 2 } else { side.div_ceil(2) };
            }
        }
        layers.extend(self.head());
        layers
    }

    fn head(&self) -> Vec<Layer> {
        match self.hidden {
            0 => vec![Layer::MEAN, Layer::logits()],
            units => vec![Layer::Flatten, Layer::dense(units), Layer::logits()],
        }
    }

    fn filters(&self, stage: usize) -> usize {
        let full = (0..stage).fold(self.width, |filters, _| filters * self.growth / 100);
        (full / FILTER_STEP).max(1) * FILTER_STEP
    }
}

/// `separable 3x3, 24x24x1, 3 stages of 2, 16 filters growing 150 %, dense 32`.
impl fmt::Display for Design {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let block = match self.block {
            Block::Conv => "conv",
            Block::Separable => "separable",
            Block::Residual => "residual",
        };
        let [h, w, c] = self.input;
        let Self { kernel, stages, repeats, width, growth, hidden, .. } = self;
        write!(
            f,
            "{block} {kernel}x{kernel}, {h}x{w}x{c}, {stages} stages of {repeats}, {width} filters growing {growth} %"
        )?;
        if self.block != Block::Conv && self.stem_stride > 1 {
            write!(f, ", stem stride {}", self.stem_stride)?;
        }
        if *hidden > 0 {
            write!(f, ", dense {hidden}")?;
        }
        Ok(())
    }
}

fn pick<T: Copy>(random: &mut Random, choices: &[T]) -> T {
    choices[random.below(choices.len())]
}

#[cfg(test)]
mod tests {
    use super::Design;
    use std::collections::BTreeSet;
    use thumbnet_data::Random;
    use thumbnet_train::{Network, Recipe};

    #[test]
    fn whatever_is_drawn_is_a_network() {
        let base = Recipe::find("seed-cnn").unwrap();
        let classes = ["a", "b", "c"].map(str::to_owned);
        let mut kinds = BTreeSet::new();
        for seed in 0..60 {
            let largest = [[8, 8, 1], [28, 28, 1], [40, 24, 3], [5, 9, 1]][seed as usize % 4];
            let design = Design::draw(&mut Random::new(seed, 0), largest);
            let recipe = design.recipe(&base, "x".to_owned());
            Network::new(&recipe, &classes).unwrap_or_else(|error| panic!("{design}: {error}"));
            kinds.insert(design.to_string());
        }
        assert!(kinds.len() > 50, "{} kinds", kinds.len());
    }

    #[test]
    fn one_seed_draws_one_design() {
        let draw = |seed| Design::draw(&mut Random::new(seed, 0), [28, 28, 1]);
        assert_eq!(draw(3), draw(3));
        assert_ne!(draw(3), draw(4));
    }
}
