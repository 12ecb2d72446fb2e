//! How steps move down the rows of their inputs.

use crate::call::Call;
use crate::lower::Lowered;
use thumbnet_graph::{Int8Graph, TensorId, Window};

/// How a step moves down the rows of its inputs.
#[derive(Clone, Copy)]
pub(crate) struct Reach {
    /// Rows of the padded input under one row of the output.
    pub size: usize,
    /// Rows from there to those under the next one.
    pub step: usize,
    /// Rows of padding above the input.
    pub above: usize,
}

impl Reach {
    /// `None` where the kernel cannot make some rows only.
    pub fn of(graph: &Int8Graph, lowered: &Lowered) -> Option<Self> {
        let [window, pool] = match &lowered.call {
            Call::Conv2d { window, pool, .. } | Call::PackedConv2d { window, pool, .. } => {
                [window, pool]
            }
            Call::DepthwiseConv2d { window, .. }
            | Call::MaxPool2d { window, .. }
            | Call::AveragePool2d { window, .. } => [window, &Window::UNIT],
            Call::Add(_) | Call::AddFloat(_) | Call::Combine(_) | Call::Lookup { .. } => {
                let shape = |id: &TensorId| graph.tensor(*id).shape;
                let same = lowered.inputs.iter().all(|id| shape(id) == shape(&lowered.output));
                return same.then_some(Self { size: 1, step: 1, above: 0 });
            }
            _ => return None,
        };
        let span = |window: &Window| {
            (window.kernel[0] - 1).saturating_mul(window.dilation[0]).saturating_add(1)
        };
        let size = (span(pool) - 1).saturating_mul(window.stride[0]).saturating_add(span(window));
        let step = window.stride[0].saturating_mul(pool.stride[0]);
        Some(Self { size, step, above: window.padding.top })
    }

    /// The first row under row `row` of the output.
    pub fn first(self, row: usize) -> usize {
        row.saturating_mul(self.step).saturating_sub(self.above)
    }

    /// One past the last row, padding below counted, under the first `rows` of the output.
    pub fn end(self, rows: usize) -> usize {
        if rows == 0 { 0 } else { usize::try_from(self.line(rows as i64)).unwrap_or(0) }
    }

    /// The same as a straight line, below 0 too: where the input has to be some time before the output begins.
    pub fn line(self, rows: i64) -> i64 {
        let [size, step, above] =
            [self.size, self.step, self.above].map(|rows| i64::try_from(rows).unwrap_or(i64::MAX));
        (rows - 1).saturating_mul(step).saturating_add(size).saturating_sub(above)
    }

    /// How many rows the first `rows` of the input, with padding above, are enough for.
    pub fn outputs(self, rows: usize) -> usize {
        let after_first = rows.saturating_add(self.above).checked_sub(self.size);
        after_first.map_or(0, |rows| rows / self.step.max(1) + 1)
    }
}

/// Whether the kernel of a step can make some rows only.
pub(super) fn can_stream(graph: &Int8Graph, lowered: &Lowered) -> bool {
    Reach::of(graph, lowered).is_some()
}
