//! Every plan of a network gives the same bytes of every layer: fast kernels or plain ones, under every profile, as a
//! whole or by stripes, in as much memory as there is or in as little as it takes.

use parity::{ModelFile, foreign, models, of_other_tools};
use std::collections::HashMap;
use thumbnet_compile::{InstructionSet, Optimize, Options, Program, compile_file};
use thumbnet_kernels::{Armv7em, Backend, Portable, Scalar};
use thumbnet_simulate::desktop::Simulator;

const PROFILES: [Optimize; 3] = [Optimize::Speed, Optimize::Balanced, Optimize::Size];

/// Foreign models that run by stripes under `balanced` without being forced to.
const STREAMED: [&str; 2] = ["mlperf_ic_tf2onnx_qdq", "mlperf_vww_tf2onnx_qdq"];

/// Every map of one inference by the name of its tensor; of a tensor that takes two steps, what it is in the end.
type Maps = HashMap<String, Vec<i8>>;

#[test]
fn every_plan_of_our_models_gives_the_same_bytes() {
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    for model in models(folder.path()) {
        let forced = every_plan_agrees(&model);
        assert!(forced > 0, "{}: no plan has stripes", model.name);
    }
}

#[test]
fn every_plan_of_foreign_models_gives_the_same_bytes() {
    for model in foreign().iter().chain(&of_other_tools()) {
        every_plan_agrees(model);
    }
}

#[test]
fn the_largest_foreign_models_run_by_stripes() {
    for model in foreign().iter().filter(|model| STREAMED.contains(&model.name.as_str())) {
        let program = compiled(model, &options(InstructionSet::Armv7em, Optimize::Balanced, None));
        assert_ne!(program.streams, [], "{}", model.name);
    }
}

/// Compares every layer of every plan with the plainest one; returns how many of the plans have stripes.
fn every_plan_agrees(model: &ModelFile) -> usize {
    let plain = compiled(model, &Options { fuse: false, stream: false, ..Options::default() });
    let inputs = [37, 61].map(|step| input(&plain, step));
    let expected = inputs.each_ref().map(|input| maps::<Portable>(&plain, input));
    let plans = plans(model);
    for plan in &plans {
        for (input, expected) in inputs.iter().zip(&expected) {
            agrees(model, plan, &maps::<Portable>(plan, input), expected);
            agrees(model, plan, &maps::<Scalar>(plan, input), expected);
            agrees(model, plan, &maps::<Armv7em>(plan, input), expected);
        }
    }
    let streamed = plans.iter().filter(|plan| !plan.streams.is_empty()).count();
    println!("{}: {} plans, {streamed} by stripes, all bytes equal", model.name, plans.len());
    streamed
}

/// All programs that the compiler makes of a model, each once.
fn plans(model: &ModelFile) -> Vec<Program> {
    let mut plans: Vec<Program> = Vec::new();
    for set in [InstructionSet::Portable, InstructionSet::Armv7em] {
        for optimize in PROFILES {
            let whole = Options { stream: false, ..options(set, optimize, None) };
            let whole = compiled(model, &whole);
            let some_less = Some(whole.arena_bytes * 3 / 4);
            let limits = [None, some_less, Some(0)];
            let others =
                limits.map(|ram_bytes| compiled(model, &options(set, optimize, ram_bytes)));
            for plan in [whole].into_iter().chain(others) {
                if !plans.contains(&plan) {
                    plans.push(plan);
                }
            }
        }
    }
    plans
}

fn options(set: InstructionSet, optimize: Optimize, ram_bytes: Option<usize>) -> Options {
    Options { instruction_set: set, optimize, ram_bytes, ..Options::default() }
}

fn compiled(model: &ModelFile, options: &Options) -> Program {
    compile_file(&model.path, options).unwrap_or_else(|error| panic!("{error}"))
}

/// No constant, so that a pixel read from a wrong place shows.
fn input(program: &Program, step: usize) -> Vec<i8> {
    (0..program.input.bytes).map(|index| (index * step % 251) as i8).collect()
}

fn maps<B: Backend>(program: &Program, input: &[i8]) -> Maps {
    let mut maps = Maps::new();
    Simulator::<B>::new(program).run(input, &mut |index, map| {
        maps.insert(program.steps[index].tensor.clone(), map.to_vec());
    });
    maps
}

/// Each layer of `made` is one of `expected`.
fn agrees(model: &ModelFile, plan: &Program, made: &Maps, expected: &Maps) {
    for (name, map) in made {
        let steps = || plan.steps.iter().map(|step| step.call.kernel()).collect::<Vec<_>>();
        let same = expected.get(name) == Some(map);
        assert!(same, "{}, {name}: {:?} {} B", model.name, steps(), plan.arena_bytes);
    }
}
