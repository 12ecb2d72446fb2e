//! From the products of a convolution in Winograd form to its sums.

use super::Chunk;

/// Sums over the input channels: for each of 16 elements, of channel a at four tiles, then of channel b.
pub(crate) type Products = [Chunk; 32];

/// Sums of eight channels at the output pixels of four tiles.
pub(crate) type Sums<const PIXELS: usize> = [[[i32; 8]; PIXELS]; 4];

/// `A m A' / 4` of channel a (0) or b (1), for each of four tiles, into `channel` of `sums`: the outputs of the
/// convolution where a tile has four pixels, the largest of them where it has one.
///
/// ```text
/// for each tile:
///     m[y][x] = products
///     for each x: t[x], s[x] = m[0][x] + m[1][x] + m[2][x], m[1][x] - m[2][x] - m[3][x]
///     y00, y01 = t[0] + t[1] + t[2], t[1] - t[2] - t[3]
///     y10, y11 = s[0] + s[1] + s[2], s[1] - s[2] - s[3]
///     sums = (y00, y01, y10, y11) / 4, or their largest / 4
/// ```
///
/// Cost: 56 instructions a tile with one pixel, 53 with four, about 30 a call.
///
/// Does nothing where `PIXELS` is neither 1 nor 4, or there is no such channel.
#[inline(always)]
pub(crate) fn winograd_outputs<const PIXELS: usize>(
    products: &Products,
    from_channel: usize,
    sums: &mut Sums<PIXELS>,
    to_channel: usize,
) {
    if from_channel >= 2 || to_channel >= 8 || !matches!(PIXELS, 1 | 4) {
        return;
    }
    #[cfg(not(native_dsp))]
    model(products, from_channel, sums, to_channel);
    #[cfg(native_dsp)]
    {
        let products = products.as_ptr().wrapping_add(from_channel).cast::<u32>();
        let sums = sums.as_mut_ptr().cast::<i32>().wrapping_add(to_channel);
        // SAFETY: the words that the kernel reads, 32 bytes apart, are the chunks of one of two channels of each
        // element; those that it writes are of one of eight channels, and there are as many pixels.
        unsafe { Outputs::<PIXELS>::kernel(products, sums, products.wrapping_add(4)) };
    }
}

#[cfg(native_dsp)]
struct Outputs<const PIXELS: usize>;

#[cfg(native_dsp)]
impl<const PIXELS: usize> Outputs<PIXELS> {
    /// Registers: r0 products, r1 sums; t in r4 to r7, s in r8 to r11; r12, r2, r3 and lr a column of m, then r2,
    /// r3, r12 and lr the outputs. On the stack: end of the products.
    ///
    /// # Safety
    /// `end` is four words after `products`; 16 times four words, 32 bytes apart, can be read there; at `sums`, a
    /// word can be written for each pixel, 32 bytes apart; `PIXELS` is 1 or 4.
    #[unsafe(naked)]
    unsafe extern "C" fn kernel(products: *const u32, sums: *mut i32, end: *const u32) {
        core::arch::naked_asm!(
            "push {{r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, lr}}",
            "1:",
            ".macro column t, s, offset",
            "ldr r12, [r0, #\\offset]",
            "ldr r2, [r0, #\\offset + 128]",
            "ldr r3, [r0, #\\offset + 256]",
            "ldr lr, [r0, #\\offset + 384]",
            "add \\t, r2, r3",
            "sub \\s, r2, r3",
            "add \\t, \\t, r12",
            "sub \\s, \\s, lr",
            ".endm",
            "column r4, r8, 0",
            "column r5, r9, 32",
            "column r6, r10, 64",
            "column r7, r11, 96",
            ".purgem column",
            "adds r0, #4",
            "add r2, r5, r6",
            "sub r3, r5, r6",
            "add r2, r2, r4",
            "sub r3, r3, r7",
            "add r12, r9, r10",
            "sub lr, r9, r10",
            "add r12, r12, r8",
            "sub lr, lr, r11",
            ".if {pixels} == 1",
            "cmp r2, r3",
            "it lt",
            "movlt r2, r3",
            "cmp r12, lr",
            "it lt",
            "movlt r12, lr",
            "cmp r2, r12",
            "it lt",
            "movlt r2, r12",
            "asr r2, r2, #2",
            "str r2, [r1], #32",
            ".else",
            "asr r2, r2, #2",
            "asr r3, r3, #2",
            "asr r12, r12, #2",
            "asr lr, lr, #2",
            "str r2, [r1], #32",
            "str r3, [r1], #32",
            "str r12, [r1], #32",
            "str lr, [r1], #32",
            ".endif",
            "ldr r2, [sp]",
            "cmp r0, r2",
            "bne 1b",
            "pop {{r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, pc}}",
            pixels = const PIXELS,
        )
    }
}

#[cfg(not(native_dsp))]
fn model<const PIXELS: usize>(
    products: &Products,
    from_channel: usize,
    sums: &mut Sums<PIXELS>,
    to_channel: usize,
) {
    let along = |[a, b, c, d]: [i32; 4]| {
        [a.wrapping_add(b).wrapping_add(c), b.wrapping_sub(c).wrapping_sub(d)]
    };
    for (tile, sums) in sums.iter_mut().enumerate() {
        let m = |y: usize, x: usize| products[2 * (4 * y + x) + from_channel][tile] as i32;
        let columns = [0, 1, 2, 3].map(|x| along([m(0, x), m(1, x), m(2, x), m(3, x)]));
        let row = |y: usize| along(columns.map(|column| column[y]));
        let [[a, b], [c, d]] = [row(0), row(1)];
        if let [pixel] = sums.as_mut_slice() {
            pixel[to_channel] = a.max(b).max(c.max(d)) >> 2;
        } else {
            for (pixel, sum) in sums.iter_mut().zip([a, b, c, d]) {
                pixel[to_channel] = sum >> 2;
            }
        }
    }
}
