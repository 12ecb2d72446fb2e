//! Files that appear whole or not at all: whatever happens, a reader sees the old content or the new.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes `contents` under a temporary name in the same folder, then renames it to `path`. The permissions are those
/// of any new file.
///
/// # Errors
/// The system's, of whichever step failed; then `path` is as it was and nothing is left behind.
pub fn write(path: &Path, contents: &[u8]) -> io::Result<()> {
    // Said before the temporary file says it in other words.
    if path.is_dir() {
        return Err(io::Error::new(ErrorKind::IsADirectory, "it is a folder"));
    }
    let temporary = temporary_name(path);
    let written =
        write_and_sync(&temporary, contents).and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        // Nothing more can be done if removing fails, too: the first error is the one to report.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

fn write_and_sync(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(contents)?;
    // Some file systems tell only now that the disk is full.
    file.sync_all()
}

/// A hidden name beside `path`, of no other process and no other call.
fn temporary_name(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    path.with_file_name(format!(".thumbnet-{}-{count}.part", std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::write;

    #[test]
    fn a_file_is_replaced_and_nothing_else_is_left() {
        let folder = std::env::temp_dir().join(format!("thumbnet-files-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("model.onnx");
        write(&path, b"old").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        write(&folder, b"over a folder").unwrap_err();
        write(&folder.join("absent/model.onnx"), b"nowhere").unwrap_err();
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
