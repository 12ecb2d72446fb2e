//! Constants in files beside the model: read if they lie in the model's own folder.

use super::error::OnnxError;
use super::proto::{GraphProto, TensorProto};
use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

/// Most bytes that the constants of one model may have outside it; microcontrollers have a few MB.
const MOST_BYTES: u64 = 64 << 20;

/// Whether a constant is stored outside the model.
pub(crate) fn is_external(tensor: &TensorProto) -> bool {
    tensor.data_location != 0 || !tensor.external_data.is_empty()
}

/// The constants of a graph, those of Constant nodes included.
pub(crate) fn constants(graph: &mut GraphProto) -> impl Iterator<Item = &mut TensorProto> {
    let in_nodes = graph.node.iter_mut().flat_map(|node| &mut node.attribute);
    let in_nodes = in_nodes.filter_map(|attribute| attribute.t.as_deref_mut());
    graph.initializer.iter_mut().chain(in_nodes)
}

/// Brings every constant of `graph` that lies in a file of `folder` into it.
pub(crate) fn inline(graph: &mut GraphProto, folder: &Path, file: &str) -> Result<(), OnnxError> {
    let mut left = MOST_BYTES;
    let mut folders = HashMap::new();
    for tensor in constants(graph).filter(|tensor| is_external(tensor)) {
        let outcome = read(tensor, folder, &mut folders, &mut left);
        let bytes = outcome.map_err(|reason| OnnxError::ExternalData {
            file: file.to_owned(),
            tensor: tensor.name.clone(),
            reason,
        })?;
        tensor.raw_data = bytes;
        tensor.external_data.clear();
        tensor.data_location = 0;
    }
    Ok(())
}

/// The bytes of one constant; `left` is how many may still be read.
fn read(
    tensor: &TensorProto,
    folder: &Path,
    known: &mut HashMap<String, PathBuf>,
    left: &mut u64,
) -> Result<Vec<u8>, String> {
    let entry = |key: &str| {
        let entry = tensor.external_data.iter().find(|entry| entry.key == key);
        entry.map(|entry| entry.value.as_str())
    };
    let number = |key: &str| match entry(key) {
        None | Some("") => Ok(None),
        Some(text) => text.parse::<u64>().map(Some).map_err(|_| format!("its {key} is no number")),
    };
    let location = entry("location").ok_or("its place is not named")?;
    let path = match known.get(location) {
        Some(path) => path,
        None => known.entry(location.to_owned()).or_insert(inside(folder, location)?),
    };
    let mut source = std::fs::File::open(path).map_err(|error| cannot_read(location, &error))?;
    let about = source.metadata().map_err(|error| cannot_read(location, &error))?;
    let offset = number("offset")?.unwrap_or(0);
    let rest = about.len().checked_sub(offset);
    let length = number("length")?.or(rest).unwrap_or(0);
    if rest.is_none_or(|rest| length > rest) {
        return Err(format!("{length} bytes from {offset} on are more than '{location}' has"));
    }
    *left = left
        .checked_sub(length)
        .ok_or(format!("all such constants together have more than {} MiB", MOST_BYTES >> 20))?;
    source.seek(SeekFrom::Start(offset)).map_err(|error| cannot_read(location, &error))?;
    let mut bytes = Vec::new();
    source.take(length).read_to_end(&mut bytes).map_err(|error| cannot_read(location, &error))?;
    Ok(bytes)
}

fn cannot_read(location: &str, error: &std::io::Error) -> String {
    format!("{} cannot be read ({error})", super::error::quoted(location))
}

/// The regular file at `location` of `folder`, which must not lead out of it, links included.
fn inside(folder: &Path, location: &str) -> Result<PathBuf, String> {
    let shown = super::error::quoted(location);
    let relative = Path::new(location);
    let is_plain = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    if location.is_empty() || !relative.components().all(is_plain) {
        return Err(format!("{shown} is outside the model's folder"));
    }
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let failed = |error| cannot_read(location, &error);
    let folder = folder.canonicalize().map_err(failed)?;
    let path = folder.join(relative).canonicalize().map_err(failed)?;
    if !path.starts_with(&folder) {
        return Err(format!("{shown} is outside the model's folder"));
    }
    // Opening anything else, a pipe say, could wait forever.
    if !path.is_file() {
        return Err(format!("{shown} is no file"));
    }
    Ok(path)
}
