//! `-o json`: one array of findings, written as they come.

use std::io;

use super::array::Array;
use super::row::rows;
use super::{Checked, Form, Tally};
use crate::console::Console;
use crate::encode;

/// The array so far.
#[derive(Default)]
pub(crate) struct Json {
    array: Array,
}

impl Form for Json {
    type Part = String;

    fn part(&self, checked: &Checked) -> String {
        encode::json_elements(&rows(checked)).unwrap_or_default()
    }

    fn start(&mut self, console: &mut Console) -> io::Result<()> {
        console.document("[")
    }

    fn put(&mut self, console: &mut Console, part: String) -> io::Result<()> {
        self.array.put(console, &part)
    }

    fn end(&mut self, console: &mut Console, _tally: &Tally) -> io::Result<()> {
        self.array.end(console)?;
        console.document("\n")
    }
}
