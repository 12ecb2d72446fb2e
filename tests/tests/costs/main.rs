//! What the shipped models cost on the emulated boards under every profile, against `tests/golden/MODEL.txt` (the
//! reference board) and `tests/golden/MODEL-BOARD.txt`.
//!
//! Dearer by more than 1 % fails. So does cheaper by more than 1 %, until the golden says so too: run
//! `UPDATE_GOLDEN=1 cargo test --release --package parity --test costs`, look at the difference and commit it.
//! Goldens were made by the compiler that `rust-toolchain.toml` names; another one may need others.

mod foreign;
mod golden;
mod measure;

use golden::Cost;
use measure::{Costs, PROFILES, answers, measure};
use parity::{
    ModelFile, emulated_boards, fitting, is_equipped, reference_board, root, shipped, small,
};
use thumbnet_compile::{Board, Optimize};
use thumbnet_simulate::qemu;

/// What the inference may use beside the arena, `main` and start-up code included.
const MOST_STACK_BYTES: u64 = 1 << 10;
/// What the smallest firmware of the seed CNN may have beside its weights.
const MOST_CODE_BYTES: u64 = 16_000;

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
        let fitting = fitting(&board, models.clone());
        assert!(
            board.name != qemu::BOARD || fitting == models,
            "the reference board has room for all"
        );
        for model in &fitting {
            let mut costs = under_all_profiles(&board, model);
            costs.extend(answers(&board, model));
            let title = format!(
                "{} on {}: counted instructions, bytes of the bare image, its arena and its stack, answers.",
                model.name, board.name
            );
            differences.extend(golden::check(&title, &costs, &golden(&board, model)));
        }
    }
    assert!(differences.is_empty(), "\n{}\n", differences.join("\n"));
}

fn golden(board: &Board, model: &ModelFile) -> std::path::PathBuf {
    let name = match board.name == qemu::BOARD {
        true => format!("{}.txt", model.name),
        false => format!("{}-{}.txt", model.name, board.name),
    };
    root().join("tests/golden").join(name)
}

fn under_all_profiles(board: &Board, model: &ModelFile) -> Vec<Cost> {
    // Without packed kernels there is nothing to choose, and one profile stands for all.
    let profiles = if board.name == qemu::BOARD { &PROFILES[..] } else { &PROFILES[2..] };
    let mut lines = Vec::new();
    let mut least_flash_bytes = u64::MAX;
    for &optimize in profiles {
        let costs = measure(board, model, optimize);
        let (stack, flash) = (costs.stack_bytes, costs.flash_bytes);
        assert!(stack <= MOST_STACK_BYTES, "{}, {optimize}: {stack} B of stack", model.name);
        if optimize == Optimize::Size {
            assert!(flash <= least_flash_bytes, "{}: {flash} B under size", model.name);
        }
        least_flash_bytes = least_flash_bytes.min(flash);
        lines.extend(costs.lines(optimize));
    }
    lines
}

#[test]
fn the_seed_cnn_costs_what_was_promised_and_the_same_again() {
    if !is_equipped() {
        return;
    }
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    let model = small().write_to(folder.path());
    let board = reference_board();
    let [speed, balanced, size] = PROFILES.map(|optimize| measure(&board, &model, optimize));
    assert!(speed.instructions < balanced.instructions);
    assert!(balanced.instructions < size.instructions);
    assert!(speed.ram_bytes <= 18 << 10, "{}", speed.ram_bytes);
    assert!(balanced.ram_bytes <= 7_680, "{}", balanced.ram_bytes);
    let code_bytes = size.flash_bytes - size.weight_bytes;
    assert!(code_bytes <= MOST_CODE_BYTES, "{code_bytes} B beside the weights");
    for Costs { stack_bytes, .. } in [&speed, &balanced, &size] {
        assert!(*stack_bytes <= MOST_STACK_BYTES, "{stack_bytes} B of stack");
    }
    let again = measure(&board, &model, Optimize::Size);
    let [again, size] = [again, size].map(|costs| costs.lines(Optimize::Size));
    assert_eq!(golden::compare(&again, &size), [""; 0], "more than ticks of the clock differ");
}
