//! Names: `metadata.name` of an `ImageCache`, and the name formats of Kubernetes that other rules need.
//!
//! Source: Kubernetes. A name is an RFC 1123 subdomain, a namespace an RFC 1123 label, the key of a label or annotation
//! a qualified name. Lengths are counted in bytes, as Kubernetes counts them.

use std::fmt;
use std::ops::Range;

use serde_json::{Map, Value};

use super::messages::define;
use super::value::not_a_string;
use crate::diagnostic::{Code, Quoted, QuotedPart, Report};
use crate::path::Path;
use crate::resource::MAX_NAME_LENGTH;

define! { name:
    ignored_namespace(namespace) "{namespace} is ignored, an ImageCache is cluster-scoped";
    required() "name or generateName is required";
    invalid(name, fault) "{name} is not a valid RFC 1123 subdomain: {fault}";
    empty() "must not be empty";
    too_long(length, limit) "{length} characters, at most {limit} allowed";
    space() "a space is not allowed";
    character(character) "{character} is not allowed";
    edge(character) "a part must not start or end with {character}";
    empty_part() "empty part between dots";
    slashes() "at most one `/` allowed";
}

/// The maximum length of an RFC 1123 label, a label value and the name part of a qualified name, in bytes.
const MAX_LABEL_LENGTH: usize = 63;

/// The reason why a text is not a valid name, and the invalid bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: Range<usize>,
    why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Empty,
    TooLong {
        length: usize,
        limit: usize,
    },
    Character(char),
    /// A part starts or ends with this character, which is only allowed inside.
    Edge(char),
    EmptyPart,
    Slashes,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.why {
            Why::Empty => empty().fmt(f),
            Why::TooLong { length, limit } => too_long(length, limit).fmt(f),
            Why::Character(' ') => space().fmt(f),
            Why::Character(invalid) => character(Quoted(invalid.encode_utf8(&mut [0; 4]))).fmt(f),
            Why::Edge(invalid) => edge(Quoted(invalid.encode_utf8(&mut [0; 4]))).fmt(f),
            Why::EmptyPart => empty_part().fmt(f),
            Why::Slashes => slashes().fmt(f),
        }
    }
}

/// The positions in a part of a name at which a byte is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Anywhere,
    /// Neither first nor last.
    Inside,
    /// Between two parts.
    Between,
    Nowhere,
}

fn in_label(byte: u8) -> Role {
    match byte {
        b'a'..=b'z' | b'0'..=b'9' => Role::Anywhere,
        b'-' => Role::Inside,
        _ => Role::Nowhere,
    }
}

fn in_subdomain(byte: u8) -> Role {
    if byte == b'.' {
        Role::Between
    } else {
        in_label(byte)
    }
}

fn in_qualified(byte: u8) -> Role {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => Role::Anywhere,
        b'-' | b'_' | b'.' => Role::Inside,
        _ => Role::Nowhere,
    }
}

/// Checks `text`, which starts at `offset`, against the roles of its bytes.
fn check(text: &str, offset: usize, role: impl Fn(u8) -> Role) -> Result<(), Fault> {
    if fits(text, &role) {
        Ok(())
    } else {
        fault(text, offset, role)
    }
}

/// Returns true if a name is valid. One pass: the common case.
fn fits(text: &str, role: impl Fn(u8) -> Role) -> bool {
    let (mut begun, mut may_end) = (false, false);
    for byte in text.bytes() {
        match role(byte) {
            Role::Anywhere => (begun, may_end) = (true, true),
            Role::Inside if begun => may_end = false,
            Role::Between if may_end => (begun, may_end) = (false, false),
            _ => return false,
        }
    }
    may_end
}

/// Returns the first fault: a character that is never allowed, or else a part that starts or ends wrongly or is empty.
fn fault(text: &str, offset: usize, role: impl Fn(u8) -> Role) -> Result<(), Fault> {
    let mut start = 0;
    for part in text.as_bytes().split(|byte| role(*byte) == Role::Between) {
        let end = start + part.len();
        let fault = |at, why| Err(character_at(text, at, offset, why));
        if let Some(at) = part.iter().position(|byte| role(*byte) == Role::Nowhere) {
            return fault(start + at, Why::Character);
        }
        match (part.first(), part.last()) {
            (None, _) => {
                return Err(Fault {
                    at: offset + start..offset + start,
                    why: Why::EmptyPart,
                });
            }
            (Some(first), _) if role(*first) == Role::Inside => return fault(start, Why::Edge),
            (_, Some(last)) if role(*last) == Role::Inside => return fault(end - 1, Why::Edge),
            _ => start = end + 1,
        }
    }
    Ok(())
}

/// Returns the fault of the character at byte `at` of `text`, which starts at `offset`.
fn character_at(text: &str, at: usize, offset: usize, why: fn(char) -> Why) -> Fault {
    let character = text
        .split_at_checked(at)
        .and_then(|(_, rest)| rest.chars().next())
        .unwrap_or(' ');
    let start = offset + at;
    Fault {
        at: start..start + character.len_utf8(),
        why: why(character),
    }
}

fn within(text: &str, limit: usize, offset: usize) -> Result<(), Fault> {
    let at = offset..offset + text.len();
    match text.len() {
        0 => Err(Fault {
            at,
            why: Why::Empty,
        }),
        length if length > limit => Err(Fault {
            at,
            why: Why::TooLong { length, limit },
        }),
        _ => Ok(()),
    }
}

/// Checks an RFC 1123 label: `a-z`, `0-9` and, inside, `-`; at most 63.
pub(super) fn label(text: &str) -> Result<(), Fault> {
    within(text, MAX_LABEL_LENGTH, 0)?;
    check(text, 0, in_label)
}

