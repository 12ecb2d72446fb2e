//! The serial protocol between host and board: postcard messages in checked COBS frames.
//!
//! [`message`] and [`frame`] are what both sides share; [`Console`] is the board's side, over any
//! `embedded-io` stream. The host's side is in `thumbnet-simulate`.

pub mod frame;
pub mod message;
mod server;

pub use server::{Console, Disconnected};
