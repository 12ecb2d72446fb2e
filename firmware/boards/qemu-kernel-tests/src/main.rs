//! Runs the kernels on the emulated Cortex-M4: every case of the desktop's tests on the real instructions, then the layers
//! of the seed CNN, whose costs it prints and holds to their budgets. Built for the instructions of a Cortex-M0, those
//! kernels that such a core gets.
//!
//! `cargo run --release [--target thumbv6m-none-eabi]` in this folder; the exit status says whether all passed.
#![no_std]
#![no_main]

#[cfg(not(target_os = "none"))]
compile_error!(
    "build in the folder firmware/boards/qemu-kernel-tests, whose .cargo/config.toml names the target"
);

extern crate alloc;

mod agreement;
#[path = "../../../kernels/tests/packed/cases/mod.rs"]
mod cases;
mod costs;
mod instructions;
mod timer;

use core::mem::MaybeUninit;
use core::panic::PanicInfo;

use cortex_m_semihosting::debug::{self, EXIT_FAILURE, EXIT_SUCCESS};
use cortex_m_semihosting::hprintln;
use embedded_alloc::LlffHeap;

#[global_allocator]
static HEAP: LlffHeap = LlffHeap::empty();

const HEAP_BYTES: usize = 1 << 20;

/// Whether this is built for Cortex-M4. Other cores have models of its instructions, which are the desktop's.
const HAS_DSP: bool = cfg!(target_abi = "eabihf");

#[cortex_m_rt::entry]
fn main() -> ! {
    static mut MEMORY: [MaybeUninit<u8>; HEAP_BYTES] = [MaybeUninit::uninit(); HEAP_BYTES];
    let start = MEMORY.as_mut_ptr() as usize;
    // SAFETY: the entry function runs once, and nothing else uses this memory.
    #[expect(unsafe_code, reason = "a heap starts from an address")]
    unsafe {
        HEAP.init(start, HEAP_BYTES);
    }

    agreement::of_plain_convolutions();
    agreement::of_pools();
    if HAS_DSP {
        instructions::match_their_models();
        instructions::fpu_matches_its_model();
        instructions::fma_matches_its_model();
        hprintln!("instructions match their models");
        agreement::of_packed_convolutions();
        agreement::of_dense_layers();
        agreement::of_depthwise_convolutions();
        agreement::of_sums();
        costs::of_the_seed_cnn();
    }
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
