//! What the suites in `tests/` share: the models they check, pictures, and the program `thumbnet`.
#![forbid(unsafe_code)]

mod data;
mod models;
mod networks;
mod program;

pub use data::write_idx;
pub use models::{
    ModelFile, Small, fitting, foreign, models, of_other_tools, pictures, shipped, small,
};
pub use networks::{dense, one_layer};
pub use program::{Outcome, program};

use std::path::{Path, PathBuf};
use thumbnet_compile::Board;
use thumbnet_simulate::{boards, qemu};
use thumbnet_toolchain::{TARGETS, cargo_for_target};

/// The root of the repository.
pub fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.canonicalize().expect("the tests lie in the repository")
}

/// Whether firmware can be built and emulated here; if not, prints what is missing.
pub fn is_equipped() -> bool {
    let missing = thumbnet_toolchain::qemu()
        .err()
        .or_else(|| TARGETS.iter().find_map(|target| cargo_for_target(target).err()));
    if let Some(missing) = &missing {
        println!("skipped: {missing}");
    }
    missing.is_none()
}

/// The boards that are emulated.
pub fn emulated_boards() -> Vec<Board> {
    qemu::all_boards().unwrap_or_else(|error| panic!("{error}"))
}

/// The board where none is named.
pub fn reference_board() -> Board {
    boards::load(qemu::BOARD).unwrap_or_else(|error| panic!("{error}"))
}
