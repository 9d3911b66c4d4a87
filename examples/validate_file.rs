//! Validates a manifest: `cargo run --example validate_file -- FILE`.
//!
//! Prints each error and warning with its line and column, and exits with 1 if there is an error.

use std::error::Error;
use std::process::ExitCode;

use imagecache::diagnostic::Severity;
use imagecache::document::TextFormat;
use imagecache::validate::{self, ValidateOptions};

/// Returns one line for each finding, and whether one of them is an error.
fn report(file: &str, text: &str) -> (Vec<String>, bool) {
    let found = validate::text(text, TextFormat::Auto, &ValidateOptions::default());
    let lines = found.diagnostics.iter().map(|found| {
        let place = found.span.map(|span| span.start);
        let (line, column) = place.map_or((0, 0), |place| (place.line, place.column));
        format!(
            "{file}:{line}:{column}: {:?} {}: {found}",
            found.severity, found.code
        )
    });
    let mut findings = found.diagnostics.iter();
    let failed = findings.any(|found| found.severity == Severity::Error);
    (lines.collect(), failed)
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let file = std::env::args().nth(1).ok_or("usage: validate_file FILE")?;
    let (lines, failed) = report(&file, &std::fs::read_to_string(&file)?);
    lines.iter().for_each(|line| println!("{line}"));
    Ok(ExitCode::from(u8::from(failed)))
}

#[test]
fn validate_file_reports_the_line_of_an_error() {
    let text = "apiVersion: eci.alibabacloud.com/v1\nkind: ImageCache\nmetadata: {name: web}\nspec: {images: ['nginx:']}\n";
    let (lines, failed) = report("web.yaml", text);
    let error = lines.iter().find(|line| line.contains("Error IC023"));
    assert!(
        error.is_some_and(|line| line.starts_with("web.yaml:4:")),
        "{lines:?}"
    );
    assert!(failed);
    let (lines, failed) = report("web.yaml", &text.replace("'nginx:'", "'nginx:1.27'"));
    assert!(!failed, "{lines:?}");
}
