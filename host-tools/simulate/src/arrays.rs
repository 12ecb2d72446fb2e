//! Tensors in `.npy` files: the very arrays that a model's other runtimes take and give.
//!
//! The first axis counts samples; the others and the element type are the ONNX file's own. A file that takes int8
//! codes therefore takes an int8 array, one that takes floats a float32 array.

use crate::catch_panic::catch_panic;
use crate::error::SimulateError;
use npyz::{AutoSerialize, NpyFile, Order, TypeChar, WriteOptions, WriterBuilder};
use std::path::Path;
use thumbnet_graph::onnx::{Element, Interface, Numbers, Port};

/// Longest header read: numpy's own are 128 bytes. Bounds the recursion of the header's parser.
const MOST_HEADER_BYTES: usize = 1024;

/// The int8 `[h, w, c]` input codes of every sample in the `.npy` file at `path`.
///
/// # Errors
/// [`SimulateError::File`] if the file cannot be read, [`SimulateError::Array`] if it is no `.npy` file or not
/// of the type and shape that the model takes.
pub fn read_inputs(path: &Path, interface: &Interface) -> Result<Vec<Vec<i8>>, SimulateError> {
    let bytes = std::fs::read(path)
        .map_err(|source| SimulateError::File { path: path.to_owned(), source })?;
    parse_inputs(&bytes, interface)
        .map_err(|reason| SimulateError::Array { path: path.to_owned(), reason })
}

/// Writes the model's own output for the `logits` of every sample; the file appears whole or not at all.
///
/// # Errors
/// [`SimulateError::File`] if the file cannot be written.
pub fn write_outputs(
    path: &Path,
    interface: &Interface,
    logits: &[Vec<i8>],
) -> Result<(), SimulateError> {
    let outputs: Vec<Numbers> = logits.iter().map(|row| interface.output_numbers(row)).collect();
    write_numbers(path, &interface.output, &outputs)
}

/// Writes `outputs`, numbers of the type and shape of `port`; the file appears whole or not at all.
///
/// # Errors
/// [`SimulateError::File`] if the file cannot be written.
pub fn write_numbers(path: &Path, port: &Port, outputs: &[Numbers]) -> Result<(), SimulateError> {
    let failed = |source| SimulateError::File { path: path.to_owned(), source };
    let bytes = encode(outputs, port).map_err(failed)?;
    thumbnet_files::write(path, &bytes).map_err(failed)
}

fn parse_inputs(bytes: &[u8], interface: &Interface) -> Result<Vec<Vec<i8>>, String> {
    let file = open(bytes)?;
    let port = &interface.input;
    let sample = port.dims.get(1..).unwrap_or_default();
    let dims = file.shape();
    let fits = dims.len() == sample.len() + 1
        && dims[1..].iter().zip(sample).all(|(&found, &wanted)| found == wanted as u64);
    if !fits {
        return Err(format!(
            "an array of shape {dims:?} is no input of this model; give {}",
            wanted(port)
        ));
    }
    let length = sample.iter().product::<usize>().max(1);
    let samples = numbers(file, port)?;
    let codes = split(samples, length).into_iter().map(|sample| interface.input_codes(&sample));
    codes
        .collect::<Option<_>>()
        .ok_or_else(|| format!("not the model's input; give {}", wanted(port)))
}

/// The file with its header read and its length checked.
fn open(bytes: &[u8]) -> Result<NpyFile<&[u8]>, String> {
    const REMEDY: &str = "write it with numpy.save";
    if header_bytes(bytes).is_none_or(|length| length > MOST_HEADER_BYTES) {
        return Err(format!("not a .npy file; {REMEDY}"));
    }
    let file = catch_panic(|| NpyFile::new(bytes))
        .map_err(|_| format!("a damaged .npy header; {REMEDY}"))?
        .map_err(|error| format!("not a .npy file ({error}); {REMEDY}"))?;
    if file.order() != Order::C && file.shape().len() > 1 {
        return Err("the array is in Fortran order; save numpy.ascontiguousarray(x)".to_owned());
    }
    let count = file.shape().iter().try_fold(1_u64, |count, &length| count.checked_mul(length));
    let size = file.dtype().num_bytes().unwrap_or(0) as u64;
    let claimed = count.and_then(|count| count.checked_mul(size));
    let header = file.header().clone();
    let data = file.into_inner();
    if claimed != Some(data.len() as u64) {
        return Err(format!(
            "the header claims an array of shape {:?}, but {} bytes follow; {REMEDY}",
            header.shape(),
            data.len()
        ));
    }
    Ok(NpyFile::with_header(header, data))
}

/// The length of the header's text, from the fixed part in front of it.
fn header_bytes(bytes: &[u8]) -> Option<usize> {
    let version = bytes.strip_prefix(b"\x93NUMPY")?;
    match *version {
        [1, _, low, high, ..] => Some(usize::from(u16::from_le_bytes([low, high]))),
        [2 | 3, _, a, b, c, d, ..] => usize::try_from(u32::from_le_bytes([a, b, c, d])).ok(),
        _ => None,
    }
}

