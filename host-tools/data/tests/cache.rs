//! The cache of prepared pictures: used when it is right, and made again when it is anything else.

use image::{GrayImage, Luma};
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};
use tempfile::TempDir;
use thumbnet_data::{Dataset, Fit, InputSpec, LoadOptions, Loaded, Preprocessing, load_with};
use thumbnet_kernels::geometry::Shape;

/// Two classes of three grey pictures of 1.7 MB: together worth a cache.
fn pictures(folder: &Path) {
    for (class, first) in [("cat", 10), ("dog", 100)] {
        fs::create_dir_all(folder.join(class)).unwrap();
        for index in 0..3 {
            let picture = GrayImage::from_pixel(1400, 1200, Luma([first + index]));
            picture.save(folder.join(class).join(format!("{index}.pgm"))).unwrap();
        }
    }
}

struct Scene {
    pictures: TempDir,
    cache: TempDir,
}

impl Scene {
    fn new() -> Self {
        let scene = Self { pictures: TempDir::new().unwrap(), cache: TempDir::new().unwrap() };
        pictures(scene.pictures.path());
        scene
    }

    fn load(&self, memory_bytes: u64) -> Loaded {
        let input = InputSpec::new(Shape::new(4, 4, 1), Preprocessing::new(Fit::Crop, false));
        let cache = Some(self.cache.path());
        let options = LoadOptions { memory_bytes, cache, ..LoadOptions::default() };
        load_with(self.pictures.path().to_str().unwrap(), input, &options).unwrap()
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.cache.path()).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    /// Paints the pictures of the cache, checksums and all, so that what comes from it is seen.
    fn mark(&self) {
        let file = &self.files()[0];
        let mut bytes = fs::read(file).unwrap();
        for record in 0..6 {
            let (picture, checksum) = bytes[48 + record * 20..][..20].split_at_mut(16);
            picture.fill(77);
            checksum.copy_from_slice(&crc32fast::hash(picture).to_le_bytes());
        }
        fs::write(file, bytes).unwrap();
    }
}

fn is_marked(dataset: &Dataset) -> bool {
    [&dataset.train, &dataset.test].iter().all(|part| part.pixels().iter().all(|&byte| byte == 77))
}

#[test]
fn what_a_killed_run_left_is_removed_a_day_later() {
    let scene = Scene::new();
    let path = |name: &str| scene.cache.path().join(name);
    let yesterday = SystemTime::now() - Duration::from_hours(25);
    for (name, written) in
        [("unfinished-old", yesterday), ("unfinished-new", SystemTime::now()), ("mine", yesterday)]
    {
        let file = fs::File::create(path(name)).unwrap();
        file.set_modified(written).unwrap();
    }
    scene.load(u64::MAX);
    let is_there = |name: &str| path(name).is_file();
    assert!(!is_there("unfinished-old") && is_there("unfinished-new") && is_there("mine"));
}

#[test]
fn a_second_run_decodes_nothing() {
    for memory_bytes in [u64::MAX, 20] {
        let scene = Scene::new();
        let first = scene.load(memory_bytes);
        assert_eq!(first.dataset.train.are_in_memory(), memory_bytes > 20);
        assert_eq!(scene.files().len(), 1);
        assert_eq!(scene.load(memory_bytes), first);
        scene.mark();
        assert!(is_marked(&scene.load(memory_bytes).dataset));
        assert!(is_marked(&scene.load(u64::MAX - memory_bytes).dataset));
    }
}

#[test]
fn a_change_of_the_folder_makes_it_again() {
    let scene = Scene::new();
    scene.load(u64::MAX);
    scene.mark();
    let later = fs::File::options().write(true).open(scene.pictures.path().join("cat/1.pgm"));
    let time = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
    later.unwrap().set_modified(time).unwrap();
    let loaded = scene.load(u64::MAX);
    assert!(!is_marked(&loaded.dataset));
    scene.mark();
    fs::copy(scene.pictures.path().join("cat/1.pgm"), scene.pictures.path().join("cat/9.pgm"))
        .unwrap();
    let loaded = scene.load(u64::MAX);
    assert_eq!(loaded.dataset.train.len() + loaded.dataset.test.len(), 7);
    assert_eq!(scene.files().len(), 1, "in the place of the old one");
}

#[test]
fn damage_is_told_and_repaired() {
    let scene = Scene::new();
    let right = scene.load(u64::MAX);
    let file = scene.files()[0].clone();
    let whole = fs::read(&file).unwrap();
    assert_eq!(whole.len(), 48 + 6 * 20 + 6 * 5 + 4);
    for memory_bytes in [u64::MAX, 20] {
        for place in (0..whole.len()).step_by(7) {
            let mut damaged = whole.clone();
            damaged[place] ^= 0x10;
            fs::write(&file, &damaged).unwrap();
            let loaded = scene.load(memory_bytes);
            assert_eq!(loaded.dataset, right.dataset, "byte {place}");
            let told = loaded.notes.iter().any(|note| note.contains("it is made again"));
            assert_eq!(told, place >= 48, "byte {place}: {:?}", loaded.notes);
            assert_eq!(fs::read(&file).unwrap(), whole, "byte {place}");
        }
        for len in [0, 20, 47, 48, 100, whole.len() - 1] {
            fs::write(&file, &whole[..len]).unwrap();
            assert_eq!(scene.load(memory_bytes).dataset, right.dataset, "{len} bytes");
            assert_eq!(fs::read(&file).unwrap(), whole, "{len} bytes");
        }
    }
}

#[test]
fn a_cache_that_cannot_be_written_is_a_note_while_memory_holds_all() {
    let scene = Scene::new();
    let right = scene.load(u64::MAX).dataset;
    let file = TempDir::new().unwrap().path().join("file");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, "in the way").unwrap();
    let input = InputSpec::new(Shape::new(4, 4, 1), Preprocessing::new(Fit::Crop, false));
    let load = |memory_bytes| {
        let options = LoadOptions { memory_bytes, cache: Some(&file), ..LoadOptions::default() };
        load_with(scene.pictures.path().to_str().unwrap(), input, &options)
    };
    let loaded = load(u64::MAX).unwrap();
    assert_eq!(loaded.dataset, right);
    assert!(loaded.notes.iter().any(|note| note.contains("cannot be written (")));
    let message = load(20).unwrap_err().to_string();
    assert!(message.contains("cannot write prepared pictures ("), "{message}");
}

#[test]
fn an_unreadable_picture_is_tried_again() {
    let scene = Scene::new();
    let odd = scene.pictures.path().join("cat/3.pgm");
    fs::create_dir(scene.pictures.path().join("dog/4")).unwrap();
    fs::write(&odd, "P5 none").unwrap();
    let input = InputSpec::new(Shape::new(4, 4, 1), Preprocessing::new(Fit::Crop, false));
    let load = || {
        let max_bad = thumbnet_data::MaxBad::Count(1);
        let cache = Some(scene.cache.path());
        let options = LoadOptions { max_bad, cache, ..LoadOptions::default() };
        load_with(scene.pictures.path().to_str().unwrap(), input, &options).unwrap()
    };
    let first = load();
    assert_eq!(first.unreadable.len(), 1);
    scene.mark();
    let again = load();
    assert_eq!((again.unreadable, is_marked(&again.dataset)), (first.unreadable, true));
}
