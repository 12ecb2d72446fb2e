//! Folders of pictures as a user has them: sorted, mixed, resized, and broken.

use image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage};
use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};
use tempfile::TempDir;
use thumbnet_data::{
    Dataset, Fit, InputSpec, LoadOptions, Loaded, MaxBad, Preprocessing, load, load_with,
};
use thumbnet_kernels::geometry::Shape;

fn input(c: usize) -> InputSpec {
    InputSpec::new(Shape::new(4, 4, c), Preprocessing::new(Fit::Crop, false))
}

/// A picture of one grey value, `w x h`.
fn grey(folder: &Path, name: &str, value: u8, w: u32, h: u32) {
    fs::create_dir_all(folder).unwrap();
    GrayImage::from_pixel(w, h, Luma([value])).save(folder.join(name)).unwrap();
}

/// Classes `cat` (values 10, 11, …) and `dog` (100, 101, …) of `count` pictures each.
fn animals(folder: &Path, count: u8) {
    for index in 0..count {
        grey(&folder.join("dog"), &format!("{index}.png"), 100 + index, 5, 9);
        grey(&folder.join("cat"), &format!("{index}.png"), 10 + index, 8, 8);
    }
}

fn read(folder: &TempDir) -> Dataset {
    load(folder.path().to_str().unwrap(), input(1)).unwrap()
}

fn read_with(folder: &TempDir, options: &LoadOptions) -> Loaded {
    load_with(folder.path().to_str().unwrap(), input(1), options).unwrap()
}

fn error(folder: &TempDir) -> String {
    let source = folder.path().to_str().unwrap();
    let message = load(source, input(1)).unwrap_err().to_string();
    assert!(!message.contains('\n'), "{message}");
    message
}

#[test]
fn train_and_test_folders_are_read_in_sorted_order() {
    let folder = TempDir::new().unwrap();
    animals(&folder.path().join("train"), 3);
    animals(&folder.path().join("test"), 2);
    let dataset = read(&folder);
    assert_eq!(dataset.classes, ["cat", "dog"]);
    assert_eq!(dataset.train.labels, [0, 0, 0, 1, 1, 1]);
    assert_eq!(dataset.test.labels, [0, 0, 1, 1]);
    let firsts: Vec<u8> = (0..6).map(|index| dataset.train.picture(index)[0]).collect();
    assert_eq!(firsts, [10, 11, 12, 100, 101, 102]);
}

#[test]
fn without_a_test_folder_a_fifth_of_each_class_is_set_apart() {
    let folder = TempDir::new().unwrap();
    animals(folder.path(), 10);
    let loaded = read_with(&folder, &LoadOptions::default());
    assert_eq!(loaded.dataset.train.class_counts(2), [8, 8]);
    assert_eq!(loaded.dataset.test.class_counts(2), [2, 2]);
    assert!(loaded.notes[0].contains("4 of 20 pictures are set apart for the test"));
    let other = read_with(&folder, &LoadOptions { seed: 1, ..LoadOptions::default() });
    assert_ne!(other.dataset.test, loaded.dataset.test);
    assert_eq!(read(&folder), loaded.dataset);
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let folder = TempDir::new().unwrap();
    animals(folder.path(), 20);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(pool.install(|| read(&folder)), read(&folder));
}

#[test]
fn pictures_that_memory_may_not_hold_are_the_same_from_a_file() {
    let folder = TempDir::new().unwrap();
    animals(folder.path(), 40);
    let filed = read_with(&folder, &LoadOptions { memory_bytes: 100, ..LoadOptions::default() });
    assert!(!filed.dataset.train.are_in_memory() && !filed.dataset.test.are_in_memory());
    assert_eq!(filed.dataset, read(&folder));
    assert_eq!(filed.dataset.digest(), read(&folder).digest());
    filed.dataset.check().unwrap();
}

#[test]
fn formats_sizes_and_colours_may_be_mixed() {
    let folder = TempDir::new().unwrap();
    animals(folder.path(), 2);
    let red = DynamicImage::from(RgbImage::from_pixel(30, 20, Rgb([255, 0, 0])));
    for name in ["red.bmp", "red.PNG", "red.webp", "red.gif", "red.ppm"] {
        red.save(folder.path().join("cat").join(name)).unwrap();
    }
    let source = folder.path().to_str().unwrap();
    let dataset = load(source, input(3)).unwrap();
    assert_eq!(dataset.train.len() + dataset.test.len(), 9);
    let pictures = [&dataset.train, &dataset.test];
    let pixels = pictures.map(|part| part.pixels()).concat();
    let colours = pixels.as_chunks::<3>().0.iter();
    assert_eq!(colours.filter(|&&rgb| rgb == [255, 0, 0]).count(), 5 * 16);
}

