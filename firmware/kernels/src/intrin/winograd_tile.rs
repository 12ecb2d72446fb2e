//! Four tiles and two channels of a convolution in Winograd form: its inner loop.

use super::Chunk;

/// Sums over the input channels: for each of 16 elements, of channel a at four tiles, then of channel b.
pub(crate) type Products = [Chunk; 32];

/// Transformed weights of two channels for eight input channels: four words of each, alternating.
pub(crate) type Weights = [i32; 8];

/// For each of 16 elements the inner products of the transformed inputs of four tiles with the transformed
/// weights of two channels, over the input channels by pairs.
///
/// `patch` has for each element and each pair of input channels the words of the four tiles; `weights` for
/// each element and each four pairs of input channels the words of a and b.
///
/// ```text
/// for each element:
///     a[0..4] = b[0..4] = 0
///     for each pair of input channels:
///         w_a, w_b = two words of weights
///         v[0..4]  = the words of four tiles
///         a += v * w_a
///         b += v * w_b
///     products = a, b
/// ```
///
/// Cost: 11 instructions a pair of input channels (16 multiplications, which stand for 36 of a plain convolution),
/// 3 more every four pairs, 18 an element, about 30 a call.
///
/// Does nothing where `patch` is too small or `weights` are no 16 elements.
pub(crate) fn winograd_tile(patch: &[Chunk], weights: &[Weights], products: &mut Products) {
    let eights = weights.len() / 16;
    if eights == 0 || weights.len() != 16 * eights || patch.len() / 4 < weights.len() {
        return;
    }
    #[cfg(not(native_dsp))]
    model(patch, weights, eights, products);
    #[cfg(native_dsp)]
    {
        let range = weights.as_ptr_range();
        let element_bytes = eights * size_of::<Weights>();
        // SAFETY: `weights` are 16 elements of one or more eights of input channels, `patch` has four chunks for
        // each of them, `products` has places for 16 elements: all that the kernel reads and writes.
        // `native_dsp` is set only for targets with the DSP extension.
        unsafe { kernel(patch.as_ptr(), range.start, element_bytes, products, range.end) };
    }
}

/// Registers: r0 patch, r1 weights, r2 and r3 weights of a and b, r12 and lr words of two tiles; r4 to r7 sums of
/// a at four tiles, r8 to r11 of b. On the stack from sp: end of the element, bytes of an element, products, nine
/// saved registers, end of the weights.
///
/// # Safety
/// `weights_end` is 16 elements of `element_bytes`, not 0, after `weights`; `patch` has four chunks for each of its
/// items, `products` is writable; the target has the DSP extension.
#[cfg(native_dsp)]
#[unsafe(naked)]
unsafe extern "C" fn kernel(
    patch: *const Chunk,
    weights: *const Weights,
    element_bytes: usize,
    products: *mut Products,
    weights_end: *const Weights,
) {
    core::arch::naked_asm!(
        "push {{r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, lr}}",
        "1:",
        "ldrd r2, r3, [sp]",
        "add r2, r2, r3",
        "str r2, [sp]",
        "movs r4, #0",
        "movs r5, #0",
        "movs r6, #0",
        "movs r7, #0",
        "mov r8, r4",
        "mov r9, r4",
        "mov r10, r4",
        "mov r11, r4",
        "2:",
        ".rept 4",
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
        ".endr",
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
fn model(patch: &[Chunk], weights: &[Weights], eights: usize, products: &mut Products) {
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
