//! The image with nothing but the network has no symbol of panic, bounds-check or allocation code.

use parity::{ModelFile, emulated_boards, fitting, is_equipped, models, reference_board};
use thumbnet_compile::Board;
use thumbnet_simulate::{boards, elf, qemu};

#[test]
fn the_bare_image_has_neither_panics_nor_allocations() {
    if !is_equipped() {
        return;
    }
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    for board in emulated_boards() {
        for model in fitting(&board, models(folder.path())) {
            cannot_panic(&board, &model);
        }
    }
}

fn cannot_panic(board: &Board, model: &ModelFile) {
    let image = qemu::build_bare(board, &model.path).unwrap_or_else(|error| panic!("{error}"));
    let image = elf::Image::read(&image).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(image.forbidden_symbols(), [""; 0], "{} on {}", model.name, board.name);
    // An image that is empty would pass too: the weights must be in it.
    let onnx = std::fs::metadata(&model.path).expect("the model is there").len();
    assert!(image.sizes().flash_bytes() > onnx / 2, "{}: {:?}", model.name, image.sizes());
}

/// The console may panic, so that its image shows that the check finds what it looks for.
#[test]
fn the_check_finds_panics_where_there_are_some() {
    if !is_equipped() {
        return;
    }
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    let model = parity::small().write_to(folder.path());
    let board = reference_board();
    let image = boards::build(&board, &model.path).unwrap_or_else(|error| panic!("{error}"));
    let image = elf::Image::read(&image).unwrap_or_else(|error| panic!("{error}"));
    assert_ne!(image.forbidden_symbols(), [""; 0]);
}
