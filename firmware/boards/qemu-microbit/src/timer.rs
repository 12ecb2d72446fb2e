//! The nRF51's timer 0 as a clock that counts instructions.
//!
//! It runs at 16 MHz, here halved. Under QEMU's `-icount shift=0` an instruction takes one nanosecond of virtual
//! time, so a tick is exactly 125 instructions. It wraps after 2^32 ticks, 537 thousand million instructions.
//!
//! Source of the registers: nRF51 Series Reference Manual 3.0, section 18.

#![allow(unsafe_code)]

use firmware::clock::{Clock, TickRate};

const START: *mut u32 = 0x4000_8000 as *mut u32;
/// Writing it copies the counter to `CAPTURED`.
const CAPTURE: *mut u32 = 0x4000_8040 as *mut u32;
const BIT_MODE: *mut u32 = 0x4000_8508 as *mut u32;
/// The timer's clock is 16 MHz / 2^prescaler.
const PRESCALER: *mut u32 = 0x4000_8510 as *mut u32;
const CAPTURED: *mut u32 = 0x4000_8540 as *mut u32;
/// In `BIT_MODE`.
const BITS_32: u32 = 3;

/// Timer 0.
pub struct Timer {
    last: u32,
    ticks: u64,
}

impl Timer {
    /// Starts the timer.
    pub fn take() -> Self {
        // SAFETY: these are the registers of timer 0, which nothing else on this board uses.
        unsafe {
            BIT_MODE.write_volatile(BITS_32);
            PRESCALER.write_volatile(1);
            START.write_volatile(1);
        }
        Self { last: 0, ticks: 0 }
    }
}

impl Clock for Timer {
    const RATE: TickRate = TickRate::Instructions(125);

    /// Must be called at least once in 2^32 ticks.
    fn ticks(&mut self) -> u64 {
        // SAFETY: the capture register 0 of timer 0 is this clock's own.
        let now = unsafe {
            CAPTURE.write_volatile(1);
            CAPTURED.read_volatile()
        };
        // It wraps at most once between two readings.
        self.ticks += u64::from(now.wrapping_sub(self.last));
        self.last = now;
        self.ticks
    }
}
