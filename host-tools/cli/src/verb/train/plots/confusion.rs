//! The confusion matrix, shaded by the share of each class.

use crate::plot::{Area, Drawn, FADED, FONT, INK, PAPER, svg, text};
use plotters::prelude::{Color, RGBColor, Rectangle, Text};
use plotters::style::text_anchor::HPos;
use thumbnet_train::metrics::Metrics;

/// Pixels: room for class names, title and numbers of columns.
const LEFT: i32 = 190;
const TOP: i32 = 96;
/// Of the whole matrix, and of a cell at most and at least.
const SIDE: i32 = 520;
const CELLS: [i32; 2] = [6, 52];
/// Cells that counts fit into.
const NUMBERED: i32 = 30;

/// A row whose pictures are all in one cell gives it this colour.
const FULL: [f64; 3] = [0x1d as f64, 0x55 as f64, 0x96 as f64];

/// The matrix as SVG.
pub(super) fn draw(metrics: &Metrics) -> anyhow::Result<String> {
    let count = metrics.classes.len() as i32;
    let cell = (SIDE / count.max(1)).clamp(CELLS[0], CELLS[1]);
    let size = [(LEFT + cell * count + 24).max(520), TOP + cell * count + 20];
    let title = format!("Test pictures: {:.2} % right", metrics.accuracy * 100.0);
    svg(size, &title, |area| {
        let heading = "rows: what it is; columns: what it was taken for";
        area.draw(&Text::new(heading, (16, 52), text(FONT - 1, &FADED, HPos::Left)))?;
        for (row, (counts, class)) in metrics.confusion.iter().zip(&metrics.classes).enumerate() {
            let middle = TOP + cell * row as i32 + cell / 2;
            let font = (cell - 2).clamp(5, FONT - 1);
            if cell >= 10 {
                let name: String = class.name.chars().take(22).collect();
                let names = text(font, &INK, HPos::Right);
                area.draw(&Text::new(format!("{name}  {row}"), (LEFT - 8, middle), names))?;
                let column = LEFT + cell * row as i32 + cell / 2;
                let numbers = text(font, &INK, HPos::Center);
                area.draw(&Text::new(row.to_string(), (column, TOP - 12), numbers))?;
            }
            cells(area, counts, middle, cell)?;
        }
        Ok(())
    })
}

fn cells(area: &Area<'_>, counts: &[usize], middle: i32, cell: i32) -> Drawn {
    let total = counts.iter().sum::<usize>().max(1);
    for (column, &count) in counts.iter().enumerate() {
        let left = LEFT + cell * column as i32;
        let share = count as f64 / total as f64;
        let corners = [(left, middle - cell / 2), (left + cell - 1, middle + cell / 2 - 1)];
        area.draw(&Rectangle::new(corners, shade(share).filled()))?;
        if count > 0 && cell >= NUMBERED {
            let colour = if share > 0.45 { &PAPER } else { &INK };
            let numbers = text(FONT - 2, colour, HPos::Center);
            area.draw(&Text::new(count.to_string(), (left + cell / 2, middle), numbers))?;
        }
    }
    Ok(())
}

/// From nearly white to [`FULL`], by the root, so that few mistakes show.
fn shade(share: f64) -> RGBColor {
    let part = share.sqrt();
    let [red, green, blue] = FULL.map(|full| (246.0 + (full - 246.0) * part) as u8);
    RGBColor(red, green, blue)
}

#[cfg(test)]
mod tests {
    use super::draw;
    use thumbnet_train::metrics::Metrics;

    #[test]
    fn names_cannot_become_tags_and_any_number_of_classes_is_drawn() {
        for count in [2, 10, 300] {
            let names: Vec<String> = (0..count).map(|class| format!("<b>{class}&")).collect();
            let labels: Vec<usize> = (0..count).collect();
            let svg = draw(&Metrics::new(&labels, &labels, &names)).expect("it can be drawn");
            assert!(svg.starts_with("<svg") && !svg.contains("<b>"), "{count}");
        }
    }
}
