//! A convolution and its two gradients as matrix products, a picture at a time.

use crate::engine::layers::dense::transpose;
use crate::engine::layers::frame::Frame;
use crate::engine::product::{AStrides, BStrides, Product};
use crate::engine::real::Real;
use thumbnet_graph::{Padding, Shape, Window};

/// The geometry of a convolution.
pub(super) struct Products {
    pub input: Frame,
    /// The sums that are computed: all, or those that a pool reads.
    pub sums: Shape,
    window: Window,
    groups: usize,
    /// The border that the sums' gradient gets where the input's gradient is a convolution of it.
    turned: Option<Frame>,
}

impl Products {
    pub fn new(input: Shape, window: Window, groups: usize, sums: Shape) -> Self {
        let frame = Frame::new(input, window.padding);
        let pointwise = window.kernel == [1, 1] && window.stride == [1, 1] && frame.len() == 0;
        if pointwise && [sums.h, sums.w] == [input.h, input.w] {
            // Rows are of no account: one long row is one large product.
            let row = |map: Shape| Shape::new(1, map.h * map.w, map.c);
            let frame = Frame::new(row(input), Padding::NONE);
            let turned = Frame::new(row(sums), Padding::NONE);
            return Self { input: frame, sums: row(sums), window, groups, turned: Some(turned) };
        }
        let turned = turned_border(input, &window, sums).map(|border| Frame::new(sums, border));
        Self { input: frame, sums, window, groups, turned }
    }

    pub fn weights(&self) -> usize {
        self.window.taps() * self.input.map.c / self.groups * self.sums.c
    }

    /// The frame of the sums' gradient; an empty one if it needs none.
    pub fn sums_frame(&self) -> Frame {
        self.turned.unwrap_or(Frame::new(self.sums, Padding::NONE))
    }

    /// Channels and filters of a group.
    fn part(&self) -> (usize, usize) {
        (self.input.map.c / self.groups, self.sums.c / self.groups)
    }

    /// `sums[y, x, :] = Σ input[y * sy + i, x * sx + j, ic] * weights[i, j, ic, :]`: one product a row, where the channels
    /// of a kernel's row lie side by side; one a group and column of the kernel where they do not.
    pub fn convolve<T: Real>(&self, input: &[T], weights: &[T], sums: &mut [T]) {
        let ([kh, kw], [sy, sx]) = (self.window.kernel, self.window.stride);
        let (c, oc) = (self.input.map.c, self.sums.c);
        let (ic, columns) = self.part();
        let row = self.input.framed.w * c;
        let (pieces, steps) = if self.groups == 1 { (1, kw * ic) } else { (kw, ic) };
        for (y, sums) in sums.chunks_exact_mut(self.sums.w * oc).enumerate() {
            for (group, piece) in pairs(self.groups, pieces) {
                let product = Product {
                    rows: self.sums.w,
                    columns,
                    runs: kh,
                    steps,
                    a: AStrides { row: sx * c, run: row, step: 1 },
                    b: BStrides { run: kw * ic * oc, step: oc },
                    c_row: oc,
                    accumulate: piece > 0,
                };
                let a = &input[y * sy * row + piece * c + group * ic..];
                let b = &weights[piece * ic * oc + group * columns..];
                product.run(a, b, &mut sums[group * columns..]);
            }
        }
    }

    /// `gradient[i, j, ic, :] += Σ input[y * sy + i, x * sx + j, ic] * sums_gradient[y, x, :]`: one
    /// product a row of the kernel, or a group and tap.
    pub fn add_weight_gradient<T: Real>(
        &self,
        input: &[T],
        sums_gradient: &[T],
        gradient: &mut [T],
    ) {
        let ([_, kw], [sy, sx]) = (self.window.kernel, self.window.stride);
        let (c, oc) = (self.input.map.c, self.sums.c);
        let (ic, columns) = self.part();
        let row = self.input.framed.w * c;
        let (pieces, rows) = if self.groups == 1 { (1, kw * ic) } else { (kw, ic) };
        let product = Product {
            rows,
            columns,
            runs: self.sums.h,
            steps: self.sums.w,
            a: AStrides { row: 1, run: sy * row, step: sx * c },
            b: BStrides { run: self.sums.w * oc, step: oc },
            c_row: oc,
            accumulate: true,
        };
        for (i, gradient) in gradient.chunks_exact_mut(kw * ic * oc).enumerate() {
            for (group, piece) in pairs(self.groups, pieces) {
                let a = &input[i * row + piece * c + group * ic..];
                let c = &mut gradient[piece * ic * oc + group * columns..];
                product.run(a, &sums_gradient[group * columns..], c);
            }
        }
    }

