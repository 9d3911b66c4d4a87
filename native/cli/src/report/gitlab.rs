//! `-o gitlab`: a code-quality report, which GitLab shows beside the lines of a merge request.

use std::collections::BTreeMap;
use std::io;

use imagecache::diagnostic::{Diagnostic, Severity};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::array::Array;
use super::{Checked, Form, Tally};
use crate::console::Console;
use crate::encode;

/// The array so far.
#[derive(Default)]
pub(crate) struct Gitlab {
    array: Array,
}

#[derive(Serialize)]
struct Finding {
    description: String,
    check_name: &'static str,
    /// Equal for a finding that is not new: without its line, which moves.
    fingerprint: String,
    severity: &'static str,
    location: Location,
}

#[derive(Serialize)]
struct Location {
    path: String,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: usize,
}

impl Form for Gitlab {
    type Part = String;

    fn part(&self, checked: &Checked) -> String {
        let path = checked.name.strip_prefix("./").unwrap_or(&checked.name);
        let mut seen = BTreeMap::new();
        let found: Vec<Finding> = checked
            .findings
            .iter()
            .map(|found| {
                let message = found.to_string();
                let nth: &mut usize = seen.entry((found.code, message)).or_default();
                *nth += 1;
                finding(path, found, *nth)
            })
            .collect();
        encode::json_elements(&found).unwrap_or_default()
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

/// Returns the finding, the `nth` of its message in the file.
fn finding(path: &str, found: &Diagnostic, nth: usize) -> Finding {
    let message = found.to_string();
    let facts = format!("{path}\0{}\0{message}\0{nth}", found.code);
    let hash = Sha256::digest(facts);
    let description = match &found.help {
        Some(help) => format!("{}: {message}. {help}", found.code),
        None => format!("{}: {message}", found.code),
    };
    Finding {
        description,
        check_name: found.code.name(),
        fingerprint: hash.iter().map(|byte| format!("{byte:02x}")).collect(),
        severity: match found.severity {
            Severity::Error => "major",
            Severity::Warning => "minor",
            Severity::Hint => "info",
        },
        location: Location {
            path: path.to_owned(),
            lines: Lines {
                begin: found.span.map_or(1, |span| span.start.line),
            },
        },
    }
}
