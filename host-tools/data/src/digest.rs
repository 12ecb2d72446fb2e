//! SHA-256 of contents: what recipes and downloads are checked by.

use sha2::{Digest as _, Sha256};
use std::fmt;

/// A SHA-256; written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The SHA-256 of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::of_parts(&[bytes])
    }

    /// The SHA-256 of the parts in a row.
    pub(crate) fn of_parts(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        parts.iter().for_each(|part| hasher.update(part));
        Self(hasher.finalize().into())
    }

    /// The 32 bytes.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Hashes a sequence of fields, each with its length before it, so that no two sequences run together alike.
    /// `domain` says what the fields mean.
    pub(crate) fn hasher(domain: &str) -> FieldHasher {
        let mut hasher = FieldHasher(Sha256::new());
        hasher.bytes(domain.as_bytes());
        hasher
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// See [`Digest::hasher`].
pub(crate) struct FieldHasher(Sha256);

impl FieldHasher {
    pub(crate) fn bytes(&mut self, field: &[u8]) {
        self.begin(field.len());
        self.more(field);
    }

    /// Begins a field of `len` bytes, which [`FieldHasher::more`] then gives.
    pub(crate) fn begin(&mut self, len: usize) {
        self.0.update((len as u64).to_le_bytes());
    }

    pub(crate) fn more(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn numbers(&mut self, field: impl IntoIterator<Item = usize>) {
        let bytes: Vec<u8> =
            field.into_iter().flat_map(|number| (number as u64).to_le_bytes()).collect();
        self.bytes(&bytes);
    }

    pub(crate) fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::Digest;

    #[test]
    fn the_digest_of_abc_is_the_standard_one() {
        // FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of(b"abc").to_string(), expected);
    }

    #[test]
    fn fields_do_not_run_together() {
        let digest = |fields: [&str; 2]| {
            let mut hasher = Digest::hasher("test");
            fields.iter().for_each(|field| hasher.bytes(field.as_bytes()));
            hasher.finish()
        };
        assert_ne!(digest(["ab", "c"]), digest(["a", "bc"]));
    }
}
