//! The core's own cycle counter as a clock. Cortex-M3 and later have it; QEMU does not emulate it.

use cortex_m::peripheral::{DCB, DWT};
use firmware::clock::{Clock, TickRate};

/// CYCCNT of the data watchpoint and trace unit.
pub struct CycleCounter {
    last: u32,
    ticks: u64,
}

impl CycleCounter {
    /// Starts the counter and takes it over.
    pub fn take(mut control: DCB, mut trace: DWT) -> Self {
        control.enable_trace();
        trace.enable_cycle_counter();
        Self { last: DWT::cycle_count(), ticks: 0 }
    }
}

impl Clock for CycleCounter {
    const RATE: TickRate = TickRate::Cycles(1);

    /// Must be called at least once in 2^32 cycles, 25 seconds at 168 MHz.
    fn ticks(&mut self) -> u64 {
        let now = DWT::cycle_count();
        self.ticks += u64::from(now.wrapping_sub(self.last));
        self.last = now;
        self.ticks
    }
}
