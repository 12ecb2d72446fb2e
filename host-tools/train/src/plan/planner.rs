//! Adding layers one by one: where each one's window goes, and what the engine runs as one stage.

use super::windows::{MAX_POOL_TAPS, conv_window, elements, pool_window, slide, too_large};
use super::{Pool, Stage, StageKind};
use crate::recipe::{Activation, Layer};
use thumbnet_graph::{Shape, Window};

/// A network as far as it has been added.
pub(super) struct Planner {
    /// The map so far; flattening does not change it, since the order in memory stays.
    pub map: Shape,
    pub flat: bool,
    /// The value the next layer starts from.
    pub tip: usize,
    /// Values up to this one are read by several paths, so that nothing can join the stage that makes them.
    pub shared: usize,
    classes: usize,
    pub stages: Vec<Stage>,
    names: Names,
}

/// How many of each kind have a name.
#[derive(Default)]
struct Names {
    convs: usize,
    pools: usize,
    denses: usize,
    relus: usize,
    adds: usize,
    concats: usize,
}

/// What follows a convolution's sums.
struct Following {
    batch_norm: bool,
    relu: bool,
}

impl Following {
    fn new(batch_norm: bool, activation: Activation) -> Self {
        Self { batch_norm, relu: activation == Activation::Relu }
    }

    /// Whether the sums get bias and ReLU at once, rather than after their normalization.
    fn joins(&self) -> (bool, bool) {
        (!self.batch_norm, self.relu && !self.batch_norm)
    }
}

impl Planner {
    pub fn new(map: Shape, classes: usize) -> Self {
        let (stages, names) = (Vec::new(), Names::default());
        Self { map, flat: false, tip: 0, shared: 0, classes, stages, names }
    }

    pub fn add(&mut self, layer: &Layer) -> Result<(), String> {
        match layer {
            Layer::Conv2d { filters, kernel, stride, padding, groups, batch_norm, activation } => {
                self.needs_map()?;
                let window = conv_window(self.map, *kernel, *stride, *padding)?;
                let following = Following::new(*batch_norm, *activation);
                self.add_conv2d(window, *filters, *groups, &following)
            }
            Layer::DepthwiseConv2d { kernel, stride, padding, batch_norm, activation } => {
                self.needs_map()?;
                let window = conv_window(self.map, *kernel, *stride, *padding)?;
                self.add_depthwise(window, &Following::new(*batch_norm, *activation))
            }
            Layer::MaxPool2d { window, stride } => {
                self.needs_map()?;
                self.add_max_pool2d(pool_window(*window, *stride))
            }
            Layer::AveragePool2d { window, stride } => {
                self.needs_map()?;
                let size = window.unwrap_or([self.map.h, self.map.w]);
                self.add_average_pool2d(pool_window(size, *stride))
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
                self.add_dense(units.unwrap_or(self.classes), *activation == Activation::Relu)
            }
            Layer::Dropout { rate } => self.add_dropout(*rate),
            Layer::Residual { body, shortcut, activation } => {
                self.add_residual(body, shortcut, *activation == Activation::Relu)
            }
            Layer::Concat { branches } => self.add_concat(branches),
        }
    }

    pub fn needs_map(&self) -> Result<(), String> {
        if self.flat {
            return Err("it needs a map, but the layers before gave a flat list of features: \
                        move it before the flatten or dense layer"
                .to_owned());
        }
        Ok(())
    }

    fn add_conv2d(
        &mut self,
        window: Window,
        filters: usize,
        groups: usize,
        following: &Following,
    ) -> Result<(), String> {
        if filters == 0 {
            return Err("0 filters: use 1 or more".to_owned());
        }
        let channels = self.map.c;
        if groups == 0 || !channels.is_multiple_of(groups) || !filters.is_multiple_of(groups) {
            return Err(format!(
                "{groups} groups do not divide {channels} channels and {filters} filters: use a number that divides both"
            ));
        }
        let output = self.slide(&window, filters)?;
        let [kh, kw] = window.kernel;
        elements(&[kh, kw, channels / groups, filters]).ok_or_else(|| too_large("weights"))?;
        self.check_border(&window)?;
        let name = self.conv_name();
        let (biased, relu) = following.joins();
        let kind = StageKind::Conv2d {
            name: name.clone(),
            window,
            filters,
            groups,
            biased,
            relu,
            pool: None,
        };
        self.push(kind, output);
        self.follow(name, following);
        Ok(())
    }

