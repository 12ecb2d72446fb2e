//! A recipe with every shape worked out and checked, its layers grouped as the engine runs them.

mod paths;
mod planner;
mod windows;

use crate::error::TrainError;
use crate::recipe::{Levels, Recipe};
use planner::{Planner, describe};
use thumbnet_graph::{Shape, Window};
use windows::elements;

/// What the engine runs, in order. Value 0 is the input, value `n + 1` what stage `n` makes; the last one is the logits.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Of the pictures.
    pub input: Shape,
    /// What the input's bytes are worth.
    pub(crate) levels: Levels,
    /// The steps, each after those whose values it reads.
    pub stages: Vec<Stage>,
    /// How many logits there are.
    pub classes: usize,
}

/// One step of the engine: a layer, with the ReLU and the max pool that follow it where that saves a pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// What it computes.
    pub kind: StageKind,
    /// The values it starts from; one, but for those that join paths.
    pub inputs: Vec<usize>,
    /// Of the first of them.
    pub input: Shape,
    /// After everything in the stage.
    pub output: Shape,
}

/// What a stage computes.
#[derive(Clone, Debug, PartialEq)]
pub enum StageKind {
    /// A convolution, with the bias, the ReLU and the max pool that follow it.
    Conv2d {
        /// Of its node in the export.
        name: String,
        /// Where its taps go.
        window: Window,
        /// Output channels.
        filters: usize,
        /// Channels of each group are seen by the filters of that group alone.
        groups: usize,
        /// Whether it has a bias: one that is normalized next does not.
        biased: bool,
        /// Whether what is below 0 becomes 0.
        relu: bool,
        /// The max pool of what it makes.
        pool: Option<Pool>,
    },
    /// A convolution of each channel with its own kernel.
    DepthwiseConv2d {
        /// Of its node in the export.
        name: String,
        /// Where its taps go.
        window: Window,
        /// Whether it has a bias: one that is normalized next does not.
        biased: bool,
        /// Whether what is below 0 becomes 0.
        relu: bool,
    },
    /// Follows a convolution without bias, and is one with it on the device.
    BatchNorm {
        /// That of the convolution.
        name: String,
        /// Whether what is below 0 becomes 0.
        relu: bool,
    },
    /// Sums over the whole map, in the order `[h, w, c]`.
    Dense {
        /// Of its node in the export.
        name: String,
        /// Output channels.
        units: usize,
        /// Whether what is below 0 becomes 0.
        relu: bool,
    },
    /// The largest value of each window.
    MaxPool2d(Pool),
    /// The mean of each window.
    AveragePool2d(Pool),
    /// What is below 0 becomes 0.
    Relu {
        /// Of its node in the export.
        name: String,
    },
    /// Values forgotten at random while learning; the others grow, so that sums stay alike.
    Dropout {
        /// Share that is forgotten.
        rate: f64,
    },
    /// The sum of two maps.
    Add {
        /// Of its node in the export.
        name: String,
        /// Whether what is below 0 becomes 0.
        relu: bool,
    },
    /// Maps of the same rows and columns, channels beside channels.
    Concat {
        /// Of its node in the export.
        name: String,
        /// Of each of them.
        channels: Vec<usize>,
    },
}

/// A pool of a stage of its own or of a convolution's.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// Of its node in the export.
    pub name: String,
    /// Where it reads; never beyond the map.
    pub window: Window,
}

/// Most pictures of a batch that is normalized as a whole, all of which are in memory at once.
const MAX_NORMALIZED_BATCH: usize = 1024;

impl Plan {
    /// What a byte of a picture is worth to the first layer.
    pub fn value(&self, byte: u8) -> f64 {
        self.levels.value(byte)
    }

    /// Checks that the network can be trained as its int8 export has it, if it is to be.
    ///
    /// # Errors
    /// [`TrainError::Field`] if its pictures are normalized, which the export has folded into the first weights.
    pub(crate) fn check_rounding(&self, recipe: &Recipe) -> Result<(), TrainError> {
        if recipe.training.quantized_epochs == 0 || self.levels == Levels::PLAIN {
            return Ok(());
        }
        let problem = "input.mean and input.std do not go with it: leave them out, batch_norm in the first layer does as well"
            .to_owned();
        Err(TrainError::Field { field: "training.quantized_epochs", problem })
    }

    /// Checks that a batch of this size can be learned from.
    ///
    /// # Errors
    /// [`TrainError::Field`] if it is normalized as a whole and too large for that.
    pub(crate) fn check_batch(&self, pictures: usize) -> Result<(), TrainError> {
        if !self.has_batch_norm() || pictures <= MAX_NORMALIZED_BATCH {
            return Ok(());
        }
        let problem = format!(
            "{pictures} pictures a step are too many for batch_norm, which holds all of them in memory: use at most \
             {MAX_NORMALIZED_BATCH}, with adam or sgd"
        );
        Err(TrainError::Field { field: "training.batch", problem })
    }

