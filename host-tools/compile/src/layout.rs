//! The packed forms of a convolution or dense layer: for which layers there is a kernel, and for which weights it
//! is exact.

use crate::call::{Call, PackedLayout};
use thumbnet_graph::{Shape, Window};
use thumbnet_kernels::packed::{
    compact_winograd4_scratch_bytes, deep_kernel_exists, deep_scratch_bytes,
    pack_compact_winograd4, pack_deep, pack_dense, pack_pointwise, pack_shallow, pack_winograd,
    pack_winograd4, pointwise_kernel_exists, pointwise_scratch_bytes, shallow_kernel_exists,
    shallow_scratch_bytes, winograd_kernel_exists, winograd_scratch_bytes, winograd4_kernel_exists,
    winograd4_scratch_bytes,
};

/// A call with the scratch memory that it needs.
#[derive(Clone, Debug)]
pub(crate) struct Packed {
    pub call: Call,
    pub scratch_bytes: usize,
}

/// Why a layer has no such form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoForm {
    /// There is no kernel for these windows and sizes.
    NoKernel,
    /// The bound that makes the kernel exact is not proved for these weights.
    NotProved(&'static str),
}

/// What the packers of mixed lanes prove.
const LANES: &str =
    "sums of a channel stay below 2^23 and no weight of -128 needs a lane of 17 bits";

impl PackedLayout {
    /// All of them.
    pub(crate) const ALL: [Self; 6] = [
        Self::Pointwise,
        Self::Shallow,
        Self::Deep,
        Self::Winograd,
        Self::Winograd4,
        Self::CompactWinograd4,
    ];

    /// The bound that its packer proves.
    pub(crate) const fn bound(self) -> &'static str {
        match self {
            Self::Deep | Self::Pointwise | Self::Shallow => LANES,
            Self::Winograd => "accumulators stay below 2^29",
            Self::Winograd4 | Self::CompactWinograd4 => "accumulators stay below 2^25",
        }
    }

    fn exists(self, input: Shape, window: &Window, pool: &Window, oc: usize) -> bool {
        let exists = match self {
            Self::Deep => deep_kernel_exists(window, pool),
            Self::Pointwise => pointwise_kernel_exists(window, pool),
            // It trusts all sizes: those of its windows are small.
            Self::Shallow => return shallow_kernel_exists(window, pool, input.c),
            Self::Winograd => winograd_kernel_exists(window, pool),
            Self::Winograd4 | Self::CompactWinograd4 => winograd4_kernel_exists(window, pool),
        };
        exists && ordinary(input, window, pool, oc)
    }

    fn pack(self, weights: &[i8], bias: &[i32], window: &Window, ic: usize) -> Option<Vec<i32>> {
        match self {
            Self::Deep => pack_deep(weights, window, ic),
            Self::Pointwise => pack_pointwise(weights, ic),
            Self::Shallow => pack_shallow(weights, window, ic),
            Self::Winograd => pack_winograd(weights, ic),
            Self::Winograd4 => pack_winograd4(weights, bias, ic),
            Self::CompactWinograd4 => pack_compact_winograd4(weights, bias, ic),
        }
    }

    fn scratch_bytes(self, input: Shape, window: &Window, pool: &Window) -> usize {
        match self {
            Self::Deep => deep_scratch_bytes(window, pool, input),
            Self::Pointwise => pointwise_scratch_bytes(input),
            Self::Shallow => shallow_scratch_bytes(window, input),
            Self::Winograd => winograd_scratch_bytes(input),
            Self::Winograd4 => winograd4_scratch_bytes(input),
            Self::CompactWinograd4 => compact_winograd4_scratch_bytes(input),
        }
    }

    /// The plain convolution `call` in this layout.
    pub(crate) fn of(self, call: &Call) -> Result<Packed, NoForm> {
        let Call::Conv2d { input, window, pool, input_zero_point, weights, bias, requantize } =
            call
        else {
            return Err(NoForm::NoKernel);
        };
        if !self.exists(*input, window, pool, bias.len()) {
            return Err(NoForm::NoKernel);
        }
        let words = self.pack(weights, bias, window, input.c);
        let call = Call::PackedConv2d {
            layout: self,
            input: *input,
            window: *window,
            pool: *pool,
            input_zero_point: *input_zero_point,
            weights: words.ok_or(NoForm::NotProved(self.bound()))?,
            bias: bias.clone(),
            requantize: requantize.clone(),
        };
        Ok(Packed { call, scratch_bytes: self.scratch_bytes(*input, window, pool) })
    }
}

/// The plain dense layer `call` with packed weights.
pub(crate) fn packed_dense(call: &Call) -> Result<Packed, NoForm> {
    let Call::Dense { weights, bias, requantize } = call else { return Err(NoForm::NoKernel) };
    let words = pack_dense(weights, weights.len() / bias.len().max(1));
    let weights = words.ok_or(NoForm::NotProved(LANES))?;
    let (bias, requantize) = (bias.clone(), requantize.clone());
    Ok(Packed { call: Call::PackedDense { weights, bias, requantize }, scratch_bytes: 0 })
}

/// Sizes whose products the kernels trust; they do nothing beyond them.
fn ordinary(input: Shape, window: &Window, pool: &Window, oc: usize) -> bool {
    let sizes = [window.kernel, window.stride, pool.kernel, pool.stride];
    sizes.iter().flatten().all(|size| *size <= 64) && input.c.max(oc) <= 1 << 15
}
