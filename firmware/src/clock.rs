//! Time as a board can measure it: instructions, cycles, or nothing.

use serde::{Deserialize, Serialize};

/// A counter that only grows.
pub trait Clock {
    /// What a tick stands for.
    const RATE: TickRate;

    /// Ticks since an arbitrary start. Must be called at least once per period of the underlying
    /// counter, which each implementation states.
    fn ticks(&mut self) -> u64;
}

/// What one tick of a [`Clock`] stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum TickRate {
    /// This many executed instructions a tick, exact up to one tick: an emulator that counts.
    Instructions(u32),
    /// This many core cycles a tick: a hardware counter.
    Cycles(u32),
}

impl TickRate {
    /// `ticks` in instructions or cycles.
    pub const fn scale(self, ticks: u64) -> u64 {
        let (Self::Instructions(each) | Self::Cycles(each)) = self;
        ticks.saturating_mul(each as u64)
    }
}
