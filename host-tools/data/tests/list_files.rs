//! CSV lists of pictures: with and without parts, and what can be wrong with them.

use image::{GrayImage, Luma};
use std::fs;
use tempfile::TempDir;
use thumbnet_data::{Fit, InputSpec, LoadOptions, Loaded, MaxBad, Preprocessing, load_with};
use thumbnet_kernels::geometry::Shape;

/// Pictures `0.png` to `9.png` of grey values 0 to 90, and the list.
fn folder(list: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    for index in 0..10 {
        let path = folder.path().join(format!("{index}.png"));
        GrayImage::from_pixel(4, 4, Luma([10 * index])).save(path).unwrap();
    }
    fs::write(folder.path().join("list.csv"), list).unwrap();
    folder
}

fn read(folder: &TempDir, max_bad: usize) -> Result<Loaded, String> {
    let input = InputSpec::new(Shape::new(2, 2, 1), Preprocessing::new(Fit::Stretch, false));
    let path = folder.path().join("list.csv");
    let options = LoadOptions { max_bad: MaxBad::Count(max_bad), ..LoadOptions::default() };
    load_with(path.to_str().unwrap(), input, &options).map_err(|error| error.to_string())
}

#[test]
fn a_list_with_parts_is_read_in_its_order() {
    let list = "path,label,part\n3.png,dog,train\n1.png,cat,train\n# left out: 2.png,cat,train\n\
                4.png, cat ,test\n\"5.png\",dog,TEST\n";
    let loaded = read(&folder(list), 0).unwrap();
    assert_eq!(loaded.dataset.classes, ["cat", "dog"]);
    assert_eq!(loaded.dataset.name, "list");
    assert_eq!(loaded.dataset.train.labels, [1, 0]);
    assert_eq!(loaded.dataset.train.pixels()[..5], [30, 30, 30, 30, 10]);
    assert_eq!(loaded.dataset.test.labels, [0, 1]);
    assert!(loaded.notes.is_empty());
}

#[test]
fn without_parts_some_are_set_apart() {
    let list: String = (0..10).map(|index| format!("{index}.png,class {}\n", index % 2)).collect();
    let loaded = read(&folder(&list), 0).unwrap();
    assert_eq!([loaded.dataset.train.len(), loaded.dataset.test.len()], [8, 2]);
    assert!(loaded.notes[0].contains("2 of 10 pictures are set apart"), "{:?}", loaded.notes);
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    for (list, expected) in [
        ("0.png,a\n1.png\n", "line 2: has 1 fields, not path,label"),
        ("0.png,a\n,b\n", "line 2: has an empty path or label"),
        ("0.png,a,train\n1.png,b,exam\n", "line 2: names the part `exam`"),
        ("0.png,a,train\n1.png,b\n", "line 2: some lines name a part and some do not"),
        ("", "names no picture"),
        ("0.png,a\n1.png,a\n", "only one class (`a`)"),
        ("0.png,a,train\n1.png,b,train\n2.png,a,test\n", "class `b` has no test pictures"),
        ("0.png,a\n1.png,a\n2.png,b\nmissing.png,b\n", "missing.png: cannot be read as a picture"),
    ] {
        let message = read(&folder(list), 0).unwrap_err();
        assert!(message.contains(expected), "{message}");
        assert!(message.contains("list.csv") || message.contains("missing.png"), "{message}");
    }
}

#[test]
fn unreadable_pictures_are_left_out_up_to_a_number() {
    let list: String = (0..10).map(|index| format!("{index}.png,class {}\n", index % 2)).collect();
    let folder = folder(&list);
    fs::write(folder.path().join("4.png"), "no picture").unwrap();
    let loaded = read(&folder, 1).unwrap();
    assert_eq!(loaded.dataset.train.len() + loaded.dataset.test.len(), 9);
    assert!(loaded.notes[1].starts_with("left out: ") && loaded.notes[1].contains("4.png"));
    assert_eq!(loaded.unreadable.len(), 1);
}
