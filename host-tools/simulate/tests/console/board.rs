//! A board on a thread: the firmware's own console over a tiny network, and a line to it in memory.

use embedded_io::{ErrorKind, ErrorType};
use firmware::clock::{Clock, TickRate};
use firmware::console::Console;
use firmware::pipeline::Pipeline;
use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use thumbnet_kernels::geometry::Shape;
use thumbnet_kernels::model::{Arena, Info, Model, Observer};
use thumbnet_kernels::preprocessing::{Fit, Preprocessing};

/// Largest picture in bytes.
pub const PICTURE_BYTES: usize = 3000;

/// Adds 1 to each of 900 pixels, then hands them out as 900 logits: several messages each way.
pub struct Increment;

impl Model for Increment {
    type Arena = Arena<900>;

    const INFO: Info = Info {
        name: "increment",
        digest: [1, 2, 3, 4, 5, 6, 7, 8],
        input: Shape::new(30, 30, 1),
        input_scale: 1.0 / 255.0,
        input_zero_point: -128,
        output_scale: 0.5,
        output_zero_point: 0,
        softmax_scale: 0.5,
        labels: &["dark", "bright"],
        layers: &["add one", "nothing"],
    };

    const PREPROCESSING: Option<Preprocessing> = Some(Preprocessing::new(Fit::Stretch, false));

    const ARENA: Self::Arena = Arena::NEW;

    fn input(arena: &mut Self::Arena) -> &mut [i8] {
        &mut arena.0
    }

    fn infer<O: Observer>(arena: &mut Self::Arena, observer: &mut O) {
        for value in &mut arena.0 {
            *value = value.wrapping_add(1);
        }
        observer.layer(0, &arena.0);
        observer.layer(1, &arena.0[..1]);
    }

    fn logits(arena: &Self::Arena) -> &[i8] {
        &arena.0
    }
}

struct Steps(u64);

impl Clock for Steps {
    const RATE: TickRate = TickRate::Instructions(40);

    fn ticks(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}

/// Starts a board; it ends when the host's end of the line is dropped.
pub fn start() -> (HostEnd, JoinHandle<()>) {
    let (to_board, from_host) = mpsc::channel();
    let (to_host, from_board) = mpsc::channel();
    let thread = thread::spawn(move || {
        let mut line = BoardEnd { sender: to_host, receiver: from_host };
        let mut arena = Increment::ARENA;
        let mut picture = [0; PICTURE_BYTES];
        let pipeline = Pipeline::<Increment, _, 2>::new(&mut arena, Steps(0));
        let mut console = Console::new(pipeline, &mut picture, || 4321);
        while console.answer(&mut line).is_ok() {}
    });
    (HostEnd { sender: to_board, receiver: from_board }, thread)
}

/// The board's end of the line.
struct BoardEnd {
    sender: Sender<u8>,
    receiver: Receiver<u8>,
}

impl ErrorType for BoardEnd {
    type Error = ErrorKind;
}

impl embedded_io::Read for BoardEnd {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        match self.receiver.recv() {
            Ok(byte) => {
                buffer[0] = byte;
                Ok(1)
            }
            Err(_) => Ok(0),
        }
    }
}

impl embedded_io::Write for BoardEnd {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        for &byte in bytes {
            self.sender.send(byte).map_err(|_| ErrorKind::BrokenPipe)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

/// The host's end of the line.
pub struct HostEnd {
    sender: Sender<u8>,
    receiver: Receiver<u8>,
}

impl io::Read for HostEnd {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.receiver.recv_timeout(Duration::from_millis(5)) {
            Ok(byte) => {
                buffer[0] = byte;
                Ok(1)
            }
            Err(RecvTimeoutError::Timeout) => Err(io::ErrorKind::TimedOut.into()),
            Err(RecvTimeoutError::Disconnected) => Ok(0),
        }
    }
}

impl io::Write for HostEnd {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for &byte in bytes {
            self.sender.send(byte).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
