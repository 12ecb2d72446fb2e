//! Functions of one quantized map: as a table of their real results for all 256 codes.
//!
//! Whatever stands between a DequantizeLinear and the next QuantizeLinear and works on each element
//! alone, in any number of operators, becomes one table.

use super::Lowering;
use super::operands::Operand;
use super::precision::Precision;
use super::value::{Clamp, Real, Source, Value};
use super::view::{Piece, View};
use super::views::dims_of;
use crate::codes_op::{CodesOp, ENTRIES, Lookup};
use crate::formula::{Binary, Formula, Unary};
use crate::graph::{Quantization, TensorId};
use crate::onnx::error::OnnxError;
use crate::onnx::interface::quantize;
use crate::onnx::raw::{Data, RawNode};
use crate::op::Op;
use thumbnet_kernels::geometry::Shape;

/// A function of the codes of a tensor.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) tensor: TensorId,
    /// Name of the last operator in it.
    pub(crate) node: String,
    /// The result of each code from -128 on; for all elements, or for each channel.
    pub(crate) values: Vec<f32>,
    /// The function, unless it is too long or the tensor has a scale for each channel.
    pub(crate) formula: Option<Formula>,
}

impl Table {
    /// A function of its results, by this node.
    pub(crate) fn then(mut self, function: Unary, node: &str) -> Self {
        self.values.iter_mut().for_each(|value| *value = function.at(*value));
        let formula = self.formula.map(|formula| Formula::unary(function, formula));
        Self { node: node.to_owned(), formula: formula.filter(Formula::is_short), ..self }
    }
}

