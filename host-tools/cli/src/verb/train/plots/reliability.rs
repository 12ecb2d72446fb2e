//! Confidence against accuracy: on the diagonal, what the network says is how often it is right.

use crate::calibration::Calibration;
use crate::plot::{Axes, BLUE, FADED, ORANGE, legend, svg};
use plotters::prelude::{Circle, Color, PathElement, RGBColor};
use thumbnet_train::calibration::{Bin, Reliability};

/// Pixels.
const SIZE: [i32; 2] = [560, 590];
const TOP: i32 = 92;
/// Radius of a bin that has all pictures, and of one that has none.
const DOTS: [f64; 2] = [13.0, 2.0];

/// The diagram as SVG.
pub(super) fn draw(calibration: &Calibration) -> anyhow::Result<String> {
    let mut lines = vec![("as trained".to_owned(), &calibration.before, ORANGE)];
    if calibration.held_out > 0 {
        let name = format!("temperature {}", calibration.temperature);
        lines.push((name, &calibration.after, BLUE));
    }
    svg(SIZE, "Accuracy of the test pictures by confidence", |area| {
        for (row, (name, reliability, colour)) in lines.iter().enumerate() {
            let middle = 50 + 20 * row as i32;
            let error = reliability.expected_calibration_error * 100.0;
            let words = format!("{name}: expected calibration error {error:.2} %");
            legend(area, (16, middle), *colour, &words)?;
        }
        let percent = |percent: &f64| format!("{percent:.0} %");
        let axes = Axes {
            top: TOP,
            x: 0.0..100.0,
            y: 0.0..100.0,
            x_name: "confidence",
            x_labels: 11,
            x_text: &percent,
            y_text: &percent,
        };
        let mut chart = axes.draw(area)?;
        let diagonal = PathElement::new(vec![(0.0, 0.0), (100.0, 100.0)], FADED.stroke_width(1));
        chart.draw_series([diagonal])?;
        for (_, reliability, colour) in lines {
            chart.draw_series([PathElement::new(points(reliability), colour.stroke_width(2))])?;
            chart.draw_series(dots(reliability, colour))?;
        }
        Ok(())
    })
}

fn points(reliability: &Reliability) -> Vec<(f64, f64)> {
    filled(reliability).map(point).collect()
}

/// Larger where there are more pictures.
fn dots(
    reliability: &Reliability,
    colour: RGBColor,
) -> impl Iterator<Item = Circle<(f64, f64), i32>> {
    let pictures: usize = reliability.bins.iter().map(|bin| bin.pictures).sum();
    let [full, empty] = DOTS;
    filled(reliability).map(move |bin| {
        let share = bin.pictures as f64 / pictures as f64;
        let radius = empty + (full - empty) * share.sqrt();
        Circle::new(point(bin), radius as i32, colour.mix(0.75).filled())
    })
}

fn filled(reliability: &Reliability) -> impl Iterator<Item = &Bin> {
    reliability.bins.iter().filter(|bin| bin.pictures > 0)
}

fn point(bin: &Bin) -> (f64, f64) {
    (bin.confidence * 100.0, bin.accuracy * 100.0)
}