    /// Whether something is computed from all pictures of a batch together.
    pub(crate) fn has_batch_norm(&self) -> bool {
        self.stages.iter().any(|stage| matches!(stage.kind, StageKind::BatchNorm { .. }))
    }

    /// Works out every shape of `recipe` for `classes` classes.
    ///
    /// # Errors
    /// [`TrainError::Layer`] naming the layer that does not fit, [`TrainError::Field`] for the input.
    pub fn new(recipe: &Recipe, classes: usize) -> Result<Self, TrainError> {
        let input = input_shape(recipe)?;
        let mut planner = Planner::new(input, classes);
        for (index, layer) in recipe.layers.iter().enumerate() {
            planner.add(layer).map_err(|problem| TrainError::Layer {
                index: index + 1,
                kind: layer.kind(),
                problem,
            })?;
        }
        check_output(recipe, &planner, classes)?;
        Ok(Self { input, levels: recipe.input.levels()?, stages: planner.stages, classes })
    }
}

fn input_shape(recipe: &Recipe) -> Result<Shape, TrainError> {
    let [h, w, c] = recipe.input.shape;
    let fits = h > 0 && w > 0 && elements(&[h, w, c]).is_some() && (c == 1 || c == 3);
    if fits {
        return Ok(Shape::new(h, w, c));
    }
    let problem = format!(
        "[{h}, {w}, {c}] is no picture: rows and columns from 1, then 1 (grey) or 3 (RGB) channels"
    );
    Err(TrainError::Field { field: "input.shape", problem })
}

fn check_output(recipe: &Recipe, planner: &Planner, classes: usize) -> Result<(), TrainError> {
    let output = planner.map;
    let Some(last) = recipe.layers.last() else {
        let problem = "there is none: the last one must be a dense layer".to_owned();
        return Err(TrainError::Field { field: "layers", problem });
    };
    if output == Shape::new(1, 1, classes) && !planner.stages.is_empty() {
        return Ok(());
    }
    let problem = format!(
        "the network ends in a {} map, but {classes} classes need {classes} logits: end with a \
         dense layer without `units`",
        describe(output)
    );
    Err(TrainError::Layer { index: recipe.layers.len(), kind: last.kind(), problem })
}

#[cfg(test)]
mod tests {
    use super::{Plan, StageKind};
    use crate::recipe::Recipe;

    fn plan(layers: &str) -> Result<Plan, String> {
        let text = format!("name = 'test'\ninput.shape = [8, 9, 1]\n{layers}");
        let recipe: Recipe = toml::from_str(&text).map_err(|error| error.message().to_owned())?;
        Plan::new(&recipe, 10).map_err(|error| error.to_string())
    }

    /// `kind: fields` of each layer, one a line.
    fn layers(lines: &[&str]) -> String {
        let layer = |line: &&str| {
            let (kind, fields) = line.split_once(':').expect("kind: fields");
            format!("[[layers]]\ntype = '{kind}'\n{}\n", fields.replace(';', "\n"))
        };
        lines.iter().map(layer).collect()
    }

    fn problem(lines: &[&str]) -> String {
        plan(&layers(lines)).expect_err("the layers must not fit")
    }

    #[test]
    fn the_seed_cnn_has_the_sizes_it_is_known_for() {
        let recipe = Recipe::built_in("seed-cnn").expect("it is built in");
        let plan = Plan::new(&recipe, 10).expect("it fits");
        let outputs: Vec<[usize; 3]> = plan
            .stages
            .iter()
            .map(|stage| [stage.output.h, stage.output.w, stage.output.c])
            .collect();
        assert_eq!(outputs, [[13, 13, 32], [5, 5, 64], [1, 1, 64], [1, 1, 10]]);
    }

    #[test]
    fn same_padding_puts_the_odd_row_last() {
        let lines = ["conv2d: filters = 2; kernel = [2, 3]; stride = [1, 2]; padding = 'same'"];
        let text = layers(&[lines[0], "flatten:", "dense:"]);
        let plan = plan(&text).expect("it fits");
        let StageKind::Conv2d { window, .. } = &plan.stages[0].kind else { panic!("a conv2d") };
        let border = window.padding;
        assert_eq!((border.top, border.bottom, border.left, border.right), (0, 1, 1, 1));
        assert_eq!((plan.stages[0].output.h, plan.stages[0].output.w), (8, 5));
    }

    #[test]
    fn a_window_too_large_names_the_layer_and_the_map() {
        let pool = "max_pool2d: window = [2, 2]";
        let tall = "max_pool2d: window = [4, 1]";
        assert_eq!(
            problem(&[tall, pool, pool]),
            "layer 3 (max_pool2d): window 2x2 does not fit a 1x4x1 map; use a smaller window or \
             fewer layers before it"
        );
    }

