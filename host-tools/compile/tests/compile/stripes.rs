//! When steps run by stripes, and what that leaves in memory.

use crate::samples::{Builder, seed_cnn};
use thumbnet_compile::{InstructionSet, Optimize, Options, Program, compile, emit};
use thumbnet_graph::{Int8Graph, Padding, Shape, Window};

fn compiled(graph: &Int8Graph, options: &Options) -> Program {
    compile(graph, [0; 8], options).expect("it compiles")
}

/// Two convolutions of 3 x 3 on 24 rows of `channels`, and what is left of them in one number a channel.
fn two_convolutions(channels: usize) -> Int8Graph {
    let padding = Padding { top: 1, left: 1, bottom: 1, right: 1 };
    let same = Window { padding, ..Window::square(3, 1) };
    let half = Window { padding, ..Window::square(3, 2) };
    Builder::new("two", Shape::new(24, 24, 4))
        .conv("wide", same, channels)
        .conv("narrow", half, 8)
        .dense("dense", 2)
        .build()
}

#[test]
fn a_map_between_two_layers_becomes_a_few_rows() {
    let program = compiled(&two_convolutions(32), &Options::default());
    let [stream] = program.streams.as_slice() else { panic!("{:?}", program.streams) };
    assert_eq!(stream.steps, 0..2);
    assert_eq!(stream.rounds.len(), 12);
    // A window needs three rows of 24 x 32, of which the last is the first of the next window: no more than three.
    assert_eq!(program.steps[0].output.bytes, 3 * 24 * 32);
    // Beside these, the input, on which the output lies, and scratch memory.
    assert_eq!(program.arena_bytes, 3 * 24 * 32 + 24 * 24 * 4 + 640);
}

#[test]
fn speed_is_not_given_away_unless_ram_is_short() {
    let graph = two_convolutions(32);
    let fast = Options { optimize: Optimize::Speed, ..Options::default() };
    let whole = compiled(&graph, &fast);
    assert_eq!(whole.streams, []);
    let enough = Options { ram_bytes: Some(whole.arena_bytes), ..fast.clone() };
    assert_eq!(compiled(&graph, &enough), whole);
    let short = Options { ram_bytes: Some(whole.arena_bytes - 1), ..fast };
    let streamed = compiled(&graph, &short);
    assert!(streamed.arena_bytes < whole.arena_bytes && streamed.streams.len() == 1);
}

#[test]
fn as_few_stripes_as_the_ram_takes() {
    let graph = two_convolutions(32);
    let rounds = |ram_bytes: usize| {
        let fast = Options { optimize: Optimize::Speed, ..Options::default() };
        let program = compiled(&graph, &Options { ram_bytes: Some(ram_bytes), ..fast });
        assert!(program.arena_bytes <= ram_bytes, "{}", program.arena_bytes);
        program.streams[0].rounds.len()
    };
    assert!(rounds(14_000) < rounds(5_500), "{} {}", rounds(14_000), rounds(5_500));
}

#[test]
fn maps_of_odd_rows_stay_whole() {
    let mut graph = two_convolutions(32);
    assert_eq!(compiled(&graph, &Options::default()).streams.len(), 1);
    // Rows of 24 x 3 x 3 bytes begin at words, rows of 5 x 5 bytes do not.
    graph = Builder::new("odd", Shape::new(25, 5, 5))
        .conv("wide", Window::square(3, 1), 37)
        .conv("narrow", Window::square(3, 1), 3)
        .dense("dense", 2)
        .build();
    assert_eq!(compiled(&graph, &Options::default()).streams, []);
}

#[test]
fn stripes_that_are_alike_are_a_loop() {
    let program = compiled(&two_convolutions(32), &Options::default());
    let code = emit(&program).rust;
    // The first round has padding above, the last padding below.
    assert!(code.contains("for stripe in 0..10 {"), "{code}");
    assert_eq!(code.matches("Native::conv2d(").count(), 2 * 3, "{code}");
    assert!(code.contains("move_rows(arena, "), "{code}");
}

#[test]
fn less_than_4_kib_are_not_worth_stripes_that_fit_without() {
    // 32 channels make the map between 16 KiB smaller, 6 channels 3 KiB.
    assert_eq!(compiled(&two_convolutions(32), &Options::default()).streams.len(), 1);
    assert_eq!(compiled(&two_convolutions(6), &Options::default()).streams, []);
    let size = Options { optimize: Optimize::Size, ..Options::default() };
    assert_eq!(compiled(&two_convolutions(32), &size).streams, [], "the image would be larger");
}

#[test]
fn the_seed_cnn_can_do_with_less_than_5_kib() {
    let short = Options { ram_bytes: Some(1 << 10), ..Options::default() };
    let packed = Options { instruction_set: InstructionSet::Armv7em, ..short.clone() };
    // Output of pool2, and rows of the picture for the row that pool2 drops; four rows of 13 x 32 between the two; a patch.
    let rows = 1_600 + 4 * 28 + 4 * 13 * 32;
    assert_eq!(compiled(&seed_cnn(), &packed).arena_bytes, rows + 1_024);
    let plain = compiled(&seed_cnn(), &short);
    assert_eq!(plain.arena_bytes, rows + 640);
}
