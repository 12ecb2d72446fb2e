//! Writing a fetched set: everything aside first, then renamed.

use super::KnownSet;
use crate::{DataError, idx::IdxArray};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};
use tempfile::{Builder, NamedTempFile};

/// Writes the files, the class names and the licence. A full disk shows before anything has its final name.
pub(super) fn save(set: &KnownSet, arrays: &[IdxArray], folder: &Path) -> Result<(), DataError> {
    fs::create_dir_all(folder).map_err(DataError::io(folder, "create the folder"))?;
    let mut classes = set.classes.join("\n");
    classes.push('\n');
    let mut aside = vec![
        write_aside(folder, "classes.txt", &[classes.as_bytes()])?,
        write_aside(folder, "LICENSE.txt", &[set.licence_text.as_bytes()])?,
    ];
    for (file, array) in set.files.iter().zip(arrays) {
        aside.push(write_aside(folder, file.name, &[&array.header(), &array.bytes])?);
    }
    for (file, path) in aside {
        file.persist(&path).map_err(|error| DataError::io(&path, "write")(error.error))?;
    }
    Ok(())
}

fn write_aside(
    folder: &Path,
    name: &str,
    parts: &[&[u8]],
) -> Result<(NamedTempFile, PathBuf), DataError> {
    let path = folder.join(name);
    let write = || {
        let mut file = temporary(folder)?;
        for part in parts {
            // Not through `file` itself, whose errors would name the temporary file.
            file.as_file_mut().write_all(part)?;
        }
        // Some file systems tell only now that the disk is full.
        file.as_file().sync_all()?;
        Ok(file)
    };
    let file = write().map_err(DataError::io(&path, "write"))?;
    Ok((file, path))
}

/// A temporary file that, once renamed, can be read by whom the user's umask allows.
fn temporary(folder: &Path) -> std::io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(".thumbnet-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}