    /// The gradient by the input, from the one by the sums. The rooms are for the framed gradient by the sums, whose
    /// border is zeros, and the framed gradient by the input.
    pub fn input_gradient<T: Real>(
        &self,
        sums_gradient: &[T],
        transposed: &[T],
        target: &mut [T],
        (framed_sums, framed): (&mut [T], &mut [T]),
    ) {
        if let Some(turned) = &self.turned {
            self.convolve_turned(
                turned,
                turned.put(sums_gradient, framed_sums),
                transposed,
                target,
            );
        } else if self.input.len() > 0 {
            framed.fill(T::ZERO);
            self.add_by_taps(sums_gradient, transposed, framed);
            self.input.crop(framed, target);
        } else {
            target.fill(T::ZERO);
            self.add_by_taps(sums_gradient, transposed, target);
        }
    }

    /// `target[y, x, :] = Σ sums_gradient[y + i, x + j, oc] * turned[i, j, oc, :]`, with kernels turned by half a turn.
    fn convolve_turned<T: Real>(
        &self,
        frame: &Frame,
        sums_gradient: &[T],
        turned: &[T],
        target: &mut [T],
    ) {
        let [kh, kw] = self.window.kernel;
        let (c, oc) = (self.input.map.c, self.sums.c);
        let (columns, filters) = self.part();
        let row = frame.framed.w * oc;
        let (pieces, steps) = if self.groups == 1 { (1, kw * filters) } else { (kw, filters) };
        for (y, target) in target.chunks_exact_mut(self.input.map.w * c).enumerate() {
            for (group, piece) in pairs(self.groups, pieces) {
                let product = Product {
                    rows: self.input.map.w,
                    columns,
                    runs: kh,
                    steps,
                    a: AStrides { row: oc, run: row, step: 1 },
                    b: BStrides { run: kw * oc * columns, step: columns },
                    c_row: c,
                    accumulate: piece > 0,
                };
                let a = &sums_gradient[y * row + piece * oc + group * filters..];
                let b = &turned[(piece * oc + group * filters) * columns..];
                product.run(a, b, &mut target[group * columns..]);
            }
        }
    }

    /// `gradient[y * sy + i, x * sx + j, :] += Σ sums_gradient[y, x, oc] * transposed[i, j, oc, :]`: one product
    /// a row, tap and group.
    fn add_by_taps<T: Real>(&self, sums_gradient: &[T], transposed: &[T], gradient: &mut [T]) {
        let ([_, kw], [sy, sx]) = (self.window.kernel, self.window.stride);
        let (c, oc) = (self.input.map.c, self.sums.c);
        let (columns, filters) = self.part();
        let product = Product {
            rows: self.sums.w,
            columns,
            runs: 1,
            steps: filters,
            a: AStrides { row: oc, run: 0, step: 1 },
            b: BStrides { run: 0, step: columns },
            c_row: sx * c,
            accumulate: true,
        };
        for (tap, weights) in transposed.chunks_exact(oc * columns).enumerate() {
            let (i, j) = (tap / kw, tap % kw);
            for (y, sums_gradient) in sums_gradient.chunks_exact(self.sums.w * oc).enumerate() {
                let at = ((y * sy + i) * self.input.framed.w + j) * c;
                for group in 0..self.groups {
                    let b = &weights[group * filters * columns..];
                    let c = &mut gradient[at + group * columns..];
                    product.run(&sums_gradient[group * filters..], b, c);
                }
            }
        }
    }

    /// Each tap's `[ic, oc]` to `[oc, ic]`, in turned order where the way back is a convolution.
    pub fn transpose<T: Real>(&self, weights: &[T], transposed: &mut [T]) {
        let (ic, _) = self.part();
        let tap = ic * self.sums.c;
        let last = self.window.taps() - 1;
        for (index, transposed) in transposed.chunks_exact_mut(tap).enumerate() {
            let index = if self.turned.is_some() { last - index } else { index };
            transpose(&weights[index * tap..][..tap], self.sums.c, transposed);
        }
    }
}

/// The border with which the sums' gradient, convolved with the turned kernel, gives the input's gradient: where no
/// position is skipped by a stride, and the border's zeros cost little.
fn turned_border(input: Shape, window: &Window, sums: Shape) -> Option<Padding> {
    let [kh, kw] = window.kernel;
    let Padding { top, left, .. } = window.padding;
    let border = Padding {
        top: (kh - 1).checked_sub(top)?,
        left: (kw - 1).checked_sub(left)?,
        bottom: (input.h + top).checked_sub(sums.h)?,
        right: (input.w + left).checked_sub(sums.w)?,
    };
    let pays = 4 * input.h * input.w <= 5 * sums.h * sums.w;
    (window.stride == [1, 1] && pays).then_some(border)
}

fn pairs(groups: usize, pieces: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..groups).flat_map(move |group| (0..pieces).map(move |piece| (group, piece)))
}
