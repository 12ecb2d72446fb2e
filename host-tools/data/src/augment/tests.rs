use super::{Augmentation, area, mix, tone, warp::Warp};
use crate::random::Random;
use thumbnet_kernels::geometry::Shape;

fn picture(shape: Shape, seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed, 9);
    (0..shape.len()).map(|_| random.below(256) as u8).collect()
}

const STILL: Warp = Warp { shift: [0.0; 2], degrees: 0.0, zoom: 1.0, flip: false };

#[test]
fn nothing_asked_for_changes_nothing() {
    let shape = Shape::new(7, 5, 3);
    let mut changed = picture(shape, 1);
    Augmentation::default().apply(&mut changed, shape, &mut Random::new(1, 1));
    assert_eq!(changed, picture(shape, 1));
}

#[test]
fn one_seed_gives_one_picture_and_every_option_changes_it() {
    let shape = Shape::new(9, 8, 1);
    let none = Augmentation::default();
    let options = [
        Augmentation { shift: 0.3, ..none },
        Augmentation { rotate: 20.0, ..none },
        Augmentation { zoom: 0.3, ..none },
        Augmentation { crop: 0.4, ..none },
        Augmentation { flip: true, ..none },
        Augmentation { brightness: 0.3, ..none },
        Augmentation { contrast: 0.5, ..none },
        Augmentation { noise: 0.1, ..none },
        Augmentation { blur: 1.0, ..none },
        Augmentation { cutout: 0.5, ..none },
    ];
    for option in options {
        let run = |seed| {
            let mut changed = picture(shape, 3);
            option.apply(&mut changed, shape, &mut Random::new(seed, 1));
            changed
        };
        assert_eq!(run(4), run(4), "{option:?}");
        assert!((0..4).any(|seed| run(seed) != picture(shape, 3)), "{option:?}");
    }
}

#[test]
fn any_options_keep_the_size_of_any_picture() {
    let mut random = Random::new(8, 8);
    for seed in 0..300 {
        let shape = Shape::new(1 + random.below(9), 1 + random.below(9), [1, 3][random.below(2)]);
        let mut value = |largest: f64| random.between(0.0, largest) as f32;
        let option = Augmentation {
            shift: value(0.5),
            rotate: value(180.0),
            zoom: value(0.5),
            crop: value(0.9),
            flip: true,
            brightness: value(1.0),
            contrast: value(1.0),
            noise: value(1.0),
            blur: value(1.0),
            cutout: value(1.0),
            mixup: value(1.0),
        };
        option.check().expect("in range");
        let mut changed = picture(shape, seed);
        option.apply(&mut changed, shape, &mut Random::new(seed, 2));
        assert_eq!(changed.len(), shape.len());
        let share = option.own_share(&mut Random::new(seed, 3));
        assert!((0.5..=1.0).contains(&share), "{share}");
    }
}

#[test]
fn what_moves_or_covers_pixels_makes_none_darker_or_brighter_than_all() {
    let mut random = Random::new(9, 9);
    for seed in 0..300 {
        let shape = Shape::new(1 + random.below(12), 1 + random.below(12), [1, 3][random.below(2)]);
        let mut value = |largest: f64| random.between(0.0, largest) as f32;
        let option = Augmentation {
            shift: value(0.5),
            rotate: value(180.0),
            zoom: value(0.5),
            crop: value(0.9),
            flip: true,
            blur: value(1.0),
            cutout: value(1.0),
            ..Augmentation::default()
        };
        let narrow = |seed| -> Vec<u8> {
            picture(shape, seed).into_iter().map(|byte| 90 + byte % 40).collect()
        };
        let mut changed = narrow(seed);
        option.apply(&mut changed, shape, &mut Random::new(seed, 2));
        mix(&mut changed, &narrow(seed + 1), f64::from(seed as u32) / 300.0);
        assert_eq!(changed.len(), shape.len());
        assert!(changed.iter().all(|byte| (90..130).contains(byte)), "{option:?} {changed:?}");
    }
}

