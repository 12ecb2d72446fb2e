//! The reference against our kernels: equal where it must be, and differences found and named.

mod command_line;
mod equality;
mod networks;
mod planted_errors;
