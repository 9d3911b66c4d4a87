//! `-o yaml`: the rows of `-o json` as one YAML sequence.

use std::io;

use super::row::rows;
use super::{Checked, Form, Tally};
use crate::console::Console;
use crate::encode;

/// The sequence so far.
#[derive(Default)]
pub(crate) struct Yaml {
    begun: bool,
}

impl Form for Yaml {
    type Part = String;

    fn part(&self, checked: &Checked) -> String {
        if checked.findings.is_empty() {
            return String::new();
        }
        encode::yaml(&rows(checked)).unwrap_or_default()
    }

    fn put(&mut self, console: &mut Console, part: String) -> io::Result<()> {
        self.begun |= !part.is_empty();
        console.document(&part)
    }

    fn end(&mut self, console: &mut Console, _tally: &Tally) -> io::Result<()> {
        console.document(if self.begun { "" } else { "[]\n" })
    }
}
