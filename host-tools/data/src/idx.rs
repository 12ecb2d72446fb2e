//! The IDX format of the MNIST family: a magic number, big-endian dimensions, bytes.
//!
//! ```text
//! 00 00 08 rank   dimension (u32, big-endian) x rank   bytes
//! ```
//!
//! `08` means unsigned bytes, the only type pictures come in. Files may be gzipped; that is seen from their first
//! bytes, not from their name. Source: "THE IDX FILE FORMAT", Y. LeCun, C. Cortes, C. Burges, the MNIST page.

use crate::{DataError, digest::Digest};
use flate2::{Compression, GzBuilder, bufread::MultiGzDecoder};
use std::{
    fs::File,
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    path::Path,
};

/// The most bytes a file may hold: enough for 700,000 RGB pictures of 32 x 32, and a bound for a hostile header.
pub const MAX_BYTES: u64 = 1 << 31;

/// An array of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdxArray {
    /// Outermost first; 1 to 4 of them.
    pub dimensions: Vec<usize>,
    /// As many as the product of the dimensions.
    pub bytes: Vec<u8>,
}

impl IdxArray {
    /// Reads a file, gzipped or not.
    ///
    /// # Errors
    /// [`DataError`] if it cannot be read, is not IDX of unsigned bytes, is cut off or goes on too long.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let file = File::open(path).map_err(DataError::io(path, "read"))?;
        Self::read_from(BufReader::new(file), path)
    }

    /// Reads a stream, gzipped or not; `path` is for messages.
    ///
    /// # Errors
    /// As [`IdxArray::read`].
    pub fn read_from(reader: impl BufRead, path: &Path) -> Result<Self, DataError> {
        Self::read_at_most(reader, path, MAX_BYTES)
    }

    /// As [`IdxArray::read_from`], for at most `max_bytes` bytes of data.
    pub(crate) fn read_at_most(
        reader: impl BufRead,
        path: &Path,
        max_bytes: u64,
    ) -> Result<Self, DataError> {
        parse(decompressed(reader, path)?, path, max_bytes)
    }

    /// The file's content, not compressed.
    ///
    /// # Panics
    /// If there are more than 255 dimensions or one does not fit 32 bits.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.header();
        bytes.extend_from_slice(&self.bytes);
        bytes
    }

    /// The file's content, gzipped; the same bytes at any time and place (no name, time 0).
    ///
    /// # Panics
    /// As [`IdxArray::to_bytes`].
    pub fn to_gzip(&self) -> Vec<u8> {
        const UNKNOWN: u8 = 255; // operating system, RFC 1952 section 2.3.1
        let options = GzBuilder::new().mtime(0).operating_system(UNKNOWN);
        let mut encoder = options.write(Vec::new(), Compression::best());
        let written = encoder.write_all(&self.to_bytes()).and_then(|()| encoder.finish());
        written.expect("writing to memory does not fail")
    }

    /// The SHA-256 of the file's content, not compressed.
    pub fn digest(&self) -> Digest {
        Digest::of_parts(&[&self.header(), &self.bytes])
    }

    /// What comes before the bytes.
    pub(crate) fn header(&self) -> Vec<u8> {
        let rank = u8::try_from(self.dimensions.len()).expect("IDX has at most 255 dimensions");
        let mut header = vec![0, 0, UNSIGNED_BYTE, rank];
        for &dimension in &self.dimensions {
            let dimension = u32::try_from(dimension).expect("IDX dimensions have 32 bits");
            header.extend_from_slice(&dimension.to_be_bytes());
        }
        header
    }
}

const UNSIGNED_BYTE: u8 = 8;
const EXPECTED: &str = "an IDX file of unsigned bytes";

/// A stream without its gzip, if it has any.
pub(crate) fn decompressed<'a>(
    mut reader: impl BufRead + 'a,
    path: &Path,
) -> Result<Box<dyn Read + 'a>, DataError> {
    let start = reader.fill_buf().map_err(DataError::io(path, "read"))?;
    // The magic number of gzip, RFC 1952 section 2.3.1.
    let is_gzip = start.starts_with(&[0x1f, 0x8b]);
    Ok(if is_gzip { Box::new(MultiGzDecoder::new(reader)) } else { Box::new(reader) })
}

/// Reads an array that is not compressed, of at most `max_bytes` bytes.
pub(crate) fn parse(
    mut reader: impl Read,
    path: &Path,
    max_bytes: u64,
) -> Result<IdxArray, DataError> {
    let mut magic = [0; 4];
    fill(&mut reader, &mut magic, path, 0)?;
    let rank = checked_rank(magic, path)?;
    let mut header = [0; 16];
    let header = &mut header[..4 * rank];
    fill(&mut reader, header, path, 4)?;
    let (dimensions, len) = sizes(header, path, max_bytes)?;
    let header_len = 4 + header.len() as u64;
    let mut bytes = Vec::new();
    // Grows as bytes arrive: a header alone cannot claim memory. One byte more shows what follows the end.
    let read = reader.take(len + 1).read_to_end(&mut bytes);
    let found = bytes.len() as u64;
    match read {
        // All data, but neither gzip's end nor its checksum.
        Err(error) if error.kind() == ErrorKind::UnexpectedEof && found >= len => {
            return Err(damaged(path, &error));
        }
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {}
        Err(error) if is_damage(&error) => return Err(damaged(path, &error)),
        Err(error) => return Err(DataError::io(path, "read")(error)),
        Ok(_) => {}
    }
    if found < len {
        let (found, expected) = (header_len + found, header_len + len);
        return Err(DataError::Truncated { path: path.to_owned(), found, expected });
    }
    if found > len {
        let reason = format!("goes on after the {} bytes of its header and data", header_len + len);
        return Err(not_idx(path, reason));
    }
    Ok(IdxArray { dimensions, bytes })
}

