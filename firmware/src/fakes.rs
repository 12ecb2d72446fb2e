//! Stand-ins for tests: a tiny network, a clock, a serial line, pins and delays in memory.

use crate::clock::{Clock, TickRate};
use embedded_hal::delay::DelayNs;
use embedded_hal::digital::{self, InputPin, OutputPin};
use embedded_io::{ErrorKind, ErrorType, Read, Write};
use std::collections::VecDeque;
use std::vec::Vec;
use thumbnet_kernels::geometry::Shape;
use thumbnet_kernels::model::{Arena, Info, Model, Observer};
use thumbnet_kernels::preprocessing::{Fit, Preprocessing};

/// Two layers on a 2 x 2 grey picture: negation, then 300 logits of which the first four are the negated
/// pixels and the last is their wrapping sum.
pub(crate) struct Tiny;

/// Number of logits of [`Tiny`], more than one message holds.
pub(crate) const LOGITS: usize = 300;
const INPUT: core::ops::Range<usize> = 0..4;
const OUTPUT: core::ops::Range<usize> = 8..8 + LOGITS;

impl Model for Tiny {
    type Arena = Arena<{ 8 + LOGITS }>;

    const INFO: Info = Info {
        name: "tiny",
        digest: *b"tinytiny",
        input: Shape::new(2, 2, 1),
        input_scale: 1.0 / 255.0,
        input_zero_point: -128,
        output_scale: 0.25,
        output_zero_point: 3,
        softmax_scale: 0.25,
        labels: &["north", "südöstlich"],
        layers: &["negate", "copy"],
    };

    const PREPROCESSING: Option<Preprocessing> = Some(Preprocessing::new(Fit::Crop, false));

    const ARENA: Self::Arena = Arena::NEW;

    fn input(arena: &mut Self::Arena) -> &mut [i8] {
        &mut arena.0[INPUT]
    }

    fn infer<O: Observer>(arena: &mut Self::Arena, observer: &mut O) {
        for value in &mut arena.0[INPUT] {
            *value = value.wrapping_neg();
        }
        observer.layer(0, &arena.0[INPUT]);
        let sum = arena.0[INPUT].iter().fold(0_i8, |sum, &value| sum.wrapping_add(value));
        arena.0.copy_within(INPUT, OUTPUT.start);
        arena.0[OUTPUT.end - 1] = sum;
        observer.layer(1, &arena.0[OUTPUT]);
    }

    fn logits(arena: &Self::Arena) -> &[i8] {
        &arena.0[OUTPUT]
    }
}

/// A clock that goes on by 100 at each reading.
#[derive(Default)]
pub(crate) struct Stepping(u64);

impl Clock for Stepping {
    const RATE: TickRate = TickRate::Cycles(2);

    fn ticks(&mut self) -> u64 {
        self.0 += 100;
        self.0
    }
}

/// A serial line: what the board will read, and what it has written.
#[derive(Default)]
pub(crate) struct Line {
    pub(crate) incoming: VecDeque<u8>,
    pub(crate) outgoing: Vec<u8>,
}

impl ErrorType for Line {
    type Error = ErrorKind;
}

impl Read for Line {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        let count = buffer.len().min(self.incoming.len());
        for (place, byte) in buffer.iter_mut().zip(self.incoming.drain(..count)) {
            *place = byte;
        }
        Ok(count)
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.outgoing.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

/// A pin that reads prepared levels and records what it is set to. It fails when no level is left.
#[derive(Debug, Default)]
pub(crate) struct Pin {
    levels: VecDeque<bool>,
    pub(crate) written: Vec<bool>,
}

/// The pin's error.
#[derive(Debug, PartialEq)]
pub(crate) struct NoLevel;

impl Pin {
    pub(crate) fn reading(levels: &[bool]) -> Self {
        Self { levels: levels.iter().copied().collect(), written: Vec::new() }
    }

    pub(crate) fn is_exhausted(&self) -> bool {
        self.levels.is_empty()
    }
}

impl digital::Error for NoLevel {
    fn kind(&self) -> digital::ErrorKind {
        digital::ErrorKind::Other
    }
}

impl digital::ErrorType for Pin {
    type Error = NoLevel;
}

impl InputPin for Pin {
    fn is_high(&mut self) -> Result<bool, NoLevel> {
        self.levels.pop_front().ok_or(NoLevel)
    }

    fn is_low(&mut self) -> Result<bool, NoLevel> {
        self.is_high().map(|high| !high)
    }
}

impl OutputPin for Pin {
    fn set_low(&mut self) -> Result<(), NoLevel> {
        self.written.push(false);
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), NoLevel> {
        self.written.push(true);
        Ok(())
    }
}

/// A delay that only adds up.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    total_ns: u64,
}

impl Waits {
    pub(crate) fn total_ms(&self) -> u64 {
        self.total_ns / 1_000_000
    }
}

impl DelayNs for Waits {
    fn delay_ns(&mut self, ns: u32) {
        self.total_ns += u64::from(ns);
    }
}
