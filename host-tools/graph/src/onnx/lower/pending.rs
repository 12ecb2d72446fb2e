//! Operations whose float result waits for a QuantizeLinear, and what it makes of them.
//!
//! A result may be quantized more than once, for different readers; equal formats share one map. A
//! max pool may stand between the operation and its QuantizeLinear: quantizing is monotone, so the
//! largest code is the code of the largest value, and the pool works on codes.

use super::Lowering;
use super::value::{Clamp, MapCodes, Pending, Real, Source, Value};
use super::view::View;
use crate::graph::{Quantization, TensorId};
use crate::onnx::error::OnnxError;
use crate::onnx::raw::RawNode;
use crate::op::{Int8Weights, Op, Weights};
use std::rc::Rc;
use thumbnet_kernels::geometry::Shape;

/// Most pools that may follow each other before a QuantizeLinear.
const MAX_CHAIN: usize = 8;

impl Lowering<'_> {
    /// A float operation over the float map `real`, which is no layer's quantized input: its codes
    /// are made of the codes of `real`.
    pub(crate) fn wait_behind(
        &mut self,
        node: &RawNode,
        op: Op<Int8Weights>,
        real: Real,
        input: Shape,
    ) -> Result<Value, OnnxError> {
        let shape = self.output_shape(node, &op, &[input])?;
        let depth = match real.source {
            Source::Pending(index) => self.pending[index].depth + 1,
            _ => 1,
        };
        if depth > MAX_CHAIN {
            let reason = format!("it is one of more than {MAX_CHAIN} pools without quantization");
            return Err(self.refuse_quantization(node, reason, "quantize between the pools"));
        }
        let name = node.name.clone();
        let behind = Some((real.source, real.clamp));
        let inputs = Vec::new();
        let made = Vec::new();
        self.pending.push(Pending { node: name, op, inputs, behind, depth, shape, made });
        let source = Source::Pending(self.pending.len() - 1);
        Ok(Value::Real(Real { source, view: View::nchw(shape), clamp: Clamp::NONE }))
    }

    /// The shape of a float map, which must lie as `[1, c, h, w]`, if it is known.
    pub(crate) fn shape_of_real(&self, real: &Real) -> Option<Shape> {
        let shape = match real.source {
            Source::Input => None,
            Source::Tensor(tensor) => self.draft.shape(tensor),
            Source::Table(index) => self.draft.shape(self.tables[index].tensor),
            Source::Pending(index) => Some(self.pending[index].shape),
            Source::Join(_) => None,
        };
        shape.filter(|&shape| real.view == View::nchw(shape))
    }

    /// The codes of `real` in the format of the map that it was made of, if they hold it: of a
    /// dequantized map itself, or of one that a Relu or max pools left on the steps of its codes.
    pub(crate) fn on_grid(
        &mut self,
        reader: &RawNode,
        real: &Real,
    ) -> Result<Option<TensorId>, OnnxError> {
        let (mut source, mut clamps) = (real.source, vec![&real.clamp]);
        while let Source::Pending(index) = source {
            let Pending { op: Op::MaxPool2d(_), behind, inputs, .. } = &self.pending[index] else {
                return Ok(None);
            };
            source = match (behind, inputs.first()) {
                (Some((source, clamp)), _) => {
                    clamps.push(clamp);
                    *source
                }
                (None, Some(&tensor)) => Source::Tensor(tensor),
                (None, None) => return Ok(None),
            };
        }
        let Source::Tensor(tensor) = source else { return Ok(None) };
        let Some(format) = self.draft.format(tensor) else { return Ok(None) };
        let channel_scales = self.draft.channel_scales(tensor).cloned();
        let scales = channel_scales.as_deref().unwrap_or(std::slice::from_ref(&format.scale));
        let is_exact = |scale: &f32| {
            let format = Quantization { scale: *scale, ..format };
            clamps.iter().all(|clamp| clamp.is_on_grid(format))
        };
        if !scales.iter().all(is_exact) {
            return Ok(None);
        }
        let codes = MapCodes { format, channel_scales };
        let name = self.input_name_of(reader, real);
        match real.source {
            Source::Pending(index) => {
                self.settle(reader, index, real.clamp.clone(), &codes, name).map(Some)
            }
            _ if real.clamp.is_none() => Ok(Some(tensor)),
            _ => self.requantize(reader, tensor, real.clamp.clone(), &codes, name).map(Some),
        }
    }

    /// A name for the codes of `real`, which `reader` reads.
    fn input_name_of(&self, reader: &RawNode, real: &Real) -> String {
        let name = reader.inputs.iter().flatten().find(|name| {
            matches!(self.values.get(name.as_str()), Some(Value::Real(read)) if read.source == real.source)
        });
        name.cloned().unwrap_or_default()
    }

    /// The map that pending operation `index` makes in `codes`, after `clamp`.
    pub(crate) fn settle(
        &mut self,
        quantizer: &RawNode,
        index: usize,
        clamp: Clamp,
        codes: &MapCodes,
        name: String,
    ) -> Result<TensorId, OnnxError> {
        // From the last operation to the first; at most `MAX_CHAIN`.
        let mut chain = vec![(index, clamp)];
        let mut below = None;
        let mut next = self.pending[index].behind.clone();
        while let Some((source, clamp)) = next {
            next = match source {
                Source::Pending(index) => {
                    let behind = self.pending[index].behind.clone();
                    chain.push((index, clamp));
                    behind
                }
                Source::Tensor(tensor) => {
                    let name = format!("{name}_before_pool");
                    below = Some(self.requantize(quantizer, tensor, clamp, codes, name)?);
                    None
                }
                Source::Table(_) => {
                    let name = format!("{name}_before_pool");
                    let real = Real { source, view: View::row(1, 1), clamp };
                    below = Some(self.quantize_function(quantizer, &real, codes, name)?);
                    None
                }
                // Pools over the unquantized input and over joined maps are refused where they
                // stand.
                Source::Input | Source::Join(_) => None,
            };
        }
        while let Some((index, clamp)) = chain.pop() {
            let name =
                if chain.is_empty() { name.clone() } else { self.pending[index].node.clone() };
            let is_last = self.activation(quantizer, &clamp, codes)?.is_none();
            let made = self.make(quantizer, (index, below), codes, (is_last, &name))?;
            below = Some(self.clamp_codes(quantizer, made, clamp, codes, name)?);
        }
        Ok(below.expect("the chain has at least one operation"))
    }

    /// The unclamped map of pending operation `index` over `below`, or over its own inputs.
    fn make(
        &mut self,
        quantizer: &RawNode,
        (index, below): (usize, Option<TensorId>),
        codes: &MapCodes,
        (is_last, name): (bool, &str),
    ) -> Result<TensorId, OnnxError> {
        let Pending { op, inputs, made, .. } = &self.pending[index];
        if let Some((_, tensor)) = made.iter().find(|(made, _)| made == codes) {
            return Ok(*tensor);
        }
        let below = match (op, below, inputs.first()) {
            // A pool copies codes, so they must be the wanted ones before it.
            (Op::MaxPool2d(_), None, Some(&tensor)) => {
                let name = format!("{name}_before_pool");
                Some(self.requantize(quantizer, tensor, Clamp::NONE, codes, name)?)
            }
            _ => below,
        };
        let Pending { node, op, inputs, shape, made, .. } = &self.pending[index];
        if let (false, Op::Conv2d(conv)) = (made.is_empty(), op) {
            self.spend(quantizer, conv.weights.count())?;
        }
        let mut op = op.clone();
        if let Some(scales) = &codes.channel_scales {
            self.rescale(quantizer, &mut op, codes.format.scale, scales)?;
        }
        let inputs = below.map_or(inputs.clone(), |tensor| vec![tensor]);
        let name = if is_last { name.to_owned() } else { format!("{name}_before_activation") };
        let is_layer = matches!(op, Op::Conv2d(_));
        let tensor = self.draft.emit((node.clone(), op, inputs), (name, *shape, codes.format));
        if is_layer {
            self.draft.set_float_sums(tensor);
        }
        if let Some(scales) = &codes.channel_scales {
            self.draft.set_channel_scales(tensor, Rc::clone(scales));
        }
        self.pending[index].made.push((codes.clone(), tensor));
        Ok(tensor)
    }

    /// Puts each channel of what a convolution makes into units of its own: `scales` instead of
    /// `scale`. A max pool does not mind.
    fn rescale(
        &self,
        quantizer: &RawNode,
        op: &mut Op<Int8Weights>,
        scale: f32,
        scales: &[f32],
    ) -> Result<(), OnnxError> {
        match op {
            Op::Conv2d(conv) if conv.weights.scales.len() == scales.len() => {
                for (weight, channel) in conv.weights.scales.iter_mut().zip(scales) {
                    *weight *= scale / channel;
                }
                Ok(())
            }
            Op::MaxPool2d(_) => Ok(()),
            _ => Err(self.refuse_quantization(
                quantizer,
                format!("it gives {} scales to what is no convolution's result", scales.len()),
                "quantize activations per tensor",
            )),
        }
    }

    /// `tensor` after `clamp`: itself where the ends of the codes clamp already.
    pub(crate) fn clamp_codes(
        &mut self,
        quantizer: &RawNode,
        tensor: TensorId,
        clamp: Clamp,
        codes: &MapCodes,
        name: String,
    ) -> Result<TensorId, OnnxError> {
        let Some(activation) = self.activation(quantizer, &clamp, codes)? else {
            return Ok(tensor);
        };
        let shape = self.draft.shape(tensor).unwrap_or(Shape::new(0, 0, 0));
        let made = (clamp.node, activation, vec![tensor]);
        let clamped = self.draft.emit(made, (name, shape, codes.format));
        self.draft.lies_like(clamped, tensor);
        if let Some(scales) = &codes.channel_scales {
            self.draft.set_channel_scales(clamped, Rc::clone(scales));
        }
        Ok(clamped)
    }
}
