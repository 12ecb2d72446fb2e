//! Operations that only int8 graphs have: what other tools' files compute between maps of codes, with
//! the arithmetic of the runtime that they were made for.

use crate::formula::Formula;
use crate::shape::show;
use thumbnet_kernels::geometry::{Padding, Shape, Window};
use thumbnet_kernels::portable::{Function, Rearrange, SumOrder};

/// An operation on codes.
#[derive(Clone, Debug, PartialEq)]
pub enum CodesOp {
    /// A mean over windows.
    Mean(Mean),
    /// An element-wise operation on two maps, of which the second may be one pixel.
    Combine(Combine),
    /// Codes clamped to a smallest and a largest one.
    Clip([i8; 2]),
    /// Any function of one code.
    Lookup(Lookup),
    /// Maps one after the other along an axis.
    Concat(Axis),
    /// The codes in another order, some of them or some again, as a map of this shape.
    Rearrange(Shape, Rearrange),
    /// A border of one code.
    Pad(Padding, i8),
}

/// A function of codes as a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Lookup {
    /// The result of each code, from -128 on; `[256]`, or `[c, 256]`.
    pub results: Vec<i8>,
    /// The function of real numbers that it is between the input's and the output's format, if that is known:
    /// a file can be written with it.
    pub formula: Option<Formula>,
}

/// An average pool as onnxruntime computes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    /// Over the input; no dilation.
    pub window: Window,
    /// Whether taps on the padding count in the divisor.
    pub counts_padding: bool,
    /// How it is computed.
    pub arithmetic: MeanArithmetic,
}

/// How a [`Mean`] is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeanArithmetic {
    /// `quantize(sum / count)` of real numbers, added in f32 in this order.
    Real(SumOrder, ZeroPoint),
    /// The exact sum of codes times `f32(x_scale / (y_scale * count))`: QLinearGlobalAveragePool.
    ScaledSum,
}

/// When a zero point is added to a number of steps. It decides where ties fall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZeroPoint {
    /// After rounding, as QuantizeLinear does.
    AfterRounding,
    /// Before, in f32, as some of onnxruntime's quantized operators do. The zero point is that of the
    /// file's codes, 128 above ours where those are unsigned.
    BeforeRounding {
        /// Whether the file's codes are unsigned.
        unsigned: bool,
    },
}

/// The arithmetic of an element-wise operation on two maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Combine {
    /// On real numbers, in f32, then QuantizeLinear.
    Real(Function),
    /// com.microsoft QLinearAdd.
    QLinearAdd {
        /// Whether the file's codes are unsigned.
        unsigned: bool,
    },
    /// com.microsoft QLinearMul.
    QLinearMul {
        /// Whether the file's codes are unsigned.
        unsigned: bool,
    },
}

/// An axis of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// `h`.
    Rows,
    /// `w`.
    Columns,
    /// `c`.
    Channels,
}

/// Entries of a table.
pub(crate) const ENTRIES: usize = 256;

/// Kernels up to this size on each axis are summed by columns.
const LARGEST_COLUMNS_KERNEL: usize = 32;
/// The longest padded row that is summed by columns.
const LONGEST_COLUMNS_ROW: usize = 2045;

impl Mean {
    /// The AveragePool of an operator set: onnxruntime 1.32 sums in an order that depends on the sizes,
    /// and since operator set 19 always by rows.
    pub fn average_pool(window: Window, input: Shape, counts_padding: bool, opset: i64) -> Self {
        let Padding { left, right, .. } = window.padding;
        let row = input.w.saturating_add(left).saturating_add(right);
        let whole = window.kernel == [input.h, input.w] && window.padding == Padding::NONE;
        let order = if opset >= 19 {
            SumOrder::Rows
        } else if whole && window.stride == [1, 1] {
            SumOrder::Lanes
        } else if window.stride[1] <= 2
            && window.kernel.iter().all(|side| *side <= LARGEST_COLUMNS_KERNEL)
            && row <= LONGEST_COLUMNS_ROW
        {
            SumOrder::Columns
        } else {
            SumOrder::Rows
        };
        let arithmetic = MeanArithmetic::Real(order, ZeroPoint::AfterRounding);
        Self { window, counts_padding, arithmetic }
    }

    /// The mean of a whole map.
    pub fn whole(input: Shape, arithmetic: MeanArithmetic) -> Self {
        let window = Window { kernel: [input.h, input.w], ..Window::UNIT };
        Self { window, counts_padding: false, arithmetic }
    }
}

