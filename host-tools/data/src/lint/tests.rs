use super::{At, Exclusion, Part, blanks, duplicates, identities, lines, scarce_classes};
use crate::augment::Augmentation;
use crate::random::Random;
use crate::{Dataset, Pictures};
use thumbnet_kernels::geometry::Shape;

const SHAPE: Shape = Shape::new(12, 10, 1);

/// Smooth random pictures: sums of a few blobs.
fn dataset(counts: [usize; 2]) -> Dataset {
    let mut random = Random::new(5, 5);
    let mut pictures = |count: usize| {
        let mut pictures = Pictures::empty(SHAPE);
        for index in 0..count {
            let blobs = [0; 4].map(|_| [random.below(12), random.below(10), 40 + random.below(60)]);
            let byte = |at: usize| {
                let value = |[y, x, bright]: [usize; 3]| {
                    let distance = (at / 10).abs_diff(y) + (at % 10).abs_diff(x);
                    bright / (1 + distance)
                };
                blobs.map(value).iter().sum::<usize>().min(255) as u8
            };
            let picture: Vec<u8> = (0..SHAPE.len()).map(byte).collect();
            pictures.push(&picture, index % 2);
        }
        pictures
    };
    let [train, test] = counts.map(&mut pictures);
    Dataset { name: "blobs".into(), classes: vec!["a".into(), "b".into()], train, test }
}

fn at(part: Part, index: usize) -> At {
    At { part, index }
}

#[test]
fn planted_duplicates_are_found_and_nothing_else() {
    let mut dataset = dataset([60, 20]);
    assert_eq!(duplicates(&dataset), []);
    let exact = dataset.train.picture(3).to_vec();
    dataset.train.push(&exact, 1);
    let mut brighter = dataset.train.picture(7).to_vec();
    brighter.iter_mut().for_each(|byte| *byte = byte.saturating_add(12));
    dataset.test.push(&brighter, 1);
    let mut noisy = dataset.test.picture(2).to_vec();
    let noise = Augmentation { noise: 0.008, ..Augmentation::default() };
    noise.apply(&mut noisy, SHAPE, &mut Random::new(1, 1));
    dataset.test.push(&noisy, 0);
    let found = duplicates(&dataset);
    let places: Vec<[At; 2]> = found.iter().map(|pair| [pair.first, pair.again]).collect();
    let expected = [
        [at(Part::Train, 3), at(Part::Train, 60)],
        [at(Part::Train, 7), at(Part::Test, 20)],
        [at(Part::Test, 2), at(Part::Test, 21)],
    ];
    assert_eq!(places, expected);
    assert!(found[0].distance == 0.0 && found[2].distance > 0.0);
}

#[test]
fn blank_pictures_and_scarce_classes_are_found() {
    let mut dataset = dataset([30, 4]);
    dataset.test.push(&[77; 120], 0);
    assert_eq!(blanks(&dataset), [at(Part::Test, 4)]);
    assert_eq!(scarce_classes(&dataset), []);
    (0..40).for_each(|_| dataset.train.push(&[1; 120], 0));
    assert_eq!(scarce_classes(&dataset), [(1, 15)]);
    let found = duplicates(&dataset);
    assert_eq!(found.len(), 39, "blank ones are the same to the byte, and near no other");
}

#[test]
fn a_list_takes_out_just_the_pictures_that_it_names() {
    let mut dataset = dataset([20, 6]);
    let again = dataset.train.picture(4).to_vec();
    dataset.train.push(&again, 0);
    let names = identities(&dataset.train);
    assert_eq!(names[20], format!("{}#2", names[4]));
    let out =
        [(at(Part::Train, 20), "a duplicate".to_owned()), (at(Part::Test, 1), "odd".to_owned())];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("exclude.txt");
    std::fs::write(&path, format!("# a comment\n\n{}", lines(&dataset, &out))).unwrap();
    let [train, test] = [dataset.train.select(&(0..20).collect::<Vec<_>>()), dataset.test.clone()];
    let list = Exclusion::read(&path).unwrap();
    assert_eq!(list.apply(&mut dataset).unwrap(), 2);
    assert_eq!(dataset.train, train);
    assert_eq!(dataset.test, test.select(&[0, 2, 3, 4, 5]));
    std::fs::write(&path, "shirt.png\n").unwrap();
    let message = Exclusion::read(&path).unwrap_err().to_string();
    assert!(message.contains("line 1: `shirt.png` is no identity"), "{message}");
}
