//! How an ONNX tensor of any rank lies in a map's memory: every reshape and transpose, without
//! moving a byte.
//!
//! ONNX thinks in `[n, c, h, w]`, memory is `[h, w, c]`. A view lists, for each ONNX axis from
//! outer to inner, the strided pieces of memory that it runs over. Transposing permutes the axes;
//! reshaping regroups the pieces.

use thumbnet_kernels::geometry::Shape;

/// `size` elements, `stride` elements apart; sizes of 1 are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) size: usize,
    pub(crate) stride: usize,
}

/// The axes of an ONNX tensor over memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct View {
    axes: Vec<Vec<Piece>>,
}

impl View {
    /// A tensor that lies in memory as ONNX would write it. The product of `dims` is countable.
    pub(crate) fn row_major(dims: &[usize]) -> Self {
        let mut stride = 1;
        let mut axes: Vec<Vec<Piece>> = Vec::with_capacity(dims.len());
        for &size in dims.iter().rev() {
            axes.push(axis(size, stride));
            stride *= size;
        }
        axes.reverse();
        Self { axes }
    }

    /// `[1, c, h, w]` over a map in memory order `[h, w, c]`.
    pub(crate) fn nchw(shape: Shape) -> Self {
        let axes = vec![
            Vec::new(),
            axis(shape.c, 1),
            axis(shape.h, shape.w * shape.c),
            axis(shape.w, shape.c),
        ];
        Self { axes }
    }

    /// `[1, c, w]` over a map of one row in memory order `[h, w, c]`.
    pub(crate) fn line(shape: Shape) -> Self {
        Self { axes: vec![Vec::new(), axis(shape.c, 1), axis(shape.w, shape.c)] }
    }

    /// `[1, ..., 1, c]` of rank `rank` over a map `[1, 1, c]`.
    pub(crate) fn row(c: usize, rank: usize) -> Self {
        let mut axes = vec![Vec::new(); rank.max(1)];
        *axes.last_mut().expect("rank is at least 1") = axis(c, 1);
        Self { axes }
    }

    /// The ONNX shape.
    pub(crate) fn dims(&self) -> Vec<usize> {
        self.axes.iter().map(|pieces| pieces.iter().map(|piece| piece.size).product()).collect()
    }

    /// Number of elements.
    pub(crate) fn len(&self) -> usize {
        self.pieces().map(|piece| piece.size).product()
    }

    /// The pieces of axis `index`.
    pub(crate) fn axis(&self, index: usize) -> &[Piece] {
        &self.axes[index]
    }

    /// The axes in the order of `permutation`, or `None` if that is none.
    pub(crate) fn transposed(&self, permutation: &[usize]) -> Option<Self> {
        let mut axes: Vec<Option<&Vec<Piece>>> = self.axes.iter().map(Some).collect();
        let mut take = |&from: &usize| axes.get_mut(from)?.take().cloned();
        let permuted: Vec<_> = permutation.iter().map(&mut take).collect::<Option<_>>()?;
        (permuted.len() == self.axes.len()).then_some(Self { axes: permuted })
    }

    /// The same elements in the same order with another shape; `None` if the number of elements
    /// differs or an axis would cut through a piece unevenly.
    pub(crate) fn reshaped(&self, dims: &[usize]) -> Option<Self> {
        let mut rest = self.pieces();
        let mut current: Option<Piece> = None;
        let mut axes = Vec::with_capacity(dims.len());
        for &dim in dims {
            let mut pieces = Vec::new();
            let mut needed = dim;
            while needed > 1 {
                let piece = current.take().or_else(|| rest.next())?;
                let size = needed.min(piece.size);
                if !needed.is_multiple_of(size) || !piece.size.is_multiple_of(size) {
                    return None;
                }
                let inner = piece.size / size;
                push(&mut pieces, Piece { size, stride: piece.stride * inner });
                current = (inner > 1).then_some(Piece { size: inner, stride: piece.stride });
                needed /= size;
            }
            axes.push(pieces);
        }
        let complete = current.is_none() && rest.next().is_none() && !dims.contains(&0);
        complete.then_some(Self { axes })
    }

    /// Whether ONNX's order of the elements is memory's.
    pub(crate) fn is_memory_order(&self) -> bool {
        let mut merged = Vec::new();
        self.pieces().for_each(|piece| push(&mut merged, piece));
        matches!(merged.as_slice(), [] | [Piece { stride: 1, .. }])
    }

    /// Where in memory each element lies, in ONNX's order.
    pub(crate) fn offsets(&self) -> Vec<usize> {
        let mut offsets = vec![0];
        for piece in self.pieces() {
            let steps =
                |offset: usize| (0..piece.size).map(move |step| offset + step * piece.stride);
            offsets = offsets.into_iter().flat_map(steps).collect();
        }
        offsets
    }