impl Lowering<'_> {
    /// A function of input `index`.
    pub(crate) fn mapped(
        &mut self,
        node: &RawNode,
        index: usize,
        function: Unary,
    ) -> Result<Value, OnnxError> {
        let (table, view) = self.table_operand(node, index)?;
        self.spend_table(node, table.values.len())?;
        Ok(self.real(table.then(function, &node.name), view))
    }

    /// An operator on a map and a constant: one number, or one for each channel.
    pub(crate) fn with_constant(
        &mut self,
        node: &RawNode,
        map: usize,
        constant: usize,
    ) -> Result<Value, OnnxError> {
        let (table, view) = self.table_operand(node, map)?;
        let numbers = self.channel_numbers(node, constant, table.tensor, &view)?;
        let map_first = map == 0;
        // The slope of a PRelu is always the second input.
        let operation = binary_of(node).unwrap_or(Binary::PRelu);
        let formula = table.formula.clone().map(|x| {
            let number = Formula::Numbers(numbers.clone());
            let (left, right) = if map_first { (x, number) } else { (number, x) };
            Formula::binary(operation, left, right)
        });
        let compute = move |x: f32, number: f32| {
            if map_first { operation.at(x, number) } else { operation.at(number, x) }
        };
        self.per_channel(node, (table, formula), view, &numbers, compute)
    }

    /// BatchNormalization on its own, with numbers fixed by training.
    pub(crate) fn normalized_map(&mut self, node: &RawNode) -> Result<Value, OnnxError> {
        let file = &self.raw.file;
        node.only(file, &["epsilon", "momentum", "spatial", "training_mode"])?;
        if node.int(file, "training_mode", 0)? != 0 || node.int(file, "spatial", 1)? != 1 {
            let reason = "it is exported for training".to_owned();
            return Err(self.refuse(node, reason, "export the model for inference (eval mode)"));
        }
        let epsilon = node.float(file, "epsilon", 1e-5)?;
        let mut rows = Vec::new();
        for index in 1..5 {
            let Some(row) = self.constant_numbers(node, index) else {
                let reason = "its numbers are computed while the model runs".to_owned();
                return Err(self.refuse(node, reason, "fix them when exporting"));
            };
            rows.push(row);
        }
        let line = |channel: usize| {
            let [scale, bias, mean, variance] =
                [0, 1, 2, 3].map(|index: usize| rows[index][channel]);
            let factor = 1.0 / (variance + epsilon).sqrt() * scale;
            (factor, bias - mean * factor)
        };
        let lines: Vec<(f32, f32)> =
            (0..rows.iter().map(Vec::len).min().unwrap_or(0)).map(line).collect();
        if let Some(value) = self.normalized_input(node, &lines) {
            return Ok(value);
        }
        let (table, view) = self.table_operand(node, 0)?;
        let channels = self.channels_of(node, table.tensor, &view, 1)?;
        if rows.iter().any(|row| row.len() != channels) {
            let reason = "its constants have other lengths than its input has channels".to_owned();
            return Err(self.refuse(node, reason, "export the model again"));
        }
        let (factors, shifts) = lines.iter().copied().unzip();
        let formula = table.formula.clone().map(|x| x.affine(factors, shifts));
        let compute = |x, (factor, shift)| x * factor + shift;
        self.per_channel(node, (table, formula), view, &lines, compute)
    }

    /// `compute` of each value of `table` and the number of its channel, of which there are one or all.
    fn per_channel<N: Copy>(
        &mut self,
        node: &RawNode,
        (table, formula): (Table, Option<Formula>),
        view: View,
        numbers: &[N],
        compute: impl Fn(f32, N) -> f32,
    ) -> Result<Value, OnnxError> {
        let tables = (table.values.len() / ENTRIES).max(numbers.len());
        self.spend_table(node, tables.saturating_mul(ENTRIES))?;
        let single = table.values.len() == ENTRIES;
        let value = |channel: usize, entry: usize| {
            let number = numbers[if numbers.len() == 1 { 0 } else { channel }];
            compute(table.values[if single { entry } else { channel * ENTRIES + entry }], number)
        };
        let value = &value;
        let values = (0..tables)
            .flat_map(|channel| (0..ENTRIES).map(move |entry| value(channel, entry)))
            .collect();
        let formula = formula.filter(Formula::is_short);
        Ok(self
            .real(Table { tensor: table.tensor, node: node.name.clone(), values, formula }, view))
    }

    /// An operator on two functions of one map, such as `x * Sigmoid(x)`; `None` if its inputs are no
    /// such functions, or both are that map itself.
    pub(crate) fn of_one_map(
        &mut self,
        node: &RawNode,
        operation: Binary,
    ) -> Result<Option<Value>, OnnxError> {
        let both = [self.value(node, 0)?, self.value(node, 1)?].map(|value| match value {
            Value::Real(real) => self.tensor_of(real).map(|tensor| (tensor, real)),
            _ => None,
        });
        let [Some((tensor, left)), Some((other, right))] = both else { return Ok(None) };
        let plain = !left.is_float() && !right.is_float() && node.op == "Add";
        if tensor != other || left.view != right.view || plain {
            return Ok(None);
        }
        let (left, view) = self.table_operand(node, 0)?;
        let (right, _) = self.table_operand(node, 1)?;
        let len = left.values.len().max(right.values.len());
        self.spend_table(node, len)?;
        let pairs = left.values.iter().cycle().zip(right.values.iter().cycle()).take(len);
        let values = pairs.map(|(left, right)| operation.at(*left, *right)).collect();
        let formulas = left.formula.zip(right.formula);
        let formula = formulas.map(|(left, right)| Formula::binary(operation, left, right));
        let formula = formula.filter(Formula::is_short);
        Ok(Some(self.real(Table { tensor, node: node.name.clone(), values, formula }, view)))
    }

    /// The table that input `index` is, and how ONNX sees the map.
    fn table_operand(&mut self, node: &RawNode, index: usize) -> Result<(Table, View), OnnxError> {
        if let Value::Real(real) = self.value(node, index)? {
            let real = real.clone();
            if let Some(table) = self.table_of(node, &real)? {
                return Ok((table, real.view));
            }
        }
        // Says what is wrong with anything that is no function of codes.
        let Operand { tensor, view } = self.dequantized_operand(node, index)?;
        Ok((self.identity(node, tensor)?, view))
    }

    /// The table that a float map is; `None` if it is not a function of a tensor.
    pub(crate) fn table_of(&self, node: &RawNode, real: &Real) -> Result<Option<Table>, OnnxError> {
        let mut table = match real.source {
            Source::Tensor(tensor) => self.identity(node, tensor)?,
            Source::Table(index) => self.tables[index].clone(),
            _ => return Ok(None),
        };
        if !real.clamp.is_none() {
            let [min, max] = real.clamp.limits;
            table = table.then(Unary::Clip([min, max]), &real.clamp.node);
        }
        Ok(Some(table))
    }

    /// What DequantizeLinear makes of each code of `tensor`.
    pub(crate) fn identity(&self, node: &RawNode, tensor: TensorId) -> Result<Table, OnnxError> {
        let Some(format) = self.draft.format(tensor) else {
            let reason = "it works on codes whose scale is not known yet".to_owned();
            return Err(self.refuse_quantization(node, reason, "quantize the model's input"));
        };
        let steps = |code: i8| f32::from(i16::from(code) - i16::from(format.zero_point));
        let scales = self.draft.channel_scales(tensor).map(|scales| &**scales);
        let scales = scales.unwrap_or(std::slice::from_ref(&format.scale));
        let of_channel =
            |scale: &f32| (i8::MIN..=i8::MAX).map(|code| steps(code) * scale).collect::<Vec<_>>();
        let values = scales.iter().flat_map(of_channel).collect();
        let formula = (scales.len() == 1).then_some(Formula::Element);
        Ok(Table { tensor, node: node.name.clone(), values, formula })
    }

    /// Makes a table a node, unless it changes no code.
    pub(crate) fn emit_table(
        &mut self,
        quantizer: &RawNode,
        table: &Table,
        to: Quantization,
        name: String,
    ) -> Result<TensorId, OnnxError> {
        let results = table.values.iter().map(|&value| quantize(value, to)).collect();
        let usable = |formula: &&Formula| formula.channels().is_ok();
        let formula = table.formula.as_ref().filter(usable).cloned();
        let lookup = Lookup { results, formula };
        self.emit_lookup(quantizer, (table.tensor, &table.node), lookup, to, name)
    }

    /// Makes a table of codes, one for all channels of a tensor or one for each, a node of this name,
    /// unless it changes no code.
    pub(crate) fn emit_lookup(
        &mut self,
        quantizer: &RawNode,
        (tensor, node): (TensorId, &str),
        mut lookup: Lookup,
        to: Quantization,
        name: String,
    ) -> Result<TensorId, OnnxError> {
        let codes = &mut lookup.results;
        if codes.chunks(ENTRIES).all(|table| table == &codes[..ENTRIES]) {
            codes.truncate(ENTRIES);
        }
        let identity = codes.iter().copied().eq(i8::MIN..=i8::MAX);
        if identity && self.draft.format(tensor) == Some(to) {
            return Ok(tensor);
        }
        self.bind_input_if_open(tensor);
        let op = Op::Codes(CodesOp::Lookup(lookup));
        let shape = self.draft.shape(tensor).unwrap_or(Shape::new(0, 0, 0));
        let shape = self.output_shape(quantizer, &op, &[shape])?;
        let made = self.draft.emit((node.to_owned(), op, vec![tensor]), (name, shape, to));
        self.draft.lies_like(made, tensor);
        Ok(made)
    }

    /// A map in float that is this function.
    fn real(&mut self, table: Table, view: View) -> Value {
        self.tables.push(table);
        let source = Source::Table(self.tables.len() - 1);
        Value::Real(Real { source, view, clamp: Clamp::NONE })
    }

    /// The tensor that a float map is a function of, if it is one of a single tensor.
    fn tensor_of(&self, real: &Real) -> Option<TensorId> {
        match real.source {
            Source::Tensor(tensor) => Some(tensor),
            Source::Table(index) => Some(self.tables[index].tensor),
            _ => None,
        }
    }

    /// Counts table entries against what a file may make of itself in all.
    pub(crate) fn spend_table(&self, node: &RawNode, entries: usize) -> Result<(), OnnxError> {
        let left = self.table_budget.get().checked_sub(entries).ok_or_else(|| {
            let reason = "the tables of its functions outgrow the file".to_owned();
            self.refuse(node, reason, "use one slope or factor for all channels")
        })?;
        self.table_budget.set(left);
        Ok(())
    }
}