#[test]
fn a_crop_shows_a_part_from_side_to_side() {
    let shape = Shape::new(4, 4, 1);
    let original: Vec<u8> = (0..16).map(|index| index * 10).collect();
    let cropped = |places: [f32; 2]| {
        let (mut warp, mut picture) = (STILL, original.clone());
        let mut places = places.into_iter();
        warp.crop(0.5, || places.next().unwrap());
        warp.apply(&mut picture, shape);
        picture
    };
    // Of a part of two by two pixels, each is twice as large, and their corners are its own.
    let middle = cropped([0.0, 0.0]);
    assert_eq!([middle[5], middle[6], middle[9], middle[10]], [63, 68, 83, 88]);
    let [top_left, bottom_right] = [cropped([-1.0, -1.0]), cropped([1.0, 1.0])];
    assert!(top_left.iter().all(|&byte| byte <= 75) && top_left[0] == 0, "{top_left:?}");
    assert!(bottom_right.iter().all(|&byte| byte >= 75) && bottom_right[15] == 150);
}

#[test]
fn a_picture_moves_where_it_is_told_to() {
    let shape = Shape::new(3, 4, 1);
    let original: Vec<u8> = (0..12).collect();
    let moved = |warp: Warp| {
        let mut picture = original.clone();
        warp.apply(&mut picture, shape);
        picture
    };
    assert_eq!(moved(STILL), original);
    assert_eq!(moved(Warp { flip: true, ..STILL }), [3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8]);
    let down_and_right = Warp { shift: [1.0 / 3.0, 0.25], ..STILL };
    assert_eq!(moved(down_and_right), [0, 0, 1, 2, 0, 0, 1, 2, 4, 4, 5, 6], "the border repeats");
    let shape = Shape::new(3, 3, 1);
    let mut square: Vec<u8> = (0..9).collect();
    Warp { degrees: 90.0, ..STILL }.apply(&mut square, shape);
    assert_eq!(square, [6, 3, 0, 7, 4, 1, 8, 5, 2], "clockwise");
}

#[test]
fn tones_saturate_and_keep_their_middle() {
    let mut bytes = [0, 100, 128, 255];
    tone::scale(&mut bytes, 2.0, 0.0);
    assert_eq!(bytes, [0, 73, 129, 255]);
    let mut bytes = [0, 100, 250];
    tone::scale(&mut bytes, 1.0, 0.1);
    assert_eq!(bytes, [26, 126, 255]);
}

#[test]
fn blur_and_cut_out_touch_what_they_should() {
    let shape = Shape::new(3, 3, 1);
    let mut point = [0, 0, 0, 0, 160, 0, 0, 0, 0];
    area::blur(&mut point, shape);
    assert_eq!(point, [10, 20, 10, 20, 40, 20, 10, 20, 10]);
    let mut even = [7; 9];
    area::blur(&mut even, shape);
    assert_eq!(even, [7; 9]);
    let mut cut = [0, 0, 0, 0, 90, 0, 0, 0, 0];
    area::cut_out(&mut cut, shape, 0.4, [0.5, 0.5]);
    assert_eq!(cut, [0, 0, 0, 0, 10, 0, 0, 0, 0], "the mean of all");
}

#[test]
fn a_mixed_picture_lies_between_both() {
    let mut bytes = [0, 255, 10];
    mix(&mut bytes, &[255, 0, 20], 0.75);
    assert_eq!(bytes, [64, 191, 13]);
    mix(&mut bytes, &[1, 2, 3], 1.0);
    assert_eq!(bytes, [64, 191, 13]);
}

#[test]
fn a_field_out_of_its_range_is_named() {
    for (option, field) in [
        (Augmentation { shift: 0.6, ..Default::default() }, "shift"),
        (Augmentation { crop: 0.95, ..Default::default() }, "crop"),
        (Augmentation { rotate: -1.0, ..Default::default() }, "rotate"),
        (Augmentation { mixup: f32::NAN, ..Default::default() }, "mixup"),
    ] {
        assert_eq!(option.check().map_err(|error| error.field), Err(field));
    }
}
