//! Pictures and labels: IDX files, folders of pictures, the embedded Fashion-MNIST subset.
#![forbid(unsafe_code)]

mod dataset;

pub use dataset::{Dataset, Pictures};
