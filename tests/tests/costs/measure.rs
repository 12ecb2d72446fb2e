//! One model measured under every profile, and the proof that all give the same bytes.

use crate::golden::Cost;
use parity::{ModelFile, pictures, small};
use thumbnet_compile::{Board, Optimize, Program, Summary, Tuning, compile_file};
use thumbnet_data::to_codes;
use thumbnet_simulate::desktop::Simulator;
use thumbnet_simulate::qemu::{self, Emulator};
use thumbnet_simulate::{boards, crc32_of_map, elf};

/// In the order of the goldens.
pub const PROFILES: [Optimize; 3] = [Optimize::Speed, Optimize::Balanced, Optimize::Size];

/// What a model costs under one profile.
pub struct Costs {
    /// Of one inference, and of each layer.
    pub instructions: u64,
    pub layers: Vec<(String, u64)>,
    /// Of the bare image.
    pub flash_bytes: u64,
    /// Of them, weights, biases and factors.
    pub weight_bytes: u64,
    /// Activations and scratch.
    pub ram_bytes: u64,
    /// Of the inference alone.
    pub stack_bytes: u64,
}

impl Costs {
    /// As lines of a golden, for `optimize`.
    pub fn lines(&self, optimize: Optimize) -> Vec<Cost> {
        let line = |name: &str, value: u64| (format!("{optimize} {name}"), value);
        let mut lines = vec![line("instructions", self.instructions)];
        for (layer, instructions) in &self.layers {
            let layer = layer.replace(char::is_whitespace, "_");
            lines.push(line(&format!("instructions {layer}"), *instructions));
        }
        lines.push(line("flash_bytes", self.flash_bytes));
        lines.push(line("ram_bytes", self.ram_bytes));
        lines.push(line("stack_bytes", self.stack_bytes));
        lines
    }
}

/// The model as `board` runs it under a profile.
pub fn compiled(board: &Board, model: &ModelFile, optimize: Optimize) -> Program {
    let board = tuned(board, optimize);
    compile_file(&model.path, &board.options()).unwrap_or_else(|error| panic!("{error}"))
}

fn tuned(board: &Board, optimize: Optimize) -> Board {
    board.clone().tuned(&Tuning { optimize: Some(optimize), ..Tuning::default() })
}

/// Builds, runs and compares every layer's bytes with the desktop's.
pub fn measure(board: &Board, model: &ModelFile, optimize: Optimize) -> Costs {
    let tuned = tuned(board, optimize);
    let bare = qemu::build_bare(&tuned, &model.path).unwrap_or_else(|error| panic!("{error}"));
    let sizes = elf::Image::read(&bare).unwrap_or_else(|error| panic!("{error}")).sizes();
    let stack = qemu::stack_bytes(&tuned, &bare).unwrap_or_else(|error| panic!("{error}"));
    let (instructions, layers) = run(board, model, optimize);
    let summary = Summary::of(&compiled(board, model, optimize));
    Costs {
        instructions,
        layers,
        flash_bytes: sizes.flash_bytes(),
        weight_bytes: summary.weight_bytes as u64,
        ram_bytes: summary.arena_bytes as u64,
        stack_bytes: stack as u64,
    }
}

/// Instructions of an inference and of its layers, whose bytes must be those of the desktop.
pub fn run(board: &Board, model: &ModelFile, optimize: Optimize) -> (u64, Vec<(String, u64)>) {
    let program = compiled(board, model, optimize);
    let board = tuned(board, optimize);
    let image = boards::build(&board, &model.path).unwrap_or_else(|error| panic!("{error}"));
    let mut emulator = Emulator::start(&board, &image).unwrap_or_else(|error| panic!("{error}"));
    // No constant, so that a pixel read from a wrong place shows.
    let input: Vec<i8> = (0..program.input.bytes).map(|index| (index * 37 % 251) as i8).collect();
    let inference = emulator.infer(&input).unwrap_or_else(|error| panic!("{error}"));
    let mut crcs = Vec::new();
    <Simulator>::new(&program).run(&input, &mut |_, map| crcs.push(crc32_of_map(map)));
    assert_eq!(inference.layer_crcs, crcs, "{}: the desktop has other bytes", model.name);
    let names = program.steps.iter().map(|step| step.name.clone());
    (inference.cost, names.zip(inference.layer_costs).collect())
}

/// A checksum of what the model says to the test pictures of the embedded set, which must be the same under every
/// profile, and how often it is right if these are its classes.
pub fn answers(board: &Board, model: &ModelFile) -> Vec<Cost> {
    let [first, others @ ..] = PROFILES.map(|optimize| answer(&compiled(board, model, optimize)));
    for other in others {
        assert_eq!(first, other, "{}: profiles give other bytes", model.name);
    }
    first
}

fn answer(program: &Program) -> Vec<Cost> {
    let pictures = pictures(program);
    let mut simulator = <Simulator>::new(program);
    let (mut all, mut correct) = (Vec::new(), 0);
    for index in 0..pictures.len() {
        let logits = simulator.run(&to_codes(&pictures.picture(index)), &mut |_, _| {});
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
