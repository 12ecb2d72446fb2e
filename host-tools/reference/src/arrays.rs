//! Input tensors from `.npy` files, logits into them.
//!
//! | dtype | what a value is | code |
//! |---|---|---|
//! | int8 | a code of the model's input | itself |
//! | uint8 | a byte of a picture | `byte - 128` |
//! | float32 | a real | `round(real / scale) + zero_point`, halves to even, clamped to int8 |
//!
//! The first axis counts pictures; the others are the model's own layout, or `[h, w, c]`, or one flat row in
//! `[h, w, c]` order. Where both layouts fit, the model's own is meant.

use crate::error::ReferenceError;
use crate::guard::catch_panic;
use crate::layout::Layout;
use npyz::{NpyFile, Order, TypeChar, WriterBuilder};
use std::fs;
use std::io::Write;
use std::path::Path;
use thumbnet_graph::Quantization;
use thumbnet_kernels::geometry::Shape;

/// Longest header read: numpy's own are 128 bytes. Bounds the recursion of the header's parser.
const MOST_HEADER_BYTES: usize = 1024;

/// The input codes of all pictures of the `.npy` file at `path`, each int8 `[h, w, c]`.
///
/// # Errors
/// If the file cannot be read, is no `.npy` file, or its dtype or shape do not fit a model that takes maps
/// of `shape`.
pub fn read_inputs(
    path: &Path,
    shape: Shape,
    layout: Layout,
    input: Quantization,
) -> Result<Vec<Vec<i8>>, ReferenceError> {
    let file = path.display().to_string();
    let bytes =
        fs::read(path).map_err(|source| ReferenceError::Io { file: file.clone(), source })?;
    parse_inputs(&bytes, shape, layout, input)
        .map_err(|reason| ReferenceError::Npy { file, reason })
}

/// Writes `rows`, all of one length, as an int8 array `(n, length)`; the file appears whole or not at all.
///
/// # Errors
/// If the file cannot be written.
pub fn write_rows(path: &Path, rows: &[Vec<i8>]) -> Result<(), ReferenceError> {
    let failed = |source| ReferenceError::Io { file: path.display().to_string(), source };
    write_beside(path, &encode(rows).map_err(failed)?).map_err(failed)
}

fn parse_inputs(
    bytes: &[u8],
    shape: Shape,
    layout: Layout,
    input: Quantization,
) -> Result<Vec<Vec<i8>>, String> {
    let file = open(bytes)?;
    let layout = row_layout(&row_dimensions(&file)?, shape, layout)?;
    let codes = codes(file, input)?;
    if shape.is_empty() {
        return Err("the model's input is empty".to_owned());
    }
    Ok(codes.chunks_exact(shape.len()).map(|row| layout.to_hwc(row, shape)).collect())
}

