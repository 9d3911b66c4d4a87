//! `-o sarif`: the Static Analysis Results Interchange Format 2.1.0 of OASIS, which code hosts and editors read.
//!
//! The few parts of the format that are used stand here as their own types; the tests hold the output against the
//! schema of OASIS.

use std::io;

use imagecache::diagnostic::{Code, Diagnostic, Severity};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::json;

use super::array::Array;
use super::{Checked, Form, Tally};
use crate::console::Console;
use crate::encode;

/// What may stand in the path of a URI as it is (RFC 3986, `pchar` and `/`, save the colon, which would make the
/// first segment a scheme).
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'@')
    .remove(b'+')
    .remove(b',')
    .remove(b'=');

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The log so far.
#[derive(Default)]
pub(crate) struct Sarif {
    results: Array,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: &'static str,
    name: &'static str,
    short_description: Message,
    help_uri: String,
    help: Help,
    default_configuration: Configuration,
}

#[derive(Serialize)]
struct Message {
    text: String,
}

#[derive(Serialize)]
struct Help {
    text: &'static str,
    markdown: &'static str,
}

#[derive(Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    rule_id: &'static str,
    rule_index: usize,
    level: &'static str,
    message: Message,
    locations: [Location; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: PhysicalLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    logical_locations: Option<[LogicalLocation; 1]>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

#[derive(Serialize)]
struct ArtifactLocation {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: usize,
    start_column: usize,
    end_line: usize,
    end_column: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogicalLocation {
    fully_qualified_name: String,
}

impl Form for Sarif {
    type Part = String;

    fn part(&self, checked: &Checked) -> String {
        let uri = uri(&checked.name);
        let found: Vec<String> = checked
            .findings
            .iter()
            .filter_map(|found| encode::json_line(&finding(&uri, found)).ok())
            .collect();
        found.join(",\n")
    }

    fn start(&mut self, console: &mut Console) -> io::Result<()> {
        let rules: Vec<Rule> = Code::ALL.iter().copied().map(rule).collect();
        let driver = json!({
            "name": "imagecache",
            "version": env!("CARGO_PKG_VERSION"),
            "semanticVersion": env!("CARGO_PKG_VERSION"),
            "informationUri": env!("CARGO_PKG_REPOSITORY"),
            "rules": rules,
        });
        console.document(&format!(
            "{{\"$schema\":\"{SCHEMA}\",\"version\":\"2.1.0\",\"runs\":[{{\
             \"tool\":{{\"driver\":{driver}}},\n\"columnKind\":\"utf16CodeUnits\",\"results\":["
        ))
    }

    fn put(&mut self, console: &mut Console, part: String) -> io::Result<()> {
        self.results.put(console, &part)
    }

    fn end(&mut self, console: &mut Console, tally: &Tally) -> io::Result<()> {
        let done = tally.unreadable == 0;
        self.results.end(console)?;
        console.document(&format!(
            ",\"invocations\":[{{\"executionSuccessful\":{done}}}]}}]}}\n"
        ))
    }
}

fn rule(code: Code) -> Rule {
    let repository = env!("CARGO_PKG_REPOSITORY");
    Rule {
        id: code.as_str(),
        name: code.name(),
        short_description: Message {
            text: code.summary().to_owned(),
        },
        help_uri: format!("{repository}/blob/main/docs/codes/{code}.md"),
        help: Help {
            text: code.summary(),
            markdown: code.page(),
        },
        default_configuration: Configuration {
            level: level(code.severity()),
        },
    }
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Hint => "note",
    }
}

fn finding(uri: &str, found: &Diagnostic) -> Finding {
    let mut text = found.to_string();
    if let Some(help) = &found.help {
        text.push('\n');
        text.push_str(help);
    }
    let rules = Code::ALL.iter();
    Finding {
        rule_id: found.code.as_str(),
        rule_index: rules.take_while(|code| **code != found.code).count(),
        level: level(found.severity),
        message: Message { text },
        locations: [Location {
            physical_location: PhysicalLocation {
                artifact_location: ArtifactLocation {
                    uri: uri.to_owned(),
                },
                region: found.span.map(|span| Region {
                    start_line: span.start.line,
                    start_column: span.start.column,
                    end_line: span.end.line,
                    end_column: span.end.column,
                }),
            },
            logical_locations: (!found.path.is_empty()).then(|| {
                [LogicalLocation {
                    fully_qualified_name: found.path.clone(),
                }]
            }),
        }],
    }
}

/// The file's name as a URI reference: relative to where the command ran, or `file://` for an absolute path.
fn uri(name: &str) -> String {
    let path = name.strip_prefix("./").unwrap_or(name);
    let encoded = utf8_percent_encode(path, PATH);
    if path.starts_with('/') {
        format!("file://{encoded}")
    } else {
        encoded.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::uri;

    #[test]
    fn a_path_becomes_a_uri_reference() {
        for (path, expected) in [
            ("manifests/web.yaml", "manifests/web.yaml"),
            ("./web.yaml", "web.yaml"),
            ("../a b/c:d%.yaml", "../a%20b/c%3Ad%25.yaml"),
            ("/srv/größe.yaml", "file:///srv/gr%C3%B6%C3%9Fe.yaml"),
            ("<stdin>", "%3Cstdin%3E"),
        ] {
            assert_eq!(uri(path), expected);
        }
    }
}
