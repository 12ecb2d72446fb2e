//! Hand values, invariants, and an outside opinion in f64.

extern crate std;
use super::{Fit, PictureError, Preprocessing, Recipe, Resize, Turn, luma, preprocess};
use std::{vec, vec::Vec};
use thumbnet_kernels::geometry::Shape;

const STRETCH: Fit = Fit::Stretch;

fn bytes(picture: &[u8], shape: Shape, fit: Fit, target: Shape) -> Vec<u8> {
    prepared(picture, shape, Preprocessing::new(fit, false), target)
}

fn prepared(picture: &[u8], shape: Shape, how: Preprocessing, target: Shape) -> Vec<u8> {
    let mut codes = vec![0; target.len()];
    let recipe = Recipe { shape: target, how };
    preprocess(picture, shape, &recipe, &mut codes).unwrap();
    codes.into_iter().map(|code| (i16::from(code) + 128) as u8).collect()
}

/// A small generator (xorshift64*), seeded, so that failures repeat.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn within(&mut self, low: usize, high: usize) -> usize {
        low + (self.next() >> 33) as usize % (high - low + 1)
    }

    fn shape(&mut self, longest: usize) -> Shape {
        Shape::new(self.within(1, longest), self.within(1, longest), [1, 3][self.within(0, 1)])
    }

    fn picture(&mut self, shape: Shape) -> Vec<u8> {
        (0..shape.len()).map(|_| (self.next() >> 56) as u8).collect()
    }
}

#[test]
fn equal_sizes_pass_byte_for_byte() {
    let mut random = Random(1);
    for shape in [Shape::new(28, 28, 1), Shape::new(5, 9, 3), Shape::new(1, 1, 1)] {
        let picture = random.picture(shape);
        for fit in Fit::ALL {
            assert_eq!(bytes(&picture, shape, fit, shape), picture);
        }
    }
}

#[test]
fn codes_are_byte_minus_128_and_inversion_mirrors_them() {
    let picture: Vec<u8> = (0..=255).collect();
    let shape = Shape::new(16, 16, 1);
    let mut codes = [0; 256];
    for invert in [false, true] {
        preprocess(
            &picture,
            shape,
            &Recipe { shape, how: Preprocessing::new(STRETCH, invert) },
            &mut codes,
        )
        .unwrap();
        for (byte, code) in (0..256).zip(codes) {
            let seen = if invert { 255 - byte } else { byte };
            assert_eq!(i32::from(code), seen - 128);
        }
    }
}

#[test]
fn a_two_by_two_square_shrinks_to_its_rounded_mean() {
    let [two, one] = [Shape::new(2, 2, 1), Shape::new(1, 1, 1)];
    assert_eq!(bytes(&[0, 1, 0, 1], two, STRETCH, one), [1]);
    assert_eq!(bytes(&[0, 0, 0, 1], two, STRETCH, one), [0]);
    assert_eq!(bytes(&[10, 20, 30, 41], two, STRETCH, one), [25]);
}

#[test]
fn a_row_of_three_shrinks_to_two_by_thirds() {
    let [three, two] = [Shape::new(1, 3, 1), Shape::new(1, 2, 1)];
    // (2 * 30 + 60) / 3 and (60 + 2 * 90) / 3.
    assert_eq!(bytes(&[30, 60, 90], three, STRETCH, two), [40, 80]);
}

#[test]
fn a_row_of_two_enlarges_to_four_by_quarters() {
    let [two, four] = [Shape::new(1, 2, 1), Shape::new(1, 4, 1)];
    assert_eq!(bytes(&[0, 100], two, STRETCH, four), [0, 25, 75, 100]);
}

#[test]
fn crop_takes_the_middle_and_stretch_takes_all() {
    let [wide, square] = [Shape::new(2, 4, 1), Shape::new(2, 2, 1)];
    let picture = [1, 2, 3, 4, 5, 6, 7, 8];
    assert_eq!(bytes(&picture, wide, Fit::Crop, square), [2, 3, 6, 7]);
    assert_eq!(bytes(&picture, wide, Fit::Stretch, square), [2, 4, 6, 8]);
    let tall = Shape::new(4, 2, 1);
    assert_eq!(bytes(&picture, tall, Fit::Crop, square), [3, 4, 5, 6]);
}

