//! A firmware image on an emulated board.

use crate::console::{Classification, Client, Inference, Info};
use crate::error::SimulateError;
use crate::qemu::machine;
use crate::qemu::process::Process;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;
use thumbnet_compile::Board;

/// How long an inference may take, unless [`Emulator::start_within`] says otherwise: a hundred times
/// what the largest network of the MLPerf Tiny set needs on an idle machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A board in QEMU, running a firmware image. Ends when dropped.
#[derive(Debug)]
pub struct Emulator {
    // Before the process: the line is closed before the emulator ends.
    client: Client<TcpStream>,
    process: Process,
    info: Info,
}

impl Emulator {
    /// Starts the firmware image `elf` of `board` and asks which network it runs.
    ///
    /// # Errors
    /// [`SimulateError`] if QEMU is missing or does not emulate the board, the image is none, or it does not
    /// answer.
    pub fn start(board: &Board, elf: &Path) -> Result<Self, SimulateError> {
        Self::start_within(board, elf, PATIENCE)
    }

    /// As [`Emulator::start`], but gives the firmware at most `patience` for each answer.
    ///
    /// # Errors
    /// As [`Emulator::start`].
    pub fn start_within(
        board: &Board,
        elf: &Path,
        patience: Duration,
    ) -> Result<Self, SimulateError> {
        let (mut process, stream) = Process::start(machine(board)?, elf)?;
        let started = Client::new(stream, patience).and_then(|mut client| {
            let info = client.info()?;
            Ok((client, info))
        });
        match started {
            Ok((client, info)) => Ok(Self { client, process, info }),
            Err(error) => Err(process.explain(error)),
        }
    }

    /// Which network the firmware runs.
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// Runs the network on `input`, int8 `[h, w, c]`, with the CRC-32 of every layer.
    ///
    /// # Errors
    /// [`SimulateError`] if the input has the wrong length or the firmware fails.
    pub fn infer(&mut self, input: &[i8]) -> Result<Inference, SimulateError> {
        let result = self.client.infer(&self.info, input, true);
        result.map_err(|error| self.process.explain(error))
    }

    /// As [`Emulator::infer`], without checksums: faster on the host, at the same count of instructions.
    ///
    /// # Errors
    /// As [`Emulator::infer`].
    pub fn infer_unchecked(&mut self, input: &[i8]) -> Result<Inference, SimulateError> {
        let result = self.client.infer(&self.info, input, false);
        result.map_err(|error| self.process.explain(error))
    }

    /// Has the firmware preprocess and classify a picture, u8 `[h, w, c]`.
    ///
    /// # Errors
    /// [`SimulateError`] if the picture is too large, the model says nothing about preprocessing, or the
    /// firmware fails.
    pub fn classify(
        &mut self,
        picture: &[u8],
        shape: [u16; 3],
    ) -> Result<Classification, SimulateError> {
        let result = self.client.classify(&self.info, picture, shape);
        result.map_err(|error| self.process.explain(error))
    }

    /// Log lines since the last call, such as `INFO  class 3 dress, confidence 97 %, 1420000 instructions`.
    pub fn log(&mut self) -> Vec<String> {
        self.process.log.take()
    }
}
