//! What the suites in `tests/` share: the models they check, pictures, and the program `thumbnet`.
#![forbid(unsafe_code)]

mod data;
mod models;
mod networks;
mod program;

pub use data::write_idx;
pub use models::{ModelFile, Small, models, pictures, shipped, small};
pub use networks::{dense, one_layer};
pub use program::{Outcome, program};

use std::path::{Path, PathBuf};

/// The instruction set of the reference board.
const TARGET: &str = "thumbv7em-none-eabihf";

/// The root of the repository.
pub fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.canonicalize().expect("the tests lie in the repository")
}

/// Whether firmware can be built and emulated here; if not, prints what is missing.
pub fn is_equipped() -> bool {
    let missing = thumbnet_toolchain::qemu()
        .err()
        .or_else(|| thumbnet_toolchain::cargo_for_target(TARGET).err());
    if let Some(missing) = &missing {
        println!("skipped: {missing}");
    }
    missing.is_none()
}