/// All numbers of the array, if they are of the port's type.
fn numbers(file: NpyFile<&[u8]>, port: &Port) -> Result<Numbers, String> {
    let dtype = file.dtype();
    let kind = match &dtype {
        npyz::DType::Plain(scalar) => Some((scalar.type_char(), scalar.num_bytes())),
        _ => None,
    };
    let numbers = match (kind, port.element) {
        (Some((TypeChar::Float, Some(4))), Element::F32) => file.into_vec().map(Numbers::F32),
        (Some((TypeChar::Int, Some(1))), Element::I8) => file.into_vec().map(Numbers::I8),
        (Some((TypeChar::Uint, Some(1))), Element::U8) => file.into_vec().map(Numbers::U8),
        _ => return Err(format!("its dtype is {}; give {}", dtype.descr(), wanted(port))),
    };
    numbers.map_err(|error| error.to_string())
}

/// The numbers of each sample.
fn split(numbers: Numbers, length: usize) -> Vec<Numbers> {
    match numbers {
        Numbers::F32(all) => all.chunks(length).map(|part| Numbers::F32(part.to_vec())).collect(),
        Numbers::I8(all) => all.chunks(length).map(|part| Numbers::I8(part.to_vec())).collect(),
        Numbers::U8(all) => all.chunks(length).map(|part| Numbers::U8(part.to_vec())).collect(),
    }
}

/// What a model takes, in words.
fn wanted(port: &Port) -> String {
    let element = match port.element {
        Element::F32 => "float32",
        Element::I8 => "int8",
        Element::U8 => "uint8",
    };
    let dims: Vec<String> = port.dims.iter().skip(1).map(usize::to_string).collect();
    format!("{element} of shape (n, {})", dims.join(", "))
}

/// The `.npy` bytes of `outputs`, all of the port's type.
fn encode(outputs: &[Numbers], port: &Port) -> std::io::Result<Vec<u8>> {
    let mut dims = vec![outputs.len() as u64];
    dims.extend(port.dims.iter().skip(1).map(|&length| length as u64));
    let (mut reals, mut codes, mut unsigned) = (Vec::new(), Vec::new(), Vec::new());
    for output in outputs {
        match output {
            Numbers::F32(values) => reals.extend_from_slice(values),
            Numbers::I8(values) => codes.extend_from_slice(values),
            Numbers::U8(values) => unsigned.extend_from_slice(values),
        }
    }
    match port.element {
        Element::F32 => npy_bytes(&dims, reals),
        Element::I8 => npy_bytes(&dims, codes),
        Element::U8 => npy_bytes(&dims, unsigned),
    }
}

fn npy_bytes<T: AutoSerialize>(dims: &[u64], values: Vec<T>) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let options = WriteOptions::new().default_dtype().shape(dims);
    let mut writer = options.writer(&mut bytes).begin_nd()?;
    writer.extend(values)?;
    writer.finish()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::{encode, npy_bytes, parse_inputs};
    use thumbnet_graph::onnx::{Element, Form, Interface, Numbers, Port, import, write};
    use thumbnet_graph::testing::seed_cnn;

    fn seed() -> Interface {
        import(&write(&seed_cnn(1), Form::QLinear), "seed.onnx").unwrap().1
    }

    #[test]
    fn samples_are_told_apart() {
        let codes: Vec<i8> = (0..2 * 784).map(|index| (index % 251) as i8).collect();
        let rows = parse_inputs(&npy_bytes(&[2, 1, 28, 28], codes.clone()).unwrap(), &seed());
        assert_eq!(rows.unwrap().concat(), codes);
    }

    #[test]
    fn other_shapes_and_types_are_refused_with_what_is_wanted() {
        let shape = npy_bytes(&[2, 28, 28], vec![0_i8; 2 * 784]).unwrap();
        let dtype = npy_bytes(&[1, 1, 28, 28], vec![0_u8; 784]).unwrap();
        for bytes in [shape, dtype] {
            let reason = parse_inputs(&bytes, &seed()).unwrap_err();
            assert!(reason.contains("give int8 of shape (n, 1, 28, 28)"), "{reason}");
        }
    }

    #[test]
    fn damaged_files_are_refused() {
        let good = npy_bytes(&[1, 1, 28, 28], vec![0_i8; 784]).unwrap();
        for length in 0..good.len() {
            assert!(parse_inputs(&good[..length], &seed()).is_err(), "cut at {length}");
        }
        for index in 0..128 {
            let mut bytes = good.clone();
            bytes[index] ^= 0x15;
            // Whatever it means now, it must not panic.
            let _ = parse_inputs(&bytes, &seed());
        }
    }

    #[test]
    fn outputs_keep_the_shape_of_the_files_own() {
        let port = Port { name: String::new(), element: Element::F32, dims: vec![1, 3] };
        let bytes = encode(&[Numbers::F32(vec![0.5, 0.25, 0.25])], &port).unwrap();
        assert_eq!(bytes, npy_bytes(&[1, 3], vec![0.5_f32, 0.25, 0.25]).unwrap());
    }
}
