//! Accuracy against instructions, as a picture.

use super::state::Candidate;
use super::verify::Finalist;
use anyhow::{Context, anyhow};
use plotters::coord::Shift;
use plotters::prelude::{
    Circle, Color, DrawingArea, IntoDrawingArea, IntoFont, PathElement, RGBColor, SVGBackend, Text,
    TextStyle,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::path::Path;

/// Pixels.
const SIZE: (u32, u32) = (860, 520);
/// Where the axes' ends are.
const LEFT: i32 = 80;
const RIGHT: i32 = 820;
const TOP: i32 = 60;
const BOTTOM: i32 = 450;
/// Marks on an axis.
const MARKS: i32 = 5;

const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
const FADED: RGBColor = RGBColor(0xb5, 0xb5, 0xb5);
const FILL: RGBColor = RGBColor(0x2a, 0x6f, 0xbb);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// The part of an axis that is shown.
struct Range {
    from: f64,
    to: f64,
}

impl Range {
    /// All values with a little room, 0 included if `from_zero`.
    fn of(values: &[f64], from_zero: bool) -> Self {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let room = ((high - low) * 0.08).max(high.abs() * 1e-3).max(1e-9);
        Self { from: if from_zero { 0.0 } else { low - room }, to: high + room }
    }

    /// Where a value lies between two pixels.
    fn place(&self, value: f64, first: i32, last: i32) -> i32 {
        let share = (value - self.from) / (self.to - self.from);
        first + (share * f64::from(last - first)).round() as i32
    }
}

/// Writes the picture: finalists as int8, the others, faded, as they were when they left.
pub(super) fn write(
    path: &Path,
    title: &str,
    candidates: &[Candidate],
    finalists: &[Finalist],
) -> anyhow::Result<()> {
    let svg = draw(title, candidates, finalists)
        .map_err(|error| anyhow!("the plot cannot be drawn: {error}"))?;
    thumbnet_files::write(path, svg.as_bytes())
        .with_context(|| format!("{} cannot be written", path.display()))
}

fn draw(
    title: &str,
    candidates: &[Candidate],
    finalists: &[Finalist],
) -> Result<String, Box<dyn std::error::Error>> {
    let is_finalist = |number: usize| finalists.iter().any(|one| one.candidate == number);
    let others: Vec<[f64; 2]> = candidates
        .iter()
        .enumerate()
        .filter(|(number, _)| !is_finalist(*number))
        .filter_map(|(_, candidate)| left_with(candidate))
        .collect();
    let point =
        |one: &Finalist| [millions(one.estimated_instructions), one.held_out_accuracy * 100.0];
    let all: Vec<[f64; 2]> = others.iter().copied().chain(finalists.iter().map(point)).collect();
    let x = Range::of(&all.iter().map(|point| point[0]).collect::<Vec<f64>>(), true);
    let y = Range::of(&all.iter().map(|point| point[1]).collect::<Vec<f64>>(), false);
    let place = |[a, b]: [f64; 2]| (x.place(a, LEFT, RIGHT), y.place(b, BOTTOM, TOP));
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&RGBColor(0xff, 0xff, 0xff))?;
        area.draw(&Text::new(title.to_owned(), (16, 28), text(20, &INK, HPos::Left)))?;
        axes(&area, &x, &y)?;
        for other in others {
            area.draw(&Circle::new(place(other), 3, FADED.filled()))?;
        }
        for one in finalists {
            let at = place(point(one));
            let colour = if one.on_front { FILL } else { FADED };
            area.draw(&Circle::new(at, 6, colour.filled()))?;
            let name = format!("{:03}", one.candidate);
            area.draw(&Text::new(name, (at.0 + 10, at.1), text(13, &INK, HPos::Left)))?;
        }
        area.present()?;
    }
    Ok(svg)
}

fn axes(area: &Area<'_>, x: &Range, y: &Range) -> Drawn {
    area.draw(&PathElement::new([(LEFT, TOP), (LEFT, BOTTOM), (RIGHT, BOTTOM)], INK))?;
    for mark in 0..=MARKS {
        let share = f64::from(mark) / f64::from(MARKS);
        let [at_x, at_y] = [x, y].map(|range| range.from + share * (range.to - range.from));
        let (left, top) = (x.place(at_x, LEFT, RIGHT), y.place(at_y, BOTTOM, TOP));
        let numbers = text(13, &INK, HPos::Center);
        area.draw(&Text::new(format!("{at_x:.2}"), (left, BOTTOM + 16), numbers))?;
        let numbers = text(13, &INK, HPos::Right);
        area.draw(&Text::new(format!("{at_y:.1}"), (LEFT - 8, top), numbers))?;
    }
    let middle = (LEFT + RIGHT) / 2;
    let words = "million instructions a picture, estimated";
    area.draw(&Text::new(words, (middle, BOTTOM + 44), text(14, &INK, HPos::Center)))?;
    let words = "accuracy on held-out pictures, %";
    area.draw(&Text::new(words, (16, TOP - 16), text(14, &INK, HPos::Left)))?;
    Ok(())
}

/// A candidate's last result, if it has one.
fn left_with(candidate: &Candidate) -> Option<[f64; 2]> {
    let last = candidate.results.iter().rev().find(|result| result.failed.is_none())?;
    let share = last.right as f64 / last.held_out.max(1) as f64;
    Some([millions(candidate.instructions), share * 100.0])
}

fn millions(count: u64) -> f64 {
    count as f64 / 1e6
}

fn text(size: i32, colour: &'static RGBColor, side: HPos) -> TextStyle<'static> {
    let style = TextStyle::from(("sans-serif", size).into_font());
    style.color(colour).pos(Pos::new(side, VPos::Center))
}
