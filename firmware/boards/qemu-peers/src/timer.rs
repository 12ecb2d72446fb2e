//! Executed instructions, by the emulator's SysTick.

use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;

/// QEMU runs SysTick at 25 MHz and, with `-icount shift=0`, an instruction a nanosecond.
const INSTRUCTIONS_A_TICK: u32 = 40;

/// Counts instructions, in steps of 40.
pub struct Timer(SYST);

impl Timer {
    /// Starts counting.
    pub fn new(mut systick: SYST) -> Self {
        systick.set_clock_source(SystClkSource::Core);
        systick.set_reload(0x00ff_ffff);
        systick.clear_current();
        systick.enable_counter();
        Self(systick)
    }

    /// Instructions that `work` executes; less than 2^24 ticks.
    pub fn measure(&mut self, work: impl FnOnce()) -> u32 {
        let start = SYST::get_current();
        work();
        let ticks = start.wrapping_sub(SYST::get_current()) & 0x00ff_ffff;
        let _ = &self.0;
        ticks * INSTRUCTIONS_A_TICK
    }
}
