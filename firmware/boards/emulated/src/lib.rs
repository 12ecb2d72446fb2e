//! What all emulated boards share. Linked for what it brings: where log lines go, and what is done about a panic or a
//! fault. `bare.rs` beside it is a program of each of the boards: the network alone.
#![no_std]

mod exit;

use defmt_semihosting as _;
