//! Where the instructions go, as a picture: one bar a layer.

use super::report::{Layer, Report};
use crate::report::thousands;
use anyhow::{Context, anyhow};
use plotters::coord::Shift;
use plotters::prelude::{
    Color, DrawingArea, IntoDrawingArea, IntoFont, RGBColor, Rectangle, SVGBackend, Text, TextStyle,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::path::Path;

/// Pixels.
const WIDTH: i32 = 960;
const TITLE: i32 = 56;
const ROW: i32 = 34;
const BAR: i32 = 20;
const FONT: i32 = 15;
/// Where bars begin and the longest ends; names lie to the left, counts to the right.
const BARS: [i32; 2] = [270, 700];

const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
const FADED: RGBColor = RGBColor(0x77, 0x77, 0x77);
const FILL: RGBColor = RGBColor(0x2a, 0x6f, 0xbb);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Writes the picture as SVG.
pub(super) fn write(path: &Path, title: &str, report: &Report) -> anyhow::Result<()> {
    let svg = draw(title, report).map_err(|error| anyhow!("the plot cannot be drawn: {error}"))?;
    thumbnet_files::write(path, svg.as_bytes())
        .with_context(|| format!("{} cannot be written", path.display()))
}

fn draw(title: &str, report: &Report) -> Result<String, Box<dyn std::error::Error>> {
    let mut svg = String::new();
    let height = TITLE + ROW * i32::try_from(report.layers.len())? + 16;
    {
        let backend = SVGBackend::with_string(&mut svg, (WIDTH as u32, height.unsigned_abs()));
        let area = backend.into_drawing_area();
        area.fill(&RGBColor(0xff, 0xff, 0xff))?;
        let total = thousands(report.total.instructions);
        let heading = text(22, &INK, HPos::Left);
        area.draw(&Text::new(format!("{title}: {total} instructions"), (16, 28), heading))?;
        let most = report.layers.iter().map(|layer| layer.instructions).max().unwrap_or(0);
        for (index, layer) in report.layers.iter().enumerate() {
            let middle = TITLE + ROW * i32::try_from(index)? + ROW / 2;
            bar(&area, layer, middle, [report.total.instructions, most])?;
        }
        area.present()?;
    }
    Ok(svg)
}

/// Name and kernel, the bar, and its share.
fn bar(
    area: &Area<'_>,
    layer: &Layer,
    middle: i32,
    [total, most]: [u64; 2],
) -> Result<(), Box<dyn std::error::Error>> {
    let [left, right] = BARS;
    let name: String = layer.row.name.chars().rev().take(32).collect();
    let name: String = name.chars().rev().collect();
    let names = text(FONT, &INK, HPos::Right);
    area.draw(&Text::new(name, (left - 10, middle - 7), names))?;
    let kernels = text(FONT - 2, &FADED, HPos::Right);
    area.draw(&Text::new(layer.row.kernel, (left - 10, middle + 7), kernels))?;
    let length = share(layer.instructions, most) * f64::from(right - left);
    let end = left + (length as i32).max(1);
    let corners = [(left, middle - BAR / 2), (end, middle + BAR / 2)];
    area.draw(&Rectangle::new(corners, FILL.filled()))?;
    let percent = 100.0 * share(layer.instructions, total);
    let mut count = format!("{} ({percent:.1} %)", thousands(layer.instructions));
    if let Some(per_mac) = layer.instructions_per_mac {
        count.push_str(&format!(", {per_mac:.2} per MAC"));
    }
    area.draw(&Text::new(count, (end + 8, middle), text(FONT, &INK, HPos::Left)))?;
    Ok(())
}

fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

fn text(size: i32, colour: &'static RGBColor, side: HPos) -> TextStyle<'static> {
    let style = TextStyle::from(("sans-serif", size).into_font());
    style.color(colour).pos(Pos::new(side, VPos::Center))
}