    #[test]
    fn impossible_layers_say_why_and_what_to_do() {
        let cases: [(&[&str], &str); 10] = [
            (&["conv2d: filters = 0; kernel = [1, 1]"], "layer 1 (conv2d): 0 filters"),
            (
                &["conv2d: filters = 4; kernel = [1, 1]; groups = 3"],
                "3 groups do not divide 1 channels",
            ),
            (&["conv2d: filters = 1; kernel = [0, 1]"], "a size or stride of 0"),
            (&["average_pool2d: stride = [0, 1]"], "a size or stride of 0"),
            (&["conv2d: filters = 999999999; kernel = [1, 1]"], "more than 16777216 outputs"),
            (&["max_pool2d: window = [8, 9]; stride = [1, 1]", "dense: units = 0"], "0 units"),
            (
                &["dense:"],
                "layer 1 (dense): it needs a list of features, not a 8x9x1 map: add a flatten",
            ),
            (&["flatten:", "max_pool2d: window = [1, 1]"], "layer 2 (max_pool2d): it needs a map"),
            (
                &["flatten:", "dense: units = 3"],
                "3 map, but 10 classes need 10 logits: end with a dense",
            ),
            (&["max_pool2d: window = [1, 257]"], "window 1x257 does not fit"),
        ];
        for (lines, expected) in cases {
            let problem = problem(lines);
            assert!(problem.contains(expected), "{problem}");
        }
        assert!(
            plan("layers = []").expect_err("empty").contains("the recipe's layers: there is none")
        );
    }

    #[test]
    fn paths_that_cannot_meet_say_which_and_why() {
        let conv = "{ type = 'conv2d', filters = 2, kernel = [3, 3] }";
        let cases: [(String, &str); 7] = [
            (
                format!("residual: body = [{conv}]"),
                "its body gives a 6x7x2 map and its shortcut a 8x9x1 map, which cannot be added",
            ),
            ("residual: body = []".to_owned(), "its body does nothing"),
            ("concat: branches = [[]]".to_owned(), "1 branches: list two or more"),
            (
                "concat: branches = [[], []]".to_owned(),
                "more than one of its branches does nothing",
            ),
            (format!("concat: branches = [[], [{conv}]]"), "other rows or columns"),
            (
                "concat: branches = [[], [{ type = 'relu' }, { type = 'dropout', rate = 1.0 }]]"
                    .to_owned(),
                "layer 1 (concat): in its branch 2, layer 2 (dropout): a rate of 1 is not between 0",
            ),
            (
                "residual: body = [{ type = 'flatten' }]".to_owned(),
                "its body ends in a flat list of features",
            ),
        ];
        for (line, expected) in cases {
            let problem = problem(&[&line]);
            assert!(problem.contains(expected), "{problem}");
        }
        let deep = (0..9).fold("{ type = 'relu' }".to_owned(), |inner, _| {
            format!("{{ type = 'residual', body = [{inner}] }}")
        });
        let problem = problem(&[&format!("residual: body = [{deep}]")]);
        assert!(problem.contains("paths more than 8 deep"), "{problem}");
    }

    #[test]
    fn what_another_path_reads_is_not_changed_by_a_relu() {
        let conv = "conv2d: filters = 2; kernel = [3, 3]; padding = 'same'";
        let lines = [conv, "residual: body = [{ type = 'relu' }]", "flatten:", "dense:"];
        let plan = plan(&layers(&lines)).expect("it fits");
        let StageKind::Conv2d { relu, .. } = &plan.stages[0].kind else { panic!("a conv2d") };
        assert!(!relu);
        assert_eq!(plan.stages[2].inputs, [2, 1]);
    }

    #[test]
    fn a_batch_that_is_normalized_has_a_largest_size() {
        let conv = "conv2d: filters = 2; kernel = [3, 3]; batch_norm = true";
        let plan = plan(&layers(&[conv, "flatten:", "dense:"])).expect("it fits");
        assert!(plan.check_batch(1024).is_ok());
        let problem = plan.check_batch(60_000).expect_err("too many").to_string();
        assert!(problem.contains("60000 pictures a step are too many for batch_norm"), "{problem}");
    }

    #[test]
    fn enormous_sizes_are_refused_without_overflow() {
        let huge = usize::MAX >> 1;
        let sizes = format!("filters = 1; kernel = [{huge}, {huge}]; padding = 'same'");
        assert!(problem(&[&format!("conv2d: {sizes}")]).contains("more than 16777216"));
        assert!(problem(&["flatten:", &format!("dense: units = {huge}")]).contains("weights"));
        let text = format!("name = 'x'\ninput.shape = [{huge}, {huge}, 3]\nlayers = []");
        let recipe: Recipe = toml::from_str(&text).expect("it is a recipe");
        assert!(
            Plan::new(&recipe, 2).expect_err("too large").to_string().contains("is no picture")
        );
    }
}
