//! Arrays of float32 or int8 in .npy files, version 1, C order: all that the reference files use.

use thumbnet_graph::onnx::Numbers;

/// The rows of an array: its numbers, split along the first axis.
pub(crate) fn rows(bytes: &[u8]) -> Vec<Numbers> {
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
    let header_len = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let (header, data) = bytes[10..].split_at(header_len);
    let header = std::str::from_utf8(header).unwrap();
    assert!(header.contains("'fortran_order': False"), "{header}");
    let shape = header.split_once("'shape': (").unwrap().1.split_once(')').unwrap().0;
    let count: usize = shape.split(',').next().unwrap().trim().parse().unwrap();
    data.chunks_exact(data.len() / count).map(|row| numbers(header, row)).collect()
}

fn numbers(header: &str, row: &[u8]) -> Numbers {
    if header.contains("'<f4'") {
        let (values, _) = row.as_chunks::<4>();
        Numbers::F32(values.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
    } else if header.contains("'|i1'") {
        Numbers::I8(row.iter().map(|&byte| byte.cast_signed()).collect())
    } else {
        panic!("unexpected element type: {header}");
    }
}
