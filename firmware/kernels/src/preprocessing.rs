//! How a picture becomes a network's input, as a model says it.

/// How a picture becomes the input: fitted to the input's height and width, resized, converted to its channels, inverted,
/// turned; then code = byte - 128.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Preprocessing {
    /// How the picture meets the input's rectangle.
    pub fit: Fit,
    /// How its pixels become those of the input.
    pub resize: Resize,
    /// Whether `byte` becomes `255 - byte` (dark strokes on light paper).
    pub invert: bool,
    /// How far the result is turned: for a camera that is not mounted upright.
    pub turn: Turn,
}

impl Preprocessing {
    /// This fit and inversion, upright, resized by area.
    pub const fn new(fit: Fit, invert: bool) -> Self {
        Self { fit, resize: Resize::Area, invert, turn: Turn::Upright }
    }
}

/// What the picture of a model that says nothing goes through: its middle, upright, as it is.
impl Default for Preprocessing {
    fn default() -> Self {
        Self::new(Fit::Crop, false)
    }
}

/// A turn of the whole picture, clockwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Turn {
    /// As it is.
    #[default]
    Upright,
    /// By 90 degrees: what was left is up.
    Right,
    /// By 180 degrees.
    Around,
    /// By 270 degrees: what was right is up.
    Left,
}

/// How a picture of any size meets the input's rectangle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fit {
    /// Scale both sides independently.
    Stretch,
    /// Cut the largest centred part of the input's aspect ratio, then scale.
    Crop,
    /// Scale all of it to the largest centred part of the input of its own aspect ratio; the rest of the input is 0
    /// (byte 0 after inversion).
    Pad,
}

/// How pixels become those of another size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Resize {
    /// The mean over the area of the new pixel where a side shrinks, linear between two pixels where it grows.
    #[default]
    Area,
    /// Linear between the two pixels next to the new one's centre, also where a side shrinks.
    Bilinear,
    /// The pixel under the new one's centre.
    Nearest,
}

impl Turn {
    /// All turns.
    pub const ALL: [Self; 4] = [Self::Upright, Self::Right, Self::Around, Self::Left];

    /// Its degrees, in files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Upright => "0",
            Self::Right => "90",
            Self::Around => "180",
            Self::Left => "270",
        }
    }

    /// Whether height and width change places.
    pub const fn swaps_sides(self) -> bool {
        matches!(self, Self::Right | Self::Left)
    }
}

impl Fit {
    /// All fits.
    pub const ALL: [Self; 3] = [Self::Stretch, Self::Crop, Self::Pad];

    /// Its name in files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stretch => "stretch",
            Self::Crop => "crop",
            Self::Pad => "pad",
        }
    }
}

impl Resize {
    /// All filters.
    pub const ALL: [Self; 3] = [Self::Area, Self::Bilinear, Self::Nearest];

    /// Its name in files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Area => "area",
            Self::Bilinear => "bilinear",
            Self::Nearest => "nearest",
        }
    }
}