impl CodesOp {
    /// The operation's name in the ONNX world, for messages.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Mean(_) => "AveragePool",
            Self::Combine(Combine::Real(Function::Add) | Combine::QLinearAdd { .. }) => "Add",
            Self::Combine(Combine::Real(Function::Subtract)) => "Sub",
            Self::Combine(Combine::Real(Function::Multiply) | Combine::QLinearMul { .. }) => "Mul",
            Self::Clip(_) => "Clip",
            Self::Lookup(_) => "table",
            Self::Concat(_) => "Concat",
            Self::Rearrange(..) => "rearrange",
            Self::Pad(..) => "Pad",
        }
    }

    /// Whether the output's codes are the input's, in one number format.
    pub(crate) fn copies_codes(&self) -> bool {
        match self {
            Self::Mean(_) | Self::Combine(_) | Self::Lookup(_) => false,
            Self::Clip(_) | Self::Concat(_) | Self::Rearrange(..) | Self::Pad(..) => true,
        }
    }

    /// As [`crate::Op::output_shape`].
    pub(crate) fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        match (self, inputs) {
            (Self::Mean(mean), &[input]) => mean.output_shape(input),
            (Self::Combine(_), &[lhs, rhs]) => combine(lhs, rhs),
            (Self::Clip([min, max]), &[input]) => {
                if min <= max {
                    Ok(input)
                } else {
                    Err(format!("it clips to [{min}, {max}]"))
                }
            }
            (Self::Lookup(Lookup { results, formula }), &[input]) => {
                let tables = [Some(ENTRIES), input.c.checked_mul(ENTRIES)];
                if let Some(formula) = formula {
                    crate::RealOp::Function(formula.clone()).output_shape(inputs)?;
                }
                if tables.contains(&Some(results.len())) {
                    return Ok(input);
                }
                Err(format!("it has {} results for {} channels", results.len(), input.c))
            }
            (Self::Concat(axis), [first, rest @ ..]) => {
                rest.iter().try_fold(*first, |joined, next| join(*axis, joined, *next))
            }
            (Self::Rearrange(made, copy), &[input]) => {
                if reads_inside(copy, input) && count(copy) == made.checked_len() {
                    return Ok(*made);
                }
                Err("it reads outside its input or makes another number of codes".to_owned())
            }
            (Self::Pad(padding, _), &[input]) => {
                padding.around(input).ok_or_else(|| "its padding is too large".to_owned())
            }
            _ => Err(format!("it has {} inputs", inputs.len())),
        }
    }
}

impl Mean {
    fn output_shape(&self, input: Shape) -> Result<Shape, String> {
        let Window { kernel, padding, dilation, .. } = self.window;
        let Padding { top, left, bottom, right } = padding;
        if dilation != [1, 1] {
            return Err("an average pool with dilation is not defined here".to_owned());
        }
        if top.max(bottom) >= kernel[0] || left.max(right) >= kernel[1] {
            return Err("its padding is as large as its kernel".to_owned());
        }
        let whole = kernel == [input.h, input.w] && padding == Padding::NONE;
        let any =
            matches!(self.arithmetic, MeanArithmetic::Real(SumOrder::Rows | SumOrder::Columns, _));
        if !whole && !any {
            return Err("it sums a part of a map as if it were the whole".to_owned());
        }
        let [rows, columns] = crate::shape::positions(&self.window, input)?;
        Ok(Shape::new(rows, columns, input.c))
    }
}

fn combine(lhs: Shape, rhs: Shape) -> Result<Shape, String> {
    let pixel = rhs.h == 1 && rhs.w == 1 && (rhs.c == lhs.c || rhs.c == 1);
    if lhs == rhs || pixel {
        return Ok(lhs);
    }
    Err(format!("it combines maps of two shapes, {} and {}", show(lhs), show(rhs)))
}

fn join(axis: Axis, lhs: Shape, rhs: Shape) -> Result<Shape, String> {
    let (fits, length) = match axis {
        Axis::Rows => ([lhs.w, lhs.c] == [rhs.w, rhs.c], lhs.h.checked_add(rhs.h)),
        Axis::Columns => ([lhs.h, lhs.c] == [rhs.h, rhs.c], lhs.w.checked_add(rhs.w)),
        Axis::Channels => ([lhs.h, lhs.w] == [rhs.h, rhs.w], lhs.c.checked_add(rhs.c)),
    };
    match length.filter(|_| fits) {
        None => Err(format!("it joins {} and {}", show(lhs), show(rhs))),
        Some(length) => Ok(match axis {
            Axis::Rows => Shape { h: length, ..lhs },
            Axis::Columns => Shape { w: length, ..lhs },
            Axis::Channels => Shape { c: length, ..lhs },
        }),
    }
}

/// How many codes the loops of `copy` make.
fn count(copy: &Rearrange) -> Option<usize> {
    copy.loops.iter().try_fold(1_usize, |len, each| len.checked_mul(each.count))
}

