//! Files that are never half-written.

use crate::error::CompileError;
use std::path::Path;

/// Writes to a temporary name in the same folder, then renames: readers see the old file or the new one.
pub(crate) fn write_atomically(path: &Path, contents: &[u8]) -> Result<(), CompileError> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.tmp", std::process::id()));
    let written =
        std::fs::write(&temporary, contents).and_then(|()| std::fs::rename(&temporary, path));
    written.map_err(|source| {
        // Nothing more can be done if removing fails, too: the first error is the one to report.
        let _ = std::fs::remove_file(&temporary);
        CompileError::Io { path: path.into(), action: "write", source }
    })
}
