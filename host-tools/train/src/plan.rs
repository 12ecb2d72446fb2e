//! A recipe with every shape worked out and checked, its layers grouped as the engine runs them.

use crate::error::TrainError;
use crate::recipe::{Activation, Layer, Padding, Recipe};
use thumbnet_graph::{Padding as Border, Shape, Window};

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

/// Elements of a map, and weights of a layer, above which a recipe is a typing error: 64 MiB of f32.
const MAX_ELEMENTS: usize = 1 << 24;

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

struct Planner {
    /// The map so far; flattening does not change it, since the order in memory stays.
    map: Shape,
    flat: bool,
    classes: usize,
    stages: Vec<Stage>,
    convs: usize,
    pools: usize,
    denses: usize,
    relus: usize,
}

impl Planner {
    fn new(map: Shape, classes: usize) -> Self {
        let stages = Vec::new();
        Self { map, flat: false, classes, stages, convs: 0, pools: 0, denses: 0, relus: 0 }
    }

    fn add(&mut self, layer: &Layer) -> Result<(), String> {
        match *layer {
            Layer::Conv2d { filters, kernel, stride, padding, activation } => {
                self.needs_map()?;
                let window = conv_window(self.map, kernel, stride, padding)?;
                self.add_conv2d(window, filters, activation == Activation::Relu)
            }
            Layer::MaxPool2d { window, stride } => {
                self.needs_map()?;
                self.add_max_pool2d(pool_window(window, stride))
            }
            Layer::AveragePool2d { window, stride } => {
                self.needs_map()?;
                let size = window.unwrap_or([self.map.h, self.map.w]);
                self.add_average_pool2d(pool_window(size, stride))
            }
            Layer::Relu => {
                self.add_relu();
                Ok(())
            }
            Layer::Flatten => {
                self.flat = true;
                Ok(())
            }
            Layer::Dense { units, activation } => {
                self.add_dense(units.unwrap_or(self.classes), activation == Activation::Relu)
            }
        }
    }

    fn needs_map(&self) -> Result<(), String> {
        if self.flat {
            return Err("it needs a map, but the layers before gave a flat list of features: \
                        move it before the flatten or dense layer"
                .to_owned());
        }
        Ok(())
    }

    fn add_conv2d(&mut self, window: Window, filters: usize, relu: bool) -> Result<(), String> {
        if filters == 0 {
            return Err("0 filters: use 1 or more".to_owned());
        }
        let output = self.slide(&window, filters)?;
        let weights = elements(&[window.kernel[0], window.kernel[1], self.map.c, filters]);
        weights.ok_or_else(|| too_large("weights"))?;
        let border = window.padding;
        let rows = self.map.h + border.top + border.bottom;
        let columns = self.map.w + border.left + border.right;
        elements(&[rows, columns, self.map.c]).ok_or_else(|| too_large("padded inputs"))?;
        self.convs += 1;
        let name = format!("conv{}", self.convs);
        self.push(StageKind::Conv2d { name, window, filters, relu, pool: None }, output);
        Ok(())
    }

    /// A max pool right after a convolution joins it: pooling the sums is the same as pooling what
    /// bias and ReLU make of them, and what no window reads is never computed.
    fn add_max_pool2d(&mut self, window: Window) -> Result<(), String> {
        let output = self.slide(&window, self.map.c)?;
        if window.taps() > MAX_POOL_TAPS {
            return Err(format!("a window of more than {MAX_POOL_TAPS} values: use a smaller one"));
        }
        let pool = Pool { name: self.pool_name(), window };
        if let Some(Stage { kind: StageKind::Conv2d { pool: joined, .. }, output: out, .. }) =
            self.stages.last_mut()
            && joined.is_none()
        {
            *joined = Some(pool);
            *out = output;
            self.map = output;
            return Ok(());
        }
        self.push(StageKind::MaxPool2d(pool), output);
        Ok(())
    }

    fn add_average_pool2d(&mut self, window: Window) -> Result<(), String> {
        let output = self.slide(&window, self.map.c)?;
        let pool = Pool { name: self.pool_name(), window };
        self.push(StageKind::AveragePool2d(pool), output);
        Ok(())
    }

