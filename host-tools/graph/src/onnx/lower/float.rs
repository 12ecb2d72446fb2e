//! Float models: every operation becomes a node at once.

use super::draft::Draft;
use super::operands::Operand;
use super::precision::{LayerConstants, Precision};
use super::value::{Clamp, Real, Source, Value};
use super::view::View;
use super::{Lowering, rewrites, views};
use crate::codes_op::Axis;
use crate::graph::TensorId;
use crate::onnx::error::OnnxError;
use crate::onnx::interface::Element;
use crate::onnx::raw::{Array, Data, Domain, RawGraph, RawNode};
use crate::op::{FloatWeights, Op};
use crate::real_op::RealOp;
use std::rc::Rc;
use thumbnet_kernels::geometry::{Padding, Shape};
use thumbnet_kernels::portable::Rearrange;

impl<'a> Lowering<'a, FloatWeights> {
    /// At the beginning of a float model.
    pub(crate) fn new_float(raw: &'a RawGraph) -> Result<Self, OnnxError> {
        if raw.input.element != Element::F32 {
            return Err(OnnxError::Interface {
                file: raw.file.clone(),
                reason: "its input holds codes or bytes, not float32".to_owned(),
                rewrite: "export the float model with a float32 input".to_owned(),
            });
        }
        let (draft, input) = Draft::new(&raw.input.name, Some(()));
        let view = View::row_major(&raw.input.dims);
        Ok(Self::with(raw, draft, map(input, view)))
    }

    fn float_operator(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        if node.domain != Domain::Standard {
            return Err(rewrites::unsupported(node, &self.raw.file));
        }
        match node.op.as_str() {
            "Conv" => self.conv(node),
            "Gemm" => self.gemm(node),
            "MatMul" => self.matmul(node),
            "MaxPool" | "GlobalMaxPool" => self.max_pool(node),
            "AveragePool" => self.average_pool(node),
            "GlobalAveragePool" => self.global_average_pool(node),
            "ReduceMean" => self.reduce_mean(node),
            "ReduceMax" => self.reduce_max(node),
            "Add" | "Sub" | "Mul" | "Div" | "Min" | "Max" | "Pow" | "PRelu" => {
                self.real_elementwise(node)
            }
            "BatchNormalization" => self.batch_normalization(node),
            "Relu" => self.relu(node),
            "Clip" => self.clip(node),
            "Softmax" | "LogSoftmax" => self.softmax(node),
            "Shape" => self.shape_of(node),
            "Expand" => self.expand(node),
            "Concat" => self.joined_maps(node),
            "Slice" => self.slice_of_map(node),
            "Pad" => self.pad(node),
            "Resize" | "Upsample" => self.resize(node),
            "DepthToSpace" | "SpaceToDepth" => self.depth_and_space(node),
            op if views::is_view(op) => self.reviewed(node),
            _ => match self.real_function(node)? {
                Some(value) => Ok(value),
                None => Err(rewrites::unsupported(node, &self.raw.file)),
            },
        }
    }

    /// Makes a node of `op` over `inputs`, whose result ONNX sees as `view`, or as a map.
    pub(crate) fn emit(
        &mut self,
        node: &RawNode,
        op: Op<FloatWeights>,
        inputs: Vec<(Operand, Shape)>,
        view: Option<View>,
    ) -> Result<Value, OnnxError> {
        let shapes: Vec<Shape> = inputs.iter().map(|(_, shape)| *shape).collect();
        let shape = self.output_shape(node, &op, &shapes)?;
        let inputs = inputs.into_iter().map(|(operand, _)| operand.tensor).collect();
        let output = (self.output_name(node).to_owned(), shape, ());
        let tensor = self.draft.emit((node.name.clone(), op, inputs), output);
        Ok(map(tensor, view.unwrap_or(View::nchw(shape))))
    }

    /// Shape of an operand that may lie in any way, and how it lies in memory.
    pub(crate) fn as_anything(
        &mut self,
        node: &RawNode,
        operand: &Operand,
    ) -> Result<(Shape, View), OnnxError> {
        self.bind_input_if_open(operand.tensor);
        let shape = self.draft.shape(operand.tensor);
        let view = self.draft.memory_view(operand.tensor, &operand.view);
        shape.zip(view).ok_or_else(|| {
            let reason = "its input was reshaped across rows, columns and channels".to_owned();
            self.refuse(node, reason, "keep maps as [n, c, h, w] between layers")
        })
    }
}

pub(crate) fn map(tensor: TensorId, view: View) -> Value {
    Value::Real(Real { source: Source::Tensor(tensor), view, clamp: Clamp::NONE })
}

impl Precision for FloatWeights {
    type Format = ();
    type Constant = Array;

    fn operator(
        lowering: &mut Lowering<'_, Self>,
        node: &RawNode,
    ) -> Result<Vec<Value>, OnnxError> {
        if node.op == "Split" && node.domain == Domain::Standard {
            return lowering.split(node);
        }
        lowering.float_operator(node).map(|value| vec![value])
    }

