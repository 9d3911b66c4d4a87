//! Tables as `kubectl` prints them: columns of words, two blanks apart, no rules.

use std::fmt;

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table as Layout};
use imagecache::foreign::Foreign;

/// A table. Every cell is shown as a part of a line, whatever its text.
#[derive(Debug)]
pub(crate) struct Table(Layout);

/// Returns a table with this head, or with none.
pub(crate) fn new(head: &[&str]) -> Table {
    let mut table = Layout::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    if !head.is_empty() {
        table.set_header(head);
    }
    Table(table)
}

impl Table {
    /// Appends a row.
    pub(crate) fn add_row<T: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = T>) {
        let cells = cells.into_iter();
        let cells = cells.map(|cell| Foreign(cell.as_ref()).line().to_string());
        self.0.add_row(cells);
    }
}

/// The lines of a table, without blanks at their ends.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = self.0.clone();
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        for line in table.lines() {
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// Returns the lines of a table, without blanks at their ends.
pub(crate) fn lines(table: &Table) -> String {
    table.to_string()
}
