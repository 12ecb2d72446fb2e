//! Estimated instructions against those that the emulator counted.

use std::path::Path;
use thumbnet_compile::{InstructionSet, Optimize, Options, compile_file};

/// How far an estimate may be from the count, as a share of the count.
const TOLERANCE: f64 = 0.1;
/// The same where weights are plain: how fast those kernels are hangs on what the compiler of the device makes of them.
const PLAIN_TOLERANCE: f64 = 0.25;

/// Checks estimates for a model; `counted` are the emulator's, see tests/golden.
fn near(file: &Path, counted: &[(InstructionSet, Optimize, u64)]) {
    for &(instruction_set, optimize, counted) in counted {
        let options = Options { instruction_set, optimize, ..Options::default() };
        let program = compile_file(file, &options).expect("it compiles");
        let estimate = program.estimated_instructions(instruction_set);
        println!("{} {instruction_set:?} {optimize}: {estimate}, {counted}", file.display());
        let off = estimate.abs_diff(counted) as f64 / counted as f64;
        let is_plain = optimize == Optimize::Size;
        let tolerance = if is_plain { PLAIN_TOLERANCE } else { TOLERANCE };
        assert!(off < tolerance, "{} {optimize}: {estimate}, {counted}", file.display());
    }
}

#[test]
fn estimates_are_near_what_the_emulator_counts() {
    use InstructionSet::{Armv7em, Portable};
    use Optimize::{Balanced, Size, Speed};
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let own = [
        (Armv7em, Speed, 1_360_720),
        (Armv7em, Balanced, 2_039_000),
        (Armv7em, Size, 11_694_080),
        (Portable, Size, 11_721_625),
    ];
    near(&root.join("models/fashion/model.onnx"), &own);
    for (name, speed, balanced) in [
        ("keras_seed_fashion__qdq_s8s8_pc", 1_401_160, 2_080_120),
        ("lenet5_mnist__qdq_u8s8_pc_rr", 960_120, 960_120),
        ("mlperf_ad_tf2onnx_qdq", 311_600, 308_520),
        ("mlperf_ic_tf2onnx_qdq", 7_197_800, 13_336_640),
        ("mlperf_kws_tf2onnx_qdq", 3_009_880, 3_009_920),
        ("mlperf_vww_tf2onnx_qdq", 8_911_760, 9_065_040),
        ("mobilenet_cifar__qdq_s8s8_pc", 2_062_640, 2_062_880),
        ("resnet8_cifar__qop_u8s8_pc", 7_482_800, 13_588_040),
        ("seed_mnist__qdq_s8s8_pc", 1_392_960, 2_071_960),
    ] {
        let file = root.join("../shared/models").join(name).join("model.onnx");
        if file.is_file() {
            near(&file, &[(Armv7em, Speed, speed), (Armv7em, Balanced, balanced)]);
        } else {
            println!("skipped: {name} is not here");
        }
    }
}
