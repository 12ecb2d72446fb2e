//! What all plots share: colours, text, and how an SVG is written.

use anyhow::{Context, anyhow};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::{
    Cartesian2d, ChartBuilder, ChartContext, Color, DrawingArea, IntoDrawingArea, IntoFont,
    RGBColor, Rectangle, SVGBackend, Text, TextStyle,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::error::Error;
use std::ops::Range;
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

/// A frame of two axes that points can be drawn in.
pub(crate) type Chart<'a, 'b> =
    ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// A frame below so many pixels: what its axes are of, and how their numbers are written.
pub(crate) struct Axes<'a> {
    pub(crate) top: i32,
    pub(crate) x: Range<f64>,
    pub(crate) y: Range<f64>,
    pub(crate) x_name: &'a str,
    pub(crate) x_labels: usize,
    pub(crate) x_text: &'a dyn Fn(&f64) -> String,
    pub(crate) y_text: &'a dyn Fn(&f64) -> String,
}

impl Axes<'_> {
    /// Draws grid, axes and numbers.
    pub(crate) fn draw<'a, 'b>(self, area: &'a Area<'b>) -> Result<Chart<'a, 'b>, Box<dyn Error>> {
        let mut chart = ChartBuilder::on(area)
            .margin_top(self.top)
            .margin_right(28)
            .margin_bottom(10)
            .x_label_area_size(46)
            .y_label_area_size(78)
            .build_cartesian_2d(self.x, self.y)?;
        chart
            .configure_mesh()
            .light_line_style(GRID.mix(0.0))
            .bold_line_style(GRID)
            .axis_style(FADED)
            .label_style(text(FONT - 1, &INK, HPos::Center))
            .axis_desc_style(text(FONT, &FADED, HPos::Center))
            .x_desc(self.x_name)
            .x_labels(self.x_labels)
            .y_labels(7)
            .x_label_formatter(&self.x_text)
            .y_label_formatter(&self.y_text)
            .draw()?;
        Ok(chart)
    }
}

/// A coloured bar and what it stands for.
pub(crate) fn legend(area: &Area<'_>, at: (i32, i32), colour: RGBColor, words: &str) -> Drawn {
    let (left, middle) = at;
    area.draw(&Rectangle::new([(left, middle - 2), (left + 18, middle + 2)], colour.filled()))?;
    area.draw(&Text::new(words.to_owned(), (left + 24, middle), text(FONT, &INK, HPos::Left)))?;
    Ok(())
}

/// Text of so many pixels, its middle at the height it is put, `side` at the place.
pub(crate) fn text(size: i32, colour: &'static RGBColor, side: HPos) -> TextStyle<'static> {
    let style = TextStyle::from(("sans-serif", size).into_font());
    style.color(colour).pos(Pos::new(side, VPos::Center))
}
