//! The layers of the seed CNN by Thumbnet's kernels and by those of other Rust crates: same weights, same inputs, one
//! emulated Cortex-M4, one run. Prints what each executes, and whether its bytes are ours.
//!
//! `cargo xtask peers`, or `cargo run --release` in this folder.
#![no_std]
#![no_main]

#[cfg(not(target_os = "none"))]
compile_error!(
    "build in the folder firmware/boards/qemu-peers, whose .cargo/config.toml names the target"
);

extern crate alloc;

mod by_embedded_nn;
mod by_microflow;
#[allow(dead_code, unused_imports, reason = "the tests of the kernels use all of it")]
#[path = "../../../kernels/tests/packed/cases/mod.rs"]
mod cases;
mod ours;
mod table;
mod timer;

use cases::{Convolution, FullyConnected};
use core::mem::MaybeUninit;
use core::panic::PanicInfo;
use cortex_m_semihosting::debug::{self, EXIT_FAILURE, EXIT_SUCCESS};
use cortex_m_semihosting::hprintln;
use embedded_alloc::LlffHeap;
use table::{Row, print};
use thumbnet_kernels::geometry::{Shape, Window};
use timer::Timer;

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
    let peripherals = cortex_m::Peripherals::take().expect("taken once");
    let timer = &mut Timer::new(peripherals.SYST);

    let [window, pool] = [Window::square(3, 1), Window::square(2, 2)];
    let conv1 = layer(1, Shape::new(28, 28, 1), 32, window, pool);
    let conv2 = layer(2, Shape::new(13, 13, 32), 64, window, pool);
    let dense1 = FullyConnected::new(3, 1600, 64);
    let dense2 = FullyConnected::new(4, 64, 10);
    print(&[
        Row {
            name: "conv 3x3 1->32 + pool",
            ours: ours::convolution(timer, &conv1, cases::Kind::Shallow),
            plain: ours::plain_convolution(timer, &conv1),
            embedded_nn: by_embedded_nn::convolution(timer, &conv1),
            microflow: by_microflow::convolution::<28, 28, 1, 32, 26, 26>(timer, &conv1),
        },
        Row {
            name: "conv 3x3 32->64 + pool",
            ours: ours::convolution(timer, &conv2, cases::Kind::Deep),
            plain: ours::plain_convolution(timer, &conv2),
            embedded_nn: by_embedded_nn::convolution(timer, &conv2),
            microflow: by_microflow::convolution::<13, 13, 32, 64, 11, 11>(timer, &conv2),
        },
        Row {
            name: "dense 1600->64",
            ours: ours::dense(timer, &dense1),
            plain: ours::plain_dense(timer, &dense1),
            embedded_nn: by_embedded_nn::dense(timer, &dense1),
            microflow: by_microflow::dense::<1600, 64>(timer, &dense1),
        },
        Row {
            name: "dense 64->10",
            ours: ours::dense(timer, &dense2),
            plain: ours::plain_dense(timer, &dense2),
            embedded_nn: by_embedded_nn::dense(timer, &dense2),
            microflow: by_microflow::dense::<64, 10>(timer, &dense2),
        },
    ]);
    exit(EXIT_SUCCESS)
}

/// A layer as a trained network has it: a ReLU is the saturation at the zero point.
fn layer(seed: u64, input: Shape, oc: usize, window: Window, pool: Window) -> Convolution {
    let case = Convolution::new(seed, input, oc, window, pool);
    Convolution { clamp: [-128, 127], output_zero_point: -128, ..case }
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
