//! What an int8 network's numbers mean in the unit of the float network that it came from: what training that is aware
//! of quantization computes with.

use crate::formats::Format;
use crate::lower::Layer;
use thumbnet_graph::{FloatWeights, Int8Graph, Op};

/// The int8 network in real numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Meaning {
    /// Of every tensor of the float graph that int8 codes stand for; the others' are not used.
    pub levels: Vec<Levels>,
    /// Weights and biases as their codes say, by the name of the convolution's node.
    pub weights: Vec<(String, FloatWeights)>,
}

/// The values that a tensor's codes stand for: `step * (code - zero_point)`, code -128 to 127.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Levels {
    /// Distance of two neighbours; positive.
    pub step: f64,
    /// Code of 0.
    pub zero_point: i8,
}

impl Meaning {
    /// `graph` has one node a layer, in order.
    pub(crate) fn new(graph: &Int8Graph, layers: &[Layer], formats: &[Format]) -> Self {
        let levels = formats.iter().map(|format| Levels {
            step: f64::from(format.quantization.scale) / format.unit,
            zero_point: format.quantization.zero_point,
        });
        let mut weights = Vec::new();
        for (layer, node) in layers.iter().zip(&graph.nodes) {
            let Op::Conv2d(conv) = &node.op else { continue };
            let [x, y] = [layer.inputs[0], layer.output].map(|tensor| formats[tensor.0]);
            let taps = conv.weights.values.len() / conv.weights.bias.len();
            let scale = |channel: usize| f64::from(conv.weights.scales[channel]) * x.unit / y.unit;
            let values = conv.weights.values.iter().enumerate();
            let values = values.map(|(at, &code)| (f64::from(code) * scale(at / taps)) as f32);
            let bias = conv.weights.bias.iter().enumerate().map(|(channel, &code)| {
                let step = f64::from(x.quantization.scale) / x.unit * scale(channel);
                (f64::from(code) * step) as f32
            });
            let (values, bias) = (values.collect(), bias.collect());
            weights.push((layer.name.clone(), FloatWeights { values, bias }));
        }
        Self { levels: levels.collect(), weights }
    }
}
