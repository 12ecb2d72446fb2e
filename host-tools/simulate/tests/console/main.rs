//! The host's side of the console against the firmware's own, over a line in memory.

mod board;
mod noise;

use board::PICTURE_BYTES;
use firmware::clock::TickRate;
use firmware::console::message::Refusal;
use noise::Noisy;
use std::time::Duration;
use thumbnet_simulate::console::{Client, Inference};
use thumbnet_simulate::{SimulateError, crc32_of_map};

const PATIENCE: Duration = Duration::from_secs(20);
/// On a noisy line answers get lost, so waiting for them must not take long.
const LITTLE_PATIENCE: Duration = Duration::from_millis(100);

fn input(seed: usize) -> Vec<i8> {
    (0..900_usize).map(|index| (index * 7 + seed * 31) as i8).collect()
}

/// What the board's network makes of an input.
fn expected(input: &[i8]) -> (Vec<i8>, Vec<u32>) {
    let logits: Vec<i8> = input.iter().map(|value| value.wrapping_add(1)).collect();
    let crcs = vec![crc32_of_map(&logits), crc32_of_map(&logits[..1])];
    (logits, crcs)
}

#[test]
fn the_board_tells_all_about_its_network() {
    let (line, thread) = board::start();
    let mut client = Client::new(line, PATIENCE).unwrap();
    let info = client.info().unwrap();
    assert_eq!((info.name.as_str(), info.digest), ("increment", [1, 2, 3, 4, 5, 6, 7, 8]));
    assert_eq!((info.input, info.input_len(), info.logits), ([30, 30, 1], 900, 900));
    assert_eq!(info.labels, ["dark", "bright"]);
    assert_eq!(info.layers, ["add one", "nothing"]);
    assert_eq!((info.picture_bytes, info.tick_rate), (PICTURE_BYTES, TickRate::Instructions(40)));
    drop(client);
    thread.join().unwrap();
}

#[test]
fn tensors_of_several_messages_are_inferred() {
    let (line, _thread) = board::start();
    let mut client = Client::new(line, PATIENCE).unwrap();
    let info = client.info().unwrap();
    for seed in 0..5 {
        let input = input(seed);
        let (logits, layer_crcs) = expected(&input);
        let cost = 80;
        let (layer_costs, stack_bytes) = (vec![40, 40], 4321);
        let inference = client.infer(&info, &input, true).unwrap();
        let all = Inference { logits, layer_crcs, layer_costs, cost, stack_bytes };
        assert_eq!(inference, all);
        let inference = client.infer(&info, &input, false).unwrap();
        assert_eq!(inference, Inference { layer_crcs: vec![0, 0], ..all });
    }
}

#[test]
fn pictures_are_classified() {
    let (line, _thread) = board::start();
    let mut client = Client::new(line, PATIENCE).unwrap();
    let info = client.info().unwrap();
    let mut picture = vec![10; 900 * 3];
    picture[17 * 3..18 * 3].fill(200);
    let classes = client.classify(&info, &picture, [30, 30, 3]).unwrap();
    assert_eq!((classes.top[0].index, classes.top[0].logit), (17, 73));
    assert_eq!((classes.top.len(), classes.top[1].index), (5, 0));
    assert!(classes.top[0].confidence > 0.99 && classes.accepted);
    assert_eq!((classes.cost, classes.stack_bytes), (80, 4321));
    let too_large = vec![0; PICTURE_BYTES + 1];
    let error = client.classify(&info, &too_large, [1, 3001, 1]).unwrap_err();
    assert!(matches!(error, SimulateError::Refused(Refusal::OutOfRange(3000))), "{error}");
    let error = client.classify(&info, &[], [0, 5, 1]).unwrap_err();
    assert!(matches!(error, SimulateError::Refused(Refusal::Shape(3000))), "{error}");
}

#[test]
fn an_input_of_the_wrong_length_is_told_before_it_is_sent() {
    let (line, _thread) = board::start();
    let mut client = Client::new(line, PATIENCE).unwrap();
    let info = client.info().unwrap();
    let error = client.infer(&info, &[0; 899], true).unwrap_err();
    assert!(matches!(error, SimulateError::InputLength { found: 899, expected: 900, .. }));
}

#[test]
fn a_noisy_line_gives_the_right_answer_or_an_error() {
    let (mut right, mut errors) = (0, 0);
    for seed in 0..20 {
        let (line, _thread) = board::start();
        let mut client = Client::new(line, PATIENCE).unwrap();
        let info = client.info().unwrap();
        let noisy = Noisy::new(client.into_stream(), 900, seed);
        let mut client = Client::new(noisy, LITTLE_PATIENCE).unwrap();
        let input = input(seed as usize);
        match client.infer(&info, &input, true) {
            Ok(inference) => {
                assert_eq!((inference.logits, inference.layer_crcs), expected(&input));
                right += 1;
            }
            Err(_) => errors += 1,
        }
        // Whatever was lost, the link is in step again once the noise is over.
        let quiet = client.into_stream().quiet();
        let hits = quiet.hits;
        let mut client = Client::new(quiet, PATIENCE).unwrap();
        let inference = client.infer(&info, &input, true).unwrap();
        assert_eq!((inference.logits, inference.layer_crcs), expected(&input), "{hits} hits");
    }
    assert!(right >= 5, "of 20 inferences over a noisy line only {right} came through");
    println!("{right} right answers, {errors} errors");
}

#[test]
fn a_silent_board_is_given_up() {
    let (_sender, receiver) = std::sync::mpsc::channel::<u8>();
    struct Silent(std::sync::mpsc::Receiver<u8>);
    impl std::io::Read for Silent {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            let _ = self.0.recv_timeout(Duration::from_millis(5));
            Err(std::io::ErrorKind::WouldBlock.into())
        }
    }
    impl std::io::Write for Silent {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let error = Client::new(Silent(receiver), LITTLE_PATIENCE).unwrap().info().unwrap_err();
    assert!(matches!(error, SimulateError::TimedOut { .. }), "{error}");
}

#[test]
fn a_board_that_is_gone_breaks_the_link() {
    let gone = std::io::Cursor::new(Vec::new());
    let error = Client::new(gone, PATIENCE).unwrap().info().unwrap_err();
    assert!(matches!(error, SimulateError::Link(_)), "{error}");
}
