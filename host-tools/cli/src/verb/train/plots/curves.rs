//! Lines over epochs.

use crate::plot::{Area, Axes, BLUE, Drawn, FADED, FONT, ORANGE, legend, svg, text};
use plotters::prelude::{Circle, Color, PathElement, RGBColor, Text};
use plotters::style::text_anchor::HPos;
use std::ops::Range;

/// Pixels.
const SIZE: [i32; 2] = [760, 420];
/// Above the curves: title and legend.
const TOP: i32 = 56;
const COLOURS: [RGBColor; 3] = [BLUE, ORANGE, ORANGE];

/// One line.
pub(super) struct Curve<'a> {
    pub(super) name: &'a str,
    /// Epoch and value.
    pub(super) points: Vec<(f64, f64)>,
}

/// Lines in one frame; those without points are left out.
pub(super) struct Chart<'a> {
    pub(super) title: &'a str,
    /// Follows the numbers of the vertical axis.
    pub(super) unit: &'static str,
    pub(super) from_zero: bool,
    /// The epoch to mark.
    pub(super) mark: Option<usize>,
    pub(super) curves: Vec<Curve<'a>>,
}

impl Chart<'_> {
    /// The chart as SVG.
    pub(super) fn draw(&self) -> anyhow::Result<String> {
        svg(SIZE, self.title, |area| {
            self.legend(area)?;
            self.plot(area)
        })
    }

    fn plot(&self, area: &Area<'_>) -> Drawn {
        let [x, y] = [self.epochs(), self.values()];
        // No more than there are whole epochs.
        let labels = ((x.end - x.start) as usize + 1).min(MOST_LABELS);
        let axes = Axes {
            top: TOP,
            x,
            y: y.clone(),
            x_name: "epoch",
            x_labels: labels,
            x_text: &|epoch| short(*epoch),
            y_text: &|value| format!("{}{}", short(*value), self.unit),
        };
        let mut chart = axes.draw(area)?;
        if let Some(mark) = self.mark {
            let at = mark as f64;
            let line = PathElement::new(vec![(at, y.start), (at, y.end)], FADED.stroke_width(1));
            chart.draw_series([line])?;
        }
        for (curve, colour) in self.curves.iter().zip(COLOURS) {
            let line = PathElement::new(curve.points.clone(), colour.stroke_width(2));
            chart.draw_series([line])?;
            if curve.points.len() <= MOST_DOTS {
                let dot = |&point: &(f64, f64)| Circle::new(point, 3, colour.filled());
                chart.draw_series(curve.points.iter().map(dot))?;
            }
        }
        Ok(())
    }

    /// A coloured bar and the name of each curve with its last value, side by side.
    fn legend(&self, area: &Area<'_>) -> Drawn {
        let mut left = 200;
        for (curve, colour) in self.curves.iter().zip(COLOURS) {
            let Some((_, last)) = curve.points.last() else { continue };
            let words = format!("{} {}{}", curve.name, short(*last), self.unit);
            legend(area, (left, 25), colour, &words)?;
            left += 170;
        }
        if let Some(mark) = self.mark {
            let words = format!("kept: epoch {mark}");
            area.draw(&Text::new(words, (left, 25), text(FONT, &FADED, HPos::Left)))?;
        }
        Ok(())
    }

    fn epochs(&self) -> Range<f64> {
        let all = self.curves.iter().flat_map(|curve| &curve.points).map(|point| point.0);
        let [first, last] = extremes(all);
        first..last.max(first + 1.0)
    }

    fn values(&self) -> Range<f64> {
        let all = self.curves.iter().flat_map(|curve| &curve.points).map(|point| point.1);
        let [low, high] = extremes(all);
        let low = if self.from_zero { low.min(0.0) } else { low };
        let space = (high - low).max(high.abs() * 0.01).max(1e-9) * 0.06;
        (if self.from_zero { low } else { low - space })..high + space
    }
}

/// Of the epochs' axis.
const MOST_LABELS: usize = 11;

/// Curves of more points are lines alone.
const MOST_DOTS: usize = 60;

/// Smallest and largest; 0 and 1 of nothing.
fn extremes(values: impl Iterator<Item = f64>) -> [f64; 2] {
    let both = |[low, high]: [f64; 2], value: f64| [low.min(value), high.max(value)];
    let found = values.fold([f64::INFINITY, f64::NEG_INFINITY], both);
    if found[0] <= found[1] { found } else { [0.0, 1.0] }
}

/// A number to about three digits, without zeros at its end.
fn short(value: f64) -> String {
    if value != 0.0 && value.abs() < 0.0001 {
        return format!("{value:.1e}");
    }
    let decimals = if value.abs() < 0.01 {
        4
    } else if value.abs() < 10.0 {
        3
    } else {
        2
    };
    let text = format!("{value:.decimals$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Chart, Curve, short};

    #[test]
    fn numbers_are_short() {
        let values = [0.0, 5.0, 0.25, 91.764, 100.0, 0.0005, 0.00004];
        assert_eq!(values.map(short), ["0", "5", "0.25", "91.76", "100", "0.0005", "4.0e-5"]);
    }

    #[test]
    fn few_points_and_equal_ones_are_drawn() {
        let curve = |points: &[(f64, f64)]| Curve { name: "training", points: points.to_vec() };
        for points in [&[][..], &[(1.0, 0.5)], &[(1.0, 0.5), (2.0, 0.5)]] {
            let curves = vec![curve(points), curve(&[])];
            let chart = Chart { title: "Loss", unit: "", from_zero: false, mark: Some(1), curves };
            let svg = chart.draw().expect("any number of points can be drawn");
            assert!(svg.starts_with("<svg") && !svg.contains("NaN"), "{svg}");
        }
    }
}
