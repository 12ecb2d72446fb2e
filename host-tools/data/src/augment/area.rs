//! Blur and cut-out: pixels by their places.

use thumbnet_kernels::geometry::Shape;

/// Blurs by the weights 1 2 1 along rows and columns; beyond the border, the nearest pixel counts.
pub(super) fn blur(picture: &mut [u8], shape: Shape) {
    let Shape { h, w, c } = shape;
    let along_rows: Vec<u16> = (0..picture.len())
        .map(|at| {
            let (row, x, channel) = (at / (w * c) * (w * c), at / c % w, at % c);
            let byte = |x: usize| u16::from(picture[row + x * c + channel]);
            byte(x.saturating_sub(1)) + 2 * byte(x) + byte((x + 1).min(w - 1))
        })
        .collect();
    for (at, byte) in picture.iter_mut().enumerate() {
        let (y, column) = (at / (w * c), at % (w * c));
        let sum = |y: usize| along_rows[y * w * c + column];
        let sixteen = sum(y.saturating_sub(1)) + 2 * sum(y) + sum((y + 1).min(h - 1));
        *byte = ((sixteen + 8) / 16) as u8;
    }
}

/// Paints a square over, `share` of the shorter side wide, its centre at `place` (shares of the sides), with the
/// picture's mean.
pub(super) fn cut_out(picture: &mut [u8], shape: Shape, share: f32, place: [f32; 2]) {
    let Shape { h, w, c } = shape;
    let half = share * h.min(w) as f32 / 2.0;
    let range = |place: f32, side: usize| {
        let centre = place * side as f32;
        // Casts saturate at 0.
        let [start, end] = [centre - half, centre + half].map(|edge| (edge + 0.5) as usize);
        start.min(side)..end.min(side)
    };
    let means: Vec<u8> = (0..c).map(|channel| mean(picture, c, channel)).collect();
    for y in range(place[0], h) {
        for x in range(place[1], w) {
            picture[(y * w + x) * c..][..c].copy_from_slice(&means);
        }
    }
}

fn mean(picture: &[u8], channels: usize, channel: usize) -> u8 {
    let bytes = picture.iter().skip(channel).step_by(channels);
    let sum: usize = bytes.clone().map(|byte| usize::from(*byte)).sum();
    (sum / bytes.count().max(1)) as u8
}
