//! Our side of a comparison: a compiled program, on the desktop or as firmware in an emulator.

use crate::error::ReferenceError;
use crate::model::Model;
use crate::report::Build;
use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};
use thumbnet_compile::{Options, Program, compile, digest};
use thumbnet_graph::Int8Graph;
use thumbnet_simulate::console::{Inference, Info};
use thumbnet_simulate::{SimulateError, boards, desktop, qemu};

/// A compiled network and what runs it.
pub struct Side {
    /// How the network was compiled, and where it runs.
    pub build: Build,
    /// The network.
    pub program: Program,
    firmware: Option<Pool>,
}

/// Emulators of one firmware, each used by one thread at a time.
struct Pool {
    free: Mutex<Vec<qemu::Emulator>>,
    returned: Condvar,
}

/// What our side shows of a layer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Output<'a> {
    /// The bytes of its map.
    Map(&'a [i8]),
    /// The CRC-32 of its map.
    Checksum(u32),
}

impl Side {
    /// `graph` with one step a node, on the desktop.
    ///
    /// # Errors
    /// If the graph cannot be compiled.
    pub fn every_node(graph: &Int8Graph) -> Result<Self, ReferenceError> {
        Self::desktop(Build::EveryNode, graph, Options { fuse: false, ..Options::default() })
    }

    /// `graph` as it is deployed, on the desktop.
    ///
    /// # Errors
    /// If the graph cannot be compiled.
    pub fn deployed(graph: &Int8Graph) -> Result<Self, ReferenceError> {
        Self::desktop(Build::Deployed, graph, Options::default())
    }

    /// The firmware of the emulated `board` with the model at `path`, in `emulators` emulators at a time (at least
    /// one).
    ///
    /// # Errors
    /// If the firmware cannot be built or started, or was not generated from this file.
    pub fn firmware(
        board: &str,
        path: &Path,
        model: &Model,
        emulators: usize,
    ) -> Result<Self, ReferenceError> {
        let board = boards::load(board)?;
        let side = Self::desktop(Build::Firmware, &model.graph, Options::default())?;
        let image = boards::build(&board, path)?;
        let started = (0..emulators.max(1)).map(|_| qemu::Emulator::start(&board, &image));
        let started = started.collect::<Result<Vec<_>, _>>()?;
        let is_ours = |info: &Info| {
            let layers = side.program.steps.iter().map(|step| &step.name);
            info.digest == digest(&model.bytes) && layers.eq(&info.layers)
        };
        if !started.iter().all(|emulator| is_ours(emulator.info())) {
            return Err(ReferenceError::OtherFirmware { file: model.file.clone() });
        }
        Ok(Self { firmware: Some(Pool::new(started)), ..side })
    }

    fn desktop(build: Build, graph: &Int8Graph, options: Options) -> Result<Self, ReferenceError> {
        // The digest ties generated code to its file; nothing is generated here.
        let program = compile(graph, [0; 8], &options)?;
        Ok(Self { build, program, firmware: None })
    }

    /// Runs one input; `observe` sees every step.
    pub(crate) fn run(
        &self,
        input: &[i8],
        observe: &mut dyn FnMut(usize, Output<'_>),
    ) -> Result<(), ReferenceError> {
        let Some(firmware) = &self.firmware else {
            desktop::run(&self.program, input, &mut |step, map| observe(step, Output::Map(map)));
            return Ok(());
        };
        let inference = firmware.infer(input)?;
        let last = self.program.steps.len().saturating_sub(1);
        for (step, &crc) in inference.layer_crcs.iter().enumerate().take(last) {
            observe(step, Output::Checksum(crc));
        }
        observe(last, Output::Map(&inference.logits));
        Ok(())
    }
}

impl Pool {
    fn new(emulators: Vec<qemu::Emulator>) -> Self {
        Self { free: Mutex::new(emulators), returned: Condvar::new() }
    }

    /// Runs one input in an emulator that is free, or waits for one.
    fn infer(&self, input: &[i8]) -> Result<Inference, SimulateError> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.returned.wait_while(free, |free| free.is_empty());
        let taken = waited.unwrap_or_else(PoisonError::into_inner).pop();
        let mut emulator = taken.expect("the wait ends when there is one");
        let inference = emulator.infer(input);
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(emulator);
        self.returned.notify_one();
        inference
    }
}
