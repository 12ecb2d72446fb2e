//! Runs an int8 ONNX file on pictures by plain exact arithmetic and writes every int8 tensor as
//! .npy.
//!
//! `cargo run --release -p thumbnet-quantize --example dump -- MODEL.onnx PICTURES DIR`
//!
//! PICTURES is a file of bytes `[n, h, w, c]`, or an IDX file of them (its header is skipped
//! because it is what is left over), or `random:N` for N pictures of noise. DIR gets `tensors.json`
//! and one `[n, h, w, c]` file a tensor: what tests/onnxruntime/check.py compares onnxruntime with.

use rand::{RngExt, SeedableRng};
use rayon::prelude::{ParallelIterator, ParallelSlice};
use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use thumbnet_graph::{Int8Graph, Shape, TensorId, onnx};
use thumbnet_quantize::integer;

/// Pictures in memory at one time.
const BLOCK: usize = 256;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, pictures, folder] = &arguments[..] else {
        return Err("usage: dump MODEL.onnx PICTURES|random:N DIR".into());
    };
    let graph = onnx::read(&fs::read(model)?, model)?;
    let shape = graph.tensor(graph.input).shape;
    let pixels = load(pictures, shape)?;
    fs::create_dir_all(folder)?;
    dump(&graph, &pixels, Path::new(folder))
}

fn load(pictures: &str, shape: Shape) -> Result<Vec<u8>, Box<dyn Error>> {
    if let Some(count) = pictures.strip_prefix("random:") {
        let count: usize = count.parse()?;
        let mut random = rand_pcg::Pcg64Mcg::seed_from_u64(1);
        return Ok((0..count * shape.len()).map(|_| random.random()).collect());
    }
    let mut bytes = fs::read(pictures)?;
    bytes.drain(..bytes.len() % shape.len());
    Ok(bytes)
}

fn dump(graph: &Int8Graph, pixels: &[u8], folder: &Path) -> Result<(), Box<dyn Error>> {
    let len = graph.tensor(graph.input).shape.len();
    let mut files = Vec::new();
    for (index, tensor) in graph.tensors.iter().enumerate() {
        let mut file = BufWriter::new(File::create(folder.join(file_name(index)))?);
        file.write_all(&npy_header(pixels.len() / len, tensor.shape))?;
        files.push(file);
    }
    for block in pixels.chunks(BLOCK * len) {
        let runs = block.par_chunks_exact(len).map(|picture| integer::run_picture(graph, picture));
        for codes in runs.collect::<Result<Vec<_>, _>>()? {
            for (file, codes) in files.iter_mut().zip(&codes) {
                let bytes: Vec<u8> = codes.iter().map(|&code| code.cast_unsigned()).collect();
                file.write_all(&bytes)?;
            }
        }
    }
    for mut file in files {
        file.flush()?;
    }
    fs::write(folder.join("tensors.json"), index(graph))?;
    Ok(())
}

fn file_name(index: usize) -> String {
    format!("{index:03}.npy")
}

/// Version 1 of numpy's format: magic, header length, a Python literal padded to 64 bytes.
fn npy_header(count: usize, Shape { h, w, c }: Shape) -> Vec<u8> {
    let shape = format!("({count}, {h}, {w}, {c})");
    let literal = format!("{{'descr': '|i1', 'fortran_order': False, 'shape': {shape}, }}");
    let padded = (10 + literal.len() + 1).next_multiple_of(64) - 10;
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend((padded as u16).to_le_bytes());
    header.extend(format!("{literal:<width$}\n", width = padded - 1).bytes());
    header
}

fn index(graph: &Int8Graph) -> String {
    let name = |id: TensorId| quoted(&graph.tensor(id).name);
    let tensors: Vec<String> = (0..graph.tensors.len())
        .map(|index| format!("    {}: \"{}\"", name(TensorId(index)), file_name(index)))
        .collect();
    format!(
        "{{\n  \"input\": {},\n  \"output\": {},\n  \"tensors\": {{\n{}\n  }}\n}}\n",
        name(graph.input),
        name(graph.output),
        tensors.join(",\n")
    )
}

/// A JSON string.
fn quoted(text: &str) -> String {
    let escaped: String = text
        .chars()
        .map(|c| match c {
            '"' | '\\' => format!("\\{c}"),
            c if c < ' ' => format!("\\u{:04x}", u32::from(c)),
            c => c.to_string(),
        })
        .collect();
    format!("\"{escaped}\"")
}
