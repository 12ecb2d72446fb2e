//! The network that the build script has compiled from the board's model.

include!(concat!(env!("OUT_DIR"), "/model.rs"));
