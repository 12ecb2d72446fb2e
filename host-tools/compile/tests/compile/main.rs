//! Compiling whole networks: memory, generated code, boards, refusals.

mod emit;
mod estimate;
mod fit;
mod kernel_choice;
mod refusals;
mod samples;
mod scratch;
mod steps;
mod stripes;
mod winograd;
