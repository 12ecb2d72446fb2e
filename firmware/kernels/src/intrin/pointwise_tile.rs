//! Four pixels of a convolution, all channels by pairs, from halfwords to codes: the inputs of a pixel are those of a
//! window of one element, or of any other that was gathered.

use super::Chunk;
use crate::map::Map;
use crate::requantize::{Scales, scaled};

/// What the channels of a layer need.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Channels<'a> {
    /// Mixed-lane weights, the same number of words for each pair of channels.
    pub weights: &'a [i32],
    /// One bias a channel.
    pub biases: &'a [i32],
    /// One scale a channel.
    pub scales: Scales<'a>,
    /// What real 0 becomes.
    pub zero_point: i8,
}

impl Channels<'_> {
    fn kind(&self) -> usize {
        match self.scales {
            Scales::Fixed(_) => FIXED,
            Scales::Float(_) => FLOAT,
            Scales::Mixed(_) => MIXED,
        }
    }
}

/// A kernel that writes the codes of the pairs of channels that there are weights for, to the start of each of its
/// pixels.
///
/// The inputs are a chunk for each word of a pair's weights: the halfwords of four pixels. Of these it takes the first
/// three or all four. Pixels that are one and the same get the same codes if their inputs are the same too.
///
/// ```text
/// for each pair of channels a, b:
///     mix[0..4] = plain[0..4] = bias a
///     for each word w of mixed weights, x[0..4] = the chunk of the four pixels:
///         mix[0..4]   += x[0..4] * w
///         plain[0..4] += x[0..4] * sxtb16(w)
///     a[0..4] = plain[0..4], b[0..4] = bias b + (mix[0..4] - plain[0..4]) >> 8
///     codes = scale(a[0..4]), scale(b[0..4])
/// ```
///
/// Weights come through the FPU's registers, which leaves one for all four halfwords to be loaded at once. Cost of four
/// pixels: 11 instructions a word (16 multiplications) and 6 for each 16 words or what is loaded at a time; 83 a pair (8
/// codes) with factors, 55 with multipliers; about 60 a call. Without an FPU 12 a word and 5 for each 16 words. Of three
/// pixels: 9 a word (12 multiplications), 66 a pair with factors, 45 with multipliers.
///
/// Does nothing where slices are too short.
#[derive(Clone, Copy)]
pub(crate) struct PointwiseTile {
    /// The kernel.
    pub run: fn(&[Chunk], Channels<'_>, [&Map; 4]),
    /// Pixels that it computes: 3 or 4.
    pub pixels: usize,
}

/// How many pixels at a time are best where there are `pixels` of them: three where fours would leave too many places
/// empty, as on maps of 3 x 3.
pub(crate) const fn pixels_at_once(pixels: usize) -> usize {
    let [threes, fours] = [pixels.div_ceil(3), pixels.div_ceil(4)];
    // As the words cost.
    if threes.saturating_mul(9) < fours.saturating_mul(11) { 3 } else { 4 }
}

/// The kernel for pairs of channels of so many words, a multiple of 4, and scales of this kind, on so many pixels.
#[inline(always)]
pub(crate) fn pointwise_tile(words: usize, pixels: usize, scales: Scales<'_>) -> PointwiseTile {
    match words % 16 {
        0 => of_words::<16>(pixels, scales),
        8 => of_words::<8>(pixels, scales),
        _ => of_words::<4>(pixels, scales),
    }
}

/// The kernel for windows of few channels, whose pairs of channels have so many words; `None` if there is none.
#[inline(always)]
pub(crate) fn patch_tile(words: usize, pixels: usize, scales: Scales<'_>) -> Option<PointwiseTile> {
    Some(match words {
        2 => of_words::<2>(pixels, scales),
        5 => of_words::<5>(pixels, scales),
        9 => of_words::<9>(pixels, scales),
        13 => of_words::<13>(pixels, scales),
        14 => of_words::<14>(pixels, scales),
        18 => of_words::<18>(pixels, scales),
        20 => of_words::<20>(pixels, scales),
        25 => of_words::<25>(pixels, scales),
        38 => of_words::<38>(pixels, scales),
        _ => return None,
    })
}

#[inline(always)]
fn of_words<const WORDS: usize>(pixels: usize, scales: Scales<'_>) -> PointwiseTile {
    let run = match (scales, pixels_at_once(pixels)) {
        (Scales::Fixed(_), 3) => Tile::<WORDS, 3, FIXED>::run,
        (Scales::Fixed(_), _) => Tile::<WORDS, 4, FIXED>::run,
        (Scales::Float(_), 3) => Tile::<WORDS, 3, FLOAT>::run,
        (Scales::Float(_), _) => Tile::<WORDS, 4, FLOAT>::run,
        (Scales::Mixed(_), 3) => Tile::<WORDS, 3, MIXED>::run,
        (Scales::Mixed(_), _) => Tile::<WORDS, 4, MIXED>::run,
    };
    PointwiseTile { run, pixels: pixels_at_once(pixels) }
}

const FIXED: usize = 0;
const FLOAT: usize = 1;
const MIXED: usize = 2;

/// `WORDS` is the length of the loop's body, `SCALES` the kind of scales.
struct Tile<const WORDS: usize, const PIXELS: usize, const SCALES: usize>;

impl<const WORDS: usize, const PIXELS: usize, const SCALES: usize> Tile<WORDS, PIXELS, SCALES> {
    fn run(inputs: &[Chunk], channels: Channels<'_>, pixels: [&Map; 4]) {
        let words = inputs.len();
        let pairs = channels.weights.len() / words.max(1);
        let codes = 2 * pairs;
        if pairs == 0
            || !words.is_multiple_of(WORDS)
            || channels.kind() != SCALES
            || channels.weights.len() != pairs * words
            || codes > channels.biases.len().min(channels.scales.len())
            || pixels.iter().any(|pixel| codes > pixel.len())
        {
            return;
        }
        #[cfg(native_dsp)]
        if SCALES == FIXED || cfg!(native_fpu) {
            let frame = Frame::of(inputs, channels, pixels);
            // SAFETY: one or more pairs of channels, with the biases, scales and places of their codes (which are
            // cells), and whole blocks of words, with a chunk for each: all that the kernel reads and writes. It has
            // the instructions: `native_dsp` and `native_fpu` are set for targets that do.
            unsafe { Self::kernel(&frame) };
            return;
        }
        model(inputs, channels, pixels);
    }

