//! The objects in every input, for the verbs that ask about them.

use imagecache::diagnostic::{Code, Levels, Report};
use imagecache::document::read_within;
use rayon::prelude::*;
use serde_json::Value;

use crate::console;
use crate::input::{Input, LIMITS, format_of};
use crate::report::{Checked, Text};

/// What the documents hold, and whether all of it could be read.
pub(crate) struct Taken<T> {
    /// What was taken out of each document, in the order of the inputs.
    pub(crate) parts: Vec<T>,
    /// An input, or a part of one, is missing.
    pub(crate) incomplete: bool,
}

/// Reads every input on all cores and takes something out of each document. Reports what cannot be read on standard
/// error, in the order of the inputs.
pub(crate) fn take<T: Send>(
    inputs: &[Input],
    take: impl Fn(&Value, &mut Report<'_>) -> T + Sync,
) -> Taken<T> {
    let read: Vec<(Vec<T>, Checked)> = inputs
        .par_iter()
        .map(|input| take_one(input, &take))
        .collect();
    let text = Text::for_stderr();
    let mut taken = Taken {
        parts: Vec::new(),
        incomplete: false,
    };
    for (parts, checked) in read {
        taken.parts.extend(parts);
        for found in &checked.findings {
            taken.incomplete |= matches!(found.code, Code::IC001 | Code::IC003 | Code::IC005);
            let shown = text.render(&checked.name, &checked.text, found);
            console::note_rendered(&format!("{shown}\n"));
        }
    }
    taken
}

fn take_one<T>(input: &Input, take: impl Fn(&Value, &mut Report<'_>) -> T) -> (Vec<T>, Checked) {
    let mut parts = Vec::new();
    let mut checked = Checked::new(input);
    match input.read() {
        Err(fault) => checked.unread(&fault),
        Ok(text) => {
            let levels = Levels::default();
            let format = format_of(&input.name);
            let (documents, findings) = read_within(&text, format, &levels, &LIMITS);
            checked.findings = findings;
            for document in &documents {
                let mut report = Report::on(document, &levels);
                parts.push(take(document.value(), &mut report));
                checked.findings.extend(report.finish());
            }
            if !checked.findings.is_empty() {
                checked.text = text;
            }
        }
    }
    (parts, checked)
}
