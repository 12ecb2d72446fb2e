//! Weights in flash: bytes from a file, aligned, read as int8, int32 or f32.
//!
//! One of the two places with `unsafe`: a byte slice becomes a typed slice without a copy.

#![allow(unsafe_code)]

/// The bytes of a weight file, aligned for word access. Make one with
/// `static W: Blob<{ include_bytes!("weights.bin").len() }> = Blob(*include_bytes!("weights.bin"));`.
#[derive(Debug)]
#[repr(C, align(8))]
pub struct Blob<const N: usize>(pub [u8; N]);

impl<const N: usize> Blob<N> {
    /// `len` int8 values from byte `offset`.
    ///
    /// # Panics
    /// If they are not inside the blob; in a `const` that is a compile error.
    pub const fn i8s(&self, offset: usize, len: usize) -> &[i8] {
        assert!(offset <= N && len <= N - offset, "int8 values outside the weights");
        // SAFETY: in bounds (asserted above); i8 has no alignment and no invalid value.
        unsafe { core::slice::from_raw_parts(self.0.as_ptr().add(offset).cast(), len) }
    }

    /// `len` little-endian int32 values from byte `offset`, a multiple of 4.
    ///
    /// # Panics
    /// If they are not inside the blob or not aligned; in a `const` that is a compile error.
    pub const fn i32s(&self, offset: usize, len: usize) -> &[i32] {
        const { assert!(cfg!(target_endian = "little"), "weights are little-endian") }
        assert!(offset.is_multiple_of(4), "int32 values must be aligned");
        assert!(offset <= N && len <= (N - offset) / 4, "int32 values outside the weights");
        // SAFETY: in bounds and aligned (asserted above; the blob itself is aligned to 8); every bit
        // pattern is a valid i32.
        unsafe { core::slice::from_raw_parts(self.0.as_ptr().add(offset).cast(), len) }
    }

    /// `len` little-endian f32 values from byte `offset`, a multiple of 4.
    ///
    /// # Panics
    /// If they are not inside the blob or not aligned; in a `const` that is a compile error.
    pub const fn f32s(&self, offset: usize, len: usize) -> &[f32] {
        let bits = self.i32s(offset, len);
        // SAFETY: same size and alignment as i32; every bit pattern is a valid f32.
        unsafe { core::slice::from_raw_parts(bits.as_ptr().cast(), len) }
    }
}
