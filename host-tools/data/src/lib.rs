//! Pictures and labels: IDX and CIFAR files, folders and lists of pictures, the embedded Fashion-MNIST subset.
//!
//! [`load`] turns a name or a folder into a [`Dataset`] of the model's input shape, prepared by the very code that
//! runs on the board. The order is that of the files or of their sorted names, so the same data gives the same
//! bytes on every machine.
#![forbid(unsafe_code)]

pub mod augment;
mod cache;
mod cifar_folder;
mod class_folders;
mod dataset;
mod decode;
mod decoding;
mod digest;
mod embedded;
mod error;
mod folds;
mod gathering;
pub mod idx;
mod idx_folder;
mod input;
pub mod lint;
mod list_file;
mod listing;
mod max_bad;
mod picture_file;
mod pictures;
mod random;
pub mod registry;
pub mod sheet;
mod source;
mod split;

pub use cache::cache_folder;
pub use dataset::Dataset;
pub use decode::{PICTURE_EXTENSIONS, RawPicture};
pub use digest::Digest;
pub use embedded::EMBEDDED;
pub use error::DataError;
pub use folds::folds_of;
pub use input::{InputSpec, to_codes};
pub use max_bad::{MaxBad, Unreadable};
pub use pictures::Pictures;
pub use random::Random;
pub use source::{LoadOptions, Loaded, load, load_files, load_with, places};
pub use thumbnet_graph::{Fit, Preprocessing, Resize, Turn};