/// Checks an RFC 1123 subdomain: labels of any length, joined by dots; at most 253 together.
pub(super) fn subdomain(text: &str) -> Result<(), Fault> {
    within(text, MAX_NAME_LENGTH, 0)?;
    check(text, 0, in_subdomain)
}

/// Checks the key of a label: an optional RFC 1123 subdomain and slash, then at most 63 letters, digits and, inside,
/// `-_.`.
pub(super) fn qualified(text: &str) -> Result<(), Fault> {
    let (name, offset) = match text.split_once('/') {
        None => (text, 0),
        Some((prefix, name)) => {
            subdomain(prefix)?;
            (name, prefix.len() + 1)
        }
    };
    within(name, MAX_LABEL_LENGTH, offset)?;
    if let Some(slash) = name.bytes().position(|byte| byte == b'/') {
        let at = offset + slash;
        return Err(Fault {
            at: at..at + 1,
            why: Why::Slashes,
        });
    }
    check(name, offset, in_qualified)
}

/// Checks the key of an annotation: as [`qualified`], but the prefix may have upper-case letters.
pub(super) fn annotation_key(text: &str) -> Result<(), Fault> {
    match qualified(text) {
        Err(Fault {
            why: Why::Character(character),
            ..
        }) if character.is_ascii_uppercase() => qualified(&text.to_ascii_lowercase()),
        outcome => outcome,
    }
}

/// Checks the value of a label: empty, or at most 63 letters, digits and, inside, `-_.`.
pub(super) fn label_value(text: &str) -> Result<(), Fault> {
    if text.is_empty() {
        return Ok(());
    }
    within(text, MAX_LABEL_LENGTH, 0)?;
    check(text, 0, in_qualified)
}

/// Validates `metadata.name`, `metadata.generateName` and `metadata.namespace` of an `ImageCache`.
///
/// | metadata | finding |
/// |---|---|
/// | `name: web` | none |
/// | `generateName: web-` | none: the API server appends |
/// | neither of them | IC013 |
/// | `name: Web_1` | IC014 at `W` |
/// | `namespace: default` | IC012: the API server accepts the object and drops the namespace |
pub(super) fn metadata(metadata: &Map<String, Value>, path: &Path<'_>, report: &mut Report<'_>) {
    let mut named = false;
    for (key, value) in metadata {
        let at = path.field(key);
        match (key.as_str(), value) {
            ("name" | "generateName" | "namespace", Value::Null) => {}
            ("name" | "generateName" | "namespace", Value::String(text)) if text.is_empty() => {}
            ("name", Value::String(name)) => {
                named = true;
                if let Err(fault) = subdomain(name) {
                    report_invalid(name, &fault, &at, report);
                }
            }
            ("generateName", Value::String(prefix)) => {
                named = true;
                // The API server appends five letters and digits, so a hyphen may be last.
                let whole = prefix.strip_suffix('-').unwrap_or(prefix);
                if let Err(fault) = subdomain(whole) {
                    report_invalid(prefix, &fault, &at, report);
                }
            }
            ("namespace", Value::String(namespace)) => report.add(
                Code::IC012,
                &at,
                ignored_namespace(Quoted(namespace)),
                "Remove it: every namespace can use the cache.",
            ),
            (field @ ("name" | "generateName" | "namespace"), other) => {
                named |= field != "namespace";
                not_a_string(other, &at, report);
            }
            _ => {}
        }
    }
    if !named {
        report.add(
            Code::IC013,
            &path.field("name"),
            required(),
            "Set `metadata.name`.",
        );
    }
}

fn report_invalid(name: &str, fault: &Fault, path: &Path<'_>, report: &mut Report<'_>) {
    report.add_part(
        Code::IC014,
        path,
        QuotedPart::Bytes(fault.at.clone()),
        invalid(Quoted(name), fault),
        Proposal(name),
    );
}

/// The help for an invalid name: the format, and the nearest valid name.
struct Proposal<'a>(&'a str);

impl fmt::Display for Proposal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Use at most 253 lower-case letters, digits, `-` and `.`; start and end with a letter or digit")?;
        let mut proposal = String::new();
        for character in self.0.chars().take(MAX_NAME_LENGTH) {
            match character {
                'a'..='z' | '0'..='9' => proposal.push(character),
                'A'..='Z' => proposal.push(character.to_ascii_lowercase()),
                _ if proposal.ends_with(['-', '.']) => {}
                '.' => proposal.push('.'),
                _ => proposal.push('-'),
            }
        }
        let proposal = proposal.trim_matches(['-', '.']);
        match subdomain(proposal) {
            Ok(()) if proposal.len() < 64 => write!(f, ": `{proposal}`."),
            _ => f.write_str("."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use regex::Regex;

    /// A name format, and the regular expression that Kubernetes documents for it.
    type Rule = (fn(&str) -> Result<(), Fault>, &'static str);

    const RULES: [Rule; 4] = [
        (label, r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"),
        (
            subdomain,
            r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        ),
        (
            qualified,
            r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$",
        ),
        (
            label_value,
            r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$",
        ),
    ];

    proptest! {
        #[test]
        fn names_match_the_expressions_of_kubernetes(text in "[aZ0._/é -]{0,8}") {
            for (rule, expression) in RULES {
                let outcome = rule(&text);
                prop_assert_eq!(outcome.is_ok(), Regex::new(expression).unwrap().is_match(&text), "{}", expression);
                if let Err(fault) = outcome {
                    prop_assert!(text.get(fault.at.clone()).is_some(), "{:?}", fault);
                }
            }
        }
    }
}
