//! Pictures are hostile input: whatever bytes a file holds, decoding ends in a picture or in an error.

use image::{DynamicImage, ImageFormat, RgbImage};
use std::{io::Cursor, path::Path};
use thumbnet_data::RawPicture;

/// Damaged files of each format; raise it for a longer hunt.
const ROUNDS: u64 = 500;

/// A small generator (splitmix64), seeded, so that failures repeat.
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn encoded(format: ImageFormat) -> Vec<u8> {
    let picture =
        RgbImage::from_fn(21, 13, |x, y| image::Rgb([(x * 12) as u8, (y * 19) as u8, 77]));
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(picture).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

#[test]
fn damaged_pictures_never_panic() {
    let formats = [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::Bmp,
        ImageFormat::Gif,
        ImageFormat::WebP,
        ImageFormat::Pnm,
    ];
    let path = Path::new("damaged.png");
    for format in formats {
        let good = encoded(format);
        let mut refused = 0;
        for round in 0..ROUNDS {
            let mut state = round;
            let mut bytes = good.clone();
            for _ in 0..=random(&mut state) % 4 {
                let place = random(&mut state) as usize % bytes.len();
                bytes[place] = random(&mut state) as u8;
            }
            if round % 3 == 0 {
                bytes.truncate(random(&mut state) as usize % bytes.len());
            }
            match RawPicture::from_bytes(&bytes, path) {
                Ok(picture) => assert_eq!(picture.pixels.len(), picture.shape.len()),
                Err(error) => {
                    refused += 1;
                    assert!(
                        !error.to_string().contains('\n'),
                        "{format:?}, round {round}: {error}"
                    );
                }
            }
        }
        assert!(refused > 0, "{format:?}");
    }
}
