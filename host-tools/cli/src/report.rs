//! Reports for people as tables, for machines as one JSON document.

use anyhow::Context;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;
pub(crate) use thumbnet_compile::thousands;

/// Prints `value` as indented JSON.
pub(crate) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    let text =
        serde_json::to_string_pretty(value).context("the report cannot be written as JSON")?;
    println!("{text}");
    Ok(())
}

/// A table with `headers`; columns named in `numbers` are aligned to the right.
pub(crate) fn table(headers: &[&str], numbers: &[usize], rows: Vec<Vec<String>>) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(headers);
    table.add_rows(rows);
    for column in numbers {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}
