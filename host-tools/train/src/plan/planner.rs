//! Adding layers one by one: where each one's window goes, and what the engine runs as one stage.

use super::{Pool, Stage, StageKind};
use crate::recipe::{Activation, Layer, Padding};
use thumbnet_graph::{Padding as Border, Shape, Window};

/// Elements of a map, and weights of a layer, above which a recipe is a typing error: 64 MiB of f32.
const MAX_ELEMENTS: usize = 1 << 24;

/// A network as far as it has been added.
pub(super) struct Planner {
    /// The map so far; flattening does not change it, since the order in memory stays.
    pub map: Shape,
    flat: bool,
    classes: usize,
    pub stages: Vec<Stage>,
    convs: usize,
    pools: usize,
    denses: usize,
    relus: usize,
}

impl Planner {
    pub fn new(map: Shape, classes: usize) -> Self {
        let stages = Vec::new();
        Self { map, flat: false, classes, stages, convs: 0, pools: 0, denses: 0, relus: 0 }
    }

    pub fn add(&mut self, layer: &Layer) -> Result<(), String> {
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
pub(super) fn elements(sizes: &[usize]) -> Option<usize> {
    let product = sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size))?;
    (product <= MAX_ELEMENTS).then_some(product)
}

fn too_large(what: &str) -> String {
    format!("it would have more than {MAX_ELEMENTS} {what}: make it smaller")
}

pub(super) fn describe(map: Shape) -> String {
    format!("{}x{}x{}", map.h, map.w, map.c)
}
