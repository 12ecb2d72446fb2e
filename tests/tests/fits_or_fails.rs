//! It fits or it does not compile: to the byte, and with the layer and the bytes in the message.

use parity::{dense, is_equipped, small};
use std::path::Path;
use thumbnet_compile::{Board, CompileError, Program, compile, fit};
use thumbnet_graph::Int8Graph;
use thumbnet_graph::onnx::{self, Form};
use thumbnet_simulate::{SimulateError, boards};

const BOARD: &str = "nucleo-f446re";

fn board() -> Board {
    boards::load(BOARD).unwrap_or_else(|error| panic!("{error}"))
}

fn program(graph: &Int8Graph, board: &Board) -> Program {
    compile(graph, [0; 8], &board.options()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_flash_of_one_byte_less_is_refused() {
    let mut board = board();
    let program = program(&small().qlinear, &board);
    let need = fit(&program, &board).expect("the small network fits").flash.need_bytes;
    board.flash.bytes = (need + board.code_bytes) as u64;
    let report = fit(&program, &board).expect("exactly enough is enough");
    assert_eq!((report.flash.need_bytes, report.flash.have_bytes), (need, need));
    board.flash.bytes -= 1;
    let error = fit(&program, &board).expect_err("a byte is missing");
    let CompileError::FlashTooSmall(details) = &error else { panic!("{error}") };
    assert_eq!((details.need_bytes, details.have_bytes), (need, need - 1));
    // The first dense layer has 97 % of the seed CNN's weights.
    assert_eq!(details.layer, "dense1");
    for words in ["1 B too many", "layer dense1 alone needs", BOARD] {
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn a_ram_of_one_byte_less_is_refused() {
    let mut board = board();
    let program = program(&small().qlinear, &board);
    board.ram.bytes = (program.arena_bytes + board.stack_bytes + board.data_bytes) as u64;
    let report = fit(&program, &board).expect("exactly enough is enough");
    assert_eq!(report.ram.need_bytes, report.ram.have_bytes);
    board.ram.bytes -= 1;
    let error = fit(&program, &board).expect_err("a byte is missing");
    let CompileError::RamTooSmall(details) = &error else { panic!("{error}") };
    assert_eq!(details.need_bytes - details.have_bytes, 1);
    assert!(program.steps.iter().any(|step| step.name == details.layer), "{error}");
    for words in ["1 B too many", "alone needs", BOARD] {
        assert!(error.to_string().contains(words), "{error}");
    }
}

/// A network that needs exactly what `board` has: a dense layer, filled up by the names of its classes.
fn exactly_full(board: &Board) -> Int8Graph {
    /// Characters of a name that all count.
    const LONGEST_NAME: usize = 60;
    const CLASSES: usize = 10;
    let have = usize::try_from(board.flash.bytes).expect("a microcontroller") - board.code_bytes;
    let missing = |graph: &Int8Graph| {
        let mut unlimited = board.clone();
        unlimited.flash.bytes = u64::from(u32::MAX);
        let report = fit(&program(graph, board), &unlimited).expect("a flash of 4 GB");
        have.checked_sub(report.flash.need_bytes)
    };
    let labelled = |inputs: usize| {
        let mut graph = dense(inputs, CLASSES);
        graph.metadata.labels = (0..CLASSES).map(|class| class.to_string()).collect();
        graph
    };
    let mut inputs = have / CLASSES;
    while missing(&labelled(inputs)).is_none() {
        inputs -= 1;
    }
    let mut graph = labelled(inputs);
    let mut left = missing(&graph).expect("just found");
    for label in &mut graph.metadata.labels {
        let more = left.min(LONGEST_NAME - label.len());
        label.push_str(&"x".repeat(more));
        left -= more;
    }
    assert_eq!(missing(&graph), Some(0));
    graph
}

#[test]
fn a_model_one_byte_too_large_fails_the_boards_build() {
    if !is_equipped() {
        return;
    }
    let board = board();
    let mut graph = exactly_full(&board);
    fit(&program(&graph, &board), &board).expect("exactly enough is enough");
    let last = graph.metadata.labels.last_mut().expect("ten classes");
    last.push('x');
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    let error = build(&graph, folder.path()).expect_err("a byte is missing").to_string();
    for words in ["1 B too many", "layer giant alone needs", BOARD, "too-large.onnx"] {
        assert!(error.contains(words), "`{words}` is not in: {error}");
    }
    assert!(!error.contains('\n'), "{error}");
}

/// The real build of the board, with its build script.
fn build(graph: &Int8Graph, folder: &Path) -> Result<(), SimulateError> {
    let model = folder.join("too-large.onnx");
    std::fs::write(&model, onnx::write(graph, Form::QLinear)).expect("the folder is writable");
    boards::build(&board(), &model).map(|_| ())
}
