//! The calls of kernels as statements: whole steps in a straight line, stripes that are alike in a loop.

use super::descriptor;
use crate::call::Call;
use crate::program::{Program, Region};
use crate::run::{Round, Run, Stage, Stream};
use std::fmt::Write;

/// All statements of an inference.
pub(super) fn statements(program: &Program) -> String {
    let mut text = String::new();
    for stage in program.stages() {
        match stage {
            Stage::Whole(index) => {
                let run = program.steps[index].run(index);
                text.push_str(&call(program, &run, &Advance::none(&run)));
            }
            Stage::Stream(stream) => text.push_str(&rounds(program, stream)),
        }
    }
    indented(&text, 2)
}

/// How far the regions of a call lie from those of the same call in the next round.
#[derive(PartialEq)]
struct Advance {
    inputs: Vec<usize>,
    output: usize,
}

impl Advance {
    fn none(run: &Run) -> Self {
        Self { inputs: vec![0; run.inputs.len()], output: 0 }
    }

    /// `None` if the two calls differ in anything else.
    fn between(one: &Run, next: &Run) -> Option<Self> {
        let shapes = |run: &Run| (run.step, run.input_shape, run.output_shape, run.padding);
        let regions = one.inputs.iter().zip(&next.inputs).map(|(one, next)| distance(*one, *next));
        let inputs = regions.collect::<Option<_>>()?;
        let output = distance(one.output, next.output)?;
        (shapes(one) == shapes(next)).then_some(Self { inputs, output })
    }
}

fn distance(one: Region, next: Region) -> Option<usize> {
    (one.bytes == next.bytes).then(|| next.offset.checked_sub(one.offset))?
}

/// The rounds of a stream.
fn rounds(program: &Program, stream: &Stream) -> String {
    let mut text = String::new();
    let mut rest = stream.rounds.as_slice();
    while let [round, after @ ..] = rest {
        let advance = after.first().and_then(|next| advance(round, next));
        let alike = match &advance {
            None => 1,
            Some(_) => {
                1 + rest
                    .windows(2)
                    .take_while(|two| self::advance(&two[0], &two[1]) == advance)
                    .count()
            }
        };
        let none = || round.runs.iter().map(Advance::none).collect();
        let body = body(program, round, &advance.unwrap_or_else(none));
        if alike == 1 {
            text.push_str(&body);
        } else {
            let _ = write!(text, "for stripe in 0..{alike} {{\n{}}}\n", indented(&body, 1));
        }
        rest = &rest[alike..];
    }
    text
}

/// By call, how the next round differs; `None` if it is another one.
fn advance(round: &Round, next: &Round) -> Option<Vec<Advance>> {
    if round.moves != next.moves || round.runs.len() != next.runs.len() {
        return None;
    }
    round.runs.iter().zip(&next.runs).map(|(one, next)| Advance::between(one, next)).collect()
}

fn body(program: &Program, round: &Round, advance: &[Advance]) -> String {
    let calls = round.runs.iter().zip(advance).map(|(run, advance)| call(program, run, advance));
    let mut text: String = calls.collect();
    for rows in &round.moves {
        let _ = writeln!(text, "move_rows(arena, {}, {});", range(rows.from), rows.to);
    }
    text
}

/// A kernel call in a block of its own. The ranges are constants inside the arena, or are in a loop from one constant
/// to another, so the compiler of the device removes most checks.
fn call(program: &Program, run: &Run, advance: &Advance) -> String {
    let step = &program.steps[run.step];
    let mut block = String::new();
    let _ = match step.scratch {
        Some(scratch) => {
            let scratch = range(scratch);
            writeln!(block, "let (maps, scratch) = Maps::beside(arena, {scratch});")
        }
        None => writeln!(block, "let maps = Maps::of(arena);"),
    };
    let mut arguments = Vec::new();
    if let Call::Concat { .. } = step.call {
        let parts: Vec<String> =
            run.inputs.iter().map(|region| format!("maps.at({})", range(*region))).collect();
        let parts = parts.join(", ");
        let _ = writeln!(block, "#[rustfmt::skip]\nlet inputs = [{parts}];");
        arguments.push("&inputs");
    } else {
        let names: &[&str] = if run.inputs.len() == 2 { &["lhs", "rhs"] } else { &["input"] };
        for ((name, region), advance) in names.iter().zip(&run.inputs).zip(&advance.inputs) {
            let (start, range) = moving("from", *region, *advance);
            let _ = writeln!(block, "{start}let {name} = maps.at({range});");
        }
        arguments.extend(names);
    }
    match (step.scratch, &step.call) {
        (Some(_), _) => arguments.push("scratch"),
        (None, Call::Conv2d { .. } | Call::DepthwiseConv2d { .. }) => arguments.push("&mut []"),
        (None, _) => {}
    }
    let (start, output) = moving("to", run.output, advance.output);
    let _ = writeln!(block, "let output = maps.at({output});");
    arguments.push("output");
    let kernel = step.call.kernel();
    let descriptor = descriptor::name_of(program, run);
    let arguments = arguments.join(", ");
    let _ = writeln!(block, "Native::{kernel}(&{descriptor}, {arguments});");
    format!(
        "{start}{{\n{}}}\nobserver.layer({}, arena.get({output}).unwrap_or(&[]));\n",
        indented(&block, 1),
        run.step
    )
}

/// A range that advances from stripe to stripe: the statement that says where it starts, and the range.
fn moving(start: &str, region: Region, advance: usize) -> (String, String) {
    let Region { offset, bytes } = region;
    match (offset, advance) {
        (_, 0) => (String::new(), range(region)),
        (0, _) => {
            (format!("let {start} = {advance} * stripe;\n"), format!("{start}..{start} + {bytes}"))
        }
        _ => (
            format!("let {start} = {offset} + {advance} * stripe;\n"),
            format!("{start}..{start} + {bytes}"),
        ),
    }
}

/// Bytes of the arena.
pub(super) fn range(region: Region) -> String {
    format!("{}..{}", region.offset, region.end())
}

fn indented(text: &str, depth: usize) -> String {
    let indent = "    ".repeat(depth);
    text.lines().map(|line| format!("{indent}{line}\n")).collect()
}
