//! Which shapes an operation accepts, and which shape it makes.

use crate::op::{Conv2d, Op, Weights};
use thumbnet_kernels::geometry::{Padding, Shape, Window};

impl<W: Weights> Op<W> {
    /// The shape this operation makes of its inputs' shapes.
    ///
    /// # Errors
    /// Says in words why it accepts no such inputs: their number, their shapes, the window, or the
    /// number of weights.
    pub fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        match (self, inputs) {
            (Self::Conv2d(conv), &[input]) => conv2d(conv, input),
            (Self::MaxPool2d(window), &[input]) => max_pool2d(window, input),
            (Self::AveragePool2d(window), &[input]) => average_pool2d(window, input),
            (Self::Relu, &[input]) => Ok(input),
            (Self::Clip([low, high]), &[input]) if *low <= 0.0 && *high > 0.0 => Ok(input),
            (Self::Clip(limits), &[_]) => {
                Err(format!("it clips to {limits:?}, which must begin at 0 or below and end above"))
            }
            (Self::Codes(op), inputs) => op.output_shape(inputs),
            (Self::Real(op), inputs) => op.output_shape(inputs),
            (Self::Add, &[lhs, rhs]) if lhs == rhs => Ok(lhs),
            (Self::Add, &[lhs, rhs]) => {
                Err(format!("it adds maps of two shapes, {} and {}", show(lhs), show(rhs)))
            }
            _ => Err(format!("it has {} inputs", inputs.len())),
        }
    }
}

/// A shape as messages print it: `[28, 28, 1]`.
pub(crate) fn show(shape: Shape) -> String {
    format!("[{}, {}, {}]", shape.h, shape.w, shape.c)
}

/// Number of elements, or `None` if it is zero or more than an address space holds.
pub(crate) fn checked_len(shape: Shape) -> Option<usize> {
    let len = shape.h.checked_mul(shape.w)?.checked_mul(shape.c)?;
    (len > 0 && isize::try_from(len).is_ok()).then_some(len)
}

fn conv2d<W: Weights>(conv: &Conv2d<W>, input: Shape) -> Result<Shape, String> {
    let (oc, groups) = (conv.weights.channels(), conv.groups);
    if groups == 0 || !input.c.is_multiple_of(groups) || oc == 0 || !oc.is_multiple_of(groups) {
        return Err(format!(
            "{groups} groups divide not {} input and {oc} output channels",
            input.c
        ));
    }
    let [rows, columns] = positions(&conv.window, input)?;
    let needed = [oc, conv.window.kernel[0], conv.window.kernel[1], input.c / groups]
        .into_iter()
        .try_fold(1_usize, usize::checked_mul);
    if needed != Some(conv.weights.count()) {
        return Err(format!(
            "it has {} weights, not {oc} x {} x {} x {}",
            conv.weights.count(),
            conv.window.kernel[0],
            conv.window.kernel[1],
            input.c / groups
        ));
    }
    Ok(Shape::new(rows, columns, oc))
}

fn max_pool2d(window: &Window, input: Shape) -> Result<Shape, String> {
    let Padding { top, left, bottom, right } = window.padding;
    if top.max(bottom) >= window.kernel[0] || left.max(right) >= window.kernel[1] {
        return Err("its padding is as large as its kernel".to_owned());
    }
    let [rows, columns] = positions(window, input)?;
    Ok(Shape::new(rows, columns, input.c))
}

fn average_pool2d(window: &Window, input: Shape) -> Result<Shape, String> {
    if window.padding != Padding::NONE || window.dilation != [1, 1] {
        return Err("an average pool with padding or dilation is not defined here".to_owned());
    }
    let [rows, columns] = positions(window, input)?;
    Ok(Shape::new(rows, columns, input.c))
}

pub(crate) fn positions(window: &Window, input: Shape) -> Result<[usize; 2], String> {
    window.positions(input.h, input.w).ok_or_else(|| {
        format!(
            "its {} x {} window does not fit on a {} x {} map",
            window.kernel[0], window.kernel[1], input.h, input.w
        )
    })
}

#[cfg(test)]
mod tests {
    use crate::op::{FloatWeights, Op};
    use crate::{Conv2d, Padding, Shape, Window};

    fn conv(groups: usize, weights: usize, oc: usize) -> Op<FloatWeights> {
        Op::Conv2d(Conv2d {
            window: Window::square(3, 1),
            groups,
            weights: FloatWeights { values: vec![0.0; weights], bias: vec![0.0; oc] },
        })
    }

    #[test]
    fn convolutions_count_groups_and_weights() {
        let input = Shape::new(8, 7, 4);
        assert_eq!(conv(1, 9 * 4 * 6, 6).output_shape(&[input]), Ok(Shape::new(6, 5, 6)));
        assert_eq!(conv(4, 9 * 8, 8).output_shape(&[input]), Ok(Shape::new(6, 5, 8)));
        for refused in [conv(1, 9, 6), conv(0, 9, 6), conv(3, 9, 6), conv(4, 54, 6), conv(1, 0, 0)]
        {
            assert!(refused.output_shape(&[input]).is_err(), "{refused:?}");
        }
        assert!(conv(1, 9 * 4 * 6, 6).output_shape(&[Shape::new(2, 9, 4)]).is_err());
        assert!(conv(1, 9 * 4 * 6, 6).output_shape(&[input, input]).is_err());
    }

    #[test]
    fn pools_refuse_padding_that_makes_empty_windows() {
        let padding = Padding { top: 1, ..Padding::NONE };
        let pool = |size| Window { padding, ..Window::square(size, 1) };
        let input = Shape::new(4, 4, 3);
        let max = |window| Op::<FloatWeights>::MaxPool2d(window).output_shape(&[input]);
        assert_eq!(max(pool(2)), Ok(Shape::new(4, 3, 3)));
        assert!(max(pool(1)).is_err());
        assert!(Op::<FloatWeights>::AveragePool2d(pool(2)).output_shape(&[input]).is_err());
    }

    #[test]
    fn add_wants_two_equal_shapes() {
        let (a, b) = (Shape::new(4, 4, 3), Shape::new(4, 3, 4));
        assert_eq!(Op::<FloatWeights>::Add.output_shape(&[a, a]), Ok(a));
        assert!(Op::<FloatWeights>::Add.output_shape(&[a, b]).is_err());
        assert!(Op::<FloatWeights>::Add.output_shape(&[a]).is_err());
    }
}