#[test]
fn a_crop_is_never_empty() {
    let line = Shape::new(1, 200, 1);
    let mut picture = vec![0; 200];
    picture[99] = 255;
    assert_eq!(bytes(&picture, line, Fit::Crop, Shape::new(200, 1, 1)), vec![255; 200]);
}

#[test]
fn grey_from_colour_uses_the_documented_weights() {
    assert_eq!([luma([255, 0, 0]), luma([0, 255, 0]), luma([0, 0, 255])], [76, 150, 29]);
    for grey in 0..=255 {
        assert_eq!(luma([grey; 3]), grey);
    }
    let [colour, grey] = [Shape::new(1, 2, 3), Shape::new(1, 2, 1)];
    assert_eq!(bytes(&[255, 0, 0, 9, 9, 9], colour, STRETCH, grey), [76, 9]);
    assert_eq!(bytes(&[7, 200], grey, STRETCH, colour), [7, 7, 7, 200, 200, 200]);
}

#[test]
fn channels_do_not_leak_into_each_other() {
    let shape = Shape::new(7, 5, 3);
    let picture = Random(2).picture(shape);
    for target in [Shape::new(3, 4, 1), Shape::new(11, 13, 1), Shape::new(7, 2, 1)] {
        let colour = bytes(&picture, shape, STRETCH, Shape::new(target.h, target.w, 3));
        for channel in 0..3 {
            let plane: Vec<u8> = picture.iter().skip(channel).step_by(3).copied().collect();
            let expected = bytes(&plane, Shape::new(7, 5, 1), STRETCH, target);
            let found: Vec<u8> = colour.iter().skip(channel).step_by(3).copied().collect();
            assert_eq!(found, expected);
        }
    }
}

#[test]
fn constant_pictures_stay_constant() {
    let mut random = Random(3);
    for _ in 0..20 {
        let (shape, target) = (random.shape(60), random.shape(60));
        for value in [0, 1, 127, 128, 254, 255] {
            let picture = vec![value; shape.len()];
            for fit in [Fit::Stretch, Fit::Crop] {
                let seen = bytes(&picture, shape, fit, target);
                assert!(seen.iter().all(|&byte| byte == value), "{shape:?} -> {target:?}");
            }
        }
    }
}

#[test]
fn a_mirrored_picture_gives_the_mirrored_input() {
    let mut random = Random(4);
    for _ in 0..60 {
        let [source, target] = [random.within(1, 90), random.within(1, 90)];
        let [shape, target] = [Shape::new(1, source, 1), Shape::new(1, target, 1)];
        let mut picture = random.picture(shape);
        let mut seen = bytes(&picture, shape, STRETCH, target);
        picture.reverse();
        seen.reverse();
        assert_eq!(bytes(&picture, shape, STRETCH, target), seen, "{shape:?} -> {target:?}");
    }
}

#[test]
fn every_output_pixel_lies_between_the_darkest_and_the_lightest() {
    let mut random = Random(5);
    for _ in 0..20 {
        let (shape, target) = (random.shape(200), random.shape(90));
        let picture: Vec<u8> = random.picture(shape).iter().map(|&byte| 90 + byte % 21).collect();
        for fit in [Fit::Stretch, Fit::Crop] {
            let seen = bytes(&picture, shape, fit, target);
            assert!(seen.iter().all(|byte| (90..=110).contains(byte)), "{shape:?} -> {target:?}");
        }
    }
}

/// The widest gap to the f64 opinion. Both compute the same real number; f64 may land on the other side of a tie
/// between two bytes (its products and sums round), and then, and only then, the rounded bytes differ, by one.
const ORACLE_GAP: i16 = 1;

