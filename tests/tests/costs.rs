//! What the shipped models cost on the emulated boards, against `tests/golden/MODEL.txt` (the reference board) and
//! `tests/golden/MODEL-BOARD.txt`.
//!
//! Dearer by more than 1 % fails. So does cheaper by more than 1 %, until the golden says so too: run
//! `UPDATE_GOLDEN=1 cargo test --release --package parity --test costs`, look at the difference and commit it.
//! Goldens were made by the compiler that `rust-toolchain.toml` names; another one may need others.

use parity::{
    ModelFile, emulated_boards, is_equipped, pictures, reference_board, root, shipped, small,
};
use std::fmt::Write;
use std::path::Path;
use thumbnet_compile::{Board, Program, compile_file};
use thumbnet_data::to_codes;
use thumbnet_simulate::desktop::Simulator;
use thumbnet_simulate::qemu::{self, Emulator};
use thumbnet_simulate::{boards, crc32_of_map, elf};

/// A hundredth of a cost may come and go, for example with an update of the compiler's backend.
const TOLERANCE: f64 = 0.01;
/// The boards' clocks tick every 40 or 125 instructions, and a layer's cost is the difference of two readings.
const COUNTING_ERROR: u64 = 250;

/// A cost and its name.
type Cost = (String, u64);

#[test]
fn shipped_models_cost_what_the_goldens_say() {
    if !is_equipped() {
        return;
    }
    let models = shipped();
    if models.is_empty() {
        println!("skipped: models/ holds no model.onnx");
    }
    let mut differences = Vec::new();
    for board in emulated_boards() {
        for model in &models {
            differences.extend(check(&board, model, &golden(&board, model)));
        }
    }
    assert!(differences.is_empty(), "\n{}\n", differences.join("\n"));
}

#[test]
fn a_dearer_and_a_cheaper_model_are_told() {
    let golden = "instructions 100000\ninstructions conv1 4000\ncorrect_of_1000 870\ngone 1\n";
    let cost = |name: &str, value| (name.to_owned(), value);
    let costs = [
        cost("instructions", 101_001),
        cost("instructions conv1", 4_080),
        cost("correct_of_1000", 871),
        cost("new", 5),
    ];
    let differences = compare(&costs, &parse(golden));
    let words: Vec<&str> = differences.iter().map(String::as_str).collect();
    assert_eq!(
        words,
        [
            "instructions: 101001, dearer than 100000",
            "correct_of_1000: 871, not 870",
            "new: 5, not in the golden",
            "gone: 1 in the golden, no longer measured",
        ]
    );
    let cheaper = compare(&[cost("arena_bytes", 7_000)], &parse("arena_bytes 8000"));
    assert_eq!(cheaper, ["arena_bytes: 7000, cheaper than 8000: update the golden to keep it"]);
    assert!(compare(&[cost("arena_bytes", 7_930)], &parse("arena_bytes 8000")).is_empty());
}

#[test]
fn costs_repeat_and_are_of_the_expected_size() {
    if !is_equipped() {
        return;
    }
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    let model = small().write_to(folder.path());
    let board = reference_board();
    let costs = measure(&board, &model);
    let golden = folder.path().join("small.txt");
    std::fs::write(&golden, text(&board, &model, &costs)).expect("the folder is writable");
    assert_eq!(check(&board, &model, &golden), [""; 0], "a second measurement gives the same");
    let arena = costs.iter().find(|(name, _)| name == "arena_bytes").expect("it is measured");
    // What was promised of the seed CNN.
    assert!(arena.1 <= 8 << 10, "{arena:?}");
}

fn golden(board: &Board, model: &ModelFile) -> std::path::PathBuf {
    let name = match board.name == qemu::BOARD {
        true => format!("{}.txt", model.name),
        false => format!("{}-{}.txt", model.name, board.name),
    };
    root().join("tests/golden").join(name)
}

/// What has changed against `golden`; if the environment asks for it, the golden is rewritten instead.
fn check(board: &Board, model: &ModelFile, golden: &Path) -> Vec<String> {
    let costs = measure(board, model);
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        std::fs::write(golden, text(board, model, &costs)).expect("the golden is writable");
        println!("wrote {}", golden.display());
        return Vec::new();
    }
    let expected = std::fs::read_to_string(golden)
        .unwrap_or_else(|error| panic!("{}: {error}; UPDATE_GOLDEN=1 writes it", golden.display()));
    let told = |line| format!("{} on {}: {line}", model.name, board.name);
    compare(&costs, &parse(&expected)).into_iter().map(told).collect()
}

