//! One finding as machines read it: the contract of `-o json` and `-o yaml`, kept by `docs/output.md`.

use imagecache::diagnostic::{Code, Diagnostic, Severity};
use serde::Serialize;

use super::Checked;

/// One finding with its place.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Row<'a> {
    file: &'a str,
    document: usize,
    line: Option<usize>,
    column: Option<usize>,
    end_line: Option<usize>,
    end_column: Option<usize>,
    severity: Severity,
    code: Code,
    path: &'a str,
    message: &'a str,
    help: Option<&'a str>,
}

/// The findings of a file, in document order.
pub(super) fn rows(checked: &Checked) -> Vec<Row<'_>> {
    let found = checked.findings.iter();
    found.map(|found| row(&checked.name, found)).collect()
}

fn row<'a>(file: &'a str, found: &'a Diagnostic) -> Row<'a> {
    Row {
        file,
        document: found.document,
        line: found.span.map(|span| span.start.line),
        column: found.span.map(|span| span.start.column),
        end_line: found.span.map(|span| span.end.line),
        end_column: found.span.map(|span| span.end.column),
        severity: found.severity,
        code: found.code,
        path: &found.path,
        message: &found.message,
        help: found.help.as_deref(),
    }
}
