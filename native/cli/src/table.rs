//! Tables as `kubectl` prints them: columns of words, two blanks apart, no rules.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};

/// A table with this head, or with none.
pub(crate) fn new(head: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    if !head.is_empty() {
        table.set_header(head);
    }
    table
}

/// The lines of a table, without blanks at their ends.
pub(crate) fn lines(table: &Table) -> String {
    let mut table = table.clone();
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
