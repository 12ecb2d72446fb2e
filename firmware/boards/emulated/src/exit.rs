//! How the firmware ends: with a status that the emulator passes on. It ends only when something is wrong.

#![allow(unsafe_code)]

use core::panic::PanicInfo;
use cortex_m_rt::{ExceptionFrame, exception};
use cortex_m_semihosting::debug;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let line = info.location().map_or(0, core::panic::Location::line);
    let file = info.location().map_or("?", core::panic::Location::file);
    defmt::error!("panic at {=str}:{=u32}", file, line);
    fail()
}

/// A fault: a stack overflow, an address outside the memories.
// SAFETY: an exception handler that never returns and touches nothing that the interrupted code owns.
#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    defmt::error!("hard fault at {=u32:#010x}", frame.pc());
    fail()
}

fn fail() -> ! {
    loop {
        debug::exit(debug::EXIT_FAILURE);
    }
}