    /// The same view after memory has been laid out anew: piece `from` of the old layout has stride
    /// `stride` in the new one. `None` if a piece of the view is not within one of `layout`.
    pub(crate) fn relaid(&self, layout: &[(Piece, usize)]) -> Option<Self> {
        let axes = self.axes.iter().map(|pieces| {
            let mut relaid = Vec::new();
            for piece in pieces {
                split(*piece, layout, &mut relaid)?;
            }
            Some(relaid)
        });
        Some(Self { axes: axes.collect::<Option<_>>()? })
    }

    fn pieces(&self) -> impl Iterator<Item = Piece> {
        self.axes.iter().flatten().copied()
    }
}

/// Splits `piece` along `layout` and pushes its parts with their new strides, outer first.
fn split(piece: Piece, layout: &[(Piece, usize)], out: &mut Vec<Piece>) -> Option<()> {
    let mut rest = piece;
    let mut parts = Vec::new();
    while rest.size > 1 {
        // The layout piece in which the innermost step of `rest` lies.
        let (from, stride) = layout.iter().find(|(from, _)| {
            rest.stride.is_multiple_of(from.stride) && rest.stride < from.stride * from.size
        })?;
        let step = rest.stride / from.stride;
        if !from.size.is_multiple_of(step) {
            return None;
        }
        let size = rest.size.min(from.size / step);
        if !rest.size.is_multiple_of(size) {
            return None;
        }
        parts.push(Piece { size, stride: step * stride });
        rest = Piece { size: rest.size / size, stride: rest.stride * size };
    }
    parts.into_iter().rev().for_each(|part| push(out, part));
    Some(())
}

fn axis(size: usize, stride: usize) -> Vec<Piece> {
    if size == 1 { Vec::new() } else { vec![Piece { size, stride }] }
}

/// Appends a piece, joined with the one before it where both are one longer piece.
fn push(pieces: &mut Vec<Piece>, piece: Piece) {
    if piece.size == 1 {
        return;
    }
    match pieces.last_mut() {
        Some(last) if last.stride == piece.size * piece.stride => {
            *last = Piece { size: last.size * piece.size, stride: piece.stride };
        }
        _ => pieces.push(piece),
    }
}

#[cfg(test)]
mod tests {
    use super::View;
    use thumbnet_kernels::geometry::Shape;

    #[test]
    fn flattening_reads_channels_first() {
        let view = View::nchw(Shape::new(2, 1, 3)).reshaped(&[1, 6]).unwrap();
        assert_eq!(view.dims(), [1, 6]);
        assert_eq!(view.offsets(), [0, 3, 1, 4, 2, 5]);
        assert!(!view.is_memory_order());
    }

    #[test]
    fn flattening_after_a_transpose_is_memory_order() {
        let view = View::nchw(Shape::new(5, 4, 3)).transposed(&[0, 2, 3, 1]).unwrap();
        let flat = view.reshaped(&[1, 60]).unwrap();
        assert!(flat.is_memory_order());
        assert_eq!(flat, View::row(60, 2));
    }

    #[test]
    fn a_side_can_be_split_and_joined_again() {
        let flat = View::row_major(&[1, 490]);
        let map = flat.reshaped(&[1, 1, 49, 10]).unwrap();
        assert_eq!(map.dims(), [1, 1, 49, 10]);
        assert_eq!(map.reshaped(&[1, 490]).unwrap(), flat);
        assert_eq!(flat.reshaped(&[1, 48, 10]), None);
        assert_eq!(flat.reshaped(&[1, 491]), None);
        assert_eq!(flat.reshaped(&[0, 490]), None);
    }

    #[test]
    fn permutations_are_checked() {
        let view = View::nchw(Shape::new(5, 4, 3));
        assert_eq!(view.transposed(&[0, 1, 1, 2]), None);
        assert_eq!(view.transposed(&[0, 1, 2]), None);
        assert_eq!(view.transposed(&[0, 1, 2, 4]), None);
    }

    #[test]
    fn a_new_layout_moves_every_piece() {
        // An input written [1, 3, 4, 5] whose memory becomes [4, 5, 3].
        let file = View::row_major(&[1, 3, 4, 5]);
        let [c, h, w] = [1, 2, 3].map(|axis| file.axis(axis)[0]);
        let layout = [(h, 15), (w, 3), (c, 1)];
        assert_eq!(file.relaid(&layout).unwrap(), View::nchw(Shape::new(4, 5, 3)));
        let flat = file.reshaped(&[1, 60]).unwrap().relaid(&layout).unwrap();
        assert_eq!(flat, View::nchw(Shape::new(4, 5, 3)).reshaped(&[1, 60]).unwrap());
    }
}
