//! Constants: a shape and decoded numbers, with every size checked against the bytes that are
//! there.

use crate::onnx::error::OnnxError;
use crate::onnx::proto::{TensorProto, data_type};

/// Most axes that a constant or a map may have.
pub(crate) const MAX_RANK: usize = 8;

/// A constant.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Array {
    pub(crate) dims: Vec<usize>,
    pub(crate) data: Data,
}

/// The numbers of a constant, row-major.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    F32(Vec<f32>),
    I8(Vec<i8>),
    U8(Vec<u8>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    /// So many numbers of a type that no int8 network has; whoever reads them says why not.
    Other(i32, usize),
}

impl Data {
    /// Number of elements.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::I8(values) => values.len(),
            Self::U8(values) => values.len(),
            Self::I32(values) => values.len(),
            Self::I64(values) => values.len(),
            Self::Other(_, len) => *len,
        }
    }

    /// The element type, for messages.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Other(data_type, _) => type_name(*data_type),
            Self::F32(_) => "float32",
            Self::I8(_) => "int8",
            Self::U8(_) => "uint8",
            Self::I32(_) => "int32",
            Self::I64(_) => "int64",
        }
    }

    /// The elements as i64, or `None` if they are floats.
    pub(crate) fn integers(&self) -> Option<Vec<i64>> {
        match self {
            Self::F32(_) | Self::Other(..) => None,
            Self::I8(values) => Some(values.iter().map(|&value| i64::from(value)).collect()),
            Self::U8(values) => Some(values.iter().map(|&value| i64::from(value)).collect()),
            Self::I32(values) => Some(values.iter().map(|&value| i64::from(value)).collect()),
            Self::I64(values) => Some(values.clone()),
        }
    }

    /// The element at `position` as i64, or `None` if it is a float.
    pub(crate) fn integer(&self, position: usize) -> Option<i64> {
        match self {
            Self::F32(_) | Self::Other(..) => None,
            Self::I8(values) => Some(i64::from(values[position])),
            Self::U8(values) => Some(i64::from(values[position])),
            Self::I32(values) => Some(i64::from(values[position])),
            Self::I64(values) => Some(values[position]),
        }
    }

    /// The elements at `indices`, each of which is in range.
    pub(crate) fn gather(&self, indices: &[usize]) -> Self {
        match self {
            Self::F32(values) => Self::F32(pick(values, indices)),
            Self::I8(values) => Self::I8(pick(values, indices)),
            Self::U8(values) => Self::U8(pick(values, indices)),
            Self::I32(values) => Self::I32(pick(values, indices)),
            Self::I64(values) => Self::I64(pick(values, indices)),
            Self::Other(data_type, _) => Self::Other(*data_type, indices.len()),
        }
    }
}

fn pick<T: Copy>(values: &[T], indices: &[usize]) -> Vec<T> {
    indices.iter().map(|&index| values[index]).collect()
}

impl Array {
    /// The constant in `tensor`, whose buffers it takes.
    pub(crate) fn decode(tensor: TensorProto, file: &str) -> Result<Self, OnnxError> {
        if tensor.data_location != 0 || !tensor.external_data.is_empty() {
            let reason = "only files in the model's folder are read".to_owned();
            return Err(OnnxError::ExternalData {
                file: file.to_owned(),
                tensor: tensor.name,
                reason,
            });
        }
        let name = tensor.name.clone();
        decode(tensor).map_err(|reason| OnnxError::Constant {
            file: file.to_owned(),
            tensor: name,
            reason,
            rewrite: "export the model again".to_owned(),
        })
    }
}

fn decode(tensor: TensorProto) -> Result<Array, String> {
    if tensor.dims.len() > MAX_RANK {
        return Err(format!("it has {} axes", tensor.dims.len()));
    }
    let dims = tensor
        .dims
        .iter()
        .map(|&dim| usize::try_from(dim).map_err(|_| format!("it has a side of {dim}")))
        .collect::<Result<Vec<_>, _>>()?;
    let len = element_count(&dims).ok_or("the product of its sides overflows")?;
    let data = data(tensor)?;
    if data.len() != len {
        return Err(format!("its shape {dims:?} needs {len} values, but it has {}", data.len()));
    }
    Ok(Array { dims, data })
}

/// Number of elements of a shape, or `None` if a product of some of its sides overflows, which a
/// side of 0 would hide.
pub(crate) fn element_count(dims: &[usize]) -> Option<usize> {
    let product = dims.iter().try_fold(1_usize, |product, &dim| product.checked_mul(dim.max(1)))?;
    Some(if dims.contains(&0) { 0 } else { product })
}

