//! Where codes go into tract and come out of it.

use crate::error::ReferenceError;
use crate::layout::Layout;
use thumbnet_graph::Quantization;
use thumbnet_kernels::geometry::Shape;
use tract_onnx::prelude::{DatumType, Tensor, TractResult};

/// A tensor where bytes go in or come out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name in the ONNX file.
    pub name: String,
    /// Its shape, batch 1.
    pub shape: Shape,
    /// How the file's tensor holds the map.
    pub layout: Layout,
    pub(crate) kind: DatumType,
    pub(crate) dimensions: Vec<usize>,
}

impl Port {
    /// A port of `dimensions` (with the batch), or `None` if they are no map.
    pub(crate) fn new(name: String, kind: DatumType, dimensions: &[usize]) -> Option<Self> {
        let layout = Layout::ChannelsFirst;
        let (_batch, map) = dimensions.split_first()?;
        let shape = layout.shape(map)?;
        Some(Self { name, shape, layout, kind, dimensions: dimensions.to_vec() })
    }

    /// Reads the tensor as a map of `shape` from now on.
    pub(crate) fn assume(&mut self, shape: Shape, file: &str) -> Result<(), ReferenceError> {
        let map = &self.dimensions[1..];
        let layout = Layout::of(map, shape).ok_or_else(|| ReferenceError::Shape {
            file: file.to_owned(),
            tensor: self.name.clone(),
            found: map.to_vec(),
            expected: shape,
        })?;
        (self.shape, self.layout) = (shape, layout);
        Ok(())
    }

    /// The tensor that holds `codes`.
    pub(crate) fn fill(&self, codes: &[i8], quantization: Quantization) -> TractResult<Tensor> {
        let codes = self.layout.from_hwc(codes, self.shape);
        match self.kind {
            DatumType::F32 => {
                let zero_point = i32::from(quantization.zero_point);
                let real = |code: i8| quantization.scale * (i32::from(code) - zero_point) as f32;
                let reals: Vec<f32> = codes.into_iter().map(real).collect();
                Tensor::from_shape(&self.dimensions, &reals)
            }
            DatumType::U8 => {
                let bytes: Vec<u8> = codes.into_iter().map(|code| code as u8 ^ 0x80).collect();
                Tensor::from_shape(&self.dimensions, &bytes)
            }
            _ => Tensor::from_shape(&self.dimensions, &codes),
        }
    }

    /// The codes that `tensor` holds.
    pub(crate) fn codes(&self, tensor: &Tensor) -> Vec<i8> {
        let flip = if is_unsigned(self.kind) { 0x80 } else { 0 };
        let codes: Vec<i8> = tensor.as_bytes().iter().map(|&byte| (byte ^ flip) as i8).collect();
        self.layout.to_hwc(&codes, self.shape)
    }
}

pub(crate) fn is_int8(kind: DatumType) -> bool {
    is_unsigned(kind) || matches!(kind, DatumType::I8 | DatumType::QI8(_))
}

fn is_unsigned(kind: DatumType) -> bool {
    matches!(kind, DatumType::U8 | DatumType::QU8(_))
}
