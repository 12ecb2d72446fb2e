//! The stack that the inference alone needs, as the bare image tells it.

use super::machine;
use crate::error::SimulateError;
use crate::qemu::process::Process;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};
use thumbnet_compile::Board;

/// How long an inference may take; see [`crate::qemu::Emulator`].
const PATIENCE: Duration = Duration::from_secs(120);
/// How often to look for its line.
const POLL: Duration = Duration::from_millis(5);

/// Most bytes of stack in use in one inference of the bare image `elf` on `board`, start-up code and `main` included.
///
/// # Errors
/// [`SimulateError`] if QEMU is missing, the image is none, or it does not tell.
pub fn stack_bytes(board: &Board, elf: &Path) -> Result<usize, SimulateError> {
    let (mut process, _line) = Process::start(machine(board)?, elf)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(bytes) = process.log.text().lines().find_map(told) {
            return Ok(bytes);
        }
        if Instant::now() > deadline {
            let timed_out = SimulateError::TimedOut { after: PATIENCE, log: process.log.lines() };
            return Err(process.explain(timed_out));
        }
        thread::sleep(POLL);
    }
}

/// The bytes of a whole line `stack 0000000680`.
fn told(line: &str) -> Option<usize> {
    let digits = line.strip_prefix("stack ")?;
    (digits.len() == 10).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn only_whole_lines_count() {
        assert_eq!(told("stack 0000000680"), Some(680));
        for line in ["stack 00000006", "stack ", "qemu: stack 0000000680", "stack 00000006x0"] {
            assert_eq!(told(line), None, "{line}");
        }
    }
}
