//! The boards' real firmware: on the emulated boards against the desktop interpreter, and every board's
//! image against its chip.
//!
//! Building takes time, so few tests do much. They say so and pass where there is no QEMU or no core library for
//! the target.

mod network;

use object::{Object, ObjectSection};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use thumbnet_compile::{Board, Memory, Options, Program, compile_file};
use thumbnet_graph::{Fit, Int8Graph, Preprocessing, onnx};
use thumbnet_simulate::qemu::{self, Emulator};
use thumbnet_simulate::{SimulateError, boards, crc32_of_map, desktop, elf};
use thumbnet_toolchain::{TARGETS, cargo_for_target};

/// One tick of the slowest board's clock: how exact an instruction count is.
const TICK: u64 = 125;

/// Whether the tests can run here; prints why not.
fn is_equipped() -> bool {
    let missing = thumbnet_toolchain::qemu()
        .err()
        .or_else(|| TARGETS.iter().find_map(|target| cargo_for_target(target).err()));
    if let Some(missing) = &missing {
        println!("skipped: {missing}");
    }
    missing.is_none()
}

fn write_model(folder: &TempDir, name: &str, graph: &Int8Graph) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, onnx::write(graph, onnx::Form::QLinear)).expect("the folder is writable");
    path
}

/// A seeded input; every fourth value is extreme.
fn input(length: usize, seed: u32) -> Vec<i8> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        match state >> 28 {
            0 | 1 => -128,
            2 | 3 => 127,
            _ => (state >> 16) as i8,
        }
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn the_firmware_gives_the_bytes_of_the_desktop() {
    if !is_equipped() {
        return;
    }
    let folder = TempDir::new().expect("there is a folder for temporary files");
    let model = write_model(&folder, "small.onnx", &network::small());
    for board in qemu::all_boards().expect("the boards are there") {
        board_agrees(&board, &model, folder.path());
    }
}

/// Two networks of every operation that only other tools' files have.
#[test]
fn the_firmware_runs_what_other_tools_write() {
    if !is_equipped() {
        return;
    }
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/foreign/onnxruntime");
    for name in ["operations", "operations-qlinear"] {
        let model = files.join(name).join("model.onnx");
        let program = compile_file(&model, &Options::default()).expect("the network is valid");
        for board in qemu::all_boards().expect("the boards are there") {
            let image = boards::build(&board, &model).unwrap_or_else(|error| panic!("{error}"));
            let emulator = Emulator::start(&board, &image);
            let mut emulator = emulator.unwrap_or_else(|error| panic!("{error}"));
            layers_agree(&mut emulator, &program);
            let bare = qemu::build_bare(&board, &model).unwrap_or_else(|error| panic!("{error}"));
            let bare = elf::Image::read(&bare).expect("it is an image");
            assert_eq!(bare.forbidden_symbols(), <[&str; 0]>::default(), "{name}");
        }
    }
}

fn board_agrees(board: &Board, model: &Path, folder: &Path) {
    let image = boards::build(board, model).unwrap_or_else(|error| panic!("{error}"));
    // With plain kernels, whatever kernels the board has.
    let program = compile_file(model, &Options::default()).expect("the network is valid");
    let mut emulator = Emulator::start(board, &image).unwrap_or_else(|error| panic!("{error}"));
    describes_the_network(&emulator, &program);
    layers_agree(&mut emulator, &program);
    costs_repeat(&mut emulator);
    pictures_are_preprocessed(&mut emulator, &program);
    wrong_tensors_are_refused(&mut emulator);
    logs_what_it_does(&mut emulator);
    the_image_fits(board, &image, model);
    drop(emulator);
    crashes_are_told(board, &image, folder);
    hangs_are_told(board, model);
    files_that_are_no_image_are_told(board, model);
}

fn describes_the_network(board: &Emulator, program: &Program) {
    let info = board.info();
    assert_eq!((info.name.as_str(), info.digest), ("small", program.digest));
    assert_eq!((info.input, info.logits), ([20, 20, 1], 10));
    assert_eq!(info.labels, program.metadata.labels);
    let steps: Vec<_> = program.steps.iter().map(|step| &step.name).collect();
    assert_eq!(info.layers.iter().collect::<Vec<_>>(), steps);
}

