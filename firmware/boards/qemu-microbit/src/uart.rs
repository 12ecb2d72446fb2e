//! The nRF51's UART as a blocking byte stream.
//!
//! Waiting for a byte sleeps: interrupts are masked, so the UART's interrupt wakes the core without a handler.
//! Polling would not only heat the emulator's host: under `-icount` it starves the thread that brings the byte.
//!
//! Source of the registers: nRF51 Series Reference Manual 3.0, section 29.

#![allow(unsafe_code)]

use core::convert::Infallible;
use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use embedded_io::{ErrorType, Read, Write};

const START_RECEIVING: *mut u32 = 0x4000_2000 as *mut u32;
const START_SENDING: *mut u32 = 0x4000_2008 as *mut u32;
/// Becomes 1 with each byte that has come.
const RECEIVED: *mut u32 = 0x4000_2108 as *mut u32;
/// Becomes 1 with each byte that has gone.
const SENT: *mut u32 = 0x4000_211c as *mut u32;
const INTERRUPTS: *mut u32 = 0x4000_2304 as *mut u32;
const ENABLE: *mut u32 = 0x4000_2500 as *mut u32;
const RECEIVE: *mut u32 = 0x4000_2518 as *mut u32;
const SEND: *mut u32 = 0x4000_251c as *mut u32;
/// In `INTERRUPTS`: one for each byte received.
const ON_RECEIVED: u32 = 1 << 2;
/// In `ENABLE`.
const ENABLED: u32 = 4;

/// The UART.
pub struct Uart {
    /// Whether a byte is on its way out.
    sending: bool,
}

/// The UART's interrupt line (nRF51 Series Reference Manual, table of peripherals).
#[derive(Clone, Copy)]
struct UartInterrupt;

// SAFETY: one number, always the same, and the chip has that line.
unsafe impl InterruptNumber for UartInterrupt {
    fn number(self) -> u16 {
        2
    }
}

impl Uart {
    /// Starts the UART. From now on interrupts are masked.
    pub fn take() -> Self {
        cortex_m::interrupt::disable();
        // SAFETY: these are the registers of the UART, which nothing else on this board uses; the unmasked interrupt
        // cannot break a critical section, because PRIMASK stays set.
        unsafe {
            ENABLE.write_volatile(ENABLED);
            INTERRUPTS.write_volatile(ON_RECEIVED);
            START_RECEIVING.write_volatile(1);
            START_SENDING.write_volatile(1);
            NVIC::unmask(UartInterrupt);
        }
        Self { sending: false }
    }
}

impl ErrorType for Uart {
    type Error = Infallible;
}

impl Read for Uart {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        let Some(place) = buffer.first_mut() else { return Ok(0) };
        // SAFETY: reading the event has no effect.
        while unsafe { RECEIVED.read_volatile() } == 0 {
            // A byte that comes just before this leaves the interrupt pending, so it returns at once.
            cortex_m::asm::wfi();
        }
        // SAFETY: taking the byte that the event announced. The event is cleared first: taking the byte sets it
        // again if there is another behind.
        unsafe {
            RECEIVED.write_volatile(0);
            *place = RECEIVE.read_volatile() as u8;
        }
        NVIC::unpend(UartInterrupt);
        Ok(1)
    }
}

impl Write for Uart {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        let Some(&byte) = bytes.first() else { return Ok(0) };
        self.flush()?;
        // SAFETY: the byte before this one has gone.
        unsafe { SEND.write_volatile(u32::from(byte)) };
        self.sending = true;
        Ok(1)
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        // SAFETY: reading the event has no effect, and nobody but this stream waits for it.
        while self.sending && unsafe { SENT.read_volatile() } == 0 {}
        // SAFETY: as above.
        unsafe { SENT.write_volatile(0) };
        self.sending = false;
        Ok(())
    }
}
