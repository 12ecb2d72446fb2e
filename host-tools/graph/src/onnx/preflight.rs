//! A look at the wire format before decoding: is it whole, and how much memory will it take?
//!
//! A few bytes of a hostile file can stand for a large struct (two bytes make an empty node), so
//! the file is walked once, without allocating, and the size of what the decoder would build is
//! summed up.

use super::proto::{
    AttributeProto, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto,
    ValueInfoProto,
};

/// One message of the schema: what decoding one costs, and which of its fields are repeated.
struct Schema {
    /// Bytes of the decoded struct.
    size: usize,
    /// Field number and message of each field that is a message.
    messages: &'static [(u64, &'static Schema)],
    /// Fields of repeated strings.
    strings: &'static [u64],
    /// Fields of repeated numbers.
    numbers: &'static [u64],
}

impl Schema {
    /// A message `T` without repeated strings and numbers.
    const fn of<T>(messages: &'static [(u64, &'static Schema)]) -> Self {
        Self { size: size_of::<T>(), messages, strings: &[], numbers: &[] }
    }
}

static ENTRY: Schema = Schema::of::<StringStringEntryProto>(&[]);
static TENSOR: Schema =
    Schema { numbers: &[1, 4, 5, 7], ..Schema::of::<TensorProto>(&[(13, &ENTRY)]) };
static ATTRIBUTE: Schema =
    Schema { numbers: &[7, 8], ..Schema::of::<AttributeProto>(&[(5, &TENSOR)]) };
static NODE: Schema = Schema { strings: &[1, 2], ..Schema::of::<NodeProto>(&[(5, &ATTRIBUTE)]) };
static DIMENSION: Schema = Schema::of::<DimensionProto>(&[]);
static SHAPE: Schema = Schema::of::<TensorShapeProto>(&[(1, &DIMENSION)]);
static TENSOR_TYPE: Schema = Schema::of::<TensorTypeProto>(&[(2, &SHAPE)]);
static TYPE: Schema = Schema::of::<TypeProto>(&[(1, &TENSOR_TYPE)]);
static VALUE_INFO: Schema = Schema::of::<ValueInfoProto>(&[(2, &TYPE)]);
static GRAPH: Schema =
    Schema::of::<GraphProto>(&[(1, &NODE), (5, &TENSOR), (11, &VALUE_INFO), (12, &VALUE_INFO)]);
static OPERATOR_SET: Schema = Schema::of::<OperatorSetIdProto>(&[]);
static MODEL: Schema = Schema::of::<ModelProto>(&[(7, &GRAPH), (8, &OPERATOR_SET), (14, &ENTRY)]);

/// Why a file is not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotWhole {
    /// Where the walk stopped, as a byte offset.
    pub(crate) offset: usize,
    /// In words.
    pub(crate) reason: &'static str,
}

/// Bytes of memory that decoding `file` takes, about.
pub(crate) fn decoded_bytes(file: &[u8]) -> Result<usize, NotWhole> {
    walk(file, 0, &MODEL)
}

/// Walks the fields of one message, whose first byte is at `start` of the file. Recurses as deep as
/// the schema, six levels.
fn walk(message: &[u8], start: usize, schema: &Schema) -> Result<usize, NotWhole> {
    let mut total = schema.size;
    let mut rest = message;
    while !rest.is_empty() {
        let offset = start + message.len() - rest.len();
        let stop = |reason| NotWhole { offset, reason };
        let key = varint(&mut rest).ok_or(stop("a field is cut off"))?;
        let field = key >> 3;
        let len = match key & 7 {
            0 => varint(&mut rest).map(|_| 0).ok_or(stop("a number is cut off"))?,
            1 => 8,
            5 => 4,
            2 => varint(&mut rest).ok_or(stop("a length is cut off"))?,
            _ => return Err(stop("a field has a type that ONNX does not use")),
        };
        let content_start = start + message.len() - rest.len();
        let content = usize::try_from(len)
            .ok()
            .and_then(|len| rest.split_off(..len))
            .ok_or(stop("a field is longer than what contains it"))?;
        let inner = schema.messages.iter().find(|(number, _)| *number == field);
        total += match inner {
            Some((_, inner)) if key & 7 == 2 => walk(content, content_start, inner)?,
            _ if schema.strings.contains(&field) => size_of::<String>() + content.len(),
            // A number of one byte becomes one of eight.
            _ if schema.numbers.contains(&field) => 8 * content.len().max(1),
            _ => content.len(),
        };
    }
    Ok(total)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::decoded_bytes;

    #[test]
    fn a_node_of_two_bytes_counts_as_what_it_becomes() {
        let nodes = 10_000_u32;
        let mut graph = Vec::new();
        (0..nodes).for_each(|_| graph.extend([0x0a, 0x00]));
        let mut file = vec![0x3a];
        prost::encoding::encode_varint(graph.len() as u64, &mut file);
        file.extend(graph);
        assert!(decoded_bytes(&file).unwrap() > 100 * 10_000);
    }

    #[test]
    fn a_message_longer_than_the_file_is_cut_off() {
        let error = decoded_bytes(&[0x08, 0x08, 0x3a, 0x7f, 0x0a]).unwrap_err();
        assert_eq!((error.offset, error.reason), (2, "a field is longer than what contains it"));
        assert!(decoded_bytes(&[0x80]).is_err());
        assert!(decoded_bytes(&[0x0b]).is_err());
        assert!(decoded_bytes(b"# not a model\n").is_err());
    }
}
