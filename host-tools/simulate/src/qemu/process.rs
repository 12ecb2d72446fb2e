//! The emulator's process: started with a line to its UART, and never left behind.

use crate::error::SimulateError;
use crate::qemu::log::Log;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long the emulator may take to start.
const START: Duration = Duration::from_secs(30);
/// How often to look whether it has.
const POLL: Duration = Duration::from_millis(5);
/// How long a read waits before it looks at the clock, and how long the line is silent after a frame.
const READ_TIMEOUT: Duration = Duration::from_millis(20);

/// A running QEMU; killed and reaped when dropped, also by a panic.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pub(crate) log: Log,
}

impl Process {
    /// Starts the image on `machine` and returns the line to its UART.
    ///
    /// We listen and QEMU connects: so there is no port to guess and no moment at which it listens not yet.
    pub(crate) fn start(machine: &str, path: &Path) -> Result<(Self, TcpStream), SimulateError> {
        let file = |source| SimulateError::File { path: path.to_owned(), source };
        let image = std::fs::read(path).map_err(file)?;
        let log = Log::new(path, &image)?;
        let qemu = thumbnet_toolchain::qemu()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(SimulateError::Link)?;
        let address = listener.local_addr().map_err(SimulateError::Link)?;
        let [frames, messages] = log.files().map_err(SimulateError::Link)?;
        let mut command = command(&qemu, machine, path, address);
        let child = command.stdout(frames).stderr(messages).spawn().map_err(|source| {
            SimulateError::Start { program: qemu.display().to_string(), source }
        })?;
        let mut process = Self { child, log };
        let stream = process.accept(&listener)?;
        Ok((process, stream))
    }

    /// Why the link failed: if the emulator has ended, that is the reason.
    pub(crate) fn explain(&mut self, error: SimulateError) -> SimulateError {
        match error {
            SimulateError::Link(source) => match self.ended() {
                Some(stopped) => stopped,
                None => SimulateError::Link(source),
            },
            SimulateError::TimedOut { after, .. } => match self.child.try_wait() {
                Ok(Some(_)) => {
                    self.ended().unwrap_or(SimulateError::TimedOut { after, log: vec![] })
                }
                _ => SimulateError::TimedOut { after, log: self.log.lines() },
            },
            other => other,
        }
    }

    fn accept(&mut self, listener: &TcpListener) -> Result<TcpStream, SimulateError> {
        listener.set_nonblocking(true).map_err(SimulateError::Link)?;
        let deadline = Instant::now() + START;
        loop {
            match listener.accept() {
                Ok((stream, _)) => return configured(stream).map_err(SimulateError::Link),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(SimulateError::Link(error)),
            }
            if let Ok(Some(_)) = self.child.try_wait() {
                let lost = SimulateError::Link(ErrorKind::ConnectionRefused.into());
                return Err(self.ended().unwrap_or(lost));
            }
            if Instant::now() > deadline {
                return Err(SimulateError::TimedOut { after: START, log: self.log.lines() });
            }
            thread::sleep(POLL);
        }
    }

    /// The error of an emulator that has ended or does so within a moment, with all that it said.
    fn ended(&mut self) -> Option<SimulateError> {
        let deadline = Instant::now() + Duration::from_secs(2);
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if Instant::now() < deadline => thread::sleep(POLL),
                _ => return None,
            }
        };
        Some(SimulateError::Stopped { status: status.to_string(), log: self.log.lines() })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(qemu: &Path, machine: &str, image: &Path, address: SocketAddr) -> Command {
    let mut command = Command::new(qemu);
    command
        .args(["-machine", machine, "-nodefaults", "-display", "none", "-monitor", "none"])
        // One instruction takes one nanosecond of virtual time: counts are exact and repeatable.
        .args(["-icount", "shift=0"])
        // Log frames come on standard output; the exit status is the firmware's.
        .args(["-semihosting-config", "enable=on,target=native"])
        .arg("-chardev")
        .arg(format!(
            "socket,id=console,host={},port={},server=off,nodelay=on",
            address.ip(),
            address.port()
        ))
        .args(["-serial", "chardev:console"])
        .arg("-kernel")
        .arg(image)
        .stdin(Stdio::null());
    command
}

fn configured(stream: TcpStream) -> std::io::Result<TcpStream> {
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(READ_TIMEOUT))?;
    Ok(stream)
}
