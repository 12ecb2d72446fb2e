//! The smallest core: answers the console on the UART, logs through semihosting.
#![no_std]
#![no_main]

#[cfg(not(target_os = "none"))]
compile_error!(
    "build in the folder firmware/boards/qemu-microbit, whose .cargo/config.toml names the target"
);

mod model;
mod timer;
mod uart;

use firmware::console::Console;
use firmware::pipeline::Pipeline;
use firmware::report;
use model::Network;
use thumbnet_cortex_m::stack;
use thumbnet_emulated as _;
use thumbnet_kernels::model::Model;

/// Largest picture the console takes, in bytes: 32 x 32 in grey.
const PICTURE_BYTES: usize = 32 * 32;
const LAYERS: usize = Network::INFO.layers.len();

#[cortex_m_rt::entry]
fn main() -> ! {
    static mut ARENA: <Network as Model>::Arena = Network::ARENA;
    static mut PICTURE: [u8; PICTURE_BYTES] = [0; PICTURE_BYTES];

    report::started::<Network>();
    let mut uart = uart::Uart::take();
    let pipeline = Pipeline::<Network, _, LAYERS>::new(ARENA, timer::Timer::take());
    let mut console = Console::new(pipeline, PICTURE, stack::high_water_bytes);
    loop {
        // The line of this board cannot fail; whatever comes, the next request is answered.
        let _ = console.answer(&mut uart);
    }
}
