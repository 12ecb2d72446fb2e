//! The generated code on this machine's own target gives the bytes of the interpreter.

use super::stripes::forced;
use super::{Random, compiled, packed};
use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use thumbnet_compile::emit;
use thumbnet_graph::Int8Graph;
use thumbnet_graph::testing::codes_graph;
use thumbnet_simulate::desktop;

/// Random networks compiled into the one test program; half of them of many rows.
const GENERATED: u64 = 48;

#[test]
fn generated_code_gives_the_bytes_of_the_interpreter() {
    if !Command::new("rustc").arg("--version").output().is_ok_and(|out| out.status.success()) {
        println!("skipped: rustc is not installed");
        return;
    }
    let dir = tempfile::tempdir().expect("the temporary folder is writable");
    let mut program = String::from(
        "use thumbnet_kernels::model::{Model, Observer};
         struct Gather(Vec<Vec<i8>>);
         impl Observer for Gather {
             fn layer(&mut self, index: usize, output: &[i8]) {
                 while self.0.len() <= index { self.0.push(Vec::new()); }
                 self.0[index].extend(output);
             }
         }
         fn run<M: Model>(input: &[i8]) {
             let mut arena = M::ARENA;
             M::input(&mut arena).copy_from_slice(input);
             let mut layers = Gather(Vec::new());
             M::infer(&mut arena, &mut layers);
             for (index, output) in layers.0.iter().enumerate() { println!(\"{index} {output:?}\"); }
             println!(\"logits {:?}\", M::logits(&arena));
         }\n",
    );
    let mut main = String::from("fn main() {\n");
    let mut expected = String::new();
    let mut streams = 0;
    for seed in 0..GENERATED {
        let mut random = Random::new(1_000 + seed);
        let mut network = match seed % 4 {
            0 => random.network(),
            1 => codes_graph(seed),
            _ => random.tall_network(),
        };
        if seed.is_multiple_of(2) {
            give_hostile_names(&mut network, seed as usize);
        }
        let compiled = match seed % 5 {
            0 => compiled(&network, false),
            1 => compiled(&network, true),
            2 => packed(&network, true),
            fast => forced(&network, fast == 3),
        };
        streams += compiled.streams.len();
        let input = random.bytes(compiled.input.bytes);
        let logits = desktop::run(&compiled, &input, &mut |index, output| {
            let _ = writeln!(expected, "{index} {output:?}");
        });
        let _ = writeln!(expected, "logits {logits:?}");
        let folder = dir.path().join(format!("n{seed}"));
        std::fs::create_dir(&folder).expect("writable");
        emit(&compiled).write_to(&folder).expect("writable");
        let _ = writeln!(program, "#[path = \"n{seed}/network.rs\"] mod n{seed};");
        let _ = writeln!(main, "    run::<n{seed}::Network>(&{input:?});");
    }
    std::fs::write(dir.path().join("main.rs"), program + &main + "}\n").expect("writable");
    assert_eq!(build_and_run(dir.path()), expected);
    assert!(streams >= 4, "only {streams} groups of layers ran by stripes");
}

/// Names as someone else's file may have them: the code must compile, and compute the same.
fn give_hostile_names(network: &mut Int8Graph, first: usize) {
    let long = "x\"*/\n".repeat(1_250);
    let names = [
        "",
        "fn",
        "Self",
        "\"",
        "\\",
        "*/",
        "//!",
        "\n}\nfn main() {",
        "r#\"",
        "{}",
        "\u{202e}\u{0}",
        "ä-b.c/d:0",
        "/x/y",
        "x_y",
        "x y",
        "x\ty",
        "'a",
        "`",
        "\r\n#![feature(x)]",
        &long,
    ];
    let mut names = names.iter().cycle().skip(first).map(|name| (*name).to_owned());
    let mut next = || names.next().expect("it never ends");
    network.tensors.iter_mut().for_each(|tensor| tensor.name = next());
    network.nodes.iter_mut().for_each(|node| node.name = next());
    network.metadata.name = next();
    network.metadata.producer = next();
    network.metadata.labels = (0..10).map(|_| next()).collect();
}

/// Builds the kernels and `main.rs` in `dir` with overflow checks, and returns what the program prints.
fn build_and_run(dir: &Path) -> String {
    let kernels = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../firmware/kernels/src/lib.rs");
    let rustc = |arguments: &[&str], source: &Path, output: &str| {
        let mut command = Command::new("rustc");
        command.args(["--edition=2024", "-Copt-level=1", "-Coverflow-checks=on", "-L"]).arg(dir);
        command.args(arguments).arg("-o").arg(dir.join(output)).arg(source);
        let run = command.output().expect("rustc starts");
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    };
    rustc(
        &["--crate-type=rlib", "--crate-name=thumbnet_kernels"],
        &kernels,
        "libthumbnet_kernels.rlib",
    );
    rustc(&["--extern=thumbnet_kernels"], &dir.join("main.rs"), "main");
    let run = Command::new(dir.join("main")).output().expect("it was just built");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).expect("it prints numbers")
}
