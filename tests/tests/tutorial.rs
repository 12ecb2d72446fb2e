//! `docs/tutorial.md`, followed to the letter on generated pictures.

use image::{Rgb, RgbImage};
use parity::{Outcome, is_equipped, root};
use std::path::Path;
use thumbnet_data::Random;

/// Pictures of a phone's shape; a megapixel shows nothing more, and takes ten times as long to write.
const SIZE: [u32; 2] = [400, 300];

/// A thing of one of three forms and colours, somewhere on a background of its own.
fn picture(class: usize, random: &mut Random) -> RgbImage {
    let mut between = |low: f64, high: f64| random.between(low, high);
    let (x, y, size) = (between(140.0, 260.0), between(110.0, 190.0), between(60.0, 90.0));
    let ground = [between(90.0, 200.0), between(90.0, 200.0), between(90.0, 200.0)];
    let thing = [[200.0, 60.0, 50.0], [60.0, 160.0, 70.0], [50.0, 80.0, 190.0]][class];
    let light = between(0.85, 1.15);
    RgbImage::from_fn(SIZE[0], SIZE[1], |column, row| {
        let (dx, dy) = ((f64::from(column) - x) / size, (f64::from(row) - y) / size);
        let inside = match class {
            0 => dx.hypot(dy) < 1.0,
            1 => dx.abs() < 1.0 && dy.abs() < 0.3,
            _ => dx.abs() < 0.25 && dy.abs() < 1.2,
        };
        let colour = if inside { thing } else { ground };
        let noise = f64::from((column * 7 + row * 13) % 11) - 5.0;
        Rgb(colour.map(|value| (value * light + noise).clamp(0.0, 255.0) as u8))
    })
}

fn write_pictures(folder: &Path) {
    let mut random = Random::new(1, 1);
    for (class, name) in ["mug", "key", "pen"].into_iter().enumerate() {
        let class_folder = folder.join("pictures").join(name);
        std::fs::create_dir_all(&class_folder).expect("a folder for the test");
        for number in 1..=10 {
            let path = class_folder.join(format!("{number:02}.jpg"));
            picture(class, &mut random).save(path).expect("a picture for the test");
        }
    }
}

/// The text's fenced blocks of a kind.
fn blocks<'a>(text: &'a str, kind: &str) -> Vec<&'a str> {
    let fence = format!("```{kind}\n");
    let ends = |block: &'a str| block.split("\n```").next();
    text.split(&fence).skip(1).filter_map(ends).collect()
}

#[test]
fn every_command_works_and_the_network_tells_the_things_apart() {
    let text = std::fs::read_to_string(root().join("docs/tutorial.md")).expect("the tutorial");
    let folder = tempfile::tempdir().expect("a folder for the test");
    write_pictures(folder.path());
    let [recipe] = blocks(&text, "toml")[..] else { panic!("the tutorial has one recipe") };
    std::fs::write(folder.path().join("things.toml"), recipe).expect("a file for the test");

    let equipped = is_equipped();
    let lines = blocks(&text, "console").into_iter().flat_map(str::lines);
    let commands: Vec<&str> =
        lines.map(|line| line.strip_prefix("$ cargo thumbnet ").expect("a command")).collect();
    assert_eq!(commands.len(), 7);
    for command in commands {
        if command.ends_with("--runtime qemu") && !equipped {
            continue;
        }
        let arguments: Vec<&str> = command.split(' ').collect();
        Outcome::in_folder(folder.path(), &arguments).good();
    }
    for made in ["lint.html", "preview.png", "models/things/model.onnx"] {
        assert!(folder.path().join(made).is_file(), "{made}");
    }
    let arguments = ["simulate", "models/things/model.onnx", "--data", "pictures", "--json"];
    let report = Outcome::in_folder(folder.path(), &arguments).good().json();
    let accuracy = report["accuracy"].as_f64().expect("an accuracy");
    println!("{:.1} % of the pictures that were kept out", accuracy * 100.0);
    assert!(accuracy > 0.8, "{report}");
}
