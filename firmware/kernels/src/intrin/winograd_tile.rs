//! Four tiles and two channels of a convolution in Winograd form, of either size: its inner loop.

use super::Chunk;

/// Transformed weights of two channels for eight input channels: four words of each, alternating.
pub(crate) type Weights = [i32; 8];

/// For each element the inner products of the transformed inputs of four tiles with the transformed
/// weights of two channels, over the input channels by pairs.
///
/// There are as many elements as `products` has pairs: the sums of channel a at four tiles, then of channel b.
/// `patch` has for each element and each pair of input channels the words of the four tiles; `weights` for
/// each element and each four pairs of input channels the words of a and b.
///
/// ```text
/// for each element:
///     for each pair of input channels:
///         w_a, w_b = two words of weights
///         v[0..4]  = the words of four tiles
///         a += v * w_a        (the first pair sets a and b)
///         b += v * w_b
///     products = a, b
/// ```
///
/// Cost: 11 instructions a pair of input channels (16 multiplications, which stand for 36 of a plain convolution
/// with 16 elements and for 64 with 36), 3 more every four pairs, 10 an element, about 30 a call.
///
/// Does nothing where `patch` is too small or `weights` are not the same number of items for each element.
pub(crate) fn winograd_tile(patch: &[Chunk], weights: &[Weights], products: &mut [Chunk]) {
    let elements = products.len() / 2;
    let eights = weights.len().checked_div(elements).unwrap_or(0);
    if eights == 0 || weights.len() != elements * eights || patch.len() / 4 < weights.len() {
        return;
    }
    #[cfg(not(native_dsp))]
    model(patch, weights, eights, products);
    #[cfg(native_dsp)]
    {
        let range = weights.as_ptr_range();
        let element_bytes = eights * size_of::<Weights>();
        let products = products.as_mut_ptr();
        // SAFETY: `weights` are one or more elements of one or more eights of input channels, `patch` has four
        // chunks for each of them, `products` has places for all elements: all that the kernel reads and writes.
        // `native_dsp` is set only for targets with the DSP extension.
        unsafe { kernel(patch.as_ptr(), range.start, element_bytes, products, range.end) };
    }
}

/// Registers: r0 patch, r1 weights, r2 and r3 weights of a and b, r12 and lr words of two tiles; r4 to r7 sums of
/// a at four tiles, r8 to r11 of b. On the stack from sp: end of the element, bytes of an element, products, nine
/// saved registers, end of the weights.
///
/// # Safety
/// `weights_end` is one or more elements of `element_bytes`, not 0, after `weights`; `patch` has four chunks for
/// each of its items, `products` two for each element; the target has the DSP extension.
#[cfg(native_dsp)]
#[unsafe(naked)]
unsafe extern "C" fn kernel(
    patch: *const Chunk,
    weights: *const Weights,
    element_bytes: usize,
    products: *mut Chunk,
    weights_end: *const Weights,
) {
    core::arch::naked_asm!(
        "push {{r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, lr}}",
        "1:",
        "ldrd r2, r3, [sp]",
        "add r2, r2, r3",
        "str r2, [sp]",
        "ldrd r2, r3, [r1], #8",
        "ldrd r12, lr, [r0], #8",
        "smuad r4, r2, r12",
        "smuad r8, r3, r12",
        "smuad r5, r2, lr",
        "smuad r9, r3, lr",
        "ldrd r12, lr, [r0], #8",
        "smuad r6, r2, r12",
        "smuad r10, r3, r12",
        "smuad r7, r2, lr",
        "smuad r11, r3, lr",
        ".macro pair_of_inputs",
        "ldrd r2, r3, [r1], #8",
        "ldrd r12, lr, [r0], #8",
        "smlad r4, r2, r12, r4",
        "smlad r8, r3, r12, r8",
        "smlad r5, r2, lr, r5",
        "smlad r9, r3, lr, r9",
        "ldrd r12, lr, [r0], #8",
        "smlad r6, r2, r12, r6",
        "smlad r10, r3, r12, r10",
        "smlad r7, r2, lr, r7",
        "smlad r11, r3, lr, r11",
        ".endm",
        ".rept 3",
        "pair_of_inputs",
        ".endr",
        "b 3f",
        "2:",
        ".rept 4",
        "pair_of_inputs",
        ".endr",
        ".purgem pair_of_inputs",
        "3:",
        "ldr r2, [sp]",
        "cmp r1, r2",
        "bne 2b",
        "ldr r3, [sp, #8]",
        "ldr r2, [sp, #48]",
        "stm r3!, {{r4, r5, r6, r7, r8, r9, r10, r11}}",
        "str r3, [sp, #8]",
        "cmp r1, r2",
        "bne 1b",
        "pop {{r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, pc}}",
    )
}

#[cfg(not(native_dsp))]
fn model(patch: &[Chunk], weights: &[Weights], eights: usize, products: &mut [Chunk]) {
    use super::model::smlad;

    let elements = patch.chunks(4 * eights).zip(weights.chunks(eights));
    for ((tiles, weights), products) in elements.zip(products.as_chunks_mut::<2>().0) {
        let mut sums = [[0; 4]; 2];
        let pairs = weights.as_flattened().as_chunks::<2>().0;
        for (tiles, channels) in tiles.iter().zip(pairs) {
            for (sums, weights) in sums.iter_mut().zip(channels) {
                for (sum, inputs) in sums.iter_mut().zip(tiles) {
                    *sum = smlad(*weights as u32, *inputs, *sum);
                }
            }
        }
        *products = sums.map(|sums| sums.map(|sum| sum as u32));
    }
}
