//! A parity report for people.

use std::fmt::Write;
use thumbnet_compile::thousands;
use thumbnet_reference::{Build, Exposed, LayerReport, ModeReport, Parity};

/// The tables, the totals, and the first difference.
pub(crate) fn render(parity: &Parity) -> String {
    let mut text = format!("{}: {} pictures ({})\n", parity.model, parity.images, parity.data);
    for build in [Build::EveryNode, Build::Deployed, Build::Firmware] {
        let modes: Vec<_> = of_build(parity, build).collect();
        if !modes.is_empty() {
            text += &format!("\n{}\n", title(build));
            text += &align(&rows(&modes));
            let not_in_file = modes.iter().map(|mode| mode.not_in_file).max().unwrap_or(0);
            if not_in_file > 0 {
                text += &format!(
                    "  {not_in_file} more: copies of codes that the file has in float only, not compared\n"
                );
            }
        }
    }
    text.push('\n');
    for line in totals(parity) {
        text += &line;
    }
    if let Some(difference) = &parity.first_difference {
        text += &format!("first difference: {difference}\n");
    }
    text
}

fn of_build(parity: &Parity, build: Build) -> impl Iterator<Item = &ModeReport> {
    let every_layer = |mode: &&ModeReport| mode.exposed == Exposed::EveryLayer;
    parity.modes.iter().filter(every_layer).filter(move |mode| mode.build == build)
}

fn title(build: Build) -> &'static str {
    match build {
        Build::EveryNode => "Every node of the file, bytes that differ:",
        Build::Deployed => "As deployed, with fused kernels:",
        Build::Firmware => "Firmware in QEMU (layers by checksum, logits by bytes):",
    }
}

/// One row a layer, one column a mode, under a row of headings.
fn rows(modes: &[&ModeReport]) -> Vec<Vec<String>> {
    let mut headings: Vec<_> = ["layer", "output", "bytes"].map(str::to_owned).into();
    headings.extend(modes.iter().map(|mode| mode.mode.to_string()));
    let mut rows = vec![headings];
    let layers = modes.first().map_or(&[][..], |mode| &mode.layers);
    for (index, layer) in layers.iter().enumerate() {
        let LayerReport { name, shape: [h, w, c], bytes, .. } = layer;
        let mut row = vec![name.clone(), format!("[{h}, {w}, {c}]"), thousands(*bytes)];
        row.extend(modes.iter().map(|mode| thousands(mode.layers[index].different)));
        rows.push(row);
    }
    rows
}

/// The rows as lines: the first two columns to the left, numbers to the right.
fn align(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width =
        |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            let written = match column {
                0 | 1 => write!(text, "  {cell:<width$}"),
                _ => write!(text, "  {cell:>width$}"),
            };
            written.expect("a string can always grow");
        }
        text.push('\n');
    }
    text
}

/// One line for each way tract ran the file.
fn totals(parity: &Parity) -> Vec<String> {
    let mut ways = Vec::new();
    for way in parity.modes.iter().map(|mode| (mode.mode, mode.exposed)) {
        if !ways.contains(&way) {
            ways.push(way);
        }
    }
    let total = |way| {
        let of_way = parity.modes.iter().filter(move |mode| (mode.mode, mode.exposed) == way);
        of_way.fold((0, 0), |(different, bytes), mode| {
            (different + mode.different, bytes + mode.bytes)
        })
    };
    let line = |&(mode, exposed)| {
        let (different, bytes) = total((mode, exposed));
        let note = if exposed == Exposed::Logits { ", its layers not exposed" } else { "" };
        format!(
            "{} of {} bytes differ (tract {mode}{note})\n",
            thousands(different),
            thousands(bytes)
        )
    };
    ways.iter().map(line).collect()
}
