//! Copies of elements to other places as the operators that they are: Slice, Resize, or transposes of a map
//! that is seen in smaller pieces.

use super::attributes::{ints, text};
use super::builder::Builder;
use super::reals::{Format, operator};
use crate::graph::Node;
use crate::onnx::lower::padded;
use crate::onnx::proto::AttributeProto;
use thumbnet_kernels::geometry::Shape;
use thumbnet_kernels::portable::{Loop, Rearrange};

/// Which operators make a copy.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operators {
    /// A part of rows, columns and channels: first ones and ends, `[h, w, c]`.
    Slice([usize; 3], [usize; 3]),
    /// Every row and column repeated so often.
    Resize([usize; 2]),
    /// Channels last, reshaped, transposed, as a map of this shape.
    Transpose {
        /// Sides of the pieces in memory.
        pieces: Vec<usize>,
        /// Which piece comes where.
        order: Vec<usize>,
        /// The map.
        made: Shape,
    },
}

/// The operators that `copy` of a map is, if there are some.
pub(crate) fn operators(input: Shape, made: Shape, copy: &Rearrange) -> Option<Operators> {
    let wanted = padded(copy.loops.into_iter())?;
    sliced(input, made, copy.start, wanted)
        .or_else(|| resized(input, made, copy.start, wanted))
        .or_else(|| transposed(input, made, copy.start, wanted))
}

fn of(count: usize, stride: usize) -> Loop {
    Loop { count, stride: stride.cast_signed() }
}

fn sliced(
    input: Shape,
    made: Shape,
    start: usize,
    wanted: [Loop; thumbnet_kernels::portable::MAX_LOOPS],
) -> Option<Operators> {
    let row = input.w * input.c;
    let first = [start / row, start % row / input.c, start % input.c];
    let end = [first[0] + made.h, first[1] + made.w, first[2] + made.c];
    let inside = end[0] <= input.h && end[1] <= input.w && end[2] <= input.c;
    let loops = [of(made.h, row), of(made.w, input.c), of(made.c, 1)];
    (inside && padded(loops.into_iter()) == Some(wanted)).then_some(Operators::Slice(first, end))
}

fn resized(
    input: Shape,
    made: Shape,
    start: usize,
    wanted: [Loop; thumbnet_kernels::portable::MAX_LOOPS],
) -> Option<Operators> {
    let factors = [made.h / input.h, made.w / input.w];
    let loops = [
        of(input.h, input.w * input.c),
        of(factors[0], 0),
        of(input.w, input.c),
        of(factors[1], 0),
        of(input.c, 1),
    ];
    let same = Shape::new(input.h * factors[0], input.w * factors[1], input.c) == made;
    let found = start == 0 && same && padded(loops.into_iter()) == Some(wanted);
    found.then_some(Operators::Resize(factors))
}

fn transposed(
    input: Shape,
    made: Shape,
    start: usize,
    wanted: [Loop; thumbnet_kernels::portable::MAX_LOOPS],
) -> Option<Operators> {
    let loops: Vec<Loop> = wanted.into_iter().filter(|each| each.count > 1).collect();
    let mut by_stride: Vec<usize> = (0..loops.len()).collect();
    by_stride.sort_by_key(|&index| -loops[index].stride);
    // The innermost loop has stride 1, each other one steps over all that is inside it.
    let mut inside = 1;
    for &index in by_stride.iter().rev() {
        if loops[index].stride != isize::try_from(inside).ok()? {
            return None;
        }
        inside *= loops[index].count;
    }
    if start != 0 || inside != input.len() || made.len() != input.len() {
        return None;
    }
    let place = |index: usize| by_stride.iter().position(|&other| other == index);
    let order = (0..loops.len()).map(place).collect::<Option<_>>()?;
    let pieces = by_stride.iter().map(|&index| loops[index].count).collect();
    Some(Operators::Transpose { pieces, order, made })
}

/// Writes `node` as these operators.
pub(crate) fn write<W, F: Format>(
    builder: &mut Builder<'_, W, F>,
    node: &Node<W>,
    operators: &Operators,
) {
    let stem = builder.name(node.output);
    let x = F::real(builder, node.inputs[0]);
    match operators {
        Operators::Slice([y, x_first, c], [y_end, x_end, c_end]) => {
            let inputs = vec![
                x,
                builder.longs(&format!("{stem}_starts"), &[*c, *y, *x_first]),
                builder.longs(&format!("{stem}_ends"), &[*c_end, *y_end, *x_end]),
                builder.longs(&format!("{stem}_axes"), &[1, 2, 3]),
            ];
            operator(builder, node, "Slice", inputs, Vec::new());
        }
        Operators::Resize(factors) => {
            let scales = [1.0, 1.0, factors[0] as f32, factors[1] as f32];
            let scales = builder.floats(&format!("{stem}_scales"), &[4], &scales);
            let attributes = vec![
                text("coordinate_transformation_mode", "asymmetric"),
                text("mode", "nearest"),
                text("nearest_mode", "floor"),
            ];
            let inputs = vec![x, String::new(), scales];
            operator(builder, node, "Resize", inputs, attributes);
        }
        Operators::Transpose { pieces, order, made } => {
            let perm = |order: &[usize]| vec![ints("perm", order)];
            let x = step(builder, &stem, "Transpose", vec![x], perm(&[0, 2, 3, 1]));
            let x = reshaped(builder, &stem, x, pieces);
            let x = step(builder, &stem, "Transpose", vec![x], perm(order));
            let x = reshaped(builder, &stem, x, &[1, made.h, made.w, made.c]);
            operator(builder, node, "Transpose", vec![x], perm(&[0, 3, 1, 2]));
        }
    }
}

fn reshaped<W, F>(
    builder: &mut Builder<'_, W, F>,
    stem: &str,
    x: String,
    dims: &[usize],
) -> String {
    let dims = builder.longs(&format!("{stem}_shape"), dims);
    step(builder, stem, "Reshape", vec![x, dims], Vec::new())
}

fn step<W, F>(
    builder: &mut Builder<'_, W, F>,
    stem: &str,
    op: &str,
    inputs: Vec<String>,
    attributes: Vec<AttributeProto>,
) -> String {
    let wanted = format!("{stem}_{}", op.to_lowercase());
    let (output, name) = (builder.value_name(&wanted), builder.node_name(&wanted));
    builder.node(op, name, inputs, output.clone(), attributes);
    output
}
