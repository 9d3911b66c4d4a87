//! Names: `metadata.name` of an `ImageCache`, and the name forms of Kubernetes that other rules need.
//!
//! Source: Kubernetes. A name is an RFC 1123 subdomain, a namespace an RFC 1123 label, the key of a label or annotation
//! a qualified name. Lengths are counted in bytes, as Kubernetes counts them.

use std::fmt;
use std::ops::Range;

use serde_json::{Map, Value};

use super::value::not_a_string;
use crate::diagnostic::{Code, Quoted, QuotedPart, Report};
use crate::path::Path;
use crate::resource::MAX_NAME_LENGTH;

/// Longest RFC 1123 label, label value and name part of a qualified name, in bytes.
const MAX_LABEL_LENGTH: usize = 63;

/// Why a text is no name of a form, and which bytes are to blame.
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
    /// A part begins or ends with this character, which may only stand inside.
    Edge(char),
    EmptyPart,
    Slashes,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.why {
            Why::Empty => f.write_str("it is empty"),
            Why::TooLong { length, limit } => {
                write!(f, "{length} characters, at most {limit} allowed")
            }
            Why::Character(' ') => f.write_str("a space is not allowed"),
            Why::Character(character) => {
                write!(
                    f,
                    "{} is not allowed",
                    Quoted(character.encode_utf8(&mut [0; 4]))
                )
            }
            Why::Edge(character) => {
                write!(f, "`{character}` may not begin or end a part")
            }
            Why::EmptyPart => f.write_str("a part between dots is empty"),
            Why::Slashes => f.write_str("only one slash is allowed"),
        }
    }
}

/// Where in a part of a name a byte may stand.
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

/// Holds `text`, which begins at `offset`, against the roles of its bytes.
fn check(text: &str, offset: usize, role: impl Fn(u8) -> Role) -> Result<(), Fault> {
    if fits(text, &role) {
        Ok(())
    } else {
        fault(text, offset, role)
    }
}

/// One pass, for names that are right.
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

/// The first fault: a character that no part has, else a part that begins or ends wrongly or is empty.
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

/// The fault of the character that begins at byte `at` of `text`, which itself begins at `offset`.
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

/// RFC 1123 label: `a-z`, `0-9` and, inside, `-`; at most 63.
pub(super) fn label(text: &str) -> Result<(), Fault> {
    within(text, MAX_LABEL_LENGTH, 0)?;
    check(text, 0, in_label)
}

/// RFC 1123 subdomain: labels of any length, joined by dots; at most 253 together.
pub(super) fn subdomain(text: &str) -> Result<(), Fault> {
    within(text, MAX_NAME_LENGTH, 0)?;
    check(text, 0, in_subdomain)
}

/// Key of a label: a name of letters, digits and, inside, `-_.`, at most 63, with an RFC 1123 subdomain and a slash
/// before it or not.
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

/// Key of an annotation: as [`qualified`], where upper case in the prefix does not matter.
pub(super) fn annotation_key(text: &str) -> Result<(), Fault> {
    match qualified(text) {
        Err(Fault {
            why: Why::Character(character),
            ..
        }) if character.is_ascii_uppercase() => qualified(&text.to_ascii_lowercase()),
        outcome => outcome,
    }
}

/// Value of a label: empty, or letters, digits and, inside, `-_.`; at most 63.
pub(super) fn label_value(text: &str) -> Result<(), Fault> {
    if text.is_empty() {
        return Ok(());
    }
    within(text, MAX_LABEL_LENGTH, 0)?;
    check(text, 0, in_qualified)
}

/// `metadata.name`, `metadata.generateName` and `metadata.namespace` of an `ImageCache`.
///
/// | metadata | finding |
/// |---|---|
/// | `name: web` | none |
/// | `generateName: web-` | none: the API server appends |
/// | nothing of the two | IC013 |
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
                    invalid(name, &fault, &at, report);
                }
            }
            ("generateName", Value::String(prefix)) => {
                named = true;
                // Five letters and digits follow, so a hyphen may stand last.
                let whole = prefix.strip_suffix('-').unwrap_or(prefix);
                if let Err(fault) = subdomain(whole) {
                    invalid(prefix, &fault, &at, report);
                }
            }
            ("namespace", Value::String(namespace)) => report.add(
                Code::IC012,
                &at,
                format_args!("{}, but ImageCache is cluster scoped", Quoted(namespace)),
                "Remove it: every namespace may use the cache.",
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
            "missing, and so is generateName",
            "Give the cache a name.",
        );
    }
}

fn invalid(name: &str, fault: &Fault, path: &Path<'_>, report: &mut Report<'_>) {
    report.add_part(
        Code::IC014,
        path,
        QuotedPart::Bytes(fault.at.clone()),
        format_args!("{} is not an RFC 1123 subdomain: {fault}", Quoted(name)),
        Proposal(name),
    );
}

/// What to write instead of a name: the nearest one that is valid.
struct Proposal<'a>(&'a str);

impl fmt::Display for Proposal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Use lower-case letters, digits, `-` and `.`, at most 253, a letter or digit first and last")?;
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

    /// A form of name, and the regular expression that Kubernetes gives for it.
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
        fn names_are_what_the_expressions_of_kubernetes_match(text in "[aZ0._/é -]{0,8}") {
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