fn layers_agree(board: &mut Emulator, program: &Program) {
    for seed in 0..12 {
        let input = input(board.info().input_len(), seed);
        let mut crcs = Vec::new();
        let logits = desktop::run(program, &input, &mut |_, map| crcs.push(crc32_of_map(map)));
        let inference = board.infer(&input).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(inference.layer_crcs, crcs, "seed {seed}");
        assert_eq!(inference.logits, logits, "seed {seed}");
        assert_eq!(inference.layer_costs.iter().sum::<u64>(), inference.cost);
        assert!(inference.cost > program.steps.len() as u64 * TICK);
        assert!((256..8192).contains(&inference.stack_bytes), "{}", inference.stack_bytes);
    }
}

/// Neither checksums nor the link nor an earlier run change what an inference costs.
fn costs_repeat(board: &mut Emulator) {
    let input = input(board.info().input_len(), 99);
    let layers = board.info().layers.len() as u64;
    let first = board.infer(&input).expect("the board answers");
    for checksums in [true, false, false, true] {
        let again = match checksums {
            true => board.infer(&input),
            false => board.infer_unchecked(&input),
        };
        let again = again.expect("the board answers");
        assert!(again.cost.abs_diff(first.cost) <= layers * TICK, "{again:?} {first:?}");
        assert_eq!(again.logits, first.logits);
        assert_eq!(again.layer_crcs == first.layer_crcs, checksums);
    }
}

fn pictures_are_preprocessed(board: &mut Emulator, program: &Program) {
    let picture: Vec<u8> = input(22 * 15 * 3, 5).into_iter().map(i8::cast_unsigned).collect();
    let classes = board.classify(&picture, [22, 15, 3]).expect("the board answers");
    let recipe = firmware::preprocess::Recipe {
        shape: program.input_shape,
        how: Preprocessing::new(Fit::Crop, true),
    };
    let shape = thumbnet_graph::Shape::new(22, 15, 3);
    let mut tensor = vec![0; program.input.bytes];
    firmware::preprocess::preprocess(&picture, shape, &recipe, &mut tensor).expect("fits");
    let logits = desktop::run(program, &tensor, &mut |_, _| {});
    let best = *logits.iter().max().expect("there are logits");
    assert_eq!(classes.top[0].logit, best);
    assert_eq!(logits[usize::from(classes.top[0].index)], best);
    assert!(classes.accepted);
    let too_large = board.classify(&vec![0; 49_155], [1, 16_385, 3]);
    assert!(matches!(too_large, Err(SimulateError::Refused(_))), "{too_large:?}");
}

fn wrong_tensors_are_refused(board: &mut Emulator) {
    let error = board.infer(&[0; 399]).expect_err("one value is missing");
    assert_eq!(
        error.to_string(),
        "the tensor has 399 values, but the network's input [20, 20, 1] has 400"
    );
    assert!(board.infer(&[0; 400]).is_ok(), "the board goes on");
}

fn logs_what_it_does(board: &mut Emulator) {
    let log = board.log();
    assert!(log[0].starts_with("INFO  thumbnet: small"), "{log:#?}");
    assert!(
        log.iter().any(|line| line.contains("confidence") && line.ends_with("instructions")),
        "{log:#?}"
    );
    assert!(log.iter().any(|line| line.starts_with("WARN  refused: ")), "{log:#?}");
    assert!(board.log().is_empty(), "lines are given once");
}

fn the_image_fits(board: &Board, image: &Path, model: &Path) {
    let program = compile_file(model, &board.options()).expect("the network is valid");
    let image = elf::Image::read(image).expect("it is an image");
    assert_eq!(image.segments_outside(&[board.flash, board.ram]), []);
    assert!(!image.segments_outside(&[board.ram]).is_empty());
    reserves_suffice(&image, board, &program);
    let bare = qemu::build_bare(board, model).unwrap_or_else(|error| panic!("{error}"));
    let bare = elf::Image::read(&bare).expect("it is an image");
    assert_eq!(bare.forbidden_symbols(), <[&str; 0]>::default());
    assert!(!image.forbidden_symbols().is_empty(), "the console may panic: the check works");
    assert!(bare.sizes().flash_bytes() < image.sizes().flash_bytes());
}

/// What a board's manifest reserves for code and variables is at least what its image takes.
fn reserves_suffice(image: &elf::Image, board: &Board, program: &Program) {
    let report = thumbnet_compile::fit(program, board).expect("it has been built, so it fits");
    let other = |bytes: u64, network: usize| bytes.saturating_sub(network as u64);
    let code_bytes = other(image.sizes().flash_bytes(), report.flash.need_bytes);
    let data_bytes = other(image.sizes().ram_bytes(), report.ram.need_bytes);
    assert!(code_bytes > 0 && code_bytes <= board.code_bytes as u64, "{code_bytes}");
    assert!(data_bytes > 0 && data_bytes <= board.data_bytes as u64, "{data_bytes}");
}