/// All costs, in a fixed order.
fn measure(board: &Board, model: &ModelFile) -> Vec<Cost> {
    let program =
        compile_file(&model.path, &board.options()).unwrap_or_else(|error| panic!("{error}"));
    let image = boards::build(board, &model.path).unwrap_or_else(|error| panic!("{error}"));
    let bare = qemu::build_bare(board, &model.path).unwrap_or_else(|error| panic!("{error}"));
    let sizes = elf::Image::read(&bare).unwrap_or_else(|error| panic!("{error}")).sizes();
    let mut emulator = Emulator::start(board, &image).unwrap_or_else(|error| panic!("{error}"));
    let inference = emulator
        .infer_unchecked(&vec![0; program.input.bytes])
        .unwrap_or_else(|error| panic!("{error}"));
    let mut costs = vec![("instructions".to_owned(), inference.cost)];
    for (step, &cost) in program.steps.iter().zip(&inference.layer_costs) {
        costs.push((format!("instructions {}", step.name.replace(char::is_whitespace, "_")), cost));
    }
    costs.push(("flash_bytes".to_owned(), sizes.flash_bytes()));
    costs.push(("static_ram_bytes".to_owned(), sizes.ram_bytes()));
    costs.push(("arena_bytes".to_owned(), program.arena_bytes as u64));
    costs.push(("stack_bytes".to_owned(), inference.stack_bytes as u64));
    costs.extend(answers(&program));
    costs
}

/// A checksum of what the model says to the test pictures of the embedded set, and how often it is right if these
/// are its classes.
fn answers(program: &Program) -> Vec<Cost> {
    let pictures = pictures(program);
    let mut simulator = <Simulator>::new(program);
    let (mut all, mut correct) = (Vec::new(), 0);
    for index in 0..pictures.len() {
        let logits = simulator.run(&to_codes(pictures.picture(index)), &mut |_, _| {});
        let best = logits.iter().max();
        let class = logits.iter().position(|logit| Some(logit) == best);
        correct += u64::from(class == Some(pictures.labels[index]));
        all.extend_from_slice(logits);
    }
    let mut answers = vec![("logits_crc32".to_owned(), crc32_of_map(&all).into())];
    if program.metadata.labels == small().dataset.classes {
        answers.push((format!("correct_of_{}", pictures.len()), correct));
    }
    answers
}

fn text(board: &Board, model: &ModelFile, costs: &[Cost]) -> String {
    let mut text = format!(
        "# {} on {}: counted instructions, bytes of the bare image, measured stack, answers.\n",
        model.name, board.name
    );
    for (name, value) in costs {
        writeln!(text, "{name} {value}").expect("a string takes everything");
    }
    text
}

fn parse(text: &str) -> Vec<Cost> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let parse = |line: &str| {
        let (name, value) = line.rsplit_once(' ')?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    lines.map(|line| parse(line).unwrap_or_else(|| panic!("`{line}` is no cost"))).collect()
}

/// One line for every cost that is not what it was.
fn compare(costs: &[Cost], golden: &[Cost]) -> Vec<String> {
    let find =
        |list: &[Cost], name: &str| list.iter().find(|cost| cost.0 == name).map(|cost| cost.1);
    let changed = costs.iter().filter_map(|(name, value)| match find(golden, name) {
        None => Some(format!("{name}: {value}, not in the golden")),
        Some(expected) => difference(name, *value, expected),
    });
    let gone = golden.iter().filter(|(name, _)| find(costs, name).is_none());
    let gone =
        gone.map(|(name, value)| format!("{name}: {value} in the golden, no longer measured"));
    changed.chain(gone).collect()
}

fn difference(name: &str, value: u64, expected: u64) -> Option<String> {
    // Answers are exact, whatever they cost.
    if name.starts_with("correct") || name.starts_with("logits") {
        return (value != expected).then(|| format!("{name}: {value}, not {expected}"));
    }
    let counting_error = if name.starts_with("instructions") { COUNTING_ERROR } else { 0 };
    let allowed = counting_error.max((expected as f64 * TOLERANCE) as u64);
    if value.abs_diff(expected) <= allowed {
        None
    } else if value > expected {
        Some(format!("{name}: {value}, dearer than {expected}"))
    } else {
        Some(format!("{name}: {value}, cheaper than {expected}: update the golden to keep it"))
    }
}