#[test]
fn resizing_agrees_with_an_f64_oracle() {
    let mut random = Random(6);
    for round in 0..60 {
        let longest = if round % 2 == 0 { 12 } else { 60 };
        let [mut shape, mut target] = [random.shape(longest), random.shape(longest)];
        (shape.c, target.c) = (1, 1);
        let picture = random.picture(shape);
        for resize in [Resize::Area, Resize::Bilinear] {
            let how = Preprocessing { resize, ..Preprocessing::new(STRETCH, false) };
            let seen = prepared(&picture, shape, how, target);
            for (index, &byte) in seen.iter().enumerate() {
                let at = [index / target.w, index % target.w];
                let expected = oracle(&picture, shape, target, resize == Resize::Area, at);
                let gap = i16::from(byte) - (expected + 0.5).floor() as i16;
                assert!(
                    gap.abs() <= ORACLE_GAP,
                    "{resize:?} {shape:?} -> {target:?} at {index}: {byte} {expected}"
                );
            }
        }
    }
}

/// Area average along sides that shrink (if asked for), else linear interpolation between pixel centres; written
/// from those two textbook definitions, not from the one window that replaces them.
fn oracle(picture: &[u8], shape: Shape, target: Shape, area: bool, [y, x]: [usize; 2]) -> f64 {
    let rows = oracle_weights(shape.h, target.h, area, y);
    let columns = oracle_weights(shape.w, target.w, area, x);
    let mut sum = 0.0;
    for (row, &row_weight) in rows.iter().enumerate() {
        for (column, &column_weight) in columns.iter().enumerate() {
            sum += row_weight * column_weight * f64::from(picture[row * shape.w + column]);
        }
    }
    sum
}

fn oracle_weights(source: usize, target: usize, area: bool, index: usize) -> Vec<f64> {
    let scale = source as f64 / target as f64;
    if area && source >= target {
        let [low, high] = [index as f64 * scale, (index + 1) as f64 * scale];
        let overlap =
            |pixel: usize| (high.min((pixel + 1) as f64) - low.max(pixel as f64)).max(0.0);
        return (0..source).map(|pixel| overlap(pixel) / scale).collect();
    }
    let centre = ((index as f64 + 0.5) * scale - 0.5).clamp(0.0, (source - 1) as f64);
    (0..source).map(|pixel| (1.0 - (centre - pixel as f64).abs()).max(0.0)).collect()
}

#[test]
fn nearest_takes_the_pixel_under_the_centre() {
    let how = Preprocessing { resize: Resize::Nearest, ..Preprocessing::new(STRETCH, false) };
    let row = |picture: &[u8], target: usize| {
        prepared(picture, Shape::new(1, picture.len(), 1), how, Shape::new(1, target, 1))
    };
    assert_eq!(row(&[1, 2, 3, 4, 5, 6], 2), [2, 5], "centres 1.5 and 4.5");
    assert_eq!(row(&[1, 2, 3, 4], 2), [2, 4], "centres 1 and 3: of two the later");
    assert_eq!(row(&[1, 2], 5), [1, 1, 2, 2, 2]);
    let mut random = Random(8);
    for _ in 0..60 {
        let [source, target] = [random.within(1, 90), random.within(1, 90)];
        let picture = random.picture(Shape::new(1, source, 1));
        let centre = |index: usize| (2 * index + 1) * source / (2 * target);
        let expected: Vec<u8> = (0..target).map(|index| picture[centre(index)]).collect();
        assert_eq!(row(&picture, target), expected, "{source} -> {target}");
    }
}

#[test]
fn padding_keeps_all_of_the_picture_and_is_zero_around_it() {
    let how = |invert| Preprocessing::new(Fit::Pad, invert);
    let [wide, square] = [Shape::new(1, 3, 1), Shape::new(3, 3, 1)];
    assert_eq!(prepared(&[7, 8, 9], wide, how(false), square), [0, 0, 0, 7, 8, 9, 0, 0, 0]);
    let inverted = [0, 0, 0, 248, 247, 246, 0, 0, 0];
    assert_eq!(prepared(&[7, 8, 9], wide, how(true), square), inverted, "still zero around it");
    let odd = Shape::new(1, 2, 1);
    assert_eq!(prepared(&[7], Shape::new(1, 1, 1), how(false), odd), [7, 0]);
    let mut random = Random(9);
    for _ in 0..60 {
        let (shape, target) = (random.shape(90), random.shape(60));
        let picture = std::vec![200; shape.len()];
        let seen = prepared(&picture, shape, how(false), target);
        let rows = seen.chunks_exact(target.w * target.c).filter(|row| row.contains(&200)).count();
        let columns = seen.iter().filter(|&&byte| byte == 200).count() / target.c / rows;
        let fills = rows == target.h || columns == target.w;
        assert!(fills, "{shape:?} -> {target:?}: {rows}x{columns}");
        // The aspect ratio, to half a pixel of the side that was rounded, which has at least one.
        let (h, w) = (shape.h as f64, shape.w as f64);
        let exact = [w * target.h as f64 / h, h * target.w as f64 / w];
        let near = |made: usize, exact: f64| made == 1 || (made as f64 - exact).abs() <= 0.5;
        assert!(
            near(columns, exact[0].min(target.w as f64))
                && near(rows, exact[1].min(target.h as f64))
        );
    }
}

