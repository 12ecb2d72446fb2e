//! Networks as typed graphs, and the ONNX files they come from and go to.
//!
//! A [`Graph`] is a list of nodes in execution order over tensors of shape `[h, w, c]` (batch 1).
//! It comes in two precisions that share everything but their constants: [`FloatGraph`], what a
//! trainer or a float ONNX file gives, and [`Int8Graph`], what runs on a device.
#![forbid(unsafe_code)]

mod codes_op;
pub mod evaluate;
mod formula;
mod formulas;
mod graph;
pub mod onnx;
mod op;
mod prune;
pub mod qlinear;
mod queries;
mod real_op;
pub mod requantization;
mod shape;
pub mod staircase;
#[cfg(feature = "testing")]
pub mod testing;
mod validate;

pub use codes_op::{Axis, CodesOp, Combine, Lookup, Mean, MeanArithmetic, ZeroPoint};
pub use formula::{Binary, Formula, Unary};
pub use graph::{FloatGraph, Graph, Int8Graph, Metadata, Node, Quantization, Tensor, TensorId};
pub use op::{Conv2d, FloatWeights, Int8Weights, Op, Weights};
pub use real_op::RealOp;
pub use thumbnet_kernels::geometry::{Padding, Shape, Window};
pub use thumbnet_kernels::portable::{Function, Rearrange};
pub use thumbnet_kernels::preprocessing::{Fit, Preprocessing, Resize, Turn};
pub use validate::GraphError;
