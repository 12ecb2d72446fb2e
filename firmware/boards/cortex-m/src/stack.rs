//! How much stack a program has used, by the paint that it has scrubbed off.
//!
//! cortex-m-rt (feature `paint-stack`) fills the whole stack with [`STACK_PAINT_VALUE`] before `main`. The
//! stack grows down, so the deepest word that has lost its paint is the high-water mark.

#![allow(unsafe_code)]

use core::ptr::addr_of;
use cortex_m_rt::STACK_PAINT_VALUE;

// SAFETY: both are defined by cortex-m-rt's linker script. They have no value, only an address, and are never
// read as variables.
unsafe extern "C" {
    /// The lowest word of the stack.
    static _stack_end: u32;
    /// One past the highest word of the stack.
    static _stack_start: u32;
}

/// Most bytes of stack in use at any time since reset. Interrupt handlers count; words that happened to
/// be written with the paint's value at the very bottom do not.
pub fn high_water_bytes() -> u32 {
    let top = addr_of!(_stack_start) as usize;
    let mut address = addr_of!(_stack_end) as usize;
    while address < top {
        // SAFETY: the linker script puts the aligned words from `_stack_end` to `_stack_start` in RAM. A
        // volatile read of initialized memory (it is painted) has no effect, whoever else writes it.
        let word = unsafe { (address as *const u32).read_volatile() };
        if word != STACK_PAINT_VALUE {
            break;
        }
        address += size_of::<u32>();
    }
    (top - address) as u32
}
