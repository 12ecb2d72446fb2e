//! One network, run where the user wants it; in the emulator with the desktop beside it, compared byte by byte.

use anyhow::Context;
use std::path::Path;
use thumbnet_compile::{Board, Program};
use thumbnet_simulate::desktop::Simulator;
use thumbnet_simulate::{boards, crc32_of_map, qemu};

/// The real firmware in the emulator, checked against the desktop.
pub(crate) struct Firmware<'p> {
    program: &'p Program,
    emulator: qemu::Emulator,
    desktop: Simulator<'p>,
}

/// One inference of the firmware.
pub(crate) struct Inference {
    pub(crate) logits: Vec<i8>,
    pub(crate) instructions: u64,
    pub(crate) stack_bytes: usize,
    /// Names of layers whose checksum differs from the desktop's; empty when all bytes are equal.
    pub(crate) different_layers: Vec<String>,
    pub(crate) log: Vec<String>,
}

impl<'p> Firmware<'p> {
    /// Builds the firmware of `board` with the model and boots it.
    pub(crate) fn boot(board: &Board, file: &Path, program: &'p Program) -> anyhow::Result<Self> {
        let image = boards::build(board, file)?;
        let emulator = qemu::Emulator::start(board, &image)?;
        Ok(Self { program, emulator, desktop: <Simulator>::new(program) })
    }

    /// Runs the firmware and the desktop on one input.
    pub(crate) fn infer(&mut self, input: &[i8]) -> anyhow::Result<Inference> {
        let device = self.emulator.infer(input).context("the firmware in the emulator failed")?;
        let steps = &self.program.steps;
        let mut different = Vec::new();
        let logits = self.desktop.run(input, &mut |index, map| {
            if device.layer_crcs.get(index) != Some(&crc32_of_map(map)) {
                different.push(steps[index].name.clone());
            }
        });
        if logits != device.logits && different.is_empty() {
            different.push("the logits".to_owned());
        }
        Ok(Inference {
            logits: device.logits,
            instructions: device.cost,
            stack_bytes: device.stack_bytes,
            different_layers: different,
            log: self.emulator.log(),
        })
    }
}
