//! One finding as machines read it: the contract of `-o json` and `-o yaml`, kept by `docs/output.md`.

use imagecache::diagnostic::Diagnostic;
use serde::Serialize;

use super::Checked;

/// One finding with its file.
#[derive(Serialize)]
pub(super) struct Row<'a> {
    file: &'a str,
    #[serde(flatten)]
    found: &'a Diagnostic,
}

/// The findings of a file, in document order.
pub(super) fn rows(checked: &Checked) -> Vec<Row<'_>> {
    let file = checked.name.as_str();
    let found = checked.findings.iter();
    found.map(|found| Row { file, found }).collect()
}