/// Whether every code that `copy` reads is one of a map of shape `input`.
fn reads_inside(copy: &Rearrange, input: Shape) -> bool {
    let reach = |positive: bool| {
        copy.loops.iter().try_fold(copy.start, |offset, each| {
            let steps = if (each.stride > 0) == positive { each.count.checked_sub(1)? } else { 0 };
            let distance = each.stride.unsigned_abs().checked_mul(steps)?;
            if positive { offset.checked_add(distance) } else { offset.checked_sub(distance) }
        })
    };
    let last = input.checked_len().and_then(|len| len.checked_sub(1));
    reach(false).is_some() && reach(true).zip(last).is_some_and(|(reach, last)| reach <= last)
}

#[cfg(test)]
mod tests {
    use super::{Axis, CodesOp, Combine, Mean, MeanArithmetic, ZeroPoint};
    use thumbnet_kernels::geometry::{Padding, Shape, Window};
    use thumbnet_kernels::portable::{Function, Loop, Rearrange, SumOrder};

    #[test]
    fn the_order_of_a_mean_depends_on_its_sizes() {
        let input = Shape::new(40, 40, 3);
        let order = |kernel, stride, opset| {
            let window = Window::square(kernel, stride);
            match Mean::average_pool(window, input, false, opset).arithmetic {
                MeanArithmetic::Real(order, ZeroPoint::AfterRounding) => order,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(order(40, 1, 18), SumOrder::Lanes);
        assert_eq!(order(40, 2, 18), SumOrder::Rows);
        assert_eq!(order(2, 2, 18), SumOrder::Columns);
        assert_eq!(order(32, 1, 18), SumOrder::Columns);
        assert_eq!(order(33, 1, 18), SumOrder::Rows);
        assert_eq!(order(3, 3, 18), SumOrder::Rows);
        assert_eq!(order(2, 2, 19), SumOrder::Rows);
        assert_eq!(order(40, 1, 19), SumOrder::Rows);
    }

    #[test]
    fn one_pixel_combines_with_every_pixel() {
        let op = CodesOp::Combine(Combine::Real(Function::Multiply));
        let map = Shape::new(4, 5, 6);
        for rhs in [map, Shape::new(1, 1, 6), Shape::new(1, 1, 1)] {
            assert_eq!(op.output_shape(&[map, rhs]), Ok(map));
        }
        for rhs in [Shape::new(4, 5, 1), Shape::new(1, 5, 6), Shape::new(1, 1, 2)] {
            assert!(op.output_shape(&[map, rhs]).is_err(), "{rhs:?}");
        }
    }

    #[test]
    fn maps_join_along_each_axis() {
        let map = Shape::new(4, 5, 6);
        let joined = |axis, other| CodesOp::Concat(axis).output_shape(&[map, other, other]);
        assert_eq!(joined(Axis::Channels, Shape::new(4, 5, 1)), Ok(Shape::new(4, 5, 8)));
        assert_eq!(joined(Axis::Rows, Shape::new(1, 5, 6)), Ok(Shape::new(6, 5, 6)));
        assert_eq!(joined(Axis::Columns, Shape::new(4, 2, 6)), Ok(Shape::new(4, 9, 6)));
        assert!(joined(Axis::Columns, Shape::new(4, 5, 1)).is_err());
        assert!(joined(Axis::Channels, Shape::new(4, 5, usize::MAX)).is_err());
    }

    #[test]
    fn a_copy_stays_inside_its_input() {
        let input = Shape::new(2, 2, 3);
        let copy = |start, count, stride| {
            let mut loops = [Loop::ONCE; 6];
            loops[2] = Loop { count, stride };
            let op = CodesOp::Rearrange(Shape::new(1, 1, count), Rearrange { start, loops });
            op.output_shape(&[input])
        };
        assert_eq!(copy(0, 12, 1), Ok(Shape::new(1, 1, 12)));
        assert_eq!(copy(11, 12, -1), Ok(Shape::new(1, 1, 12)));
        assert_eq!(copy(11, 100, 0), Ok(Shape::new(1, 1, 100)));
        for (start, count, stride) in
            [(1, 12, 1), (10, 12, -1), (0, 7, 2), (12, 1, 0), (0, usize::MAX, isize::MAX)]
        {
            assert!(copy(start, count, stride).is_err(), "{start} {count} {stride}");
        }
    }

    #[test]
    fn windows_of_a_mean_see_some_of_the_map() {
        let padding = Padding { top: 2, ..Padding::NONE };
        let window = Window { padding, ..Window::square(2, 1) };
        let input = Shape::new(4, 4, 1);
        let mean = Mean::average_pool(window, input, false, 11);
        assert!(CodesOp::Mean(mean).output_shape(&[input]).is_err());
        let part =
            Mean { window: Window::square(2, 1), ..Mean::whole(input, MeanArithmetic::ScaledSum) };
        assert!(CodesOp::Mean(part).output_shape(&[input]).is_err());
    }
}
