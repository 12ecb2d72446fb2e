//! Augmentation for tests.

use thumbnet_data::augment::Augmentation;

/// Every kind of change at once.
pub fn changes() -> Augmentation {
    Augmentation {
        shift: 0.1,
        rotate: 5.0,
        zoom: 0.1,
        crop: 0.1,
        flip: false,
        brightness: 0.1,
        contrast: 0.1,
        noise: 0.05,
        blur: 0.2,
        cutout: 0.2,
        mixup: 0.3,
    }
}
