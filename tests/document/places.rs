//! Every place of a text, drawn, so that a person can check it.

use std::fmt::Write;

use imagecache::diagnostic::{Diagnostic, Levels, QuotedPart};
use imagecache::document::{Document, Span, Text, TextFormat, read};
use imagecache::path::Path;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    text: String,
    format: Option<String>,
    #[serde(default)]
    ask: Vec<String>,
}

fn format(case: &Case) -> TextFormat {
    match case.format.as_deref() {
        None => TextFormat::Auto,
        Some("json") => TextFormat::Json,
        Some("yaml") => TextFormat::Yaml,
        Some(other) => panic!("no format {other}"),
    }
}

/// Carets under a span; a span of several lines shows the first.
fn draw(out: &mut String, text: &str, label: &str, span: Span) {
    let (start, end) = (span.start, span.end);
    assert!(
        start.offset <= end.offset && end.offset <= text.len(),
        "{label}: {span:?}"
    );
    assert_eq!(Text::new(text).position(start.offset), start);
    assert_eq!(Text::new(text).position(end.offset), end);
    let line_start = text[..start.offset]
        .rfind(['\n', '\r'])
        .map_or(0, |at| at + 1);
    let line = text[line_start..].split(['\n', '\r']).next().unwrap();
    let line_end = line_start + line.len();
    let shown = &text[start.offset..end.offset.min(line_end).max(start.offset)];
    let lead: String = text[line_start..start.offset]
        .chars()
        .map(|_| ' ')
        .collect();
    let carets = "^".repeat(shown.chars().count().max(1));
    let more = if end.offset > line_end { " …" } else { "" };
    writeln!(
        out,
        "{label}  {}:{}-{}:{}\n    {}\n    {lead}{carets}{more}",
        start.line,
        start.column,
        end.line,
        end.column,
        line.replace('\t', "→").trim_start_matches('\u{feff}'),
    )
    .unwrap();
}

fn draw_findings(out: &mut String, text: &str, findings: &[Diagnostic]) {
    for finding in findings {
        let help = finding.help.as_deref().unwrap_or("-");
        draw(
            out,
            text,
            &format!(
                "{} in document {}: {finding}\n  help: {help}\n ",
                finding.code, finding.document
            ),
            finding.span.unwrap(),
        );
    }
}

fn draw_all(out: &mut String, document: &Document, path: &Path<'_>, value: &Value) {
    let text = document.text().as_str();
    let exact = if document.is_exact(path) {
        ""
    } else {
        " (from elsewhere)"
    };
    draw(
        out,
        text,
        &format!("{path} = {value}{exact}"),
        document.locate(path, &QuotedPart::Value),
    );
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                draw_all(out, document, &path.index(index), item);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                draw_all(out, document, &path.field(name), member);
            }
        }
        _ => {}
    }
}

/// Walks `a.b[0]` down and calls back with the path.
fn with_path(words: &str, path: &Path<'_>, then: &mut dyn FnMut(&Path<'_>)) {
    let (below, rest) = match words.strip_prefix('[') {
        Some(inside) => {
            let (index, rest) = inside.split_once(']').unwrap();
            (path.index(index.parse().unwrap()), rest)
        }
        None => {
            let (name, rest) = words.split_at(words.find(['.', '[']).unwrap_or(words.len()));
            (path.field(name), rest)
        }
    };
    match rest.strip_prefix('.').unwrap_or(rest) {
        "" => then(&below),
        rest => with_path(rest, &below, then),
    }
}

fn drawn(case: &Case) -> String {
    let mut out = format!("{}\n", case.text);
    let (documents, findings) = read(&case.text, format(case), &Levels::default());
    draw_findings(&mut out, &case.text, &findings);
    for document in &documents {
        writeln!(out, "document {}", document.index()).unwrap();
        draw_all(&mut out, document, &Path::Root, document.value());
        for ask in &case.ask {
            let (path, part) = match ask.rsplit_once(' ') {
                Some((path, "key")) => (path, QuotedPart::Key),
                Some((path, bytes)) if bytes.contains("..") => {
                    let (start, end) = bytes.split_once("..").unwrap();
                    (
                        path,
                        QuotedPart::Bytes(start.parse().unwrap()..end.parse().unwrap()),
                    )
                }
                _ => (ask.as_str(), QuotedPart::Value),
            };
            with_path(path, &Path::Root, &mut |path| {
                let exact = if document.is_exact(path) {
                    ""
                } else {
                    " (from elsewhere)"
                };
                draw(
                    &mut out,
                    &case.text,
                    &format!("? {ask}{exact}"),
                    document.locate(path, &part),
                );
            });
        }
    }
    out
}

fn snapshot(name: &str, file: &str) {
    let drawn: Vec<String> = toml::from_str::<Cases>(file)
        .unwrap()
        .case
        .iter()
        .map(|case| format!("## {}\n{}", case.name, drawn(case)))
        .collect();
    insta::with_settings!({
        omit_expression => true,
        prepend_module_to_snapshot => false,
        snapshot_path => "../snapshots",
    }, {
        insta::assert_snapshot!(name, drawn.join("\n"));
    });
}

#[test]
fn document_errors_have_their_place() {
    snapshot(
        "document-broken",
        include_str!("../data/document/broken.toml"),
    );
}

#[test]
fn every_value_has_its_place() {
    snapshot(
        "document-places",
        include_str!("../data/document/places.toml"),
    );
}
