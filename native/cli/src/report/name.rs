//! `-o name`: the objects with findings, as kubectl names them, one a line.

use std::io;

use super::{Checked, Form, kubectl_name};
use crate::console::{Console, visible};

/// Names only.
pub(crate) struct Name;

impl Form for Name {
    type Part = String;

    fn part(&self, checked: &Checked) -> String {
        let mut names = String::new();
        for (object, findings) in checked.by_object().objects {
            if !findings.is_empty() {
                names.push_str(&visible(&kubectl_name(object)));
                names.push('\n');
            }
        }
        names
    }

    fn put(&mut self, console: &mut Console, part: String) -> io::Result<()> {
        console.document(&part)
    }
}
