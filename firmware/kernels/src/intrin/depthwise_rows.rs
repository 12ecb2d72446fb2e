//! Rows of a 3 x 3 depthwise convolution, from planes of halfwords to codes.

use super::planes::CHANNELS;
use crate::map::Map;
use crate::requantize::{Form, scaled};

/// What a channel needs: for each row of the window its weights (0, 1) and (1, 2) as halfwords, the bias, and the
/// bits of the scale.
pub(crate) type Filter = [u32; 8];

/// Rows to compute, and where they lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows {
    /// Rows of output, at least 1.
    pub rows: usize,
    /// Pixels in a row of output, at least 2.
    pub pixels: usize,
    /// Rows and columns from one window to the next; columns 1 or 2.
    pub stride: [usize; 2],
    /// Words of a row of one plane: two pixels each.
    pub plane_words: usize,
    /// Channels of the output: codes from one pixel to the next.
    pub pixel_step: usize,
}

impl Rows {
    /// Words that the windows of a row lie on.
    pub(crate) const fn words(pixels: usize, stride: usize) -> usize {
        (pixels.saturating_sub(1).saturating_mul(stride).saturating_add(3)).div_ceil(2)
    }

    /// Whether the kernel reads and writes inside these slices only.
    fn fit(&self, planes: &[u32], output: &Map, channels: usize) -> bool {
        let [stride_y, stride_x] = self.stride;
        let plane_rows = self.rows.checked_sub(1).and_then(|rows| rows.checked_mul(stride_y));
        // Of the last row, only the planes of these channels.
        let words = plane_rows.and_then(|rows| {
            let planes = rows.checked_add(2)?.checked_mul(CHANNELS)?.checked_add(channels)?;
            planes.checked_mul(self.plane_words)
        });
        let codes = self.rows.checked_mul(self.pixels).and_then(|pixels| {
            pixels.checked_sub(1)?.checked_mul(self.pixel_step)?.checked_add(channels)
        });
        self.pixels >= 2
            && matches!(stride_x, 1 | 2)
            && Self::words(self.pixels, stride_x) <= self.plane_words
            && words.is_some_and(|words| words <= planes.len())
            && codes.is_some_and(|codes| codes <= output.len())
            && channels <= CHANNELS
    }
}

/// Writes the codes of up to four channels at the start of each pixel of `output`, row after row.
///
/// `planes` holds, row by row, the rows of four planes, one after the other: the input with its padding. They begin with
/// the first channel's, and may end with the last one's.
///
/// ```text
/// for each channel, with its six words of weights in registers:
///     for each row of output, for each two pixels:
///         a, b = bias
///         for each row of the window: x01, x23 = four halfwords of the plane
///             a += x01 * w01 + x2 * w2;   b += x1 * w0 + x23 * w12      (SMLAD, SMLABT, SMLATB, SMLAD)
///         output = scale(a), scale(b)
/// ```
///
/// With a column stride of 2 both pixels go as `a` does. Cost for two pixels: 34 instructions on the FPU, 28 in
/// fixed point, with a column stride of 2 three more; about 22 for a pixel left over; 12 a row, 25 a channel, 60 a
/// call.
///
/// Does nothing where that would leave the slices.
pub(crate) fn depthwise_rows(
    planes: &[u32],
    shape: Rows,
    filters: &[Filter],
    form: Form,
    zero_point: i8,
    output: &Map,
) {
    if filters.is_empty() || !shape.fit(planes, output, filters.len()) {
        return;
    }
    #[cfg(native_dsp)]
    {
        let kernel = match (form, shape.stride[1]) {
            (Form::Fixed, 1) => Some(Kernel::<1, 0>::run as Run),
            (Form::Fixed, _) => Some(Kernel::<2, 0>::run as Run),
            #[cfg(native_fpu)]
            (Form::Float, 1) => Some(Kernel::<1, 1>::run as Run),
            #[cfg(native_fpu)]
            (Form::Float, _) => Some(Kernel::<2, 1>::run as Run),
            #[cfg(not(native_fpu))]
            (Form::Float, _) => None,
        };
        if let Some(kernel) = kernel {
            let frame = Frame::of(planes, shape, filters, zero_point, output);
            // SAFETY: at least one channel, row and pair of pixels, with the planes' rows, filters and codes inside their
            // slices: all that the kernel reads and writes, codes being cells. It has the instructions:
            // `native_dsp` and `native_fpu` are set for targets that do.
            unsafe { kernel(&frame) };
            return;
        }
    }
    model(planes, shape, filters, form, zero_point, output);
}

