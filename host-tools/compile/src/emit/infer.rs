//! `impl Model for Network`: the facts, and the calls in a straight line.

use super::literal::block;
use crate::call::Call;
use crate::program::{Program, Region, Step};
use std::fmt::Write;
use thumbnet_graph::Preprocessing;

/// The struct and its implementation.
pub(super) fn implementation(program: &Program) -> String {
    let mut text = String::from(
        "/// The network: its facts and its inference.\n\
         #[derive(Clone, Copy, Debug)]\npub struct Network;\n\nimpl Model for Network {\n",
    );
    let _ = write!(text, "    type Arena = Arena<{}>;\n\n", program.arena_bytes);
    text.push_str(&info(program));
    text.push_str(&preprocessing(program));
    text.push_str("\n    const ARENA: Self::Arena = Arena::NEW;\n");
    let _ = write!(
        text,
        "\n    fn input(arena: &mut Self::Arena) -> &mut [i8] {{\n        \
         arena.0.get_mut({}).unwrap_or(&mut [])\n    }}\n",
        range(program.input)
    );
    text.push_str(
        "\n    fn infer<O: Observer>(arena: &mut Self::Arena, observer: &mut O) {\n        \
         let arena = &mut arena.0;\n",
    );
    for (index, step) in program.steps.iter().enumerate() {
        text.push_str(&call(index, step));
    }
    let _ = write!(
        text,
        "    }}\n\n    fn logits(arena: &Self::Arena) -> &[i8] {{\n        \
         arena.0.get({}).unwrap_or(&[])\n    }}\n}}\n",
        range(program.output)
    );
    text
}

fn info(program: &Program) -> String {
    let shape = program.input_shape;
    let (input, output) = (program.input_quantization, program.output_quantization);
    format!(
        "    const INFO: Info = Info {{
        name: NAME,
        digest: {:?},
        input: Shape::new({}, {}, {}),
        input_scale: {:?},
        input_zero_point: {},
        output_scale: {:?},
        output_zero_point: {},
        softmax_scale: {:?},
        labels: LABELS,
        layers: LAYERS,
    }};
",
        program.digest,
        shape.h,
        shape.w,
        shape.c,
        input.scale,
        input.zero_point,
        output.scale,
        output.zero_point,
        program.softmax_scale()
    )
}

fn preprocessing(program: &Program) -> String {
    let value = match program.metadata.preprocessing {
        Some(Preprocessing { fit, resize, invert, turn }) => {
            let fields = [
                ("fit", format!("Fit::{fit:?}")),
                ("resize", format!("Resize::{resize:?}")),
                ("invert", invert.to_string()),
                ("turn", format!("Turn::{turn:?}")),
            ];
            format!("Some({})", block(1, "Preprocessing", &fields))
        }
        None => "None".to_owned(),
    };
    format!("\n    const PREPROCESSING: Option<Preprocessing> = {value};\n")
}

/// The kernel call of one step in a block of its own. The ranges are constants inside the arena, so the
/// compiler of the device removes the checks.
fn call(index: usize, step: &Step) -> String {
    let mut text = String::from("        {\n");
    let _ = match step.scratch {
        Some(scratch) => {
            let scratch = range(scratch);
            writeln!(text, "            let (maps, scratch) = Maps::beside(arena, {scratch});")
        }
        None => writeln!(text, "            let maps = Maps::of(arena);"),
    };
    let mut arguments = Vec::new();
    if let Call::Concat { .. } = step.call {
        let parts: Vec<String> =
            step.inputs.iter().map(|region| format!("maps.at({})", range(*region))).collect();
        let parts = parts.join(", ");
        let _ = writeln!(text, "            #[rustfmt::skip]\n            let inputs = [{parts}];");
        arguments.push("&inputs");
    } else {
        let names: &[&str] = if step.inputs.len() == 2 { &["lhs", "rhs"] } else { &["input"] };
        for (name, region) in names.iter().zip(&step.inputs) {
            let _ = writeln!(text, "            let {name} = maps.at({});", range(*region));
        }
        arguments.extend(names);
    }
    match (step.scratch, &step.call) {
        (Some(_), _) => arguments.push("scratch"),
        (None, Call::Conv2d { .. } | Call::DepthwiseConv2d { .. }) => arguments.push("&mut []"),
        (None, _) => {}
    }
    let _ = writeln!(text, "            let output = maps.at({});", range(step.output));
    arguments.push("output");
    let _ = writeln!(
        text,
        "            Native::{kernel}(&LAYER_{index}, {arguments});
        }}
        observer.layer({index}, arena.get({output}).unwrap_or(&[]));",
        kernel = step.call.kernel(),
        arguments = arguments.join(", "),
        output = range(step.output),
    );
    text
}

fn range(region: Region) -> String {
    format!("{}..{}", region.offset, region.end())
}
