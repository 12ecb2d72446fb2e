//! From a camera's picture to the network's input, in integers only.
//!
//! Board and desktop call this one function, so a network is trained on exactly what the board will show it:
//!
//! ```text
//! picture u8 [h, w, 1 or 3]
//!   → the centred part of the input's aspect ratio, or all of it    (Fit)
//!   → resized: every output pixel is a weighted mean, rounded once  (Resize)
//!   → grey or RGB, as the input has one channel or three
//!   → inverted, if the recipe says so
//!   → in the middle of the input, which is 0 around it, and turned  (Fit, Turn)
//!   → int8 code = byte - 128
//! ```
//!
//! A picture that already has the input's shape passes through unchanged, byte for byte.

mod resample;
#[cfg(test)]
mod tests;

use resample::{Axis, resample};
use thumbnet_kernels::geometry::Shape;
pub use thumbnet_kernels::preprocessing::{Fit, Preprocessing, Resize, Turn};

/// The longest side a picture or an input may have. With it every sum below provably fits its integer type.
pub const MAX_SIDE: usize = u16::MAX as usize;

/// How a picture becomes the network's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Recipe {
    /// The input's shape `[h, w, c]`, `c` 1 (grey) or 3 (RGB).
    pub shape: Shape,
    /// How the picture becomes it.
    pub how: Preprocessing,
}

/// Why a picture cannot be preprocessed. Pictures come from outside (a camera, a console), so this is an
/// error rather than a panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PictureError {
    /// A side of the picture or of the input is 0 or longer than [`MAX_SIDE`].
    Side,
    /// The picture or the input has neither one channel nor three.
    Channels,
    /// The number of bytes is not `h * w * c` of the picture's shape.
    PictureLength,
    /// The buffer's length is not `h * w * c` of the input's shape.
    InputLength,
}

/// Writes the int8 input codes (`byte - 128`, shape `recipe.shape`) of a picture of shape `shape`.
///
/// `picture` is `[h, w, c]` with `c` 1 (grey) or 3 (RGB), 0 black to 255 white. Allocates nothing, cannot panic;
/// integer arithmetic gives the same codes on every machine.
///
/// # Errors
/// [`PictureError`] if a shape is unusable or a length disagrees with its shape; `input` is then untouched.
pub fn preprocess(
    picture: &[u8],
    shape: Shape,
    recipe: &Recipe,
    input: &mut [i8],
) -> Result<(), PictureError> {
    check(shape, picture.len(), PictureError::PictureLength)?;
    check(recipe.shape, input.len(), PictureError::InputLength)?;
    let Layout { rows, columns, place } = Layout::of(shape, recipe);
    if recipe.how.fit == Fit::Pad {
        input.fill(i8::MIN); // byte 0
    }
    let mask = code_mask(recipe.how.invert);
    let mut codes = Codes { mask, place, input };
    match (shape.c, recipe.shape.c) {
        (1, 1) => {
            resample(picture, shape.w, rows, columns, |at, grey: [u8; 1]| codes.set(at, grey))
        }
        (3, 3) => resample(picture, shape.w, rows, columns, |at, rgb: [u8; 3]| codes.set(at, rgb)),
        (3, _) => resample(picture, shape.w, rows, columns, |at, rgb| codes.set(at, [luma(rgb)])),
        (_, _) => resample(picture, shape.w, rows, columns, |at, [grey]| codes.set(at, [grey; 3])),
    }
    Ok(())
}

/// The lightness of an RGB pixel, 0 to 255: `0.299 R + 0.587 G + 0.114 B`, rounded half up.
///
/// The weights are those of ITU-R BT.601-7, section 2.5.1, times 2^16 and rounded; they add up to 2^16, so a
/// grey pixel keeps its value.
pub const fn luma([red, green, blue]: [u8; 3]) -> u8 {
    let sum = 19_595 * red as u32 + 38_470 * green as u32 + 7_471 * blue as u32;
    ((sum + (1 << 15)) >> 16) as u8
}

