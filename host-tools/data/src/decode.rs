//! Picture files: decoded within limits, whatever their format, size and colour.

use crate::{DataError, InputSpec, max_bad::Unreadable};
use firmware::preprocess::MAX_SIDE;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits, metadata::Orientation};
use std::{
    ffi::OsStr,
    fs::File,
    io::{BufRead, BufReader, Cursor, Seek},
    path::Path,
};
use thumbnet_kernels::geometry::Shape;

/// The extensions of files that are taken for pictures, in any case.
pub const PICTURE_EXTENSIONS: [&str; 10] =
    ["png", "jpg", "jpeg", "bmp", "gif", "webp", "pbm", "pgm", "ppm", "pnm"];

/// The most bytes that a decoded picture may need: enough for 89 million RGB pixels, and a bound for a small file
/// that claims to be a huge picture.
const MAX_DECODED_BYTES: u64 = 256 << 20;

/// A decoded picture of any size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawPicture {
    /// `[h, w, c]`, `c` 1 (the file is grey) or 3 (RGB).
    pub shape: Shape,
    /// `[h, w, c]`, 0 black to 255 white.
    pub pixels: Vec<u8>,
}

impl RawPicture {
    /// Decodes a picture file: turned upright as its EXIF data says, the first one of an animation, 16 bits reduced to
    /// 8, transparency laid on white. The format is told from the content, not from the name.
    ///
    /// # Errors
    /// [`DataError::Unreadable`] if it cannot be decoded within the limits.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let open = || File::open(path).map(BufReader::new).map_err(|error| error.to_string());
        Self::named(path, open().and_then(decode))
    }

    /// Decodes a picture file's content; `path` is for messages.
    ///
    /// # Errors
    /// As [`RawPicture::read`].
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, DataError> {
        Self::named(path, decode(Cursor::new(bytes)))
    }

    fn named(path: &Path, decoded: Result<DynamicImage, String>) -> Result<Self, DataError> {
        let decoded = decoded.map_err(|reason| {
            let (path, reason) = (path.to_owned(), reason.replace(['\n', '\r'], " "));
            DataError::Unreadable(Unreadable { path, reason })
        });
        decoded.map(Self::from_image)
    }

    /// The bytes of the input that the board makes of this picture.
    ///
    /// # Errors
    /// [`DataError::InputShape`] if no picture can be turned into this input.
    pub fn prepare(&self, input: &InputSpec) -> Result<Vec<u8>, DataError> {
        input.check()?;
        let mut bytes = vec![0; input.shape.len()];
        input.prepare(&self.pixels, self.shape, &mut bytes).expect("both shapes were checked");
        Ok(bytes)
    }

    fn from_image(image: DynamicImage) -> Self {
        let [h, w] = [image.height() as usize, image.width() as usize];
        let color = image.color();
        let (c, pixels) = match (color.has_color(), color.has_alpha()) {
            (false, false) => (1, image.into_luma8().into_raw()),
            (true, false) => (3, image.into_rgb8().into_raw()),
            (false, true) => (1, on_white::<2, 1>(&image.into_luma_alpha8().into_raw())),
            (true, true) => (3, on_white::<4, 3>(&image.into_rgba8().into_raw())),
        };
        Self { shape: Shape::new(h, w, c), pixels }
    }
}

/// Whether a file's extension is that of a picture.
pub(crate) fn has_picture_extension(name: &OsStr) -> bool {
    let extension = Path::new(name).extension().and_then(OsStr::to_str);
    extension.is_some_and(|found| PICTURE_EXTENSIONS.iter().any(|p| found.eq_ignore_ascii_case(p)))
}

fn decode(content: impl BufRead + Seek) -> Result<DynamicImage, String> {
    let reader = ImageReader::new(content).with_guessed_format();
    let mut reader = reader.map_err(|error| error.to_string())?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE as u32);
    limits.max_image_height = Some(MAX_SIDE as u32);
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| error.to_string())?;
    let needed = decoder.total_bytes();
    if needed > MAX_DECODED_BYTES {
        return Err(format!(
            "it needs {needed} bytes when decoded, at most {MAX_DECODED_BYTES} are allowed"
        ));
    }
    if decoder.dimensions().0 == 0 || decoder.dimensions().1 == 0 {
        return Err("it has no pixels".into());
    }
    // A picture with damaged EXIF data is shown as it is, as every viewer does.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).map_err(|error| error.to_string())?;
    image.apply_orientation(orientation);
    Ok(image)
}

/// `colour * alpha + white * (1 - alpha)`, rounded; `IN` is `OUT` channels and alpha.
fn on_white<const IN: usize, const OUT: usize>(pixels: &[u8]) -> Vec<u8> {
    let blend = |pixel: &[u8; IN]| {
        let alpha = u32::from(pixel[OUT]);
        let mut blended = [0; OUT];
        for (blended, &colour) in blended.iter_mut().zip(pixel) {
            *blended = ((u32::from(colour) * alpha + 255 * (255 - alpha) + 127) / 255) as u8;
        }
        blended
    };
    pixels.as_chunks().0.iter().flat_map(blend).collect()
}

