//! A recipe with every shape worked out and checked, its layers grouped as the engine runs them.

mod planner;

use crate::error::TrainError;
use crate::recipe::Recipe;
use planner::{Planner, describe, elements};
use thumbnet_graph::{Shape, Window};

/// What the engine runs, in order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    pub input: Shape,
    pub stages: Vec<Stage>,
    pub classes: usize,
}

/// One step of the engine: a layer, with the ReLU and the max pool that follow it where that saves a pass.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stage {
    pub kind: StageKind,
    pub input: Shape,
    /// After everything in the stage.
    pub output: Shape,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum StageKind {
    Conv2d {
        name: String,
        window: Window,
        filters: usize,
        relu: bool,
        pool: Option<Pool>,
    },
    /// `input` is the whole map, in the order `[h, w, c]`.
    Dense {
        name: String,
        units: usize,
        relu: bool,
    },
    MaxPool2d(Pool),
    AveragePool2d(Pool),
    Relu {
        name: String,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pool {
    pub name: String,
    pub window: Window,
}

impl Plan {
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
        check_output(recipe, planner.map, classes)?;
        Ok(Self { input, stages: planner.stages, classes })
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

fn check_output(recipe: &Recipe, output: Shape, classes: usize) -> Result<(), TrainError> {
    let Some(last) = recipe.layers.last() else {
        let problem = "there is none: the last one must be a dense layer".to_owned();
        return Err(TrainError::Field { field: "layers", problem });
    };
    if output == Shape::new(1, 1, classes) {
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
        let cases: [(&[&str], &str); 9] = [
            (&["conv2d: filters = 0; kernel = [1, 1]"], "layer 1 (conv2d): 0 filters"),
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
