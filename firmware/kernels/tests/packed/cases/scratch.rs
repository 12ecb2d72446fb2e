//! Scratch memory.

use alloc::vec;
use alloc::vec::Vec;

/// Scratch memory as kernels get it: aligned, and dirty, because an arena is.
pub struct Scratch {
    memory: Vec<i8>,
    len: usize,
}

impl Scratch {
    /// So many bytes.
    pub fn new(len: usize) -> Self {
        Self { memory: vec![0x7e; len + Self::ALIGNMENT], len }
    }

    const ALIGNMENT: usize = 8;

    /// All of it.
    pub fn bytes(&mut self) -> &mut [i8] {
        let start = self.memory.as_ptr().align_offset(Self::ALIGNMENT);
        &mut self.memory[start..][..self.len]
    }
}