impl<P: Precision> Lowering<'_, P> {
    /// The constant in input `index`, one number or one for each channel of a map.
    pub(crate) fn channel_numbers(
        &mut self,
        node: &RawNode,
        index: usize,
        tensor: TensorId,
        view: &View,
    ) -> Result<Vec<f32>, OnnxError> {
        let dims = dims_of(self.value(node, index)?);
        let refuse = |lowering: &Self| {
            let reason =
                format!("its constant of shape {dims:?} is not one number, or one a channel");
            lowering.refuse(node, reason, "combine maps with constants channel by channel")
        };
        let Some(numbers) = self.constant_numbers(node, index) else { return Err(refuse(self)) };
        if numbers.len() == 1 {
            return Ok(numbers);
        }
        let from_end = dims.iter().rev().position(|side| *side != 1);
        let axis = from_end.and_then(|from_end| (view.dims().len() - 1).checked_sub(from_end));
        let channels = match axis {
            Some(axis) => self.channels_of(node, tensor, view, axis)?,
            None => return Err(refuse(self)),
        };
        if numbers.len() == channels { Ok(numbers) } else { Err(refuse(self)) }
    }

    /// How many channels a map has, which must be `axis` of what ONNX sees.
    pub(crate) fn channels_of(
        &mut self,
        node: &RawNode,
        tensor: TensorId,
        view: &View,
        axis: usize,
    ) -> Result<usize, OnnxError> {
        self.bind_input_if_open(tensor);
        let channels = self.draft.shape(tensor).map_or(0, |shape| shape.c);
        let seen = self.draft.memory_view(tensor, view);
        let pieces = seen.as_ref().filter(|_| axis < view.dims().len()).map(|view| view.axis(axis));
        let expected = Piece { size: channels, stride: 1 };
        match pieces {
            Some(&[piece]) if piece == expected => Ok(channels),
            Some([]) if channels == 1 => Ok(channels),
            _ => Err(self.refuse(
                node,
                format!("it works along axis {axis} of {:?}, not on channels", view.dims()),
                "combine maps with constants channel by channel",
            )),
        }
    }

    /// The float constant in input `index`, dequantized if need be.
    pub(crate) fn constant_numbers(&self, node: &RawNode, index: usize) -> Option<Vec<f32>> {
        match self.optional(node, index)? {
            Value::Constant(array) => match &array.data {
                Data::F32(values) => Some(values.clone()),
                _ => None,
            },
            Value::Weights(weights) => (0..weights.codes.data.len())
                .map(|at| weights.centred(at).map(|(code, scale)| code as f32 * scale))
                .collect(),
            _ => None,
        }
    }
}

/// The operation that an element-wise operator with two inputs is.
pub(crate) fn binary_of(node: &RawNode) -> Option<Binary> {
    use Binary::{Add, Div, Max, Min, Mul, PRelu, Pow, Sub};
    let all = [Add, Sub, Mul, Div, Min, Max, Pow, PRelu];
    all.into_iter().find(|operation| operation.name() == node.op)
}
