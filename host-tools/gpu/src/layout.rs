//! The order of weights: the trainer has output channels last, burn first.

/// `[kh, kw, c, oc]` to `[oc, c, kh, kw]`, where `taps` is `kh * kw`.
pub(crate) fn output_channels_first<T: Copy>(weights: &[T], taps: usize, oc: usize) -> Vec<T> {
    let c = weights.len() / (taps * oc);
    let from = |at: usize| {
        let (tap, channel, filter) = (at % taps, at / taps % c, at / taps / c);
        weights[(tap * c + channel) * oc + filter]
    };
    (0..weights.len()).map(from).collect()
}

/// `[oc, c, kh, kw]` to `[kh, kw, c, oc]`.
pub(crate) fn output_channels_last<T: Copy>(weights: &[T], taps: usize, oc: usize) -> Vec<T> {
    let c = weights.len() / (taps * oc);
    let from = |at: usize| {
        let (filter, channel, tap) = (at % oc, at / oc % c, at / oc / c);
        weights[(filter * c + channel) * taps + tap]
    };
    (0..weights.len()).map(from).collect()
}

#[cfg(test)]
mod tests {
    use super::{output_channels_first, output_channels_last};

    #[test]
    fn weights_turn_and_come_back() {
        // Two taps, three channels, two filters: tap, channel and filter in the digits.
        let last = [0, 1, 10, 11, 20, 21, 100, 101, 110, 111, 120, 121];
        let first = [0, 100, 10, 110, 20, 120, 1, 101, 11, 111, 21, 121];
        assert_eq!(output_channels_first(&last, 2, 2), first);
        assert_eq!(output_channels_last(&first, 2, 2), last);
    }
}
