//! ST Nucleo-F446RE: answers the console on the debugger's serial port at 115200 baud, logs through the debugger.
#![no_std]
#![no_main]

#[cfg(not(target_os = "none"))]
compile_error!(
    "build in the folder firmware/boards/nucleo-f446re, whose .cargo/config.toml names the target"
);

mod model;
mod uart;

use defmt_rtt as _;
use firmware::console::Console;
use firmware::pipeline::Pipeline;
use firmware::report;
use model::Network;
use panic_probe as _;
use stm32f4xx_hal::gpio::GpioExt;
use stm32f4xx_hal::rcc::{Config as Clocks, RccExt};
use stm32f4xx_hal::serial::{Config as Line, SerialExt};
use stm32f4xx_hal::time::{Bps, Hertz};
use stm32f4xx_hal::timer::SysTimerExt;
use thumbnet_cortex_m::cycles::CycleCounter;
use thumbnet_cortex_m::stack;
use thumbnet_kernels::model::Model;
use uart::Uart;

/// Largest picture the console takes, in bytes: 96 x 96 in grey.
const PICTURE_BYTES: usize = 96 * 96;
const LAYERS: usize = Network::INFO.layers.len();
/// What the debugger gives the chip as a clock.
const EXTERNAL: Hertz = Hertz::MHz(8);
/// The fastest without over-drive (DS10693, section 6.3.1).
const CORE: Hertz = Hertz::MHz(168);

#[cortex_m_rt::entry]
fn main() -> ! {
    static mut ARENA: <Network as Model>::Arena = Network::ARENA;
    static mut PICTURE: [u8; PICTURE_BYTES] = [0; PICTURE_BYTES];

    let core = cortex_m::Peripherals::take().expect("main runs once");
    let chip = stm32f4xx_hal::pac::Peripherals::take().expect("main runs once");
    let clocks = Clocks::hse(EXTERNAL).bypass_hse_oscillator().sysclk(CORE);
    let mut rcc = chip.RCC.freeze(clocks);
    let port = chip.GPIOA.split(&mut rcc);
    let line = Line::default().baudrate(Bps(115_200));
    let serial = chip.USART2.serial((port.pa2, port.pa3), line, &mut rcc);
    let mut uart = Uart(serial.expect("the clock divides to 115200 baud"));

    report::started::<Network>();
    let mut lamp = port.pa5.into_push_pull_output();
    // A sign of life; the pin cannot fail.
    let _ = report::blink(&mut lamp, &mut core.SYST.delay(&rcc.clocks), 0);

    let clock = CycleCounter::take(core.DCB, core.DWT);
    let pipeline = Pipeline::<Network, _, LAYERS>::new(ARENA, clock);
    let mut console = Console::new(pipeline, PICTURE, stack::high_water_bytes);
    loop {
        // After an error of the line the next frame is in step again.
        let _ = console.answer(&mut uart);
    }
}
