//! The real firmware in the emulator equals the simulation: the CRC-32 of every layer and the logits, with ==.

use parity::{ModelFile, emulated_boards, fitting, is_equipped, models, pictures};
use thumbnet_compile::{Board, compile_file};
use thumbnet_data::to_codes;
use thumbnet_simulate::desktop::Simulator;
use thumbnet_simulate::qemu::Emulator;
use thumbnet_simulate::{boards, crc32_of_map};

const PICTURES: usize = 200;

#[test]
fn every_layer_of_200_pictures_equals_the_simulation() {
    if !is_equipped() {
        return;
    }
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    for board in emulated_boards() {
        for model in fitting(&board, models(folder.path())) {
            equals_the_simulation(&board, &model);
        }
    }
}

fn equals_the_simulation(board: &Board, model: &ModelFile) {
    let program =
        compile_file(&model.path, &board.options()).unwrap_or_else(|error| panic!("{error}"));
    let image = boards::build(board, &model.path).unwrap_or_else(|error| panic!("{error}"));
    let mut emulator = Emulator::start(board, &image).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(emulator.info().digest, program.digest, "the firmware is of this file");
    let names: Vec<_> = program.steps.iter().map(|step| step.name.clone()).collect();
    assert_eq!(emulator.info().layers, names);
    let pictures = pictures(&program);
    let mut simulator = <Simulator>::new(&program);
    assert!(pictures.len() >= PICTURES);
    // Spread over the set, so that all classes are among them.
    for index in (0..PICTURES).map(|index| index * pictures.len() / PICTURES) {
        let input = to_codes(&pictures.picture(index));
        let mut crcs = Vec::with_capacity(names.len());
        let logits = simulator.run(&input, &mut |_, map| crcs.push(crc32_of_map(map)));
        let inference = emulator.infer(&input).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(inference.layer_crcs, crcs, "{}: layers of picture {index}", model.name);
        assert_eq!(inference.logits, logits, "{}: logits of picture {index}", model.name);
    }
    println!(
        "{} on {}: {PICTURES} pictures, {} layers, all bytes equal",
        model.name,
        board.name,
        names.len()
    );
}
