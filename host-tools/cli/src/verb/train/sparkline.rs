//! A curve in one line of text.

/// Eight heights.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The values as blocks between their smallest and largest, each `width`-th part of them one block: its mean.
pub(super) fn sparkline(values: &[f64], width: usize) -> String {
    let columns = values.len().min(width);
    let column = |index: usize| {
        let part = &values[index * values.len() / columns..(index + 1) * values.len() / columns];
        part.iter().sum::<f64>() / part.len() as f64
    };
    let means: Vec<f64> = (0..columns).map(column).collect();
    let low = means.iter().copied().fold(f64::INFINITY, f64::min);
    let high = means.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let block = |mean: &f64| {
        let height = (mean - low) / (high - low).max(f64::MIN_POSITIVE);
        BLOCKS[((height * 8.0) as usize).min(7)]
    };
    means.iter().map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::sparkline;

    #[test]
    fn values_become_blocks_between_the_smallest_and_the_largest() {
        assert_eq!(sparkline(&[0.0, 1.0, 2.0, 4.0, 8.0], 10), "▁▂▃▅█");
        assert_eq!(sparkline(&[5.0, 5.0], 10), "▁▁");
        assert_eq!(sparkline(&[], 10), "");
        assert_eq!(sparkline(&[f64::NAN, 1.0], 10), "▁▁");
    }

    #[test]
    fn many_values_share_a_block() {
        // Means 0.5, 2.5 and 5: of two, two and three values.
        assert_eq!(sparkline(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3), "▁▄█");
    }
}
