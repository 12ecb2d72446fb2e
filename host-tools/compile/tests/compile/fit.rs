//! It fits or it does not compile.

use crate::samples::seed_cnn;
use crate::scratch::Scratch;
use thumbnet_compile::{
    Board, CompileError, InstructionSet, Memory, Optimize, Options, Program, compile, fit,
};

fn program() -> Program {
    compile(&seed_cnn(), [0; 8], &Options::default()).expect("it compiles")
}

fn board(scratch: &Scratch, name: &str, settings: &str, memory: &str) -> Board {
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion.workspace = true\n[package.metadata.thumbnet]\n{settings}\n"
    );
    scratch.write(&format!("{name}/Cargo.toml"), manifest);
    scratch.write(&format!("{name}/memory.x"), memory);
    Board::load(&scratch.path(name)).expect("it is a board")
}

const MEMORY: &str = "MEMORY {
  FLASH : ORIGIN = 0x08000000, LENGTH = 512K
  RAM : ORIGIN = 0x20000000, LENGTH = 128K
}";

#[test]
fn a_board_is_read_from_its_folder() {
    let scratch = Scratch::new("a_board_is_read");
    let settings = "chip = \"STM32F446RETx\"\nmodel = \"../m.onnx\"\noptimize = \"speed\"\nstack_bytes = 4096\ncode_bytes = 32768";
    let nucleo = board(&scratch, "nucleo", settings, MEMORY);
    assert_eq!(nucleo.chip.as_deref(), Some("STM32F446RETx"));
    assert_eq!(nucleo.model, Some(scratch.path("nucleo").join("../m.onnx")));
    assert_eq!(nucleo.flash, Memory { origin: 0x0800_0000, bytes: 512 << 10 });
    assert_eq!((nucleo.stack_bytes, nucleo.data_bytes, nucleo.code_bytes), (4_096, 0, 32_768));
    assert_eq!(nucleo.options().instruction_set, InstructionSet::Portable);
    scratch.write("nucleo/.cargo/config.toml", "[build]\ntarget = \"thumbv7em-none-eabihf\"");
    let options = Board::load(&scratch.path("nucleo")).expect("it is a board").options();
    assert_eq!(options.instruction_set, InstructionSet::Armv7em);
    assert_eq!(options.optimize, Optimize::Speed);
    board(&scratch, "another", "", MEMORY);
    // Tests that run on a board link with a memory.x, too, and have no model.
    scratch.write("tests/Cargo.toml", "[package]\nname = \"x\"");
    scratch.write("tests/memory.x", MEMORY);
    scratch.write("library/Cargo.toml", "[package]\nname = \"x\"");
    let names: Vec<String> = Board::all(&scratch.path("."))
        .expect("all are boards")
        .into_iter()
        .map(|board| board.name)
        .collect();
    assert_eq!(names, ["another", "nucleo"]);
}

#[test]
fn wrong_boards_name_the_file_and_the_remedy() {
    let scratch = Scratch::new("wrong_boards");
    scratch.write("memory.x", MEMORY);
    for (manifest, problem) in [
        ("[package]\nname = 3", "invalid type"),
        ("[workspace]", "no [package]"),
        (
            "[package]\nname = \"x\"\n[package.metadata.thumbnet]\noptimize = \"fast\"",
            "unknown variant",
        ),
        ("[package]\nname = \"x\"", "no [package.metadata.thumbnet]"),
        (
            "[package]\nname = \"x\"\n[package.metadata.thumbnet]\nstack = 1",
            "unknown field `stack`",
        ),
    ] {
        scratch.write("Cargo.toml", manifest);
        let message = Board::load(&scratch.path(".")).expect_err(manifest).to_string();
        assert!(message.contains("Cargo.toml: ") && message.contains(problem), "{message}");
    }
    scratch.write("Cargo.toml", "[package]\nname = \"x\"\n[package.metadata.thumbnet]\n");
    scratch.write("memory.x", "MEMORY { FLASH : ORIGIN = 0, LENGTH = 1K }");
    let message = Board::load(&scratch.path(".")).expect_err("no RAM").to_string();
    assert!(message.contains("memory.x: MEMORY has no RAM"), "{message}");
    let message = Board::load(&scratch.path("missing")).expect_err("no folder").to_string();
    assert!(message.contains("missing/Cargo.toml"), "{message}");
}

