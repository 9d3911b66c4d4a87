//! `-o name`: the objects with findings, as kubectl names them, one a line.

use std::io::{self, Write};

use super::{Checked, Form, kubectl_name};
use crate::console::{self, Console};

/// Names only.
pub(crate) struct Name;

impl Form for Name {
    type Part = String;

    fn part(&self, checked: &Checked) -> String {
        let mut names = String::new();
        for (object, findings) in checked.by_object().objects {
            if !findings.is_empty() {
                names.push_str(&console::visible(&kubectl_name(object)));
                names.push('\n');
            }
        }
        names
    }

    fn put(&mut self, console: &mut Console, part: String) -> io::Result<()> {
        console.write_all(part.as_bytes())
    }
}
