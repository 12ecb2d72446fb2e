//! Values as Rust source, broken into lines as rustfmt does by default.

use std::fmt::Write;
use thumbnet_graph::{Padding, Shape, Window};

/// A slice of the weight file.
pub(super) fn slice(section: &str, offset: usize, len: usize) -> String {
    format!("WEIGHTS.{section}({offset}, {len})")
}

/// A shape.
pub(super) fn shape(shape: Shape) -> String {
    format!("Shape::new({}, {}, {})", shape.h, shape.w, shape.c)
}

/// A shape as documentation has it.
pub(super) fn text_of(shape: Shape) -> String {
    format!("`[{}, {}, {}]`", shape.h, shape.w, shape.c)
}

/// Whether size and stride say all about a window.
pub(super) fn is_square(window: &Window) -> bool {
    *window == Window::square(window.kernel[0], window.stride[0])
}

/// A window, a field of a descriptor.
pub(super) fn window(window: &Window) -> String {
    let (size, stride) = (window.kernel[0], window.stride[0]);
    if *window == Window::UNIT {
        "Window::UNIT".into()
    } else if is_square(window) {
        format!("Window::square({size}, {stride})")
    } else {
        let fields = [
            ("kernel", format!("{:?}", window.kernel)),
            ("stride", format!("{:?}", window.stride)),
            ("dilation", format!("{:?}", window.dilation)),
            ("padding", padding(2, window.padding)),
        ];
        block(1, "Window", &fields)
    }
}

/// Padding, `depth` levels deep.
pub(super) fn padding(depth: usize, padding: Padding) -> String {
    if padding == Padding::NONE {
        return "Padding::NONE".into();
    }
    let Padding { top, left, bottom, right } = padding;
    let fields = [("top", top), ("left", left), ("bottom", bottom), ("right", right)];
    block(depth, "Padding", &fields.map(|(name, value)| (name, value.to_string())))
}

/// `Name { field: value, ... }` over several lines, its braces `depth` levels deep.
pub(super) fn block(depth: usize, name: &str, fields: &[(&str, String)]) -> String {
    format!("{name} {{\n{}{}}}", lines(depth + 1, fields), indent(depth))
}

/// `field: value,` a line, `depth` levels deep.
pub(super) fn lines(depth: usize, fields: &[(&str, String)]) -> String {
    let mut text = String::new();
    for (name, value) in fields {
        let _ = writeln!(text, "{}{name}: {value},", indent(depth));
    }
    text
}

fn indent(depth: usize) -> String {
    "    ".repeat(depth)
}
