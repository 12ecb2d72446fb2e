//! What generated code implements: a network that fits its arena and cannot fail.

use crate::geometry::Shape;
use crate::preprocessing::Preprocessing;

/// Facts about a compiled network that an application or a host needs.
#[derive(Clone, Copy, Debug)]
pub struct Info {
    /// Name of the model.
    pub name: &'static str,
    /// First eight bytes of the ONNX file's SHA-256: which file this code was generated from.
    pub digest: [u8; 8],
    /// Shape of the input map.
    pub input: Shape,
    /// Real value of one input step.
    pub input_scale: f32,
    /// Input code of real 0.
    pub input_zero_point: i8,
    /// Real value of one logit step.
    pub output_scale: f32,
    /// Logit code of real 0.
    pub output_zero_point: i8,
    /// What one logit step is worth in a softmax: its real value, by the temperature that makes confidence credible.
    pub softmax_scale: f32,
    /// Class names in the order of the logits.
    pub labels: &'static [&'static str],
    /// Names of the steps in order, as in the ONNX file.
    pub layers: &'static [&'static str],
}

/// A compiled network.
///
/// Input, intermediate maps and logits live in one arena whose size the compiler has planned.
pub trait Model {
    /// Bytes of activations and scratch together; what [`Arena`] is made with.
    type Arena;
    /// Facts about the network.
    const INFO: Info;

    /// How a picture becomes the input; `None` if the model does not say.
    const PREPROCESSING: Option<Preprocessing> = None;

    /// A fresh arena; `const`-constructible so that it can live in a `static`.
    const ARENA: Self::Arena;

    /// Where the input, int8 `[h, w, c]`, is to be written before [`Model::infer`].
    fn input(arena: &mut Self::Arena) -> &mut [i8];

    /// Runs the network; `observer` sees each layer's output. Overwrites the input.
    fn infer<O: Observer>(arena: &mut Self::Arena, observer: &mut O);

    /// The int8 logits, valid after [`Model::infer`].
    fn logits(arena: &Self::Arena) -> &[i8];
}

/// Sees the output of every layer while it is in memory: for checksums, costs and debugging.
pub trait Observer {
    /// Called after step `index` (as in [`Info::layers`]) with the bytes it wrote. For a step that runs by stripes, called
    /// once a stripe, each time with the rows that follow those before; a later step may begin before it.
    fn layer(&mut self, index: usize, output: &[i8]);
}

/// Observes nothing, costs nothing.
impl Observer for () {
    #[inline(always)]
    fn layer(&mut self, _index: usize, _output: &[i8]) {}
}

/// Working memory of one network, `N` bytes, aligned for word access.
#[derive(Clone, Debug)]
#[repr(C, align(8))]
pub struct Arena<const N: usize>(pub [i8; N]);

impl<const N: usize> Arena<N> {
    /// An arena of zeros.
    pub const NEW: Self = Self([0; N]);
}
