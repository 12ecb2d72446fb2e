//! Pictures that a small network can learn, for tests of whole trainings.

use thumbnet_data::{Dataset, Pictures};
use thumbnet_graph::Shape;

/// Pictures of three kinds that a small network can tell apart: noise, brighter at the top, at the left or nowhere.
pub fn dataset(count: usize) -> Dataset {
    let mut state = 12345u32;
    let mut noise = move || {
        state = state.wrapping_mul(1664525).wrapping_add(1013904223);
        state >> 25
    };
    let mut pictures = |count: usize| {
        let mut pixels = Vec::new();
        for index in 0..count {
            for at in 0..64 {
                let bright = match index % 3 {
                    0 => at / 8 < 3,
                    1 => at % 8 < 3,
                    _ => false,
                };
                pixels.push((noise() + if bright { 90 } else { 0 }) as u8);
            }
        }
        let labels = (0..count).map(|index| index % 3).collect();
        Pictures::new(Shape::new(8, 8, 1), pixels, labels)
    };
    let classes = ["top", "left", "none"].map(str::to_owned).to_vec();
    let (train, test) = (pictures(count), pictures(31));
    Dataset { name: "stripes".to_owned(), classes, train, test }
}
