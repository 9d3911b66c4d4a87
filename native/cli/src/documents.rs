//! The objects in every input, for the verbs that ask about them.

use std::collections::BTreeSet;

use imagecache::audit::AuditInput;
use imagecache::diagnostic::{Code, Diagnostic, Levels, Report};
use imagecache::document::read_within;
use imagecache::expiry::ExpiryInventory;
use imagecache::freshness::FreshnessInventory;
use imagecache::tidy::TidyInput;
use imagecache::validate::other_documents;
use rayon::prelude::*;
use serde_json::Value;

use crate::console::{self, visible};
use crate::exit::Exit;
use crate::input::{Input, LIMITS, format_of};
use crate::report::{Checked, Text, count};

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
    let mut skipped = BTreeSet::new();
    for (parts, mut checked) in read {
        taken.parts.extend(parts);
        checked
            .skip_note()
            .iter()
            .for_each(|note| console::note(note));
        skipped.append(&mut checked.skipped);
        for found in &checked.findings {
            taken.incomplete |= matches!(found.code, Code::IC001 | Code::IC003 | Code::IC005);
            let shown = text.render(&checked.name, &checked.text, found);
            console::note_rendered(&format!("{shown}\n"));
        }
    }
    console::advise(&skipped);
    taken
}

/// What a verb needs of its documents, added one by one.
pub(crate) trait Collection: Send {
    fn add(&mut self, document: &Value, report: &mut Report<'_>);
    fn append(&mut self, other: Self);
}

macro_rules! collections {
    ($($name:ty),*) => {$(
        impl Collection for $name {
            fn add(&mut self, document: &Value, report: &mut Report<'_>) {
                <$name>::add(self, document, report);
            }

            fn append(&mut self, other: Self) {
                <$name>::append(self, other);
            }
        }
    )*};
}

collections!(AuditInput, ExpiryInventory, FreshnessInventory, TidyInput);

/// Reads every input into one collection. Returns it, and whether an input, or a part of one, is missing.
pub(crate) fn collect<T: Collection>(inputs: &[Input], new: impl Fn() -> T + Sync) -> (T, bool) {
    let taken = take(inputs, |value, report| {
        let mut part = new();
        part.add(value, report);
        part
    });
    let mut all = new();
    taken.parts.into_iter().for_each(|part| all.append(part));
    (all, taken.incomplete)
}

/// Returns the exit code of a run whose input has no cache, if that is an error: a list without items says that there is
/// none, if all of the input was read.
pub(crate) fn without_caches(others: usize, empty_lists: usize, complete: bool) -> Option<Exit> {
    if empty_lists > 0 && complete {
        console::note("note: 0 image caches in the input");
        return None;
    }
    let only = match others {
        0 => String::new(),
        others => format!(", only {}", count(others, "other object")),
    };
    console::complain(&format!("the input has no image cache{only}"));
    Some(Exit::Failure)
}

/// Reports findings that are about no text.
pub(crate) fn report(findings: &[Diagnostic]) {
    for found in findings {
        console::note(&visible(&format!(
            "{}[{}]: {found}",
            found.severity, found.code
        )));
        if let Some(help) = &found.help {
            console::note(&format!("  {help}"));
        }
    }
}

/// Reports findings about an object of a cluster, or an entry of a reply, by its name.
pub(crate) fn report_of(name: &str, findings: &[Diagnostic]) {
    for found in findings {
        let line = format!("{name}: {}[{}]: {found}", found.severity, found.code);
        console::note(&visible(&line));
    }
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
            let mut skipped = if input.found {
                other_documents(&input.name, &text, &documents, &findings)
            } else {
                Vec::new()
            };
            skipped.retain(|(_, document)| !document.has_caches());
            let is_skipped = |document| skipped.iter().any(|(number, _)| *number == document);
            checked.findings = findings;
            checked.findings.retain(|found| !is_skipped(found.document));
            checked.skip(&skipped);
            for document in documents
                .iter()
                .filter(|document| !is_skipped(document.index()))
            {
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
