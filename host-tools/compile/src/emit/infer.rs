//! `impl Model for Network`: the facts, and the inference.

use super::calls::{range, statements};
use super::literal::block;
use crate::program::Program;
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
    text.push_str(&statements(program));
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
