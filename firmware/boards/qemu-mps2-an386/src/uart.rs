//! UART 0 of the board (CMSDK APB UART) as a blocking byte stream.

#![allow(unsafe_code)]

use core::convert::Infallible;
use embedded_io::{ErrorType, Read, Write};

const DATA: *mut u32 = 0x4000_4000 as *mut u32;
const STATE: *mut u32 = 0x4000_4004 as *mut u32;
const CONTROL: *mut u32 = 0x4000_4008 as *mut u32;
const DIVIDER: *mut u32 = 0x4000_4010 as *mut u32;
const SEND_FULL: u32 = 1 << 0;
const RECEIVE_FULL: u32 = 1 << 1;
const ENABLE_BOTH: u32 = 0b11;
/// The smallest divider: as fast as the line goes.
const FASTEST: u32 = 16;

/// UART 0.
pub struct Uart(());

impl Uart {
    /// Starts the UART.
    pub fn take() -> Self {
        // SAFETY: these are the registers of UART 0, which nothing else on this board uses.
        unsafe {
            DIVIDER.write_volatile(FASTEST);
            CONTROL.write_volatile(ENABLE_BOTH);
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
        while self.state() & RECEIVE_FULL == 0 {}
        // SAFETY: reading the data register takes the byte that the state register announced.
        *place = unsafe { DATA.read_volatile() } as u8;
        Ok(1)
    }
}

impl Write for Uart {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        let Some(&byte) = bytes.first() else { return Ok(0) };
        while self.state() & SEND_FULL != 0 {}
        // SAFETY: the state register says that there is room for a byte.
        unsafe { DATA.write_volatile(u32::from(byte)) };
        Ok(1)
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        while self.state() & SEND_FULL != 0 {}
        Ok(())
    }
}