/// What each output is, one by one; also what runs where the FPU is missing.
fn model(
    planes: &[u32],
    shape: Rows,
    filters: &[Filter],
    form: Form,
    zero_point: i8,
    output: &Map,
) {
    let halfword = |index: usize| {
        let word = planes.get(index / 2).copied().unwrap_or(0);
        i32::from((word >> (index % 2 * 16)) as i16)
    };
    let [stride_y, stride_x] = shape.stride;
    let pitch = 2 * shape.plane_words;
    for (channel, filter) in filters.iter().enumerate() {
        let [w, bias, scale] = [&filter[..6], &filter[6..7], &filter[7..]];
        for index in 0..shape.rows * shape.pixels {
            let [y, x] = [index / shape.pixels, index % shape.pixels];
            let mut sum = bias[0] as i32;
            for (row, weights) in w.as_chunks::<2>().0.iter().enumerate() {
                let at = ((y * stride_y + row) * CHANNELS + channel) * pitch + x * stride_x;
                let weights = [weights[0] as i16, weights[1] as i16, (weights[1] >> 16) as i16];
                for (tap, weight) in weights.into_iter().enumerate() {
                    sum = sum.wrapping_add(halfword(at + tap) * i32::from(weight));
                }
            }
            if let Some(code) = output.get(index * shape.pixel_step + channel) {
                code.set(scaled(sum, form, scale[0], zero_point));
            }
        }
    }
}

#[cfg(native_dsp)]
type Run = unsafe extern "C" fn(*const Frame);

/// What the kernel keeps on its stack, in this order; offsets of its fields stand in the assembly.
#[cfg(native_dsp)]
#[repr(C)]
struct Frame {
    zero_point: i32,
    pixel_step: usize,
    /// Where the first row of the window ends: set by the kernel, as are the next four without a value.
    pairs_end: usize,
    rows_left: usize,
    /// Bytes that the first row moves over all pairs of a row.
    pairs_bytes: usize,
    bias: [u32; 2],
    multiplier: u32,
    filters: *const Filter,
    filters_end: *const Filter,
    /// Bytes from the end of a row to the start of the next, on the planes and on the output.
    plane_gap: usize,
    output_gap: usize,
    plane: *const u32,
    row_bytes: usize,
    output: *mut i8,
    rows: usize,
    odd: usize,
    plane_bytes: usize,
}

#[cfg(native_dsp)]
impl Frame {
    fn of(planes: &[u32], shape: Rows, filters: &[Filter], zero_point: i8, output: &Map) -> Self {
        let range = filters.as_ptr_range();
        let plane_bytes = 4 * shape.plane_words;
        let row_bytes = CHANNELS * plane_bytes;
        let pairs = shape.pixels / 2;
        let pairs_bytes = 4 * pairs * shape.stride[1];
        Self {
            zero_point: i32::from(zero_point),
            pixel_step: shape.pixel_step,
            pairs_end: 0,
            rows_left: 0,
            pairs_bytes,
            bias: [0; 2],
            multiplier: 0,
            filters: range.start,
            filters_end: range.end,
            plane_gap: (row_bytes * shape.stride[0]).wrapping_sub(pairs_bytes),
            output_gap: shape.pixels % 2 * shape.pixel_step,
            plane: planes.as_ptr(),
            row_bytes,
            output: output.as_ptr().cast_mut().cast(),
            rows: shape.rows,
            odd: shape.pixels % 2,
            plane_bytes,
        }
    }
}

/// `FLOAT` is 1 for scales on the FPU, 0 for fixed point.
#[cfg(native_dsp)]
struct Kernel<const STRIDE: usize, const FLOAT: usize>;