#[cfg(test)]
mod tests {
    use super::{RawPicture, has_picture_extension};
    use crate::{Fit, InputSpec, Preprocessing};
    use image::{DynamicImage, GrayImage, ImageFormat, LumaA, RgbImage, RgbaImage};
    use std::{fs, path::Path};
    use tempfile::TempDir;
    use thumbnet_kernels::geometry::Shape;

    fn read_back(image: impl Into<DynamicImage>, name: &str, format: ImageFormat) -> RawPicture {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join(name);
        image.into().save_with_format(&path, format).unwrap();
        RawPicture::read(&path).unwrap()
    }

    fn failure(bytes: &[u8]) -> String {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("a.png");
        fs::write(&path, bytes).unwrap();
        let message = RawPicture::read(&path).unwrap_err().to_string();
        assert!(message.contains("a.png: cannot be read as a picture"), "{message}");
        assert!(!message.contains('\n'), "{message}");
        message
    }

    #[test]
    fn grey_stays_grey_and_colour_stays_colour() {
        let grey = GrayImage::from_raw(3, 2, vec![1, 2, 3, 4, 5, 6]).unwrap();
        let picture = read_back(grey, "a.png", ImageFormat::Png);
        assert_eq!(picture.shape, Shape::new(2, 3, 1));
        assert_eq!(picture.pixels, [1, 2, 3, 4, 5, 6]);
        let colour = RgbImage::from_raw(1, 2, vec![1, 2, 3, 4, 5, 6]).unwrap();
        let picture = read_back(colour, "a.bmp", ImageFormat::Bmp);
        assert_eq!((picture.shape, picture.pixels), (Shape::new(2, 1, 3), vec![1, 2, 3, 4, 5, 6]));
    }

    #[test]
    fn transparency_lies_on_white() {
        let pixels = vec![10, 20, 30, 255, 10, 20, 30, 0, 0, 0, 0, 51];
        let picture =
            read_back(RgbaImage::from_raw(3, 1, pixels).unwrap(), "a.png", ImageFormat::Png);
        assert_eq!(picture.pixels, [10, 20, 30, 255, 255, 255, 204, 204, 204]);
        let grey = image::ImageBuffer::from_pixel(1, 1, LumaA([100, 0]));
        assert_eq!(
            read_back(DynamicImage::ImageLumaA8(grey), "a.png", ImageFormat::Png).pixels,
            [255]
        );
    }

    #[test]
    fn sixteen_bits_become_eight_and_the_name_does_not_matter() {
        let deep = image::ImageBuffer::from_pixel(1, 1, image::Luma([0x8000_u16]));
        let deep = DynamicImage::ImageLuma16(deep);
        assert_eq!(read_back(deep, "a.png", ImageFormat::Png).pixels, [128]);
        let grey = GrayImage::from_pixel(8, 8, image::Luma([77]));
        let picture = read_back(grey, "really-a-jpeg.png", ImageFormat::Jpeg);
        assert_eq!((picture.shape, picture.pixels), (Shape::new(8, 8, 1), vec![77; 64]));
    }

    #[test]
    fn files_that_are_not_pictures_are_errors() {
        failure(b"");
        failure(b"This is a text, not a picture.\n");
        failure(b"\x89PNG\r\n\x1a\n");
        assert!(RawPicture::read(Path::new("/no/such.png")).is_err());
    }

    #[test]
    fn every_cut_of_a_picture_is_an_error_or_a_picture() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("a.png");
        let grey = GrayImage::from_fn(9, 7, |x, y| image::Luma([(x * y * 31) as u8]));
        grey.save(&path).unwrap();
        let bytes = fs::read(&path).unwrap();
        for len in 0..bytes.len() - 16 {
            failure(&bytes[..len]);
        }
    }

    #[test]
    fn a_small_file_cannot_claim_a_huge_picture() {
        let header = b"P6 60000 60000 255\n";
        assert!(failure(header).contains("bytes"));
        let header = b"P5 70000 1 255\n";
        failure(header);
    }

    #[test]
    fn extensions_decide_what_is_taken_for_a_picture() {
        for name in ["a.png", "b.JPG", "c.d.jpeg"] {
            assert!(has_picture_extension(name.as_ref()), "{name}");
        }
        for name in ["png", "a.txt", "a.png.txt", ""] {
            assert!(!has_picture_extension(name.as_ref()), "{name}");
        }
    }

    #[test]
    fn a_prepared_picture_has_the_inputs_shape() {
        let picture = RawPicture { shape: Shape::new(2, 2, 3), pixels: vec![9; 12] };
        let input = InputSpec::new(Shape::new(4, 1, 1), Preprocessing::new(Fit::Crop, true));
        assert_eq!(picture.prepare(&input).unwrap(), [246; 4]);
    }
}
