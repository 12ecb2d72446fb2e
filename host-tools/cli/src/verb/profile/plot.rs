//! Where the instructions go, as a picture: one bar a layer.

use super::report::{Layer, Report};
use crate::plot::{self, Area, BLUE, Drawn, FADED, FONT, INK, text};
use crate::report::thousands;
use plotters::prelude::{Color, Rectangle, Text};
use plotters::style::text_anchor::HPos;
use std::path::Path;

/// Pixels.
const WIDTH: i32 = 960;
const TITLE: i32 = 56;
const ROW: i32 = 34;
const BAR: i32 = 20;
/// Where bars begin and the longest ends; names lie to the left, counts to the right.
const BARS: [i32; 2] = [270, 700];

/// Writes the picture as SVG.
pub(super) fn write(path: &Path, title: &str, report: &Report) -> anyhow::Result<()> {
    let total = thousands(report.total.instructions);
    let height = TITLE + ROW * report.layers.len() as i32 + 16;
    let svg = plot::svg([WIDTH, height], &format!("{title}: {total} instructions"), |area| {
        let most = report.layers.iter().map(|layer| layer.instructions).max().unwrap_or(0);
        for (index, layer) in report.layers.iter().enumerate() {
            let middle = TITLE + ROW * index as i32 + ROW / 2;
            bar(area, layer, middle, [report.total.instructions, most])?;
        }
        Ok(())
    })?;
    plot::write(path, &svg)
}

/// Name and kernel, the bar, and its share.
fn bar(area: &Area<'_>, layer: &Layer, middle: i32, [total, most]: [u64; 2]) -> Drawn {
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
    area.draw(&Rectangle::new(corners, BLUE.filled()))?;
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
