//! What all plots share: colours, text, and how an SVG is written.

use anyhow::{Context, anyhow};
use plotters::coord::Shift;
use plotters::prelude::{
    DrawingArea, IntoDrawingArea, IntoFont, RGBColor, SVGBackend, Text, TextStyle,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::error::Error;
use std::path::Path;

pub(crate) const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
pub(crate) const FADED: RGBColor = RGBColor(0x77, 0x77, 0x77);
pub(crate) const GRID: RGBColor = RGBColor(0xe4, 0xe7, 0xeb);
pub(crate) const PAPER: RGBColor = RGBColor(0xff, 0xff, 0xff);
pub(crate) const BLUE: RGBColor = RGBColor(0x2a, 0x6f, 0xbb);
pub(crate) const ORANGE: RGBColor = RGBColor(0xd0, 0x6a, 0x0c);

/// Pixels of text.
pub(crate) const FONT: i32 = 15;
pub(crate) const TITLE_FONT: i32 = 20;

/// White paper to draw on, addressed in pixels.
pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// What drawing returns; plotters' own errors differ by backend.
pub(crate) type Drawn = Result<(), Box<dyn Error>>;

/// The SVG of `size` pixels that `draw` fills, with a title in its upper left corner.
pub(crate) fn svg(
    size: [i32; 2],
    title: &str,
    draw: impl FnOnce(&Area<'_>) -> Drawn,
) -> anyhow::Result<String> {
    let mut svg = String::new();
    let size = size.map(i32::unsigned_abs);
    let drawn = || -> Drawn {
        let area = SVGBackend::with_string(&mut svg, size.into()).into_drawing_area();
        area.fill(&PAPER)?;
        let heading = text(TITLE_FONT, &INK, HPos::Left);
        area.draw(&Text::new(title.to_owned(), (16, 26), heading))?;
        draw(&area)?;
        area.present()?;
        Ok(())
    };
    drawn().map_err(|error| anyhow!("the plot cannot be drawn: {error}"))?;
    Ok(svg)
}

/// Writes an SVG to a file.
pub(crate) fn write(path: &Path, svg: &str) -> anyhow::Result<()> {
    thumbnet_files::write(path, svg.as_bytes())
        .with_context(|| format!("{} cannot be written", path.display()))
}

/// Text of so many pixels, its middle at the height it is put, `side` at the place.
pub(crate) fn text(size: i32, colour: &'static RGBColor, side: HPos) -> TextStyle<'static> {
    let style = TextStyle::from(("sans-serif", size).into_font());
    style.color(colour).pos(Pos::new(side, VPos::Center))
}
