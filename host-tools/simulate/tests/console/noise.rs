//! A line that now and then damages, loses or invents a byte.

use std::io::{self, Read, Write};

/// A stream with noise in both directions.
pub struct Noisy<S> {
    stream: S,
    /// One byte in this many suffers; 0 for none.
    rarity: u32,
    state: u32,
    /// How many have suffered.
    pub hits: usize,
}

impl<S> Noisy<S> {
    pub fn new(stream: S, rarity: u32, seed: u32) -> Self {
        Self { stream, rarity, state: seed.wrapping_mul(2_654_435_761).wrapping_add(1), hits: 0 }
    }

    /// The same line without noise from now on.
    pub fn quiet(self) -> Self {
        Self { rarity: 0, ..self }
    }

    fn random(&mut self) -> u32 {
        self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.state >> 8
    }

    /// What becomes of a byte: mostly itself, else damaged, nothing, or two.
    fn disturb(&mut self, byte: u8) -> Vec<u8> {
        if self.rarity == 0 || !self.random().is_multiple_of(self.rarity) {
            return vec![byte];
        }
        self.hits += 1;
        match self.random() % 3 {
            0 => vec![byte ^ (1 << (self.random() % 8))],
            1 => vec![],
            _ => vec![byte, self.random() as u8],
        }
    }
}

impl<S: Read> Read for Noisy<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut byte = [0];
        loop {
            if self.stream.read(&mut byte)? == 0 {
                return Ok(0);
            }
            // A byte too many would need a second place; damage and loss are enough on this way.
            if let Some(&byte) = self.disturb(byte[0]).first() {
                buffer[0] = byte;
                return Ok(1);
            }
        }
    }
}

impl<S: Write> Write for Noisy<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for &byte in bytes {
            let disturbed = self.disturb(byte);
            self.stream.write_all(&disturbed)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
