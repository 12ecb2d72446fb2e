//! The board's side against raw frames: every request, every refusal, damage.

use super::{Console, Disconnected};
use crate::clock::TickRate;
use crate::console::frame::{Decoder, Encoder};
use crate::console::message::{CHUNK_BYTES, LayerRecord, RECORDS, Refusal, Reply, Request, Target};
use crate::fakes::{LOGITS, Line, Stepping, Tiny};
use crate::observer::{crc32, crc32_of_map};
use crate::pipeline::Pipeline;
use std::vec::Vec;
use thumbnet_kernels::model::Model;

const PICTURE_BYTES: usize = 12;

/// Runs `check` on a console over [`Tiny`].
fn with_console(check: impl FnOnce(&mut Console<'_, Tiny, Stepping, 2>)) {
    let mut arena = Tiny::ARENA;
    let mut picture = [0; PICTURE_BYTES];
    let pipeline = Pipeline::new(&mut arena, Stepping::default()).reject_below(0.5);
    check(&mut Console::new(pipeline, &mut picture, || 1234));
}

/// Sends `bytes`, which end one frame, and hands the answer's sequence number and message to `check`.
fn exchange<T>(
    console: &mut Console<'_, Tiny, Stepping, 2>,
    bytes: &[u8],
    check: impl FnOnce(u8, Reply<'_>) -> T,
) -> T {
    let mut line = Line { incoming: bytes.iter().copied().collect(), ..Line::default() };
    assert_eq!(console.answer(&mut line), Ok(()));
    assert!(line.incoming.is_empty(), "one request was not read to its end");
    let mut decoder = Decoder::new();
    let (last, head) = line.outgoing.split_last().unwrap();
    assert!(head.iter().all(|&byte| !decoder.push(byte)) && decoder.push(*last));
    let frame = decoder.frame().unwrap();
    check(frame.sequence, frame.message().unwrap())
}

fn ask<T>(
    console: &mut Console<'_, Tiny, Stepping, 2>,
    request: &Request<'_>,
    check: impl FnOnce(Reply<'_>) -> T,
) -> T {
    let bytes = Encoder::new().encode(77, request).unwrap().to_vec();
    exchange(console, &bytes, |sequence, reply| {
        assert_eq!(sequence, 77);
        check(reply)
    })
}

fn expect(console: &mut Console<'_, Tiny, Stepping, 2>, request: &Request<'_>, reply: &Reply<'_>) {
    ask(console, request, |found| assert_eq!(found, *reply, "to {request:?}"));
}

fn write(target: Target, offset: u32, bytes: &[u8]) -> Request<'_> {
    Request::Write { target, offset, bytes }
}

#[test]
fn info_and_names_are_the_models() {
    with_console(|console| {
        ask(console, &Request::Info, |reply| {
            let Reply::Info(info) = reply else { panic!("{reply:?}") };
            assert_eq!((info.name, info.digest, info.input), ("tiny", *b"tinytiny", [2, 2, 1]));
            assert_eq!((info.logits, info.labels, info.layers), (300, 2, 2));
            assert_eq!((info.output_scale, info.output_zero_point), (0.25, 3));
            assert_eq!((info.picture_bytes, info.tick_rate), (12, TickRate::Cycles(2)));
        });
        expect(console, &Request::Label(1), &Reply::Name("südöstlich"));
        expect(console, &Request::Layer(0), &Reply::Name("negate"));
        expect(console, &Request::Label(2), &Reply::Refused(Refusal::NoSuchItem(2)));
        expect(console, &Request::Layer(u16::MAX), &Reply::Refused(Refusal::NoSuchItem(2)));
    });
}

#[test]
fn a_tensor_in_pieces_is_inferred() {
    with_console(|console| {
        expect(console, &write(Target::Input, 2, &[3, 4]), &Reply::Done);
        expect(console, &write(Target::Input, 0, &[1, 0x80]), &Reply::Done);
        let crc32 = crc32_of_map(&[1, -128, 3, 4]);
        ask(console, &Request::Infer { crc32, checksums: true }, |reply| {
            let Reply::Inferred(inferred) = reply else { panic!("{reply:?}") };
            assert_eq!((inferred.ticks, inferred.stack_bytes), (200, 1234));
        });
        let mut logits = Vec::new();
        while logits.len() < LOGITS {
            let first = logits.len() as u16;
            ask(console, &Request::Logits { first }, |reply| {
                let Reply::Logits(part) = reply else { panic!("{reply:?}") };
                assert_eq!(part.len(), (LOGITS - logits.len()).min(CHUNK_BYTES));
                logits.extend(part.iter().map(|&byte| byte as i8));
            });
        }
        assert_eq!(logits[..4], [-1, -128, -3, -4]);
        assert_eq!(logits[LOGITS - 1], 120);
        let records = [
            LayerRecord { crc32: crc32_of_map(&[-1, -128, -3, -4]), ticks: 100 },
            LayerRecord { crc32: crc32_of_map(&logits), ticks: 100 },
        ];
        let all = Reply::Layers(records.into_iter().collect());
        expect(console, &Request::Layers { first: 0 }, &all);
        let last = Reply::Layers(records[1..].iter().copied().collect());
        expect(console, &Request::Layers { first: 1 }, &last);
        expect(console, &Request::Layers { first: 2 }, &Reply::Refused(Refusal::NoSuchItem(2)));
        expect(console, &Request::Logits { first: 300 }, &Reply::Refused(Refusal::NoSuchItem(300)));
    });
}

#[test]
fn inference_needs_its_input_anew() {
    with_console(|console| {
        let infer = Request::Infer { crc32: crc32(&[1, 2, 3, 4]), checksums: false };
        let zeros = crc32(&[0; 4]);
        expect(console, &infer, &Reply::Refused(Refusal::Mismatch(zeros)));
        expect(console, &write(Target::Input, 0, &[1, 2, 3, 4]), &Reply::Done);
        ask(console, &infer, |reply| assert!(matches!(reply, Reply::Inferred(_))));
        let overwritten = crc32_of_map(&[-1, -2, -3, -4]);
        expect(console, &infer, &Reply::Refused(Refusal::Mismatch(overwritten)));
    });
}

#[test]
fn a_picture_is_classified() {
    with_console(|console| {
        expect(console, &write(Target::Picture, 0, &[128, 128, 128, 28]), &Reply::Done);
        let request = Request::Classify { shape: [2, 2, 1], crc32: crc32(&[128, 128, 128, 28]) };
        ask(console, &request, |reply| {
            let Reply::Classes(classes) = reply else { panic!("{reply:?}") };
            let best = classes.top[0];
            // 28 - 128 is negated; the sum of all stands last.
            assert_eq!((best.index, best.logit), (3, 100));
            assert_eq!(classes.top[1].index, 299);
            assert!((best.confidence - 0.5).abs() < 0.001, "{best:?}");
            assert!(!classes.accepted || best.confidence >= 0.5);
            assert_eq!((classes.cost.ticks, classes.cost.stack_bytes), (200, 1234));
        });
    });
}

#[test]
fn unusable_pictures_are_refused() {
    with_console(|console| {
        let too_large = Reply::Refused(Refusal::Shape(PICTURE_BYTES as u32));
        for shape in [[2, 2, 4], [5, 3, 1], [u16::MAX; 3]] {
            expect(console, &Request::Classify { shape, crc32: 0 }, &too_large);
        }
        for (shape, bytes) in [([0, 2, 1], 0), ([2, 2, 2], 8)] {
            let crc32 = crc32(&[0; PICTURE_BYTES][..bytes]);
            expect(console, &Request::Classify { shape, crc32 }, &too_large);
        }
        let mismatch = Reply::Refused(Refusal::Mismatch(crc32(&[0; 4])));
        expect(console, &Request::Classify { shape: [2, 2, 1], crc32: 1 }, &mismatch);
    });
}

#[test]
fn nothing_is_written_outside_its_target() {
    with_console(|console| {
        for (target, bytes) in [(Target::Input, 4_u32), (Target::Picture, PICTURE_BYTES as u32)] {
            let outside = Reply::Refused(Refusal::OutOfRange(bytes));
            expect(console, &write(target, bytes, &[1]), &outside);
            expect(console, &write(target, bytes - 1, &[1, 2]), &outside);
            expect(console, &write(target, u32::MAX, &[1]), &outside);
            expect(console, &write(target, u32::MAX, &[]), &outside);
            expect(console, &write(target, bytes, &[]), &Reply::Done);
            expect(console, &write(target, bytes - 1, &[1]), &Reply::Done);
        }
    });
}

#[test]
fn damage_is_refused_and_the_link_recovers() {
    with_console(|console| {
        let mut encoder = Encoder::new();
        let whole = encoder.encode(5, &Request::Info).unwrap().to_vec();
        let mut damaged = whole.clone();
        damaged[1] ^= 0x10;
        for bytes in [&damaged[..], &whole[1..], b"noise\0", &[1; 1000], &[0xff, 1, 2, 0]] {
            let mut bytes = bytes.to_vec();
            bytes.extend((bytes.last() != Some(&0)).then_some(0));
            exchange(console, &bytes, |sequence, reply| {
                assert_eq!((sequence, reply), (0, Reply::Refused(Refusal::Damaged)));
            });
            exchange(console, &whole, |sequence, reply| {
                assert!(sequence == 5 && matches!(reply, Reply::Info(_)), "{reply:?}");
            });
        }
    });
}

#[test]
fn unknown_requests_are_refused_by_their_number() {
    with_console(|console| {
        let bytes = Encoder::new().encode(9, &200_u8).unwrap().to_vec();
        exchange(console, &bytes, |sequence, reply| {
            assert_eq!((sequence, reply), (9, Reply::Refused(Refusal::Unknown)));
        });
    });
}

#[test]
fn the_end_of_the_stream_is_told() {
    with_console(|console| {
        assert_eq!(console.answer(&mut Line::default()), Err(Disconnected::End));
        let half = Line { incoming: [1, 2].into(), ..Line::default() };
        assert_eq!(console.answer(&mut { half }), Err(Disconnected::End));
    });
}

#[test]
fn long_names_are_cut_between_characters() {
    assert_eq!(super::cut("südöstlich", 2), "s");
    assert_eq!(super::cut("südöstlich", 3), "sü");
    assert_eq!(super::cut("süd", 100), "süd");
    assert_eq!(super::cut("", 0), "");
}

#[test]
fn more_layers_than_one_message_holds_come_in_parts() {
    let records: Vec<_> = (0..RECORDS as u64 + 1).collect();
    assert_eq!(super::rest(&records, RECORDS as u16), Ok(&records[RECORDS..]));
}
