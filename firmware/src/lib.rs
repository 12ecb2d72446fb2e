//! stub
#![no_std]
pub mod preprocess;
