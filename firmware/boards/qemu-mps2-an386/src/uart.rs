//! UART 0 of the board (CMSDK APB UART) as a blocking byte stream.
//!
//! Waiting for a byte sleeps: interrupts are masked, so the receive interrupt wakes the core without a handler.
//! Polling would not only heat the emulator's host: under `-icount` it starves the thread that brings the byte.

#![allow(unsafe_code)]

use core::convert::Infallible;
use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use embedded_io::{ErrorType, Read, Write};

const DATA: *mut u32 = 0x4000_4000 as *mut u32;
const STATE: *mut u32 = 0x4000_4004 as *mut u32;
const CONTROL: *mut u32 = 0x4000_4008 as *mut u32;
const INTERRUPTS: *mut u32 = 0x4000_400c as *mut u32;
const DIVIDER: *mut u32 = 0x4000_4010 as *mut u32;
/// In `STATE`.
const SEND_FULL: u32 = 1 << 0;
/// In `STATE`.
const RECEIVE_FULL: u32 = 1 << 1;
/// In `CONTROL`: sending, receiving, and an interrupt for each byte received.
const ENABLE: u32 = 1 << 0 | 1 << 1 | 1 << 3;
/// In `INTERRUPTS`; writing it clears it.
const RECEIVED: u32 = 1 << 1;
/// The smallest divider: as fast as the line goes.
const FASTEST: u32 = 16;

/// UART 0.
pub struct Uart(());

/// The line of UART 0's receive interrupt (AN386, table of interrupts).
#[derive(Clone, Copy)]
struct ReceiveInterrupt;

// SAFETY: one number, always the same, and the board has that line.
unsafe impl InterruptNumber for ReceiveInterrupt {
    fn number(self) -> u16 {
        0
    }
}

impl Uart {
    /// Starts the UART. From now on interrupts are masked.
    pub fn take() -> Self {
        cortex_m::interrupt::disable();
        // SAFETY: these are the registers of UART 0, which nothing else on this board uses; the unmasked interrupt
        // cannot break a critical section, because PRIMASK stays set.
        unsafe {
            DIVIDER.write_volatile(FASTEST);
            CONTROL.write_volatile(ENABLE);
            NVIC::unmask(ReceiveInterrupt);
        }
        Self(())
    }

    fn state(&self) -> u32 {
        // SAFETY: reading the state register has no effect.
        unsafe { STATE.read_volatile() }
    }
}

impl ErrorType for Uart {
    type Error = Infallible;
}

impl Read for Uart {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        let Some(place) = buffer.first_mut() else { return Ok(0) };
        while self.state() & RECEIVE_FULL == 0 {
            // A byte that comes just before this leaves the interrupt pending, so it returns at once.
            cortex_m::asm::wfi();
        }
        // SAFETY: reading the data register takes the byte that the state register announced. A byte that comes
        // before the interrupt is cleared is seen by the next read's look at the state register.
        unsafe {
            *place = DATA.read_volatile() as u8;
            INTERRUPTS.write_volatile(RECEIVED);
        }
        NVIC::unpend(ReceiveInterrupt);
        Ok(1)
    }
}

impl Write for Uart {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        let Some(&byte) = bytes.first() else { return Ok(0) };
        self.flush()?;
        // SAFETY: the state register says that there is room for a byte.
        unsafe { DATA.write_volatile(u32::from(byte)) };
        Ok(1)
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        while self.state() & SEND_FULL != 0 {}
        Ok(())
    }
}