    /// Loads of sixteen words in the loop's body, and the number of the last word of the one that loads the rest.
    #[cfg(native_dsp)]
    const LOADS: usize = WORDS / 16;

    #[cfg(native_dsp)]
    const LAST: usize = (WORDS % 16).saturating_sub(1);

    /// Registers: r0 inputs, r1 r2 r3 r12 the halfwords of the pixels, lr a word of weights; sums of the pixels, plain in
    /// r4 r6 r8 r10 and mixed in r5 r7 r9 r11. Without an FPU r2 and r3 halfwords of two pixels at a time, r1 weights,
    /// r12 a word of them. On the stack: the frame, nine saved registers.
    ///
    /// # Safety
    /// As said where it is called; the target has the DSP extension, and the FPU if it was built for one, which rounds
    /// to nearest even (so it is out of reset, and Rust forbids to change it).
    #[cfg(native_dsp)]
    #[unsafe(naked)]
    unsafe extern "C" fn kernel(frame: *const Frame) {
        core::arch::naked_asm!(
            // Naked functions are assembled without the target's FPU, which has single precision at least.
            ".fpu fpv4-sp-d16",
            "push {{r4, r5, r6, r7, r8, r9, r10, r11, lr}}",
            "sub sp, sp, #44",
            "ldm r0, {{r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11}}",
            "stm sp, {{r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11}}",
            // The next pair of channels.
            "1:",
            "ldrd r0, r12, [sp]",
            "ldr r4, [r12]",
            "mov r5, r4",
            "mov r6, r4",
            "mov r7, r4",
            "mov r8, r4",
            "mov r9, r4",
            ".if {pixels} == 4",
            "mov r10, r4",
            "mov r11, r4",
            ".endif",
            // The next block of words.
            "2:",
            ".if {fpu}",
            ".macro thumbnet_words last",
            "ldr lr, [sp, #12]",
            "vldmia lr!, {{s0-s\\last}}",
            "str lr, [sp, #12]",
            ".irp word, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15",
            ".if \\word <= \\last",
            "ldm r0!, {{r1, r2, r3, r12}}",
            "vmov lr, s\\word",
            "smlad r5, lr, r1, r5",
            "smlad r7, lr, r2, r7",
            "smlad r9, lr, r3, r9",
            ".if {pixels} == 4",
            "smlad r11, lr, r12, r11",
            ".endif",
            "sxtb16 lr, lr",
            "smlad r4, lr, r1, r4",
            "smlad r6, lr, r2, r6",
            "smlad r8, lr, r3, r8",
            ".if {pixels} == 4",
            "smlad r10, lr, r12, r10",
            ".endif",
            ".endif",
            ".endr",
            ".endm",
            ".rept {loads}",
            "thumbnet_words 15",
            ".endr",
            ".if {words} % 16",
            "thumbnet_words {last}",
            ".endif",
            ".purgem thumbnet_words",
            ".else",
            "ldr r1, [sp, #12]",
            ".rept {words}",
            "ldr r12, [r1], #4",
            "ldrd r2, r3, [r0], #8",
            "sxtb16 lr, r12",
            "smlad r5, r12, r2, r5",
            "smlad r7, r12, r3, r7",
            "smlad r4, lr, r2, r4",
            "smlad r6, lr, r3, r6",
            "ldrd r2, r3, [r0], #8",
            "smlad r9, r12, r2, r9",
            "smlad r8, lr, r2, r8",
            ".if {pixels} == 4",
            "smlad r11, r12, r3, r11",
            "smlad r10, lr, r3, r10",
            ".endif",
            ".endr",
            "str r1, [sp, #12]",
            ".endif",
            "ldr lr, [sp, #8]",
            "cmp r0, lr",
            "bne 2b",
            // Sums of channel b, in the places of the mixed ones.
            "ldr r12, [sp, #4]",
            "ldr r3, [r12, #4]",
            "adds r12, #8",
            "str r12, [sp, #4]",
            "sub r5, r5, r4",
            "sub r7, r7, r6",
            "sub r9, r9, r8",
            "add r5, r3, r5, asr #8",
            "add r7, r3, r7, asr #8",
            "add r9, r3, r9, asr #8",
            ".if {pixels} == 4",
            "sub r11, r11, r10",
            "add r11, r3, r11, asr #8",
            ".endif",
            "ldrd r12, lr, [sp, #20]",
            ".macro thumbnet_factors multiply",
            "vmov s0, s1, r4, r5",
            "vmov s2, s3, r6, r7",
            "vmov s4, s5, r8, r9",
            ".if {pixels} == 4",
            "vmov s6, s7, r10, r11",
            ".endif",
            ".irp sum, 0, 1, 2, 3, 4, 5, 6, 7",
            ".if \\sum < 2 * {pixels}",
            "vcvt.f32.s32 s\\sum, s\\sum",
            ".endif",
            ".endr",
            ".irp sum, 0, 2, 4, 6",
            ".if \\sum < 2 * {pixels}",
            "\\multiply s\\sum, s\\sum, s8",
            ".endif",
            ".endr",
            ".irp sum, 1, 3, 5, 7",
            ".if \\sum < 2 * {pixels}",
            "\\multiply s\\sum, s\\sum, s9",
            ".endif",
            ".endr",
            // Saturates to i32, NaN to 0.
            ".irp sum, 0, 1, 2, 3, 4, 5, 6, 7",
            ".if \\sum < 2 * {pixels}",
            "vcvtr.s32.f32 s\\sum, s\\sum",
            ".endif",
            ".endr",
            "vmov r4, r5, s0, s1",
            "vmov r6, r7, s2, s3",
            "vmov r8, r9, s4, s5",
            ".irp sum, r4, r5, r6, r7, r8, r9",
            "qadd \\sum, \\sum, lr",
            ".endr",
            ".if {pixels} == 4",
            "vmov r10, r11, s6, s7",
            "qadd r10, r10, lr",
            "qadd r11, r11, lr",
            ".endif",
            ".endm",
            ".if {scales} == 1",
            "vldmia r12!, {{s8, s9}}",
            "str r12, [sp, #20]",
            "thumbnet_factors vmul.f32",
            ".else",
            "ldrd r2, r3, [r12], #8",
            "str r12, [sp, #20]",
            ".if {scales} == 2",
            "cmp r2, #0",
            "blt 4f",
            ".endif",
            "smmlar r4, r4, r2, lr",
            "smmlar r5, r5, r3, lr",
            "smmlar r6, r6, r2, lr",
            "smmlar r7, r7, r3, lr",
            "smmlar r8, r8, r2, lr",
            "smmlar r9, r9, r3, lr",
            ".if {pixels} == 4",
            "smmlar r10, r10, r2, lr",
            "smmlar r11, r11, r3, lr",
            ".endif",
            ".endif",
            "3:",
            "add lr, sp, #28",
            "ldm lr, {{r0, r2, r3, r12}}",
            ".irp sum, r4, r5, r6, r7, r8, r9",
            "ssat \\sum, #8, \\sum",
            ".endr",
            "bfi r4, r5, #8, #8",
            "bfi r6, r7, #8, #8",
            "bfi r8, r9, #8, #8",
            "strh r4, [r0], #2",
            "strh r6, [r2], #2",
            "strh r8, [r3], #2",
            ".if {pixels} == 4",
            "ssat r10, #8, r10",
            "ssat r11, #8, r11",
            "bfi r10, r11, #8, #8",
            "strh r10, [r12], #2",
            ".endif",
            "stm lr, {{r0, r2, r3, r12}}",
            "ldrd r0, r2, [sp, #12]",
            "cmp r0, r2",
            "bne 1b",
            "add sp, sp, #44",
            "pop {{r4, r5, r6, r7, r8, r9, r10, r11, pc}}",
            // A pair of factors among multipliers: they have the sign set, and VNMUL takes it away.
            ".if {scales} == 2",
            "4:",
            "vmov s8, s9, r2, r3",
            "thumbnet_factors vnmul.f32",
            "b 3b",
            ".endif",
            ".purgem thumbnet_factors",
            words = const WORDS,
            loads = const Self::LOADS,
            last = const Self::LAST,
            pixels = const PIXELS,
            scales = const SCALES,
            fpu = const cfg!(native_fpu) as usize,
        )
    }
}

/// What the kernel keeps on its stack, in this order; offsets of its fields stand in the assembly.
#[cfg(native_dsp)]
#[repr(C)]
struct Frame {
    inputs: *const Chunk,
    biases: *const i32,
    inputs_end: *const Chunk,
    weights: *const i32,
    weights_end: *const i32,
    scales: *const u32,
    zero_point: i32,
    pixels: [*mut i8; 4],
}

#[cfg(native_dsp)]
impl Frame {
    #[inline(always)]
    fn of(inputs: &[Chunk], channels: Channels<'_>, pixels: [&Map; 4]) -> Self {
        let (inputs, weights) = (inputs.as_ptr_range(), channels.weights.as_ptr_range());
        Self {
            inputs: inputs.start,
            biases: channels.biases.as_ptr(),
            inputs_end: inputs.end,
            weights: weights.start,
            weights_end: weights.end,
            scales: match channels.scales {
                Scales::Fixed(scales) | Scales::Mixed(scales) => scales.as_ptr().cast(),
                Scales::Float(factors) => factors.as_ptr().cast(),
            },
            zero_point: i32::from(channels.zero_point),
            pixels: pixels.map(|pixel| pixel.as_ptr().cast_mut().cast()),
        }
    }
}

/// The same in plain Rust; also what runs where an FPU is missing.
fn model(inputs: &[Chunk], channels: Channels<'_>, pixels: [&Map; 4]) {
    use super::{smlad, sxtb16};

    let pairs = channels.weights.chunks_exact(inputs.len().max(1));
    for (pair, (weights, biases)) in pairs.zip(channels.biases.as_chunks::<2>().0).enumerate() {
        for (position, pixel) in pixels.iter().enumerate() {
            let [mut mixed, mut plain] = [0, 0];
            for (chunk, word) in inputs.iter().zip(weights) {
                let [x, w] = [chunk.get(position).copied().unwrap_or(0), *word as u32];
                mixed = smlad(w, x, mixed);
                plain = smlad(sxtb16(w), x, plain);
            }
            let sums = [plain, mixed.wrapping_sub(plain) >> 8];
            for (lane, (sum, bias)) in sums.into_iter().zip(biases).enumerate() {
                let channel = 2 * pair + lane;
                let (form, bits) = (channels.scales.form(channel), channels.scales.bits(channel));
                if let Some(code) = pixel.get(channel) {
                    let sum = sum.wrapping_add(*bias);
                    code.set(scaled(sum, form, bits, channels.zero_point));
                }
            }
        }
    }
}