    fn add_depthwise(&mut self, window: Window, following: &Following) -> Result<(), String> {
        let output = self.slide(&window, self.map.c)?;
        let [kh, kw] = window.kernel;
        elements(&[kh, kw, self.map.c]).ok_or_else(|| too_large("weights"))?;
        self.check_border(&window)?;
        let name = self.conv_name();
        let (biased, relu) = following.joins();
        self.push(StageKind::DepthwiseConv2d { name: name.clone(), window, biased, relu }, output);
        self.follow(name, following);
        Ok(())
    }

    fn follow(&mut self, name: String, following: &Following) {
        if following.batch_norm {
            self.push(StageKind::BatchNorm { name, relu: following.relu }, self.map);
        }
    }

    fn check_border(&self, window: &Window) -> Result<(), String> {
        let border = window.padding;
        let rows = self.map.h + border.top + border.bottom;
        let columns = self.map.w + border.left + border.right;
        elements(&[rows, columns, self.map.c]).ok_or_else(|| too_large("padded inputs"))?;
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
        if let Some(Stage {
            kind: StageKind::Conv2d { pool: joined, biased, .. }, output: out, ..
        }) = self.last_stage()
            && joined.is_none()
            && *biased
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

    /// A ReLU after sums is the activation of what makes them.
    fn add_relu(&mut self) {
        match self.last_stage().map(|stage| &mut stage.kind) {
            Some(
                StageKind::Conv2d { relu, pool: None, .. }
                | StageKind::DepthwiseConv2d { relu, .. }
                | StageKind::BatchNorm { relu, .. }
                | StageKind::Add { relu, .. }
                | StageKind::Dense { relu, .. },
            ) => *relu = true,
            _ => {
                self.names.relus += 1;
                let name = format!("relu{}", self.names.relus);
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
        self.names.denses += 1;
        let name = format!("dense{}", self.names.denses);
        self.push(StageKind::Dense { name, units, relu }, Shape::new(1, 1, units));
        self.flat = true;
        Ok(())
    }

    fn add_dropout(&mut self, rate: f64) -> Result<(), String> {
        if !(0.0..1.0).contains(&rate) {
            return Err(format!("a rate of {rate} is not between 0 and 1; 0.3 is a usual one"));
        }
        self.push(StageKind::Dropout { rate }, self.map);
        Ok(())
    }

    fn conv_name(&mut self) -> String {
        self.names.convs += 1;
        format!("conv{}", self.names.convs)
    }

    fn pool_name(&mut self) -> String {
        self.names.pools += 1;
        format!("pool{}", self.names.pools)
    }

    pub fn add_name(&mut self) -> String {
        self.names.adds += 1;
        format!("add{}", self.names.adds)
    }

    pub fn concat_name(&mut self) -> String {
        self.names.concats += 1;
        format!("concat{}", self.names.concats)
    }

    fn slide(&self, window: &Window, channels: usize) -> Result<Shape, String> {
        slide(self.map, window, channels)
    }

    /// The stage that makes the tip, if no other path reads it.
    fn last_stage(&mut self) -> Option<&mut Stage> {
        let own = self.tip == self.stages.len() && self.tip > self.shared;
        if own { self.stages.last_mut() } else { None }
    }

    fn push(&mut self, kind: StageKind, output: Shape) {
        self.join(kind, vec![self.tip], output);
    }

    /// Adds a stage that starts from these values, the first of which is the present map.
    pub fn join(&mut self, kind: StageKind, inputs: Vec<usize>, output: Shape) {
        self.stages.push(Stage { kind, inputs, input: self.map, output });
        self.tip = self.stages.len();
        self.map = output;
    }
}

pub(super) fn describe(map: Shape) -> String {
    format!("{}x{}x{}", map.h, map.w, map.c)
}
