//! Names: `metadata.name` of an `ImageCache`, and the name forms of Kubernetes that other rules need.
//!
//! Source: Kubernetes. A name is an RFC 1123 subdomain, a namespace an RFC 1123 label, the key of a label or annotation
//! a qualified name. Lengths are counted in bytes, as Kubernetes counts them.

use std::fmt;
use std::ops::Range;

use serde_json::{Map, Value};

use super::value::not_a_string;
use crate::diagnostic::{Code, Part, Quoted, Report};
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

/// Letters and digits of one case.
const LOWER: u8 = 1;
const UPPER: u8 = 2;
const HYPHEN: u8 = 4;
const DOT: u8 = 8;
const UNDERSCORE: u8 = 16;

/// The class of a byte; 0 for those that no name has.
fn class(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' | b'0'..=b'9' => LOWER,
        b'A'..=b'Z' => UPPER,
        b'-' => HYPHEN,
        b'.' => DOT,
        b'_' => UNDERSCORE,
        _ => 0,
    }
}

/// Bytes that stand anywhere in a part of a name, bytes that stand only inside, and the byte between parts.
#[derive(Debug, Clone, Copy)]
struct Alphabet {
    anywhere: u8,
    inside: u8,
    between: u8,
}

const LABEL: Alphabet = Alphabet {
    anywhere: LOWER,
    inside: HYPHEN,
    between: 0,
};
const SUBDOMAIN: Alphabet = Alphabet {
    between: DOT,
    ..LABEL
};
const QUALIFIED: Alphabet = Alphabet {
    anywhere: LOWER | UPPER,
    inside: HYPHEN | UNDERSCORE | DOT,
    between: 0,
};

impl Alphabet {
    /// Holds `text`, which begins at `offset`, against the alphabet.
    fn check(self, text: &str, offset: usize) -> Result<(), Fault> {
        if self.fits(text) {
            Ok(())
        } else {
            self.fault(text, offset)
        }
    }

    /// One pass, for names that are right.
    fn fits(self, text: &str) -> bool {
        let (mut begun, mut may_end) = (false, false);
        for byte in text.bytes() {
            let class = class(byte);
            if class & self.anywhere != 0 {
                (begun, may_end) = (true, true);
            } else if class & self.inside != 0 && begun {
                may_end = false;
            } else if class & self.between != 0 && may_end {
                (begun, may_end) = (false, false);
            } else {
                return false;
            }
        }
        may_end
    }

    /// The first fault: a character that no part has, else a part that begins or ends wrongly or is empty.
    fn fault(self, text: &str, offset: usize) -> Result<(), Fault> {
        let mut start = 0;
        for part in text.split(|character| self.between != 0 && character == '.') {
            let place = offset + start;
            let known = self.anywhere | self.inside;
            if let Some(at) = part.bytes().position(|byte| class(byte) & known == 0) {
                return Err(character_at(part, at, place, Why::Character));
            }
            let may_stand = |byte: u8| class(byte) & self.anywhere != 0;
            match (part.bytes().next(), part.bytes().next_back()) {
                (Some(first), _) if !may_stand(first) => {
                    return Err(character_at(part, 0, place, Why::Edge));
                }
                (_, Some(last)) if !may_stand(last) => {
                    return Err(character_at(part, part.len() - 1, place, Why::Edge));
                }
                (None, _) => {
                    return Err(Fault {
                        at: place..place,
                        why: Why::EmptyPart,
                    });
                }
                _ => start += part.len() + 1,
            }
        }
        Ok(())
    }
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
    LABEL.check(text, 0)
}

/// RFC 1123 subdomain: labels of any length, joined by dots; at most 253 together.
pub(super) fn subdomain(text: &str) -> Result<(), Fault> {
    within(text, MAX_NAME_LENGTH, 0)?;
    SUBDOMAIN.check(text, 0)
}

/// Key of a label: a name of letters, digits and, inside, `-_.`, at most 63, with an RFC 1123 subdomain and a slash
/// before it or not.
pub(super) fn qualified(text: &str) -> Result<(), Fault> {
    let (name, offset) = match cut(text, b'/') {
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
    QUALIFIED.check(name, offset)
}

/// What stands before and behind the first `byte`, which is ASCII. On texts of names' length quicker than a search that
/// is made for long ones.
pub(super) fn cut(text: &str, byte: u8) -> Option<(&str, &str)> {
    let at = text.bytes().position(|other| other == byte)?;
    let (before, rest) = text.split_at_checked(at)?;
    Some((before, rest.get(1..)?))
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
    QUALIFIED.check(text, 0)
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
pub(super) fn check(metadata: &Map<String, Value>, path: &Path<'_>, report: &mut Report<'_>) {
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
        Part::Bytes(fault.at.clone()),
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
