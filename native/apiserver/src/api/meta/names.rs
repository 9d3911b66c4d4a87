//! What names, keys and values may be.

/// How objects of a resource may be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameRule {
    /// An RFC 1123 subdomain: `a.b-c.d`, at most 253 characters.
    Subdomain,
    /// An RFC 1123 label: no dots, at most 63 characters.
    Label,
    /// An RFC 1035 label: as one of RFC 1123, but it begins with a letter.
    OldLabel,
    /// What a URL can hold.
    Any,
    /// They have no names.
    None,
}

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const OLD_LABEL: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const QUALIFIED: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const CONFIG_KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

fn is_label(text: &str) -> bool {
    let ok = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.first().copied().is_some_and(ok)
        && bytes.last().copied().is_some_and(ok)
        && bytes.iter().all(|c| ok(*c) || *c == b'-')
}

fn too_many_characters(limit: usize) -> String {
    format!("must be no more than {limit} characters")
}

pub(in crate::api) fn name_faults(rule: NameRule, name: &str) -> Vec<String> {
    let mut faults = Vec::new();
    match rule {
        NameRule::Subdomain => {
            if name.len() > 253 {
                faults.push(too_many_characters(253));
            }
            if !name.split('.').all(is_label) {
                faults.push(SUBDOMAIN.to_owned());
            }
        }
        NameRule::Label => {
            if name.len() > 63 {
                faults.push(too_many_characters(63));
            }
            if !is_label(name) {
                faults.push(LABEL.to_owned());
            }
        }
        NameRule::OldLabel => {
            if name.len() > 63 {
                faults.push(too_many_characters(63));
            }
            if !is_label(name) || name.starts_with(|first: char| first.is_ascii_digit()) {
                faults.push(OLD_LABEL.to_owned());
            }
        }
        NameRule::None => {}
        NameRule::Any => {
            if matches!(name, "." | "..") {
                faults.push(format!("may not be '{name}'"));
            }
            for part in ['/', '%'] {
                if name.contains(part) {
                    faults.push(format!("may not contain '{part}'"));
                }
            }
        }
    }
    faults
}

/// What is wrong with a key of a label or annotation.
pub(in crate::api) fn key_faults(key: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let name = match key.split('/').collect::<Vec<_>>().as_slice() {
        [name] => *name,
        [prefix, name] => {
            if prefix.is_empty() {
                faults.push("prefix part must be non-empty".to_owned());
            } else {
                let prefixed = name_faults(NameRule::Subdomain, prefix).into_iter();
                faults.extend(prefixed.map(|fault| format!("prefix part {fault}")));
            }
            *name
        }
        _ => {
            return vec![format!(
                "a qualified name {QUALIFIED} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
    };
    if name.is_empty() {
        faults.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        faults.push(format!("name part {}", too_many_characters(63)));
    }
    if !is_qualified(name) {
        faults.push(format!("name part {QUALIFIED}"));
    }
    faults
}

fn is_qualified(name: &str) -> bool {
    let bytes = name.as_bytes();
    let ends = |c: Option<&u8>| c.is_some_and(u8::is_ascii_alphanumeric);
    ends(bytes.first())
        && ends(bytes.last())
        && bytes
            .iter()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.'))
}

/// What is wrong with the value of a label.
pub(in crate::api) fn value_faults(value: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if value.len() > 63 {
        faults.push(too_many_characters(63));
    }
    if !value.is_empty() && !is_qualified(value) {
        faults.push(LABEL_VALUE.to_owned());
    }
    faults
}

/// What is wrong with a key of a config map or secret.
pub(in crate::api) fn config_key_faults(key: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if key.len() > 253 {
        faults.push(too_many_characters(253));
    }
    let known = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
    if key.is_empty() || !key.bytes().all(known) {
        faults.push(CONFIG_KEY.to_owned());
    }
    match key {
        "." | ".." => faults.push(format!("must not be '{key}'")),
        key if key.starts_with("..") => faults.push("must not start with '..'".to_owned()),
        _ => {}
    }
    faults
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn names_are_validated_as_kubernetes_does() {
        let cases: Value =
            serde_json::from_str(include_str!("../../../tests/data/names.json")).unwrap();
        type Check = fn(&str) -> Vec<String>;
        let suites: [(&str, Check); 5] = [
            ("subdomain", |name| name_faults(NameRule::Subdomain, name)),
            ("label", |name| name_faults(NameRule::Label, name)),
            ("key", key_faults),
            ("value", value_faults),
            ("config key", config_key_faults),
        ];
        let mut checked = 0;
        for (suite, faults) in suites {
            for (list, valid) in [("valid", true), ("invalid", false)] {
                for name in cases[suite][list].as_array().unwrap() {
                    let name = name.as_str().unwrap();
                    assert_eq!(faults(name).is_empty(), valid, "{suite}: {name}");
                    checked += 1;
                }
            }
        }
        assert_eq!(checked, 203);
    }
}