/// All the numbers that `tensor` has, however many.
fn data(tensor: TensorProto) -> Result<Data, String> {
    let TensorProto { raw_data, int32_data, .. } = tensor;
    let raw = !raw_data.is_empty();
    Ok(match tensor.data_type {
        data_type::FLOAT if raw => Data::F32(numbers(&raw_data, f32::from_le_bytes)?),
        data_type::FLOAT => Data::F32(tensor.float_data),
        data_type::INT8 if raw => Data::I8(raw_data.into_iter().map(u8::cast_signed).collect()),
        data_type::INT8 => Data::I8(narrow(&int32_data)?),
        data_type::UINT8 if raw => Data::U8(raw_data),
        data_type::UINT8 => Data::U8(narrow(&int32_data)?),
        data_type::INT32 if raw => Data::I32(numbers(&raw_data, i32::from_le_bytes)?),
        data_type::INT32 => Data::I32(int32_data),
        data_type::INT64 if raw => Data::I64(numbers(&raw_data, i64::from_le_bytes)?),
        data_type::INT64 => Data::I64(tensor.int64_data),
        other => other_numbers(other, &raw_data, &int32_data)?,
    })
}

/// Numbers of a type that is known but of no use here; only their count matters.
fn other_numbers(data_type: i32, raw_data: &[u8], int32_data: &[i32]) -> Result<Data, String> {
    let bytes = match data_type {
        data_type::BOOL => 1,
        data_type::UINT16 | data_type::INT16 | data_type::FLOAT16 | data_type::BFLOAT16 => 2,
        data_type::DOUBLE | data_type::UINT64 => 8,
        data_type::UINT32 => 4,
        other => return Err(format!("its element type is {}", type_name(other))),
    };
    let len = if raw_data.is_empty() { int32_data.len() } else { raw_data.len() / bytes };
    Ok(Data::Other(data_type, len))
}

fn numbers<T, const N: usize>(raw: &[u8], from: fn([u8; N]) -> T) -> Result<Vec<T>, String> {
    let (chunks, rest) = raw.as_chunks::<N>();
    if !rest.is_empty() {
        return Err(format!("its {} bytes are no whole number of {N}-byte values", raw.len()));
    }
    Ok(chunks.iter().map(|&bytes| from(bytes)).collect())
}

fn narrow<T: TryFrom<i32>>(values: &[i32]) -> Result<Vec<T>, String> {
    let convert = |&value| T::try_from(value).map_err(|_| format!("{value} is out of range"));
    values.iter().map(convert).collect()
}

/// ONNX's name of an element type.
pub(crate) fn type_name(data_type: i32) -> &'static str {
    const NAMES: [&str; 24] = [
        "undefined",
        "float32",
        "uint8",
        "int8",
        "uint16",
        "int16",
        "int32",
        "int64",
        "string",
        "bool",
        "float16",
        "float64",
        "uint32",
        "uint64",
        "complex64",
        "complex128",
        "bfloat16",
        "float8e4m3fn",
        "float8e4m3fnuz",
        "float8e5m2",
        "float8e5m2fnuz",
        "uint4",
        "int4",
        "float4",
    ];
    let index = usize::try_from(data_type).unwrap_or(usize::MAX);
    NAMES.get(index).copied().unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use super::{Array, Data};
    use crate::onnx::proto::{TensorProto, data_type};

    fn decode(dims: &[i64], data_type: i32, raw_data: Vec<u8>) -> Result<Array, String> {
        super::decode(TensorProto {
            dims: dims.to_vec(),
            data_type,
            raw_data,
            ..Default::default()
        })
    }

    #[test]
    fn sizes_are_judged_by_the_bytes_that_are_there() {
        assert!(decode(&[1024, 1024, 1024], data_type::INT8, vec![0; 150]).is_err());
        assert!(decode(&[i64::MAX, 4], data_type::INT8, vec![0; 4]).is_err());
        assert!(decode(&[0, i64::MAX, 4], data_type::INT8, vec![]).is_err());
        assert!(decode(&[-1], data_type::INT8, vec![0]).is_err());
        assert!(decode(&[1], data_type::FLOAT, vec![0; 5]).is_err());
        assert!(decode(&[2], data_type::FLOAT, vec![0; 4]).is_err());
        assert!(decode(&[2], 10, vec![0; 2]).is_err());
        assert!(decode(&[1], 8, vec![0; 2]).is_err());
    }

    #[test]
    fn raw_and_typed_fields_mean_the_same() {
        let raw = decode(&[2], data_type::INT8, vec![0x80, 0x7f]).unwrap();
        let typed = super::decode(TensorProto {
            dims: vec![2],
            data_type: data_type::INT8,
            int32_data: vec![-128, 127],
            ..Default::default()
        });
        assert_eq!(Ok(&raw), typed.as_ref());
        assert_eq!(raw.data, Data::I8(vec![-128, 127]));
        let scalar = decode(&[], data_type::FLOAT, 1.5_f32.to_le_bytes().to_vec()).unwrap();
        assert_eq!(scalar, Array { dims: vec![], data: Data::F32(vec![1.5]) });
    }

    #[test]
    fn values_out_of_the_type_are_refused() {
        let tensor = TensorProto {
            dims: vec![1],
            data_type: data_type::UINT8,
            int32_data: vec![256],
            ..Default::default()
        };
        assert!(super::decode(tensor).is_err());
    }
}
