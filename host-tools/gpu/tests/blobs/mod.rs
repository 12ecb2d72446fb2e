//! Pictures that a small network can learn.

use thumbnet_data::{Dataset, Pictures, Random};
use thumbnet_graph::Shape;

/// Noise that is brighter at the top, at the left or nowhere.
pub fn dataset(count: usize) -> Dataset {
    let mut random = Random::new(3, 0);
    let mut pictures = |count: usize| {
        let mut pixels = Vec::new();
        for index in 0..count {
            for at in 0..64 {
                let bright = match index % 3 {
                    0 => at / 8 < 3,
                    1 => at % 8 < 3,
                    _ => false,
                };
                pixels.push((random.below(128) + if bright { 90 } else { 0 }) as u8);
            }
        }
        let labels = (0..count).map(|index| index % 3).collect();
        Pictures::new(Shape::new(8, 8, 1), pixels, labels)
    };
    let classes = ["top", "left", "none"].map(str::to_owned).to_vec();
    let (train, test) = (pictures(count), pictures(30));
    Dataset { name: "blobs".to_owned(), classes, train, test }
}
