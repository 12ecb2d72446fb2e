//! The network alone: nothing but start-up code and inference, to measure its size and its stack and to prove
//! that it cannot panic. A program of each emulated board.
#![no_std]
#![no_main]

#[cfg(not(target_os = "none"))]
compile_error!(
    "build in the folder of an emulated board, whose .cargo/config.toml names the target"
);

mod model {
    //! The network that the build script has compiled from the board's model.

    include!(concat!(env!("OUT_DIR"), "/model.rs"));
}

use core::hint::black_box;
use core::panic::PanicInfo;
use model::Network;
use thumbnet_cortex_m::host::tell_stack;
use thumbnet_kernels::model::Model;

#[cortex_m_rt::entry]
fn main() -> ! {
    static mut ARENA: <Network as Model>::Arena = Network::ARENA;
    Network::infer(black_box(ARENA), &mut ());
    black_box(Network::logits(ARENA));
    tell_stack();
    loop {
        cortex_m::asm::wfi();
    }
}

/// Never linked in: a test checks that no code of this program can reach it.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {
        cortex_m::asm::wfi();
    }
}
