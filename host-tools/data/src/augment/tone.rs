//! Brightness, contrast and noise: each byte by itself.

use crate::random::Random;

/// Contrast by `gain` around middle grey, and `offset` as a share of the full range.
pub(super) fn scale(picture: &mut [u8], gain: f32, offset: f32) {
    let change = |byte: u8| (f32::from(byte) - 127.5) * gain + 127.5 + offset * 255.0;
    // Casts saturate.
    picture.iter_mut().for_each(|byte| *byte = (change(*byte) + 0.5) as u8);
}

/// Noise of this standard deviation, as a share of the full range.
pub(super) fn add_noise(picture: &mut [u8], deviation: f32, random: &mut Random) {
    for byte in picture {
        let noise = random.normal() as f32 * deviation * 255.0;
        *byte = (f32::from(*byte) + noise + 0.5) as u8;
    }
}
