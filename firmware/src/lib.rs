//! The application on the board: picture, preprocessing, inference, top classes, report.
//!
//! Generic over the network ([`thumbnet_kernels::model::Model`]), over pins and delays
//! (`embedded-hal`) and over the host link (`embedded-io`), so that a board is a crate of a hundred
//! lines and everything here runs in desktop tests.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod classify;
pub mod clock;
pub mod console;
pub mod observer;
pub mod pipeline;
pub mod preprocess;
pub mod report;
pub mod sensor;

#[cfg(test)]
mod fakes;
