//! Pools, and the ReLU that stands alone.

use super::requantize::requantize;
use super::{Site, product};
use crate::call::Call;
use crate::error::CompileError;
use crate::fold::fold_zero_point;
use thumbnet_graph::Window;

/// A max pool: codes pass through, and a valid graph keeps their number format.
pub(super) fn lower_max(site: &Site<'_>, window: &Window) -> Call {
    Call::MaxPool2d { input: site.shape(site.input()), window: *window }
}

/// An average pool: a sum whose factor contains `1 / taps`. A valid graph has none over padding.
pub(super) fn lower_average(site: &Site<'_>, window: &Window) -> Result<(Call, u64), CompileError> {
    sum_and_scale(site, *window)
}

/// A ReLU that could not join its producer: a sum over a window of one element, clamped at real 0.
pub(super) fn lower_relu(site: &Site<'_>) -> Result<(Call, u64), CompileError> {
    sum_and_scale(site, Window::UNIT)
}

fn sum_and_scale(site: &Site<'_>, window: Window) -> Result<(Call, u64), CompileError> {
    let input = site.shape(site.input());
    let output = site.shape(site.output());
    let input_zero_point = site.format(site.input()).zero_point;
    // The window fits the map, so it has at most as many taps as a map has bytes.
    let ones = vec![1; window.taps()];
    let bias = fold_zero_point(&site.place(), &ones, &[0], input_zero_point)?[0];
    let requantize = requantize(site, &[1.0 / window.taps() as f32])?;
    let call = Call::AveragePool2d { input, window, input_zero_point, bias, requantize };
    Ok((call, product(&[output.len(), window.taps()])))
}
