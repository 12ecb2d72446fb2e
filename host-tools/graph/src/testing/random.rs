//! A small generator whose sequence never changes.

/// SplitMix64 (Steele, Lea, Flood 2014): one addition and three xor-shifts a number.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number in `range`, which is not empty.
    pub fn within(&mut self, range: std::ops::RangeInclusive<usize>) -> usize {
        let (start, end) = range.into_inner();
        start + (self.bits() % (end - start + 1) as u64) as usize
    }

    /// One of `choices`, of which there is one at least.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.within(0..=choices.len() - 1)]
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.within(1..=n) == 1
    }

    /// A real number in `[0, 1)`.
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1_u64 << 24) as f32
    }

    /// A code from the whole range of int8.
    pub fn code(&mut self) -> i8 {
        (self.bits() >> 56) as u8 as i8
    }

    /// As many codes.
    pub fn codes(&mut self, count: usize) -> Vec<i8> {
        (0..count).map(|_| self.code()).collect()
    }
}
