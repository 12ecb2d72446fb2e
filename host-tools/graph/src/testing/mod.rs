//! For tests of this and other crates (feature `testing`): random valid graphs.

mod random;
mod random_codes;
mod random_graph;

pub use random::Random;
pub use random_codes::codes_graph;
pub use random_graph::{int8_graph, seed_cnn};