/// A firmware whose vector table was wiped: the core locks up at once.
fn crashes_are_told(board: &Board, image: &Path, folder: &Path) {
    let mut bytes = std::fs::read(image).expect("the image is there");
    let file: object::read::elf::ElfFile32<'_> =
        object::read::elf::ElfFile32::parse(&*bytes).expect("it is an ELF");
    let table = file.section_by_name(".vector_table").expect("there is a vector table");
    let (offset, length) = table.file_range().expect("it has contents");
    bytes[offset as usize..(offset + length) as usize].fill(0);
    let wiped = folder.join("wiped.elf");
    std::fs::write(&wiped, bytes).expect("the folder is writable");
    let error = Emulator::start(board, &wiped).expect_err("it has no code to start");
    let SimulateError::Stopped { log, .. } = &error else { panic!("{error}") };
    assert!(!log.is_empty(), "{error}");
}

/// The bare image never answers.
fn hangs_are_told(board: &Board, model: &Path) {
    let bare = qemu::build_bare(board, model).unwrap_or_else(|error| panic!("{error}"));
    let error = Emulator::start_within(board, &bare, Duration::from_millis(50));
    let error = error.expect_err("no console");
    assert!(matches!(error, SimulateError::TimedOut { .. }), "{error}");
}

fn files_that_are_no_image_are_told(board: &Board, model: &Path) {
    let error = Emulator::start(board, model).expect_err("a model is no firmware");
    assert!(matches!(error, SimulateError::Image { .. }), "{error}");
    let error =
        Emulator::start(board, &model.with_extension("none")).expect_err("there is no such file");
    assert!(matches!(error, SimulateError::File { .. }), "{error}");
}

#[test]
fn models_that_do_not_build_are_told_in_one_line() {
    if !is_equipped() {
        return;
    }
    let folder = TempDir::new().expect("there is a folder for temporary files");
    let board = boards::load(qemu::BOARD).expect("the board is described");
    let giant = write_model(&folder, "giant.onnx", &network::too_large());
    let text = folder.path().join("text.onnx");
    std::fs::write(&text, "this is no model").expect("the folder is writable");
    for (model, word) in [(&giant, "giant"), (&text, "text.onnx")] {
        let error = boards::build(&board, model).expect_err("it cannot be built").to_string();
        assert!(error.contains(word) && !error.contains('\n'), "{error}");
    }
    let missing = boards::build(&board, &folder.path().join("missing.onnx")).expect_err("no file");
    assert!(matches!(missing, SimulateError::File { .. }), "{missing}");
}

#[test]
fn the_nucleos_image_lies_in_the_chips_memory() {
    if !is_equipped() {
        return;
    }
    let folder = TempDir::new().expect("there is a folder for temporary files");
    let model = write_model(&folder, "small.onnx", &network::small());
    let board = boards::load("nucleo-f446re").expect("the board is described");
    let image = boards::build(&board, &model).unwrap_or_else(|error| panic!("{error}"));
    let image = elf::Image::read(&image).expect("it is an image");
    let program = compile_file(&model, &board.options()).expect("the network is valid");
    reserves_suffice(&image, &board, &program);
    let memories = chip_memories("nucleo-f446re");
    assert_eq!(image.segments_outside(&memories), []);
    assert!(image.segments().iter().any(|segment| segment.load_address == memories[0].origin));
    // One byte less than the image takes: the check works.
    let stored = image.segments().iter().filter(|part| part.load_bytes > 0);
    let last = stored.map(|part| part.load_address + part.load_bytes).max();
    let bytes = last.expect("there are segments") - memories[0].origin - 1;
    let small_flash = Memory { bytes, ..memories[0] };
    assert_ne!(image.segments_outside(&[small_flash, memories[1]]), []);
}

/// The memories of a board's chip, as its manifest states them apart from its linker script.
fn chip_memories(board: &str) -> Vec<Memory> {
    let path = boards::folder().expect("the boards are there").join(board).join("Cargo.toml");
    let text = std::fs::read_to_string(path).expect("every board has a manifest");
    let manifest: toml::Table = text.parse().expect("cargo has read it too");
    let memories = &manifest["package"]["metadata"]["chip"]["memories"];
    let number = |value: &toml::Value| value.as_integer().and_then(|value| value.try_into().ok());
    let memory = |pair: &toml::Value| Memory {
        origin: number(&pair[0]).expect("an address"),
        bytes: number(&pair[1]).expect("a size"),
    };
    memories.as_array().expect("a list").iter().map(memory).collect()
}
