//! USART 2, which the on-board debugger shows to the host as a serial port, as a blocking byte stream.

use embedded_io::{ErrorKind, ErrorType, Read, Write};
use stm32f4xx_hal::hal_02::serial::{Read as _, Write as _};
use stm32f4xx_hal::nb;
use stm32f4xx_hal::pac::USART2;
use stm32f4xx_hal::serial::Serial;

/// The HAL's serial port in the terms of embedded-io 0.7, which it does not speak.
pub struct Uart(pub Serial<USART2>);

impl ErrorType for Uart {
    type Error = ErrorKind;
}

impl Read for Uart {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        let Some(place) = buffer.first_mut() else { return Ok(0) };
        // Overrun, noise, framing: a byte is lost, and the frame's checksum will tell.
        *place = nb::block!(self.0.read()).map_err(|_| ErrorKind::Other)?;
        Ok(1)
    }
}

impl Write for Uart {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        let Some(&byte) = bytes.first() else { return Ok(0) };
        nb::block!(self.0.write(byte)).map_err(|_| ErrorKind::Other)?;
        Ok(1)
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        nb::block!(self.0.flush()).map_err(|_| ErrorKind::Other)
    }
}
