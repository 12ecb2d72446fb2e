//! The board's 32-bit timer 0 as a clock that counts instructions.
//!
//! It runs at 25 MHz. Under QEMU's `-icount shift=0` an instruction takes one nanosecond of virtual time, so a
//! tick is exactly 40 instructions. It wraps after 2^32 ticks, 171 thousand million instructions.

#![allow(unsafe_code)]

use firmware::clock::{Clock, TickRate};

const CONTROL: *mut u32 = 0x4000_0000 as *mut u32;
const VALUE: *mut u32 = 0x4000_0004 as *mut u32;
const RELOAD: *mut u32 = 0x4000_0008 as *mut u32;
const ENABLE: u32 = 1;

/// Timer 0 of the CMSDK peripherals.
pub struct Timer {
    last: u32,
    ticks: u64,
}

impl Timer {
    /// Starts the timer.
    pub fn take() -> Self {
        // SAFETY: these are the registers of timer 0, which nothing else on this board uses.
        unsafe {
            RELOAD.write_volatile(u32::MAX);
            VALUE.write_volatile(u32::MAX);
            CONTROL.write_volatile(ENABLE);
        }
        Self { last: u32::MAX, ticks: 0 }
    }
}

impl Clock for Timer {
    const RATE: TickRate = TickRate::Instructions(40);

    /// Must be called at least once in 2^32 ticks.
    fn ticks(&mut self) -> u64 {
        // SAFETY: reading the value register of timer 0 has no effect.
        let now = unsafe { VALUE.read_volatile() };
        // It counts down, and wraps at most once between two readings.
        self.ticks += u64::from(self.last.wrapping_sub(now));
        self.last = now;
        self.ticks
    }
}
