//! Contact sheets: pictures as they are and as they are learned, side by side, to look at.

use crate::Pictures;
use crate::augment::Augmentation;
use crate::random::Random;
use image::{ImageFormat, Rgb, RgbImage, imageops};
use std::io::Cursor;

/// Pixels between pictures.
const GAP: u32 = 4;
/// Pictures below this height are enlarged by a whole number to see something.
const VISIBLE: usize = 64;

/// A PNG with one row for each picture of `indices`: itself, then `variants` changes of it.
///
/// # Panics
/// If there is no picture with such an index.
pub fn contact_sheet(
    pictures: &Pictures,
    indices: &[usize],
    augmentation: &Augmentation,
    variants: usize,
    seed: u64,
) -> Vec<u8> {
    let scale = VISIBLE.div_ceil(pictures.shape.h.max(1)) as u32;
    let [rows, columns] = [indices.len() as u32, variants as u32 + 1];
    let cell = [pictures.shape.h, pictures.shape.w].map(|side| side as u32 * scale + GAP);
    let size = [columns * cell[1] + GAP, rows * cell[0] + GAP];
    let mut sheet = RgbImage::from_pixel(size[0], size[1], Rgb([255; 3]));
    let mut random = Random::new(seed, 0);
    for (row, index) in indices.iter().enumerate() {
        for column in 0..=variants {
            let mut picture = pictures.picture(*index).into_owned();
            if column > 0 {
                augmentation.apply(&mut picture, pictures.shape, &mut random);
            }
            let tile = tile(&picture, pictures, scale);
            let [y, x] = [row as u32 * cell[0] + GAP, column as u32 * cell[1] + GAP];
            imageops::replace(&mut sheet, &tile, i64::from(x), i64::from(y));
        }
    }
    png(&sheet)
}

/// One picture as a PNG of its own size.
///
/// # Panics
/// If there is no such picture.
pub fn picture_png(pictures: &Pictures, index: usize) -> Vec<u8> {
    png(&tile(&pictures.picture(index), pictures, 1))
}

fn png(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).expect("in memory there is nothing to fail");
    bytes.into_inner()
}

fn tile(picture: &[u8], pictures: &Pictures, scale: u32) -> RgbImage {
    let [h, w, c] = [pictures.shape.h, pictures.shape.w, pictures.shape.c];
    RgbImage::from_fn(w as u32 * scale, h as u32 * scale, |x, y| {
        let pixel = &picture[((y / scale) as usize * w + (x / scale) as usize) * c..][..c];
        Rgb([0, 1, 2].map(|channel| pixel[channel.min(c - 1)]))
    })
}

#[cfg(test)]
mod tests {
    use super::contact_sheet;
    use crate::Pictures;
    use crate::augment::Augmentation;
    use thumbnet_kernels::geometry::Shape;

    #[test]
    fn a_sheet_has_a_row_a_picture_and_starts_with_it() {
        let mut pictures = Pictures::empty(Shape::new(32, 16, 1));
        pictures.push(&[90; 512], 0);
        pictures.push(&[200; 512], 1);
        let bright = Augmentation { brightness: 1.0, ..Augmentation::default() };
        let png = contact_sheet(&pictures, &[1, 0], &bright, 3, 7);
        let sheet = image::load_from_memory(&png).unwrap().to_luma8();
        assert_eq!(sheet.dimensions(), (4 * 36 + 4, 2 * 68 + 4));
        assert_eq!([sheet.get_pixel(4, 4).0, sheet.get_pixel(4, 72).0], [[200], [90]]);
        assert_ne!(sheet.get_pixel(40, 72).0, [90], "changed");
        assert_eq!(png, contact_sheet(&pictures, &[1, 0], &bright, 3, 7));
    }
}