#[test]
fn the_budget_is_exact_to_the_byte() {
    let scratch = Scratch::new("the_budget_is_exact");
    let mut board =
        board(&scratch, "b", "stack_bytes = 1024\ndata_bytes = 100\ncode_bytes = 2000", MEMORY);
    let program = program();
    let report = fit(&program, &board).expect("it fits");
    assert_eq!(report.ram.need_bytes, 6_112);
    assert_eq!(report.ram.have_bytes, 128 * 1_024 - 1_124);
    let flash = report.flash.need_bytes as u64;
    board.flash.bytes = flash + 2_000;
    board.ram.bytes = 6_112 + 1_124;
    assert!(fit(&program, &board).is_ok());

    board.ram.bytes -= 1;
    let error = fit(&program, &board).expect_err("one byte of RAM too few");
    let message = error.to_string();
    assert!(matches!(error, CompileError::RamTooSmall(_)), "{message}");
    assert!(
        message.starts_with(
            "seed-cnn: the activations need 6,112 B of RAM but b has 6,111 B after 1,024 B for the \
             stack and 100 B for other data: 1 B too many; layer pool2 alone needs 6,112 B; "
        ),
        "{message}"
    );

    board.flash.bytes -= 1;
    let error = fit(&program, &board).expect_err("one byte of flash too few");
    let message = error.to_string();
    assert!(matches!(error, CompileError::FlashTooSmall(_)), "{message}");
    assert!(message.contains("after 2,000 B for code: 1 B too many"), "{message}");
    assert!(message.contains("layer dense1 alone needs 102,912 B"), "{message}");

    let options = Options { instruction_set: InstructionSet::Armv7em, ..Options::default() };
    let packed = compile(&seed_cnn(), [0; 8], &options).expect("it compiles");
    let message = fit(&packed, &board).expect_err("scratch does not fit").to_string();
    assert!(message.ends_with("or set optimize = \"size\" in the board's Cargo.toml"), "{message}");
}

#[test]
fn the_winograd_form_is_taken_where_speed_counts_and_it_fits() {
    let scratch = Scratch::new("the_winograd_form");
    let mut board =
        board(&scratch, "b", "stack_bytes = 1024\ncode_bytes = 2000\noptimize = \"speed\"", MEMORY);
    board.target = Some("thumbv7em-none-eabihf".into());
    let compiled = |board: &Board| {
        let program = compile(&seed_cnn(), [0; 8], &board.options()).expect("it compiles");
        let report = fit(&program, board).expect("it fits");
        (program.steps[1].call.kernel(), report.flash.need_bytes, report.ram.need_bytes)
    };
    let (kernel, flash, ram) = compiled(&board);
    // Input of conv2, on which its output lies, four transformed tiles of 32 channels and their products.
    assert_eq!((kernel, ram), ("winograd_conv2d", 5_408 + 4_608));

    board.flash.bytes = flash as u64 + 2_000;
    board.ram.bytes = ram as u64 + 1_024;
    assert_eq!(compiled(&board), (kernel, flash, ram));
    board.flash.bytes -= 1;
    let direct = ("deep_conv2d", flash - (65_536 - 18_432), 5_408 + 1_024);
    assert_eq!(compiled(&board), direct, "one byte of flash too few");
    board.flash.bytes += 1;
    board.ram.bytes -= 1;
    assert_eq!(compiled(&board).0, kernel, "one byte of RAM too few: by stripes it fits");
    // Rows of its input, its output and what of the picture is read after that, its tiles and products.
    board.ram.bytes = 4 * 13 * 32 + 1_600 + 4 * 28 + 4_608 + 1_023;
    assert_eq!(compiled(&board), direct, "one byte of RAM too few by stripes");

    board.ram.bytes = ram as u64 + 1_024;
    board.optimize = Optimize::Balanced;
    assert_eq!(compiled(&board).0, "deep_conv2d");
}
