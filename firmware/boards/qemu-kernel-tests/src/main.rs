//! Runs the packed kernels on the emulated Cortex-M4: every case of the desktop's tests on the real
//! instructions, then the layers of the seed CNN, whose costs it prints and holds to their budgets.
//!
//! `cargo run --release` in this folder; the exit status says whether all passed.
#![no_std]
#![no_main]

#[cfg(not(target_os = "none"))]
compile_error!(
    "build in the folder firmware/boards/qemu-kernel-tests, whose .cargo/config.toml names the target"
);

extern crate alloc;

#[path = "../../../kernels/tests/packed/cases/mod.rs"]
mod cases;
mod costs;
#[path = "../../../kernels/tests/packed/extremes.rs"]
mod extremes;
mod instructions;
mod timer;

use core::mem::MaybeUninit;
use core::panic::PanicInfo;

use alloc::vec::Vec;
use cases::{Convolution, Depthwise, FullyConnected, Kind};
use cortex_m_semihosting::debug::{self, EXIT_FAILURE, EXIT_SUCCESS};
use cortex_m_semihosting::hprintln;
use embedded_alloc::LlffHeap;
use thumbnet_kernels::{Native, Portable};

#[global_allocator]
static HEAP: LlffHeap = LlffHeap::empty();

const HEAP_BYTES: usize = 1 << 20;

#[cortex_m_rt::entry]
fn main() -> ! {
    static mut MEMORY: [MaybeUninit<u8>; HEAP_BYTES] = [MaybeUninit::uninit(); HEAP_BYTES];
    let start = MEMORY.as_mut_ptr() as usize;
    // SAFETY: the entry function runs once, and nothing else uses this memory.
    #[expect(unsafe_code, reason = "a heap starts from an address")]
    unsafe {
        HEAP.init(start, HEAP_BYTES);
    }

    instructions::match_their_models();
    instructions::fpu_matches_its_model();
    instructions::fma_matches_its_model();
    hprintln!("instructions match their models");
    for kind in Kind::ALL {
        for seed in 0..150 {
            let case = Convolution::random(seed, kind);
            let (fixed, float) = (case.fixed(), case.float());
            let fixed_matches = case.run::<Native>(kind, fixed) == case.plain(fixed);
            assert!(fixed_matches, "{kind:?} {seed}: {case:?}");
            let float_matches = case.run::<Native>(kind, float) == case.plain(float);
            assert!(float_matches, "{kind:?} {seed}, in f32: {case:?}");
            let scales = case.mixed_scales();
            let mixed = case.mixed(&scales);
            let mixed_matches = case.run::<Native>(kind, mixed) == case.plain(mixed);
            assert!(mixed_matches, "{kind:?} {seed}, mixed: {case:?}");
        }
        hprintln!("{:?} convolutions match", kind);
    }
    for case in extremes::large_tiles().chain(extremes::large_accumulators()) {
        for kind in [Kind::Winograd4, Kind::CompactWinograd4] {
            let (fixed, float) = (case.fixed(), case.float());
            assert!(case.run::<Native>(kind, fixed) == case.plain(fixed), "{kind:?}: {case:?}");
            assert!(case.run::<Native>(kind, float) == case.plain(float), "{kind:?}: {case:?}");
        }
    }
    hprintln!("extreme tiles match");
    for seed in 0..100 {
        let mut random = cases::Random::new(seed);
        let case = FullyConnected::new(seed, 1 + random.below(90), 1 + random.below(40));
        assert!(case.run::<Native>() == case.plain(), "dense {seed}: {case:?}");
    }
    for inputs in [512, 513, 1600] {
        for weights in [[127, 127], [-127, 127], [127, -127], [-127, -127]] {
            for code in [-128, 127] {
                let case = FullyConnected::extreme(inputs, weights, code);
                assert!(case.run::<Native>() == case.plain(), "dense {inputs} {weights:?} {code}");
            }
        }
    }
    hprintln!("dense layers match");
    for seed in 0..150 {
        let case = Depthwise::random(seed);
        assert!(case.run::<Native>() == case.plain(), "depthwise {seed}: {case:?}");
        let [result, plain] = case.run_float::<Native>();
        assert!(result == plain, "depthwise in f32 {seed}: {case:?}");
        let [result, plain] = case.run_mixed::<Native>();
        assert!(result == plain, "depthwise, mixed {seed}: {case:?}");
        if case.window.stride == [1, 1] && case.layer().output == case.input {
            assert!(case.run_in_place::<Native>(1) == case.plain(), "in place {seed}: {case:?}");
        }
    }
    hprintln!("depthwise convolutions match");
    for seed in 0..150 {
        let (input, window) = cases::random_pool(seed);
        let portable = cases::pools::<Portable>(seed, input, window);
        assert!(cases::pools::<Native>(seed, input, window) == portable, "pools {seed}");
    }
    hprintln!("pools match");
    // Every pair of codes, and a tail.
    let lhs: Vec<i8> = (i8::MIN..=i8::MAX).flat_map(|code| [code; 257]).collect();
    let rhs: Vec<i8> = (i8::MIN..=i8::MAX).cycle().take(lhs.len()).collect();
    for seed in 0..20 {
        let layer = cases::random_sum(seed);
        let portable = cases::sum::<Portable>(&layer, &lhs, &rhs);
        assert!(cases::sum::<Native>(&layer, &lhs, &rhs) == portable, "sums: {layer:?}");
    }
    hprintln!("sums match");
    costs::of_the_seed_cnn();

    exit(EXIT_SUCCESS)
}

/// Ends the emulator.
fn exit(status: debug::ExitStatus) -> ! {
    debug::exit(status);
    loop {
        cortex_m::asm::wfi();
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    hprintln!("{}", info);
    exit(EXIT_FAILURE)
}

#[cortex_m_rt::exception]
#[allow(unsafe_code, reason = "the runtime wants it so: who calls it, and how, is not Rust's")]
unsafe fn HardFault(frame: &cortex_m_rt::ExceptionFrame) -> ! {
    hprintln!("hard fault: {:?}", frame);
    exit(EXIT_FAILURE)
}
