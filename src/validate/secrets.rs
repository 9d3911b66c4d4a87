//! The image pull secrets of an `ImageCache`.
//!
//! Sources: the vendor's field table (`namespace:secretName`, at most 10 credentials), Kubernetes' rules for the names
//! of namespaces and secrets. Users report that a secret without its namespace is noticed only when the pull fails.

use std::fmt;
use std::ops::Range;

use serde_json::{Map, Value};

use super::images::{MAX_ITEMS, Unread};
use super::messages::define;
use super::name;
use super::value::{not_a, not_a_string};
use crate::diagnostic::{Code, Quoted, QuotedPart, Report};
use crate::path::Path;
use crate::resource::MAX_SECRETS;
use crate::type_error::TypeError;

define! { secrets:
    too_many(count, limit) "{count} secrets, at most {limit} allowed";
    invalid(secret, fault) "{secret} must be `namespace:name`: {fault}";
    duplicate(secret, earlier) "{secret} is a duplicate of {earlier}";
    empty() "must not be empty";
    no_colon() "missing `:`";
    two_colons() "at most one `:` allowed";
    namespace(fault) "invalid namespace, {fault}";
    secret_name(fault) "invalid name, {fault}";
}

/// Validates `spec.imagePullSecrets`.
///
/// | secrets | finding |
/// |---|---|
/// | absent, null, `[]` | none |
/// | `default:secret1` | none |
/// | `secret1`, `default/secret1`, `a:b:c`, `Default:x` | IC030 at the fault |
/// | `{name: secret1}` | IC016: the form that pods use |
/// | `a:b`, `a:b` | IC031 at the second |
/// | 11 items | IC032 |
pub(super) fn check(spec: &Map<String, Value>, path: &Path<'_>, report: &mut Report<'_>) {
    let path = path.field("imagePullSecrets");
    let secrets = match spec.get("imagePullSecrets") {
        None | Some(Value::Null) => return,
        Some(Value::Array(secrets)) => secrets,
        Some(other) => return not_a("a list of strings", other, &path, report),
    };
    if secrets.len() > MAX_SECRETS {
        report.add(
            Code::IC032,
            &path,
            format_args!(
                "{}{}",
                too_many(secrets.len(), MAX_SECRETS),
                Unread(secrets.len())
            ),
            "Merge the logins of several registries into one docker-config secret.",
        );
    }
    for (index, secret) in secrets.iter().take(MAX_ITEMS).enumerate() {
        let list = &path;
        let path = list.index(index);
        match secret {
            Value::String(text) => {
                if let Err(fault) = form(text) {
                    report.add_part(
                        Code::IC030,
                        &path,
                        QuotedPart::Bytes(fault.at.clone()),
                        invalid(Quoted(text), fault.why),
                        Remedy(text),
                    );
                }
                if let Some(earlier) = secrets.iter().take(index).position(|other| other == secret)
                {
                    report.add(
                        Code::IC031,
                        &path,
                        duplicate(Quoted(text), list.index(earlier)),
                        "Remove one of them.",
                    );
                }
            }
            Value::Object(pod_form) => {
                let name = pod_form
                    .get("name")
                    .and_then(Value::as_str)
                    .unwrap_or("name");
                report.add(
                    Code::IC016,
                    &path,
                    TypeError {
                        expected: "a string `namespace:name`",
                        found: secret,
                    },
                    format_args!(
                        "Write a string: {}. Only pods use objects.",
                        Quoted(&["default:", name].concat())
                    ),
                );
            }
            other => not_a_string(other, &path, report),
        }
    }
}

struct Fault {
    at: Range<usize>,
    why: Why,
}

enum Why {
    Empty,
    NoNamespace,
    TwoColons,
    Namespace(name::Fault),
    Name(name::Fault),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Empty => empty().fmt(f),
            Why::NoNamespace => no_colon().fmt(f),
            Why::TwoColons => two_colons().fmt(f),
            Why::Namespace(fault) => namespace(fault).fmt(f),
            Why::Name(fault) => secret_name(fault).fmt(f),
        }
    }
}

fn form(text: &str) -> Result<(), Fault> {
    let Some((namespace, secret)) = text.split_once(':') else {
        let why = if text.is_empty() {
            Why::Empty
        } else {
            Why::NoNamespace
        };
        return Err(Fault {
            at: 0..text.len(),
            why,
        });
    };
    name::label(namespace).map_err(|fault| Fault {
        at: fault.at.clone(),
        why: Why::Namespace(fault),
    })?;
    let offset = namespace.len() + 1;
    if let Some(colon) = secret.bytes().position(|byte| byte == b':') {
        let at = offset + colon;
        return Err(Fault {
            at: at..at + 1,
            why: Why::TwoColons,
        });
    }
    name::subdomain(secret).map_err(|fault| Fault {
        at: fault.at.start + offset..fault.at.end + offset,
        why: Why::Name(fault),
    })
}

/// The help: the valid form of the secret.
struct Remedy<'a>(&'a str);

impl fmt::Display for Remedy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0;
        let proposal = match text.split_once('/') {
            Some((namespace, name)) if !text.contains(':') => [namespace, ":", name].concat(),
            _ if !text.contains(':') => ["default:", text].concat(),
            _ => String::new(),
        };
        if form(&proposal).is_ok() {
            write!(
                f,
                "Write the namespace, a colon and the name of the secret: {}.",
                Quoted(&proposal)
            )
        } else {
            f.write_str(
                "Write the namespace, a colon and the name of the secret: `default:secret1`.",
            )
        }
    }
}