fn checked_rank(magic: [u8; 4], path: &Path) -> Result<usize, DataError> {
    match magic {
        [0, 0, UNSIGNED_BYTE, rank @ 1..=4] => Ok(rank.into()),
        [0, 0, UNSIGNED_BYTE, rank] => {
            Err(not_idx(path, format!("has {rank} dimensions, not 1 to 4")))
        }
        [0, 0, 0x09..=0x0e, 1..=4] => Err(not_idx(path, "holds numbers other than bytes".into())),
        [a, b, c, d] => Err(not_idx(
            path,
            format!("is not IDX (it begins with {a:02x} {b:02x} {c:02x} {d:02x})"),
        )),
    }
}

fn sizes(header: &[u8], path: &Path, max_bytes: u64) -> Result<(Vec<usize>, u64), DataError> {
    let words = header.as_chunks::<4>().0.iter().map(|&word| u32::from_be_bytes(word));
    let product = words.clone().try_fold(1_u64, |len, word| len.checked_mul(word.into()));
    let bytes = product.unwrap_or(u64::MAX);
    if bytes > max_bytes {
        return Err(DataError::TooLarge { path: path.to_owned(), bytes });
    }
    // 32 bits fit `usize` on every desktop.
    Ok((words.map(|word| word as usize).collect(), bytes))
}

fn fill(
    reader: &mut impl Read,
    buffer: &mut [u8],
    path: &Path,
    before: u64,
) -> Result<(), DataError> {
    let mut found = 0;
    while found < buffer.len() {
        match reader.read(&mut buffer[found..]) {
            Ok(0) => break,
            Ok(count) => found += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => break,
            Err(error) if is_damage(&error) => return Err(damaged(path, &error)),
            Err(error) => return Err(DataError::io(path, "read")(error)),
        }
    }
    if found == buffer.len() {
        return Ok(());
    }
    let (found, expected) = (before + found as u64, before + buffer.len() as u64);
    Err(DataError::Truncated { path: path.to_owned(), found, expected })
}

/// What the gzip decoder says about bytes that are not gzip.
fn is_damage(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::InvalidData)
}

fn damaged(path: &Path, error: &std::io::Error) -> DataError {
    not_idx(path, format!("is damaged ({error})"))
}

fn not_idx(path: &Path, reason: String) -> DataError {
    DataError::NotIdx { path: path.to_owned(), reason, expected: EXPECTED }
}

#[cfg(test)]
mod tests {
    use super::IdxArray;
    use std::path::Path;

    fn array() -> IdxArray {
        IdxArray { dimensions: vec![2, 3, 4], bytes: (0..24).collect() }
    }

    fn read(bytes: &[u8]) -> Result<IdxArray, String> {
        IdxArray::read_from(bytes, Path::new("x")).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_written_is_read_back() {
        for bytes in [array().to_bytes(), array().to_gzip()] {
            assert_eq!(read(&bytes), Ok(array()));
        }
        assert_eq!(array().to_bytes()[..8], [0, 0, 8, 3, 0, 0, 0, 2]);
        let none = IdxArray { dimensions: vec![0], bytes: Vec::new() };
        assert_eq!(read(&none.to_bytes()), Ok(none));
    }

    #[test]
    fn every_cut_is_reported_as_a_cut() {
        let [plain, gzip] = [array().to_bytes(), array().to_gzip()];
        for len in 0..plain.len() {
            let message = read(&plain[..len]).unwrap_err();
            assert!(message.starts_with(&format!("x: cut off after {len} of")), "{message}");
        }
        for len in 2..gzip.len() {
            let message = read(&gzip[..len]).unwrap_err();
            assert!(message.contains("cut off") || message.contains("damaged"), "{len}: {message}");
        }
    }

    #[test]
    fn what_is_not_idx_is_refused_with_a_reason() {
        let case = |bytes: &[u8], reason: &str| {
            let message = read(bytes).unwrap_err();
            assert!(message.contains(reason), "{message}");
            assert!(!message.contains('\n'));
        };
        case(b"hello, I am a text", "is not IDX (it begins with 68 65 6c 6c)");
        case(&[0, 0, 8, 5, 0, 0], "has 5 dimensions");
        case(&[0, 0, 0x0d, 1, 0, 0, 0, 0], "numbers other than bytes");
        case(&[0, 0, 8, 1, 0, 0, 0, 1, 7, 7], "goes on after the 9 bytes");
        case(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 0xff, 0xff, 0xff], "is damaged");
    }

    #[test]
    fn a_flipped_bit_in_a_gzipped_file_is_never_read_as_data() {
        let gzip = array().to_gzip();
        let header = 10; // time and the like may change without changing the data, RFC 1952 section 2.3
        for bit in header * 8..gzip.len() * 8 {
            let mut bytes = gzip.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            // An unused bit that pads the last byte of the data may flip unseen.
            assert!(read(&bytes).map_or(true, |read| read == array()), "bit {bit}");
        }
    }

    #[test]
    fn a_header_cannot_claim_memory() {
        let mut bytes = vec![0, 0, 8, 4];
        bytes.extend_from_slice(&[0xff; 16]);
        assert!(read(&bytes).unwrap_err().contains("needs 18446744073709551615 bytes"));
        let huge = [0, 0, 8, 1, 0x7f, 0xff, 0xff, 0xff];
        assert!(read(&huge).unwrap_err().contains("cut off after 8 of 2147483655"));
    }
}