/// The file with its header read and its length checked.
fn open(bytes: &[u8]) -> Result<NpyFile<&[u8]>, String> {
    const REMEDY: &str = "write it with numpy.save";
    if header_bytes(bytes).is_none_or(|length| length > MOST_HEADER_BYTES) {
        return Err(format!("not a .npy file; {REMEDY}"));
    }
    let file = catch_panic(|| NpyFile::new(bytes))
        .map_err(|_| format!("a damaged .npy header; {REMEDY}"))?;
    let file = file.map_err(|error| format!("not a .npy file ({error}); {REMEDY}"))?;
    if file.order() != Order::C && file.shape().len() > 1 {
        return Err("the array is in Fortran order; save numpy.ascontiguousarray(x)".to_owned());
    }
    let count =
        file.shape().iter().try_fold(1_u64, |count, &dimension| count.checked_mul(dimension));
    let size = file.dtype().num_bytes().unwrap_or(0) as u64;
    let claimed = count.and_then(|count| count.checked_mul(size));
    let header = file.header().clone();
    let data = file.into_inner();
    if claimed != Some(data.len() as u64) {
        return Err(format!(
            "the header claims {:?} values, the file holds {} bytes",
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

/// The dimensions of one picture.
fn row_dimensions(file: &NpyFile<&[u8]>) -> Result<Vec<usize>, String> {
    match file.shape() {
        [] | [_] => Err("the array needs one row a picture: shape (n, …)".to_owned()),
        [_, map @ ..] => map
            .iter()
            .map(|&dimension| {
                usize::try_from(dimension).map_err(|_| "the array is too large".to_owned())
            })
            .collect(),
    }
}

/// How a row of `dimensions` holds the map.
fn row_layout(dimensions: &[usize], shape: Shape, own: Layout) -> Result<Layout, String> {
    let Shape { h, w, c } = shape;
    let other = match own {
        Layout::ChannelsFirst => Layout::ChannelsLast,
        Layout::ChannelsLast => Layout::ChannelsFirst,
    };
    if dimensions.len() > 1 {
        for layout in [own, other] {
            if layout.shape(dimensions) == Some(shape) {
                return Ok(layout);
            }
        }
    }
    if *dimensions == [h * w * c] || (c == 1 && *dimensions == [h, w]) {
        return Ok(Layout::ChannelsLast);
    }
    Err(format!(
        "rows of shape {dimensions:?} are no input of this model; give (n, {h}, {w}, {c}), (n, {c}, {h}, {w}) or (n, {})",
        h * w * c
    ))
}

/// All values as input codes.
fn codes(file: NpyFile<&[u8]>, input: Quantization) -> Result<Vec<i8>, String> {
    let dtype = file.dtype();
    let unreadable = |error: std::io::Error| error.to_string();
    let kind = match &dtype {
        npyz::DType::Plain(scalar) => Some((scalar.type_char(), scalar.num_bytes())),
        _ => None,
    };
    match kind {
        Some((TypeChar::Int, Some(1))) => file.into_vec::<i8>().map_err(unreadable),
        Some((TypeChar::Uint, Some(1))) => {
            let bytes = file.into_vec::<u8>().map_err(unreadable)?;
            Ok(bytes.into_iter().map(|byte| (byte ^ 0x80) as i8).collect())
        }
        Some((TypeChar::Float, Some(4))) => {
            let reals = file.into_vec::<f32>().map_err(unreadable)?;
            reals.into_iter().map(|real| quantize(real, input)).collect()
        }
        _ => Err(format!(
            "dtype {} is none of int8 (codes), uint8 (pictures), float32 (reals); convert it with astype",
            dtype.descr()
        )),
    }
}

/// The code of `real`.
fn quantize(real: f32, input: Quantization) -> Result<i8, String> {
    if !real.is_finite() {
        return Err(format!("the array holds {real}; inputs must be finite"));
    }
    let code = (real / input.scale).round_ties_even() + f32::from(input.zero_point);
    Ok(code.clamp(-128.0, 127.0) as i8)
}

/// The `.npy` bytes of `rows`.
fn encode(rows: &[Vec<i8>]) -> std::io::Result<Vec<u8>> {
    let columns = rows.first().map_or(0, Vec::len);
    let mut bytes = Vec::new();
    let mut writer = npyz::WriteOptions::new()
        .default_dtype()
        .shape(&[rows.len() as u64, columns as u64])
        .writer(&mut bytes)
        .begin_nd()?;
    writer.extend(rows.iter().flatten().copied())?;
    writer.finish()?;
    Ok(bytes)
}

/// Writes to a temporary name in the same folder, then renames.
fn write_beside(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let temporary = path.with_file_name(name);
    let written = fs::File::create(&temporary)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // The error that is reported is the first one; what is left behind is only worth an attempt.
        let _ = fs::remove_file(&temporary);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::{encode, parse_inputs};
    use crate::layout::Layout;
    use thumbnet_graph::Quantization;
    use thumbnet_kernels::geometry::Shape;

    const FORMAT: Quantization = Quantization { scale: 0.5, zero_point: -3 };

    /// An array as numpy writes it.
    fn npy(header: &str, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(header.len()).unwrap().to_le_bytes();
        [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
    }

    fn parse(bytes: &[u8], shape: Shape) -> Result<Vec<Vec<i8>>, String> {
        parse_inputs(bytes, shape, Layout::ChannelsFirst, FORMAT)
    }

    #[test]
    fn rows_are_written_and_read_back() {
        let rows = vec![vec![1, -128, 127], vec![0, 5, -7]];
        let bytes = encode(&rows).unwrap();
        assert_eq!(parse(&bytes, Shape::new(1, 1, 3)), Ok(rows));
    }

    #[test]
    fn reals_are_rounded_half_to_even_and_clamped() {
        let reals = [0.25_f32, 0.75, -0.25, 1e9, -1e9];
        let data: Vec<u8> = reals.iter().flat_map(|real| real.to_le_bytes()).collect();
        let bytes = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 5), }", &data);
        assert_eq!(parse(&bytes, Shape::new(1, 1, 5)), Ok(vec![vec![-3, -1, -3, 127, -128]]));
        let bytes = npy(
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1), }",
            &f32::NAN.to_le_bytes(),
        );
        assert!(parse(&bytes, Shape::new(1, 1, 1)).unwrap_err().contains("finite"));
    }

    #[test]
    fn the_models_own_layout_wins_where_both_fit() {
        let bytes = npy(
            "{'descr': '|i1', 'fortran_order': False, 'shape': (1, 2, 2, 2), }",
            &[0, 1, 2, 3, 4, 5, 6, 7],
        );
        let rows = parse(&bytes, Shape::new(2, 2, 2));
        assert_eq!(rows, Ok(vec![vec![0, 4, 1, 5, 2, 6, 3, 7]]));
    }

    #[test]
    fn hostile_files_are_refused_without_a_panic() {
        let huge = "{'descr': '|i1', 'fortran_order': False, 'shape': (4294967296, 4294967296), }";
        let claims = "{'descr': '|i1', 'fortran_order': False, 'shape': (1000000000, 3), }";
        let objects = "{'descr': '|O', 'fortran_order': False, 'shape': (1, 3), }";
        let doubles = "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 3), }";
        let fortran = "{'descr': '|i1', 'fortran_order': True, 'shape': (1, 3), }";
        let deep = "(".repeat(1000);
        for header in [huge, claims, objects, doubles, fortran, "", "{}", deep.as_str()] {
            assert!(parse(&npy(header, &[1, 2, 3]), Shape::new(1, 1, 3)).is_err(), "{header}");
        }
        let good = npy("{'descr': '|i1', 'fortran_order': False, 'shape': (1, 3), }", &[1, 2, 3]);
        for end in 0..good.len() {
            assert!(parse(&good[..end], Shape::new(1, 1, 3)).is_err(), "cut at {end}");
        }
        assert!(parse(&good, Shape::new(1, 1, 3)).is_ok());
    }
}
