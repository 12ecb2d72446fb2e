//! The real firmware in the emulator equals the simulation: the CRC-32 of every layer and the logits, with ==.

use parity::{ModelFile, is_equipped, models, pictures};
use thumbnet_compile::{Board, Program, compile_file};
use thumbnet_data::to_codes;
use thumbnet_simulate::desktop::Simulator;
use thumbnet_simulate::qemu::{self, Emulator};
use thumbnet_simulate::{boards, crc32_of_map};

const PICTURES: usize = 200;

#[test]
fn every_layer_of_200_pictures_equals_the_simulation() {
    if !is_equipped() {
        return;
    }
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    for model in models(folder.path()) {
        equals_the_simulation(&model);
    }
}

fn equals_the_simulation(model: &ModelFile) {
    let program = compile_as_the_board(model);
    let image = qemu::build(&model.path).unwrap_or_else(|error| panic!("{error}"));
    let mut board = Emulator::start(&image).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(board.info().digest, program.digest, "the firmware is of this file");
    let names: Vec<_> = program.steps.iter().map(|step| step.name.clone()).collect();
    assert_eq!(board.info().layers, names);
    let pictures = pictures(&program);
    let mut simulator = <Simulator>::new(&program);
    assert!(pictures.len() >= PICTURES);
    // Spread over the set, so that all classes are among them.
    for index in (0..PICTURES).map(|index| index * pictures.len() / PICTURES) {
        let input = to_codes(pictures.picture(index));
        let mut crcs = Vec::with_capacity(names.len());
        let logits = simulator.run(&input, &mut |_, map| crcs.push(crc32_of_map(map)));
        let inference = board.infer(&input).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(inference.layer_crcs, crcs, "{}: layers of picture {index}", model.name);
        assert_eq!(inference.logits, logits, "{}: logits of picture {index}", model.name);
    }
    println!("{}: {PICTURES} pictures, {} layers, all bytes equal", model.name, names.len());
}

fn compile_as_the_board(model: &ModelFile) -> Program {
    let folder = boards::folder().expect("the boards are in the repository").join(qemu::BOARD);
    let board = Board::load(&folder).expect("the board is described");
    compile_file(&model.path, &board.options()).unwrap_or_else(|error| panic!("{error}"))
}