/// The picture, `[h, w, c]`, a quarter turn clockwise: what was in the first column is in the first row, last pixel first.
fn turned(picture: &[u8], shape: Shape) -> Vec<u8> {
    let Shape { h, w, c } = shape;
    let places = (0..w).flat_map(|x| (0..h).rev().map(move |y| (y * w + x) * c));
    places.flat_map(|at| picture[at..at + c].to_vec()).collect()
}

#[test]
fn turns_are_those_of_the_result() {
    let mut random = Random(10);
    for round in 0..120 {
        let (shape, target) = (random.shape(40), random.shape(30));
        let picture = random.picture(shape);
        let how = Preprocessing {
            fit: Fit::ALL[round % 3],
            resize: Resize::ALL[round / 3 % 3],
            ..Preprocessing::new(STRETCH, round % 2 == 0)
        };
        for (quarters, turn) in Turn::ALL.into_iter().enumerate() {
            let (mut h, mut w) = (target.h, target.w);
            if turn.swaps_sides() {
                (h, w) = (w, h);
            }
            let mut expected = prepared(&picture, shape, how, Shape::new(h, w, target.c));
            for _ in 0..quarters {
                expected = turned(&expected, Shape::new(h, w, target.c));
                (h, w) = (w, h);
            }
            let found = prepared(&picture, shape, Preprocessing { turn, ..how }, target);
            assert_eq!(found, expected, "{turn:?} {how:?} {shape:?} -> {target:?}");
        }
    }
}

#[test]
fn random_sizes_never_panic() {
    let mut random = Random(7);
    for round in 0..200 {
        let (shape, target) = (random.shape(200), random.shape(64));
        let picture = random.picture(shape);
        let how = Preprocessing {
            fit: Fit::ALL[round % 3],
            resize: Resize::ALL[random.within(0, 2)],
            invert: round % 2 == 0,
            turn: Turn::ALL[random.within(0, 3)],
        };
        assert_eq!(prepared(&picture, shape, how, target).len(), target.len());
    }
}

#[test]
fn unusable_pictures_are_errors_and_leave_the_input_alone() {
    let good = Shape::new(2, 2, 1);
    let recipe = Recipe { shape: good, how: Preprocessing::new(STRETCH, false) };
    let mut input = [7; 4];
    let mut attempt = |picture: &[u8], shape| preprocess(picture, shape, &recipe, &mut input);
    assert_eq!(attempt(&[], Shape::new(0, 2, 1)), Err(PictureError::Side));
    assert_eq!(attempt(&[], Shape::new(1, 65_536, 1)), Err(PictureError::Side));
    assert_eq!(attempt(&[0; 8], Shape::new(2, 2, 2)), Err(PictureError::Channels));
    assert_eq!(attempt(&[0; 3], good), Err(PictureError::PictureLength));
    assert_eq!(attempt(&[], Shape::new(65_535, 65_535, 3)), Err(PictureError::PictureLength));
    assert_eq!(input, [7; 4]);
    let mut short = [0; 3];
    assert_eq!(preprocess(&[0; 4], good, &recipe, &mut short), Err(PictureError::InputLength));
    let odd = Recipe { shape: Shape::new(2, 2, 4), ..recipe };
    assert_eq!(preprocess(&[0; 4], good, &odd, &mut [0; 16]), Err(PictureError::Channels));
}