    /// A ReLU after a convolution or dense layer is that layer's activation.
    fn add_relu(&mut self) {
        match self.stages.last_mut().map(|stage| &mut stage.kind) {
            Some(StageKind::Conv2d { relu, pool: None, .. } | StageKind::Dense { relu, .. }) => {
                *relu = true;
            }
            _ => {
                self.relus += 1;
                let name = format!("relu{}", self.relus);
                self.push(StageKind::Relu { name }, self.map);
            }
        }
    }

    fn add_dense(&mut self, units: usize, relu: bool) -> Result<(), String> {
        if units == 0 {
            return Err("0 units: use 1 or more".to_owned());
        }
        if !self.flat && (self.map.h, self.map.w) != (1, 1) {
            let map = describe(self.map);
            return Err(format!(
                "it needs a list of features, not a {map} map: add a flatten layer before it"
            ));
        }
        elements(&[self.map.len(), units]).ok_or_else(|| too_large("weights"))?;
        self.denses += 1;
        let name = format!("dense{}", self.denses);
        self.push(StageKind::Dense { name, units, relu }, Shape::new(1, 1, units));
        self.flat = true;
        Ok(())
    }

    fn pool_name(&mut self) -> String {
        self.pools += 1;
        format!("pool{}", self.pools)
    }

    fn slide(&self, window: &Window, channels: usize) -> Result<Shape, String> {
        let [kh, kw] = window.kernel;
        if kh == 0 || kw == 0 || window.stride.contains(&0) {
            return Err("a size or stride of 0: use 1 or more".to_owned());
        }
        let Some([h, w]) = window.positions(self.map.h, self.map.w) else {
            let map = describe(self.map);
            return Err(format!(
                "window {kh}x{kw} does not fit a {map} map; use a smaller window or fewer layers before it"
            ));
        };
        elements(&[h, w, channels]).ok_or_else(|| too_large("outputs"))?;
        Ok(Shape::new(h, w, channels))
    }

    fn push(&mut self, kind: StageKind, output: Shape) {
        self.stages.push(Stage { kind, input: self.map, output });
        self.map = output;
    }
}

/// The place of the largest value in a window is kept in a byte.
const MAX_POOL_TAPS: usize = 256;

fn conv_window(
    map: Shape,
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: Padding,
) -> Result<Window, String> {
    let window = Window { kernel, stride, dilation: [1, 1], padding: Border::NONE };
    if padding == Padding::Valid || kernel.contains(&0) || stride.contains(&0) {
        return Ok(window);
    }
    if kernel[0] > MAX_ELEMENTS || kernel[1] > MAX_ELEMENTS {
        return Err(too_large("weights"));
    }
    let rows = same_padding(map.h, kernel[0], stride[0]);
    let columns = same_padding(map.w, kernel[1], stride[1]);
    let border = Border {
        top: rows / 2,
        left: columns / 2,
        bottom: rows - rows / 2,
        right: columns - columns / 2,
    };
    Ok(Window { padding: border, ..window })
}

/// Rows (or columns) of zeros with which `ceil(size / stride)` windows fit.
fn same_padding(size: usize, kernel: usize, stride: usize) -> usize {
    let positions = size.div_ceil(stride);
    ((positions - 1) * stride + kernel).saturating_sub(size)
}

fn pool_window(kernel: [usize; 2], stride: Option<[usize; 2]>) -> Window {
    let stride = stride.unwrap_or(kernel);
    Window { kernel, stride, dilation: [1, 1], padding: Border::NONE }
}

/// The product, unless it is beyond what a network for a microcontroller can have.
fn elements(sizes: &[usize]) -> Option<usize> {
    let product = sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size))?;
    (product <= MAX_ELEMENTS).then_some(product)
}

fn too_large(what: &str) -> String {
    format!("it would have more than {MAX_ELEMENTS} {what}: make it smaller")
}

fn describe(map: Shape) -> String {
    format!("{}x{}x{}", map.h, map.w, map.c)
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