fn check(shape: Shape, len: usize, wrong_length: PictureError) -> Result<(), PictureError> {
    if shape.h == 0 || shape.w == 0 || shape.h > MAX_SIDE || shape.w > MAX_SIDE {
        return Err(PictureError::Side);
    }
    if shape.c != 1 && shape.c != 3 {
        return Err(PictureError::Channels);
    }
    // Checked, because 65,535 x 65,535 x 3 does not fit the 32 bits of a board's `usize`.
    let expected = shape.h.checked_mul(shape.w).and_then(|area| area.checked_mul(shape.c));
    if expected == Some(len) { Ok(()) } else { Err(wrong_length) }
}

/// What is seen of a picture, what it becomes, and where that goes.
struct Layout {
    rows: Axis,
    columns: Axis,
    place: Place,
}

impl Layout {
    fn of(shape: Shape, recipe: &Recipe) -> Self {
        let Preprocessing { fit, resize, turn, .. } = recipe.how;
        // No cast loses bits: `check` has bounded the sides to 16 bits.
        let picture = [shape.h as u32, shape.w as u32];
        let mut target = [recipe.shape.h as u32, recipe.shape.w as u32];
        if turn.swaps_sides() {
            target.reverse();
        }
        let (seen, made) = match fit {
            Fit::Stretch => (picture, target),
            Fit::Crop => (crop(picture, target), target),
            Fit::Pad => (picture, crop(target, picture)),
        };
        let axis = |side: usize| Axis::centred(picture[side], seen[side], made[side], resize);
        let [rows, columns] = [axis(0), axis(1)];
        let before = [0, 1].map(|side: usize| target[side].saturating_sub(made[side]) / 2);
        Self { rows, columns, place: Place::of(target, turn).moved(before) }
    }
}

/// Where pixels go in the input, which may be turned: pixel `[y, x]` to `start + y * down + x * right`.
#[derive(Clone, Copy)]
struct Place {
    start: i64,
    down: i64,
    right: i64,
}

impl Place {
    /// Of an `h x w` rectangle that fills the input when it is turned.
    fn of([h, w]: [u32; 2], turn: Turn) -> Self {
        let [h, w] = [h as i64, w as i64];
        match turn {
            Turn::Upright => Self { start: 0, down: w, right: 1 },
            Turn::Right => Self { start: h - 1, down: -1, right: h },
            Turn::Around => Self { start: h * w - 1, down: -w, right: -1 },
            Turn::Left => Self { start: (w - 1) * h, down: 1, right: -h },
        }
    }

    /// The index of pixel `[y, x]`.
    fn index(self, [y, x]: [u32; 2]) -> i64 {
        self.start + y as i64 * self.down + x as i64 * self.right
    }

    /// The same with what was pixel `[y, x]` as the first.
    fn moved(self, first: [u32; 2]) -> Self {
        Self { start: self.index(first), ..self }
    }
}

/// The largest part of an `h x w` rectangle with the target's aspect ratio, to the nearest pixel and never empty.
fn crop([h, w]: [u32; 2], [target_h, target_w]: [u32; 2]) -> [u32; 2] {
    // Sides have 16 bits: the products fit 32, as does (2^16 - 1)^2 + 2^15.
    let scaled_width = h * target_w;
    let scaled_height = w * target_h;
    if scaled_width < scaled_height {
        [h, divide_rounded(scaled_width, target_h).max(1)]
    } else {
        [divide_rounded(scaled_height, target_w).max(1), w]
    }
}

/// `dividend / divisor` to the nearest integer, half up. Once a picture, never per pixel.
fn divide_rounded(dividend: u32, divisor: u32) -> u32 {
    // `checked_div`, so that no division-by-zero panic is linked; `check` has refused zero sides.
    (dividend + divisor / 2).checked_div(divisor).unwrap_or(0)
}

/// `byte ^ mask` is the code: `byte - 128` flips the top bit, `255 - byte` flips all of them.
const fn code_mask(invert: bool) -> u8 {
    if invert { 0x7f } else { 0x80 }
}

/// The input, filled pixel by pixel.
struct Codes<'a> {
    mask: u8,
    place: Place,
    input: &'a mut [i8],
}

impl Codes<'_> {
    fn set<const C: usize>(&mut self, at: [u32; 2], pixel: [u8; C]) {
        let (pixels, _) = self.input.as_chunks_mut::<C>();
        // No index is negative, and none needs more bits than an address: it lies inside the input.
        if let Some(codes) = pixels.get_mut(self.place.index(at) as usize) {
            *codes = pixel.map(|byte| (byte ^ self.mask) as i8);
        }
    }
}