#[cfg(native_dsp)]
impl<const STRIDE: usize, const FLOAT: usize> Kernel<STRIDE, FLOAT> {
    /// Registers: r0 to r2 rows of the plane under the window, r3 codes, r4 to r9 weights (0, 1) and (1, 2) of each
    /// row, r10 and r11 halfwords of the plane and then constants, r12 and lr two sums, s2 the factor, s0 and s1
    /// products. On the stack: the frame, nine saved registers.
    ///
    /// # Safety
    /// As said where it is called; the target has the DSP extension, and an FPU where `FLOAT` is 1, which rounds to
    /// nearest even (so it is out of reset, and Rust forbids to change it).
    #[unsafe(naked)]
    unsafe extern "C" fn run(frame: *const Frame) {
        core::arch::naked_asm!(
            // Naked functions are assembled without the target's FPU, which has single precision at least.
            ".fpu fpv4-sp-d16",
            "push {{r4, r5, r6, r7, r8, r9, r10, r11, lr}}",
            "sub sp, sp, #72",
            "mov lr, sp",
            "ldm r0!, {{r1, r2, r3, r4, r5, r6, r7, r8, r9}}",
            "stm lr!, {{r1, r2, r3, r4, r5, r6, r7, r8, r9}}",
            "ldm r0!, {{r1, r2, r3, r4, r5, r6, r7, r8, r9}}",
            "stm lr!, {{r1, r2, r3, r4, r5, r6, r7, r8, r9}}",
            // The next channel.
            "1:",
            "ldr lr, [sp, #32]",
            "ldm lr!, {{r4, r5, r6, r7, r8, r9, r10, r11}}",
            "str lr, [sp, #32]",
            "strd r10, r10, [sp, #20]",
            ".if {float}",
            "vmov s2, r11",
            ".else",
            "str r11, [sp, #28]",
            ".endif",
            "ldrd r0, r10, [sp, #48]",
            "add r1, r0, r10",
            "add r2, r1, r10",
            "ldrd r3, r10, [sp, #56]",
            "ldr r11, [sp, #16]",
            "add r11, r0, r11",
            "strd r11, r10, [sp, #8]",
            // Two pixels.
            "2:",
            "ldrd r12, lr, [sp, #20]",
            ".macro thumbnet_row row, w01, w12",
            "ldrd r10, r11, [\\row], #4",
            "smlad r12, r10, \\w01, r12",
            "smlabt r12, r11, \\w12, r12",
            ".if {stride} == 1",
            "smlatb lr, r10, \\w01, lr",
            "smlad lr, r11, \\w12, lr",
            ".else",
            "ldrd r10, r11, [\\row], #4",
            "smlad lr, r10, \\w01, lr",
            "smlabt lr, r11, \\w12, lr",
            ".endif",
            ".endm",
            "thumbnet_row r0, r4, r5",
            "thumbnet_row r1, r6, r7",
            "thumbnet_row r2, r8, r9",
            ".purgem thumbnet_row",
            ".if {float}",
            "vmov s0, s1, r12, lr",
            "ldm sp, {{r10, r11, r12}}",
            "vcvt.f32.s32 s0, s0",
            "vcvt.f32.s32 s1, s1",
            "vmul.f32 s0, s0, s2",
            "vmul.f32 s1, s1, s2",
            "cmp r0, r12",
            // Saturates to i32, NaN to 0.
            "vcvtr.s32.f32 s0, s0",
            "vcvtr.s32.f32 s1, s1",
            "vmov r12, lr, s0, s1",
            "qadd r12, r12, r10",
            "qadd lr, lr, r10",
            ".else",
            "ldr r10, [sp, #28]",
            "ldr r11, [sp]",
            "smmlar r12, r12, r10, r11",
            "smmlar lr, lr, r10, r11",
            "ldrd r11, r10, [sp, #4]",
            "cmp r0, r10",
            ".endif",
            "ssat r12, #8, r12",
            "ssat lr, #8, lr",
            "strb r12, [r3]",
            "strb lr, [r3, r11]",
            "add r3, r3, r11, lsl #1",
            "bne 2b",
            // The last pixel of an odd row.
            "ldr r10, [sp, #64]",
            "cmp r10, #0",
            "beq 3f",
            "ldr r12, [sp, #20]",
            ".macro thumbnet_single row, w01, w12",
            "ldrd r10, r11, [\\row]",
            "smlad r12, r10, \\w01, r12",
            "smlabt r12, r11, \\w12, r12",
            ".endm",
            "thumbnet_single r0, r4, r5",
            "thumbnet_single r1, r6, r7",
            "thumbnet_single r2, r8, r9",
            ".purgem thumbnet_single",
            "ldr r10, [sp]",
            ".if {float}",
            "vmov s0, r12",
            "vcvt.f32.s32 s0, s0",
            "vmul.f32 s0, s0, s2",
            "vcvtr.s32.f32 s0, s0",
            "vmov r12, s0",
            "qadd r12, r12, r10",
            ".else",
            "ldr r11, [sp, #28]",
            "smmlar r12, r12, r11, r10",
            ".endif",
            "ssat r12, #8, r12",
            "strb r12, [r3]",
            // The next row.
            "3:",
            "ldrd r10, r11, [sp, #40]",
            "add r0, r0, r10",
            "add r1, r1, r10",
            "add r2, r2, r10",
            "add r3, r3, r11",
            "ldrd r10, r11, [sp, #12]",
            "add r11, r0, r11",
            "subs r10, r10, #1",
            "strd r11, r10, [sp, #8]",
            "bne 2b",
            "ldr r10, [sp, #48]",
            "ldr r11, [sp, #68]",
            "add r10, r10, r11",
            "str r10, [sp, #48]",
            "ldr r10, [sp, #56]",
            "adds r10, #1",
            "str r10, [sp, #56]",
            "ldrd r10, r11, [sp, #32]",
            "cmp r10, r11",
            "bne 1b",
            "add sp, sp, #72",
            "pop {{r4, r5, r6, r7, r8, r9, r10, r11, pc}}",
            stride = const STRIDE,
            float = const FLOAT,
        )
    }
}
