//! A CustomResourceDefinition from a file, checked before it is served.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{anyhow, bail};
use imagecache::diagnostic::{Levels, QuotedPart};
use imagecache::document::{Document, TextFormat, read_within};
use imagecache::path::Path as Place;
use imagecache_simulator::cluster::definition_faults;
use serde_json::Value;

use crate::console::reason;
use crate::input::LIMITS;

/// Reads the definition of `ImageCache` from a file.
///
/// # Errors
/// What is wrong with it, with line and column.
pub(crate) fn read(path: &Path) -> anyhow::Result<Value> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| anyhow!("{shown}: cannot be read: {}", reason(&error)))?;
    let mut limits = LIMITS;
    limits.documents = 2;
    let (documents, findings) = read_within(&text, TextFormat::Auto, &Levels::default(), &limits);
    if let Some(finding) = findings.first() {
        let at = finding.span.map(|span| span.start);
        let at = at.map(|at| format!(":{}:{}", at.line, at.column));
        bail!("{shown}{}: {}", at.unwrap_or_default(), finding.message);
    }
    let [document] = documents.as_slice() else {
        bail!(
            "{shown}: {} documents; one is wanted, the CustomResourceDefinition",
            documents.len()
        );
    };
    let faults = definition_faults(document.value());
    if faults.is_empty() {
        return Ok(document.value().clone());
    }
    let mut message = String::from("the definition cannot be served");
    for fault in faults {
        // The real server reports a schema of all versions under this path, which is not in the file.
        let field = fault
            .field
            .replacen("spec.validation.", "spec.versions[0].schema.", 1);
        let at = locate(document, &steps(&field), &Place::Root);
        let (line, column) = (at.line, at.column);
        write!(
            message,
            "\n  {shown}:{line}:{column}: {field}: {}",
            fault.message
        )?;
    }
    Err(anyhow!(message))
}

/// The names and numbers on the way to a field: `properties[spec]` are two names, `versions[0]` a name and a number.
fn steps(field: &str) -> Vec<&str> {
    let parts = field.split(['.', '[', ']']);
    parts.filter(|part| !part.is_empty()).collect()
}

fn locate(
    document: &Document,
    steps: &[&str],
    place: &Place<'_>,
) -> imagecache::document::Position {
    let Some((step, rest)) = steps.split_first() else {
        return document.locate(place, &QuotedPart::Value).start;
    };
    match step.parse() {
        Ok(index) => locate(document, rest, &place.index(index)),
        Err(_) => locate(document, rest, &place.field(step)),
    }
}
