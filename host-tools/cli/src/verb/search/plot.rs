//! Accuracy against instructions, as a picture.

use super::state::Candidate;
use super::verify::Finalist;
use crate::plot::{self, Area, Axes, BLUE, Chart, Drawn, FONT, INK, legend, text};
use plotters::prelude::{Circle, Color, RGBColor, Text};
use plotters::style::text_anchor::HPos;
use std::ops::Range;
use std::path::Path;

/// Pixels.
const SIZE: [i32; 2] = [860, 540];
/// Above the points: title and legend.
const TOP: i32 = 100;
/// Of a finalist, and of the others.
const RADII: [i32; 2] = [6, 3];
/// Pixels that the number of a finalist takes.
const NUMBER: [i32; 2] = [26, 14];

/// Networks that others beat, or that left early.
const PALE: RGBColor = RGBColor(0xb5, 0xb5, 0xb5);

/// Million instructions and percent.
type Place = (f64, f64);

/// Writes the picture: finalists as int8, the others, pale and small, as they were when they left.
pub(super) fn write(
    path: &Path,
    title: &str,
    candidates: &[Candidate],
    finalists: &[Finalist],
) -> anyhow::Result<()> {
    plot::write(path, &draw(title, candidates, finalists)?)
}

fn draw(title: &str, candidates: &[Candidate], finalists: &[Finalist]) -> anyhow::Result<String> {
    let is_finalist = |number: usize| finalists.iter().any(|one| one.candidate == number);
    let others = candidates.iter().enumerate().filter(|(number, _)| !is_finalist(*number));
    let others: Vec<Place> = others.filter_map(|(_, candidate)| left_with(candidate)).collect();
    let all: Vec<Place> = others.iter().copied().chain(finalists.iter().map(place)).collect();
    plot::svg(SIZE, title, |area| {
        let words = "int8, nothing here is better in one figure and as good in the others";
        legend(area, (16, 54), BLUE, words)?;
        let words = "int8, beaten; small ones left in an earlier round, as floats";
        legend(area, (16, 76), PALE, words)?;
        let axes = Axes {
            top: TOP,
            x: 0.0..range(all.iter().map(|place| place.0)).end,
            y: range(all.iter().map(|place| place.1)),
            x_name: "million instructions a picture, estimated",
            x_labels: 9,
            x_text: &|millions| format!("{millions:.2}"),
            y_text: &|percent| format!("{percent:.1} %"),
        };
        let mut chart = axes.draw(area)?;
        let dot = |&other: &Place| Circle::new(other, RADII[1], PALE.filled());
        chart.draw_series(others.iter().map(dot))?;
        // Those on the front last, so that nothing hides them.
        let (front, beaten): (Vec<_>, Vec<_>) = finalists.iter().partition(|one| one.on_front);
        for (finalists, colour) in [(&beaten, PALE), (&front, BLUE)] {
            let dot = |one: &&Finalist| Circle::new(place(one), RADII[0], colour.filled());
            chart.draw_series(finalists.iter().map(dot))?;
        }
        numbers(area, &chart, finalists)
    })
}

/// The numbers of finalists beside their dots, where there is room.
fn numbers(area: &Area<'_>, chart: &Chart<'_, '_>, finalists: &[Finalist]) -> Drawn {
    let dots = finalists.iter().map(|one| chart.backend_coord(&place(one)));
    let dots: Vec<(i32, i32)> = dots.collect();
    let mut taken: Vec<(i32, i32)> = dots.clone();
    let [width, height] = NUMBER;
    let (aside, over) = (RADII[0] + 4 + width / 2, RADII[0] + 2 + height / 2);
    for (one, (x, y)) in finalists.iter().zip(dots) {
        let places = [(x + aside, y), (x - aside, y), (x, y - over), (x, y + over)];
        let is_free = |&(x, y): &(i32, i32)| {
            taken.iter().all(|(a, b)| (x - a).abs() > width || (y - b).abs() > height)
        };
        let at = places.into_iter().find(is_free).unwrap_or(places[0]);
        taken.push(at);
        let number = format!("{:03}", one.candidate);
        area.draw(&Text::new(number, at, text(FONT - 2, &INK, HPos::Center)))?;
    }
    Ok(())
}

fn place(one: &Finalist) -> Place {
    (millions(one.estimated_instructions), one.held_out_accuracy * 100.0)
}

/// A candidate's last result, if it has one.
fn left_with(candidate: &Candidate) -> Option<Place> {
    let last = candidate.results.iter().rev().find(|result| result.failed.is_none())?;
    let share = last.right as f64 / last.held_out.max(1) as f64;
    Some((millions(candidate.instructions), share * 100.0))
}

/// All values with a little room.
fn range(values: impl Iterator<Item = f64> + Clone) -> Range<f64> {
    let low = values.clone().fold(f64::INFINITY, f64::min);
    let high = values.fold(f64::NEG_INFINITY, f64::max);
    let room = ((high - low) * 0.08).max(high.abs() * 1e-3).max(1e-9);
    low - room..high + room
}

fn millions(count: u64) -> f64 {
    count as f64 / 1e6
}
