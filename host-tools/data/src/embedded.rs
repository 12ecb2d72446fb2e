//! The data set inside the program, so that a first training run needs no download.

use crate::{
    DataError, Dataset, InputSpec, LoadOptions, Pictures, idx::IdxArray, registry::FASHION_CLASSES,
};
use std::path::Path;
use thumbnet_kernels::geometry::Shape;

/// The name of the embedded set: the first 500 training and 100 test pictures of each class of Fashion-MNIST.
pub const EMBEDDED: &str = "fashion-mnist-subset";

/// `[pictures, labels]` of the training and of the test part. MIT, Zalando SE; see the folder's LICENSE.
const FILES: [[&[u8]; 2]; 2] = [
    [
        include_bytes!("../fashion-mnist-subset/train-images-idx3-ubyte.gz"),
        include_bytes!("../fashion-mnist-subset/train-labels-idx1-ubyte.gz"),
    ],
    [
        include_bytes!("../fashion-mnist-subset/t10k-images-idx3-ubyte.gz"),
        include_bytes!("../fashion-mnist-subset/t10k-labels-idx1-ubyte.gz"),
    ],
];

/// Unpacks the embedded set.
pub(crate) fn load(input: &InputSpec, options: &LoadOptions) -> Result<Dataset, DataError> {
    let [train, test] = FILES.map(|files| unpack(files, input, options));
    let classes = FASHION_CLASSES.map(str::to_owned).to_vec();
    Ok(Dataset { name: EMBEDDED.to_owned(), classes, train: train?, test: test? })
}

fn unpack(
    [pictures, labels]: [&[u8]; 2],
    input: &InputSpec,
    options: &LoadOptions,
) -> Result<Pictures, DataError> {
    let pixels = IdxArray::read_from(pictures, Path::new(EMBEDDED))?.bytes;
    let labels = IdxArray::read_from(labels, Path::new(EMBEDDED))?.bytes;
    let labels = labels.into_iter().map(usize::from).collect();
    input.prepare_all(Pictures::new(Shape::new(28, 28, 1), pixels, labels), options)
}

#[cfg(test)]
mod tests {
    use super::load;
    use crate::{Fit, InputSpec, LoadOptions, Preprocessing};
    use thumbnet_kernels::geometry::Shape;

    #[test]
    fn the_subset_is_balanced_and_is_what_it_always_was() {
        let input = InputSpec::new(Shape::new(28, 28, 1), Preprocessing::new(Fit::Stretch, false));
        let dataset = load(&input, &LoadOptions::default()).unwrap();
        assert_eq!(dataset.train.class_counts(10), [500; 10]);
        assert_eq!(dataset.test.class_counts(10), [100; 10]);
        assert_eq!(dataset.train.pixels().len(), 5_000 * 784);
        assert_eq!(dataset.classes[9], "Ankle boot");
        // Made by `cargo run -p thumbnet-data --example make_subset`; recipes name the data by this digest.
        let expected = "ec0b482fdbd6a5087e76dca342b3ba353b4d8d25fc11fe87c53a2f25ad853add";
        assert_eq!(dataset.digest().to_string(), expected);
    }
}