    fn copy_operand(
        lowering: &mut Lowering<'_, Self>,
        node: &RawNode,
    ) -> Result<Operand, OnnxError> {
        Self::operand(lowering, node, 0)
    }

    fn rearrange(made: Shape, copy: Rearrange) -> Op<Self> {
        Op::Real(RealOp::Rearrange(made, copy))
    }

    fn concat(axis: Axis) -> Op<Self> {
        Op::Real(RealOp::Concat(axis))
    }

    fn border(
        lowering: &Lowering<'_, Self>,
        node: &RawNode,
        _tensor: TensorId,
        padding: Padding,
    ) -> Result<Op<Self>, OnnxError> {
        Ok(Op::Real(RealOp::Pad(padding, lowering.pad_number(node)?)))
    }

    fn filled(
        lowering: &mut Lowering<'_, Self>,
        node: &RawNode,
        _tensor: TensorId,
        _made: Shape,
        _name: String,
    ) -> Result<TensorId, OnnxError> {
        let reason = "it pads channels".to_owned();
        Err(lowering.refuse(node, reason, "pad rows and columns, or quantize with another tool"))
    }

    fn operand(
        lowering: &mut Lowering<'_, Self>,
        node: &RawNode,
        index: usize,
    ) -> Result<Operand, OnnxError> {
        match lowering.value(node, index)? {
            Value::Real(Real { source: Source::Tensor(tensor), view, .. }) => {
                Ok(Operand { tensor: *tensor, view: view.clone() })
            }
            Value::Probabilities(_) => Err(lowering.refuse(
                node,
                "it works on the result of a softmax".to_owned(),
                "end the model with the softmax",
            )),
            _ => Err(lowering.refuse(
                node,
                format!("its input {index} is a constant"),
                "give it a map, or remove it from the model",
            )),
        }
    }

    fn result(
        lowering: &mut Lowering<'_, Self>,
        node: &RawNode,
        op: Op<Self>,
        inputs: Vec<(Operand, Shape)>,
    ) -> Result<Value, OnnxError> {
        lowering.emit(node, op, inputs, None)
    }

    fn clamped(
        lowering: &mut Lowering<'_, Self>,
        node: &RawNode,
        limits: [f32; 2],
    ) -> Result<Value, OnnxError> {
        let operand = Self::operand(lowering, node, 0)?;
        if limits == Clamp::NONE.limits {
            return Ok(map(operand.tensor, operand.view));
        }
        lowering.clamped_operand(node, operand, limits)
    }

    fn add_constant(
        lowering: &mut Lowering<'_, Self>,
        node: &RawNode,
        _map: usize,
        _constant: usize,
    ) -> Result<Value, OnnxError> {
        lowering.scaled_by_constant(node)
    }

    fn constant(
        lowering: &Lowering<'_, Self>,
        node: &RawNode,
        index: usize,
    ) -> Result<Rc<Array>, OnnxError> {
        match lowering.value(node, index)? {
            Value::Constant(array) => Ok(Rc::clone(array)),
            _ => Err(lowering.refuse(
                node,
                "its weights are computed while the model runs".to_owned(),
                "use constant weights",
            )),
        }
    }

    fn dims(constant: &Array) -> &[usize] {
        &constant.dims
    }

    fn weights(
        lowering: &Lowering<'_, Self>,
        node: &RawNode,
        layer: LayerConstants<'_, Self>,
        positions: impl Iterator<Item = usize>,
    ) -> Result<Self, OnnxError> {
        let LayerConstants { constant, channels, bias, .. } = layer;
        let given = lowering.floats(node, constant)?;
        lowering.spend(node, given.len())?;
        let values: Vec<f32> = positions.map(|position| given[position]).collect();
        let bias = match bias.and_then(|index| lowering.optional(node, index)) {
            None => vec![0.0; channels],
            Some(Value::Constant(array)) => {
                let bias = lowering.floats(node, array)?;
                // Gemm adds a single number to every channel.
                if bias.len() == 1 { vec![bias[0]; channels] } else { bias.to_vec() }
            }
            Some(_) => {
                let reason = "its bias is computed while the model runs".to_owned();
                return Err(lowering.refuse(node, reason, "use a constant bias"));
            }
        };
        if bias.len() != channels {
            let reason =
                format!("its bias has {} values for {channels} output channels", bias.len());
            return Err(lowering.refuse(node, reason, "give one bias a channel"));
        }
        Ok(Self { values, bias })
    }
}

impl Lowering<'_, FloatWeights> {
    /// The numbers of a float constant, all of them finite.
    pub(crate) fn floats<'n>(
        &self,
        node: &RawNode,
        array: &'n Array,
    ) -> Result<&'n [f32], OnnxError> {
        let Data::F32(values) = &array.data else {
            let reason = format!("its constants are {}, not float32", array.data.type_name());
            return Err(self.refuse(node, reason, "export the model in float32"));
        };
        if values.iter().all(|value| value.is_finite()) {
            return Ok(values);
        }
        let reason = "its constants are infinite or not a number".to_owned();
        Err(self.refuse(node, reason, "train again with a smaller learning rate"))
    }
}
