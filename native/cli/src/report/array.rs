//! A JSON array that is written as its elements come.

use std::io;

use crate::console::Console;

/// The elements so far.
#[derive(Default)]
pub(super) struct Array {
    begun: bool,
}

impl Array {
    /// Writes elements, which are joined by `,` and line ends; none if they are empty.
    pub(super) fn put(&mut self, console: &mut Console, elements: &str) -> io::Result<()> {
        if elements.is_empty() {
            return Ok(());
        }
        console.document(if self.begun { ",\n" } else { "\n" })?;
        self.begun = true;
        console.document(elements)
    }

    /// Writes the end of the array.
    pub(super) fn end(&self, console: &mut Console) -> io::Result<()> {
        console.document(if self.begun { "\n]" } else { "]" })
    }
}
