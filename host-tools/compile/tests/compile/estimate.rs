//! Estimated instructions against those that the emulator counted.

use std::path::Path;
use thumbnet_compile::{InstructionSet, Optimize, Options, compile_file};

/// How far an estimate may be from the count, as a share of the count.
const TOLERANCE: f64 = 0.25;

/// Checks estimates for a model; `counted` are the emulator's, see tests/golden.
fn near(file: &Path, counted: &[(InstructionSet, Optimize, u64)]) {
    for &(instruction_set, optimize, counted) in counted {
        let options = Options { instruction_set, optimize, ..Options::default() };
        let program = compile_file(file, &options).expect("it compiles");
        let estimate = program.estimated_instructions(instruction_set);
        println!("{} {instruction_set:?} {optimize}: {estimate}, {counted}", file.display());
        let off = estimate.abs_diff(counted) as f64 / counted as f64;
        assert!(off < TOLERANCE, "{} {optimize}: {estimate}, {counted}", file.display());
    }
}

#[test]
fn estimates_are_near_what_the_emulator_counts() {
    use InstructionSet::{Armv7em, Portable};
    use Optimize::{Balanced, Size, Speed};
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let own = [
        (Armv7em, Speed, 1_353_920),
        (Armv7em, Balanced, 2_043_200),
        (Armv7em, Size, 11_308_880),
        (Portable, Size, 11_954_500),
    ];
    near(&root.join("models/fashion/model.onnx"), &own);
    for (name, counted) in [
        ("mlperf_kws_tf2onnx_qdq", 3_049_560),
        ("mlperf_vww_tf2onnx_qdq", 9_133_840),
        ("mlperf_ic_tf2onnx_qdq", 14_048_000),
        ("mobilenet_cifar__qdq_s8s8_pc", 2_237_200),
        ("lenet5_mnist__qdq_u8s8_pc_rr", 1_083_560),
        ("resnet8_cifar__qop_u8s8_pc", 14_048_000),
    ] {
        let file = root.join("../shared/models").join(name).join("model.onnx");
        if file.is_file() {
            near(&file, &[(Armv7em, Balanced, counted)]);
        } else {
            println!("skipped: {name} is not here");
        }
    }
}