#[test]
fn what_is_not_a_picture_is_ignored_and_counted() {
    let folder = TempDir::new().unwrap();
    animals(folder.path(), 2);
    fs::write(folder.path().join("cat/notes.txt"), "tabby").unwrap();
    fs::write(folder.path().join("readme.md"), "").unwrap();
    fs::write(folder.path().join("dog/.DS_Store"), "").unwrap();
    fs::create_dir(folder.path().join(".git")).unwrap();
    let notes = read_with(&folder, &LoadOptions::default()).notes;
    assert!(notes[0].starts_with("ignored 2 entries that are not pictures"), "{notes:?}");
    assert!(notes[0].ends_with("notes.txt"), "{notes:?}");
    assert_eq!(notes[1], "ignored 2 hidden files and folders");
}

#[test]
fn unreadable_pictures_are_errors_unless_allowed() {
    let folder = TempDir::new().unwrap();
    animals(folder.path(), 5);
    fs::write(folder.path().join("cat/text.png"), "I am a text.").unwrap();
    let message = error(&folder);
    assert!(message.contains("text.png: cannot be read as a picture ("), "{message}");
    assert!(message.ends_with("or leave it out with --max-bad 1"), "{message}");
    fs::write(folder.path().join("dog/empty.png"), "").unwrap();
    assert!(error(&folder).contains("); ") && error(&folder).contains("--max-bad 2"));
    let max_bad = MaxBad::Count(2);
    let loaded = read_with(&folder, &LoadOptions { max_bad, ..LoadOptions::default() });
    assert_eq!(loaded.dataset.train.len() + loaded.dataset.test.len(), 10);
    let left_out = loaded.notes.iter().filter(|note| note.starts_with("left out: ")).count();
    assert_eq!((left_out, loaded.unreadable.len()), (2, 2));
    assert!(loaded.notes.contains(&"left out 2 of 12 pictures as unreadable".to_owned()));
}

#[test]
fn folders_that_cannot_be_learned_from_are_explained() {
    let folder = TempDir::new().unwrap();
    animals(folder.path(), 2);
    fs::create_dir(folder.path().join("bird")).unwrap();
    assert!(error(&folder).contains("bird: class `bird` has no training pictures"));
    grey(&folder.path().join("bird"), "a.png", 1, 2, 2);
    assert!(error(&folder).contains("class `bird` has only one picture that can be read"));

    let folder = TempDir::new().unwrap();
    grey(&folder.path().join("cat"), "a.png", 1, 2, 2);
    assert!(error(&folder).contains("only one class (`cat`)"));
    fs::remove_file(folder.path().join("cat/a.png")).unwrap();
    assert!(error(&folder).contains("holds neither IDX files nor class folders"));

    let folder = TempDir::new().unwrap();
    grey(folder.path(), "a.png", 1, 2, 2);
    assert!(error(&folder).contains("holds neither IDX files nor class folders"));
}

#[test]
fn training_and_test_must_have_the_same_classes() {
    let folder = TempDir::new().unwrap();
    let [train, test] = [folder.path().join("train"), folder.path().join("test")];
    animals(&train, 2);
    assert!(error(&folder).contains("has class folders in train but none in test"));
    animals(&test, 2);
    grey(&test.join("bird"), "a.png", 1, 2, 2);
    assert!(error(&folder).contains("bird: class `bird` has no training pictures"));
    fs::remove_dir_all(test.join("bird")).unwrap();
    grey(&train.join("bird"), "a.png", 1, 2, 2);
    assert!(error(&folder).contains("bird: class `bird` has no test pictures"));
    grey(&test.join("brid"), "a.png", 1, 2, 2);
    let message = error(&folder);
    assert!(message.contains("only train has a class `bird`"), "{message}");
    assert!(message.contains("only the test part a class `brid`"), "{message}");
}

#[test]
fn progress_counts_every_picture_once() {
    let folder = TempDir::new().unwrap();
    animals(folder.path(), 10);
    let [calls, sum] = [AtomicUsize::new(0), AtomicUsize::new(0)];
    let progress = |done: usize, total: usize| {
        assert_eq!(total, 20);
        calls.fetch_add(1, Ordering::Relaxed);
        sum.fetch_add(done, Ordering::Relaxed);
    };
    read_with(&folder, &LoadOptions { progress: Some(&progress), ..LoadOptions::default() });
    assert_eq!((calls.into_inner(), sum.into_inner()), (20, 20 * 21 / 2));
}

#[test]
fn the_picture_sample_loads() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = folder.join("../../../shared/data/fashion-mnist/png_sample");
    if !folder.is_dir() {
        println!("skipped: {} is not there", folder.display());
        return;
    }
    let dataset = load(folder.to_str().unwrap(), input(1)).unwrap();
    assert_eq!(dataset.train.class_counts(10), [16; 10]);
    assert_eq!(dataset.test.class_counts(10), [4; 10]);
}
