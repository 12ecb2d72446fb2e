//! `cargo xtask demo`: the main job, from pictures to an emulated board, by the same commands that a user types.

use crate::options::Options;
use crate::set_up_without_emulator;
use crate::step::{Failure, cargo, step};
use std::time::Instant;

/// Where the demo leaves its network; inside the folder that is never committed.
const OUT: &str = "target/demo";
const BOARD: &str = "qemu-mps2-an386";
const DATA: &str = "fashion-mnist-subset";

const NEXT: &str = "
What to do next
  Your own pictures, one folder a class:
    cargo thumbnet train --data DIR -o models/mine
    cargo thumbnet export models/mine
  Your own ONNX file, or one of models/: does it fit, and what does it cost?
    cargo thumbnet inspect FILE.onnx --board nucleo-f446re
  Flash a board (probe-rs installed, board plugged in):
    cd firmware/boards/nucleo-f446re
    THUMBNET_MODEL=$PWD/../../../target/demo/model.onnx cargo run --release
  Everything else:
    cargo thumbnet --help
";

/// Runs the demo; without the emulator all but its stage.
pub(crate) fn run(options: &Options, environment: &[(&str, &str)]) -> Result<(), Failure> {
    let emulator = set_up_without_emulator(options)?;
    let build = |package: &str| {
        let line = format!("build --release --package {package}");
        step(&format!("cargo {line}"), &mut cargo(&line))
    };
    let stage = |number: u32, title: &str, words: &str| {
        println!("\n== {number}/7  {title} ==");
        let line = format!("thumbnet {words}");
        step(&format!("cargo {line}"), cargo(&line).envs(environment.iter().copied()))
    };

    build("host-tools")?;
    let start = Instant::now();
    let model = format!("{OUT}/model.onnx");
    stage(1, "Data", "data list")?;
    stage(2, "Train", &format!("train --data {DATA} --model seed-cnn -o {OUT} --overwrite"))?;
    stage(3, "Export", &format!("export {OUT} -o {model}"))?;
    let mut spent = start.elapsed();

    // tract takes minutes to compile, so a newcomer has seen training before waiting for it.
    println!("\nThe reference is compiled now: tract, an independent ONNX engine (minutes, once).");
    build("thumbnet-reference")?;
    let start = Instant::now();
    stage(4, "Parity", &format!("parity {model} --data {DATA}"))?;
    stage(5, "Compile", &format!("compile {model} --board {BOARD} -o {OUT}/firmware"))?;
    if emulator {
        let words = format!("simulate {model} --data {DATA} --images 20 --runtime qemu");
        stage(6, "Run the firmware in the emulator", &words)?;
    } else {
        println!("\n== 6/7  Run the firmware in the emulator ==");
        println!("left out: qemu-system-arm is not installed (cargo xtask setup installs it)");
    }
    spent += start.elapsed();
    println!("\n== 7/7  Done in {} s, compiling of tools not counted ==", spent.as_secs());
    print!("{NEXT}");
    Ok(())
}
