//! `--fit`, `--resize`, `--turn`, `--invert`: how pictures become a model's input, where the command line says it.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use thumbnet_data::{Fit, Preprocessing, Resize, Turn};

/// What the command line says; the rest is as it was.
#[derive(Args)]
pub(crate) struct PreprocessingOptions {
    /// How a picture meets the input's rectangle: all of it scaled (stretch), its middle (crop), or all of it in the middle of
    /// zeros (pad).
    #[arg(long, value_name = "HOW", value_parser = fits())]
    fit: Option<Fit>,
    /// How its pixels become those of the input: their mean (area), or the nearest ones (bilinear, nearest) as training of
    /// another tool may have had it.
    #[arg(long, value_name = "HOW", value_parser = filters())]
    resize: Option<Resize>,
    /// Turn what the camera sees clockwise, in degrees.
    #[arg(long, value_name = "DEGREES", value_parser = turns())]
    turn: Option<Turn>,
    /// Turn each byte into 255 - byte: dark strokes on light paper for a model of light strokes.
    #[arg(long)]
    invert: bool,
}

impl PreprocessingOptions {
    /// `usual` but for what the command line says.
    pub(crate) fn over(&self, usual: Preprocessing) -> Preprocessing {
        Preprocessing {
            fit: self.fit.unwrap_or(usual.fit),
            resize: self.resize.unwrap_or(usual.resize),
            invert: self.invert || usual.invert,
            turn: self.turn.unwrap_or(usual.turn),
        }
    }
}

fn fits() -> impl TypedValueParser<Value = Fit> {
    named(Fit::ALL, Fit::name)
}

fn filters() -> impl TypedValueParser<Value = Resize> {
    named(Resize::ALL, Resize::name)
}

fn turns() -> impl TypedValueParser<Value = Turn> {
    named(Turn::ALL, Turn::name)
}

fn named<T: Copy + Send + Sync + 'static, const N: usize>(
    all: [T; N],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(all.map(name)).map(move |text| {
        let found = all.into_iter().find(|&each| name(each) == text);
        found.expect("clap lets no other name pass")
    })
}
