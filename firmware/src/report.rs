//! What the board tells people: log lines through defmt, and a lamp.
//!
//! Without the feature `defmt` the log functions do nothing and cost nothing.

use crate::classify::top_classes;
use crate::clock::TickRate;
use crate::console::message::Refusal;
use embedded_hal::delay::DelayNs;
use embedded_hal::digital::OutputPin;
use thumbnet_kernels::model::Model;

/// Logs which network has started.
pub fn started<M: Model>() {
    #[cfg(feature = "defmt")]
    defmt::info!(
        "thumbnet: {=str} {=[u8; 8]:02x}, input {=usize} x {=usize} x {=usize}, {=usize} layers",
        M::INFO.name,
        M::INFO.digest,
        M::INFO.input.h,
        M::INFO.input.w,
        M::INFO.input.c,
        M::INFO.layers.len(),
    );
}

/// Logs an inference: its best class and what it cost.
pub fn inference<M: Model>(logits: &[i8], rate: TickRate, ticks: u64) {
    if cfg!(not(feature = "defmt")) {
        return;
    }
    let Some(best) = top_classes::<1>(logits, M::INFO.softmax_scale).pop() else { return };
    let label = M::INFO.labels.get(usize::from(best.index)).copied().unwrap_or("?");
    let percent = (best.confidence * 100.0) as u8;
    let unit = match rate {
        TickRate::Instructions(_) => "instructions",
        TickRate::Cycles(_) => "cycles",
    };
    let cost = rate.scale(ticks);
    #[cfg(feature = "defmt")]
    defmt::info!(
        "class {=u16} {=str}, confidence {=u8} %, {=u64} {=str}",
        best.index,
        label,
        percent,
        cost,
        unit
    );
    #[cfg(not(feature = "defmt"))]
    let _ = (label, percent, cost, unit);
}

/// Logs a request that was not carried out.
pub fn refused(refusal: Refusal) {
    #[cfg(feature = "defmt")]
    defmt::warn!("refused: {}", refusal);
    #[cfg(not(feature = "defmt"))]
    let _ = refusal;
}

/// Blinks the number of a class on a lamp: once for class 0, `index + 1` times in all.
///
/// # Errors
/// The pin's.
pub fn blink<P: OutputPin, D: DelayNs>(
    lamp: &mut P,
    delay: &mut D,
    index: u16,
) -> Result<(), P::Error> {
    /// Long enough to count by eye.
    const HALF_PERIOD_MS: u32 = 150;
    for _ in 0..=index {
        lamp.set_high()?;
        delay.delay_ms(HALF_PERIOD_MS);
        lamp.set_low()?;
        delay.delay_ms(HALF_PERIOD_MS);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::blink;
    use crate::fakes::{Pin, Waits};

    #[test]
    fn class_zero_blinks_once_and_class_two_three_times() {
        for (index, pulses) in [(0, 1), (2, 3)] {
            let (mut lamp, mut delay) = (Pin::default(), Waits::default());
            assert_eq!(blink(&mut lamp, &mut delay, index), Ok(()));
            assert_eq!(lamp.written, [true, false].repeat(pulses));
            assert_eq!(delay.total_ms(), 300 * pulses as u64);
        }
    }
}
