//! Shift, rotation, scale and mirror: one affine map, sampled bilinearly.
//!
//! Thirty lines of our own; `imageproc` would bring a linear algebra library with it.

use thumbnet_kernels::geometry::Shape;

/// Where a picture is moved to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Warp {
    /// Down and to the right, as shares of the sides.
    pub shift: [f32; 2],
    /// To the right.
    pub degrees: f32,
    /// Times the size.
    pub zoom: f32,
    /// Left to right.
    pub flip: bool,
}

impl Warp {
    pub fn changes(&self) -> bool {
        self.flip || self.zoom != 1.0 || self.degrees != 0.0 || self.shift != [0.0; 2]
    }

    /// Cuts `share` of both sides away and fills the picture with the rest. `place` is asked for where the rest lies, down
    /// and to the right: from -1 to 1 for all places.
    pub fn crop(&mut self, share: f32, mut place: impl FnMut() -> f32) {
        let part = 1.0 - share;
        self.shift = self.shift.map(|shift| shift - place() * share / 2.0 / part);
        self.zoom /= part;
    }

    /// Moves the picture about its centre; what comes in over the border repeats the nearest pixel.
    pub fn apply(&self, picture: &mut [u8], shape: Shape) {
        let source = picture.to_vec();
        let centre = [shape.h, shape.w].map(|side| (side as f32 - 1.0) / 2.0);
        let angle = self.degrees.to_radians();
        // Backwards: from the new place to the old one.
        let [sine, cosine] = [libm::sinf(angle), libm::cosf(angle)].map(|part| part / self.zoom);
        let mirror = if self.flip { -1.0 } else { 1.0 };
        // Whole pixels, so that a shift alone blurs nothing.
        let whole = |share: f32, side: usize| libm::roundf(share * side as f32);
        let shift = [whole(self.shift[0], shape.h), whole(self.shift[1], shape.w)];
        let pixels = picture.chunks_exact_mut(shape.c);
        for (index, pixel) in pixels.enumerate() {
            let y = (index / shape.w) as f32 - centre[0] - shift[0];
            let x = (index % shape.w) as f32 - centre[1] - shift[1];
            let row = cosine * y - sine * x + centre[0];
            let column = mirror * (sine * y + cosine * x) + centre[1];
            sample(&source, shape, [row, column], pixel);
        }
    }
}

/// The pixel between four others.
fn sample(source: &[u8], shape: Shape, [row, column]: [f32; 2], pixel: &mut [u8]) {
    let [y0, y1, down] = neighbours(row, shape.h);
    let [x0, x1, right] = neighbours(column, shape.w);
    let corners = [(y0, x0), (y0, x1), (y1, x0), (y1, x1)];
    let [down, right] = [down as f32, right as f32].map(|part| part / STEPS);
    let weights =
        [(1.0 - down) * (1.0 - right), (1.0 - down) * right, down * (1.0 - right), down * right];
    for (channel, byte) in pixel.iter_mut().enumerate() {
        let corner =
            |(y, x): (usize, usize)| f32::from(source[(y * shape.w + x) * shape.c + channel]);
        let sum: f32 = corners.iter().zip(weights).map(|(at, weight)| corner(*at) * weight).sum();
        *byte = (sum + 0.5) as u8;
    }
}

/// Parts of a pixel that a place is rounded to.
const STEPS: f32 = 256.0;

/// The two rows or columns around a place, and how many steps lie between the first and it.
fn neighbours(place: f32, side: usize) -> [usize; 3] {
    let last = side - 1;
    let steps = (place.clamp(0.0, last as f32) * STEPS + 0.5) as usize;
    let first = steps / STEPS as usize;
    [first, (first + 1).min(last), steps % STEPS as usize]
}
