//! Answers as YAML, in the layout of the real server: sorted keys, lists at the indent of their key, texts plain where
//! they read back as texts, long ones folded at the 80th column.

use std::fmt::Write as _;

use imagecache::diagnostic::Levels;
use imagecache::document::{self, TextFormat};
use serde_json::Value;

/// Returns a value as one YAML document with a final line break.
#[must_use]
pub(crate) fn write(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(fields) if !fields.is_empty() => map(fields, 0, false, &mut out),
        Value::Array(items) if !items.is_empty() => list(items, 0, &mut out),
        scalar => {
            leaf(scalar, 0, 0, &mut out);
            out.push('\n');
        }
    }
    out
}

fn indent(depth: usize, out: &mut String) {
    for _ in 0..depth {
        out.push_str("  ");
    }
}

/// Writes the fields of a map; the first one on the current line if `inline`.
fn map(fields: &serde_json::Map<String, Value>, depth: usize, mut inline: bool, out: &mut String) {
    for (name, value) in fields {
        if !std::mem::take(&mut inline) {
            indent(depth, out);
        }
        let start = out.len();
        text(name, depth, 2 * depth, true, out);
        out.push(':');
        let column = 2 * depth + out.len().saturating_sub(start);
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                out.push('\n');
                map(fields, depth + 1, false, out);
            }
            Value::Array(items) if !items.is_empty() => {
                out.push('\n');
                list(items, depth, out);
            }
            scalar => {
                out.push(' ');
                leaf(scalar, depth + 1, column + 1, out);
                out.push('\n');
            }
        }
    }
}

fn list(items: &[Value], depth: usize, out: &mut String) {
    for item in items {
        indent(depth, out);
        out.push_str("- ");
        match item {
            Value::Object(fields) if !fields.is_empty() => map(fields, depth + 1, true, out),
            Value::Array(items) if !items.is_empty() => {
                // A list in a list begins on the line of its dash.
                let mut inner = String::new();
                list(items, depth + 1, &mut inner);
                out.push_str(inner.trim_start());
            }
            scalar => {
                leaf(scalar, depth + 1, 2 * depth + 2, out);
                out.push('\n');
            }
        }
    }
}

fn leaf(value: &Value, depth: usize, column: usize, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(flag) => {
            let _ = write!(out, "{flag}");
        }
        Value::Number(number) => out.push_str(&super::go_fmt::number(number)),
        Value::String(words) => text(words, depth, column, false, out),
        Value::Array(_) => out.push_str("[]"),
        Value::Object(_) => out.push_str("{}"),
    }
}

/// Writes a text. `column` is where it begins; a key is never folded.
fn text(words: &str, depth: usize, column: usize, is_key: bool, out: &mut String) {
    if words.contains('\n') && !is_key && is_printable(words) {
        return block(words, depth, out);
    }
    if !is_printable(words) || words.contains(['\n', '\t']) {
        return double_quoted(words, out);
    }
    let plain = is_plain(words);
    // What would read back as a number, a flag or nothing is quoted twice, any other text that is not a plain scalar once.
    if plain && !reads_as_text(words) {
        return double_quoted(words, out);
    }
    let written = if plain {
        words.to_owned()
    } else {
        format!("'{}'", words.replace('\'', "''"))
    };
    if is_key {
        out.push_str(&written);
    } else {
        fold(&written, depth, column, out);
    }
}

/// Breaks a scalar at single spaces beyond the 80th column.
fn fold(written: &str, depth: usize, column: usize, out: &mut String) {
    const WIDTH: usize = 80;
    let mut at = column;
    let mut previous = '\0';
    let mut chars = written.chars().peekable();
    while let Some(c) = chars.next() {
        let single = c == ' ' && previous != ' ' && chars.peek().is_some_and(|next| *next != ' ');
        let inside = previous != '\0' && chars.peek().is_some();
        if single && inside && at > WIDTH {
            out.push('\n');
            indent(depth, out);
            at = 2 * depth;
        } else {
            out.push(c);
            at += 1;
        }
        previous = c;
    }
}

/// A text of several lines, as a literal block.
fn block(words: &str, depth: usize, out: &mut String) {
    out.push('|');
    if words.starts_with([' ', '\n']) {
        out.push('2');
    }
    if !words.ends_with('\n') {
        out.push('-');
    } else if words.ends_with("\n\n") || words == "\n" {
        out.push('+');
    }
    for line in words.strip_suffix('\n').unwrap_or(words).split('\n') {
        out.push('\n');
        if !line.is_empty() {
            indent(depth, out);
            out.push_str(line);
        }
    }
}

fn double_quoted(words: &str, out: &mut String) {
    out.push('"');
    for c in words.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0' => out.push_str("\\0"),
            c if is_printable_char(c) => out.push(c),
            c => {
                let code = u32::from(c);
                let _ = match code {
                    ..=0xff => write!(out, "\\x{code:02X}"),
                    0x100..=0xffff => write!(out, "\\u{code:04X}"),
                    _ => write!(out, "\\U{code:08X}"),
                };
            }
        }
    }
    out.push('"');
}

fn is_printable_char(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
        && c != '\u{feff}'
        && !matches!(c, '\u{2028}' | '\u{2029}')
}

fn is_printable(words: &str) -> bool {
    words
        .chars()
        .all(|c| is_printable_char(c) || matches!(c, '\n' | '\t'))
}

/// May a text of one line stand without quotes?
fn is_plain(words: &str) -> bool {
    let Some(first) = words.chars().next() else {
        return true;
    };
    let second = words.chars().nth(1);
    let indicator = match first {
        '-' | '?' | ':' => second.is_none_or(|c| c == ' '),
        '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%'
        | '@' | '`' => true,
        ' ' => true,
        _ => false,
    };
    !indicator
        && !words.ends_with([' ', ':'])
        && !words.contains(": ")
        && !words.contains(" #")
        && !words.starts_with("---")
        && !words.starts_with("...")
}

/// Does a plain scalar read back as the text that it is? The project's reader has the word: it reads as `kubectl` does.
fn reads_as_text(words: &str) -> bool {
    // Most texts begin with a letter that begins no number, flag or nothing.
    let begins = words.chars().next();
    if begins.is_some_and(|c| c.is_alphabetic() && !"tTfFyYnNoOiI".contains(c)) {
        return true;
    }
    if looks_like_time(words) {
        return false;
    }
    let (documents, findings) = document::read(words, TextFormat::Yaml, &Levels::default());
    findings.is_empty()
        && documents.len() == 1
        && documents
            .first()
            .is_some_and(|document| document.value().as_str() == Some(words))
}

/// Texts that YAML 1.1 takes for a time are quoted, though they are read as texts here.
fn looks_like_time(words: &str) -> bool {
    let bytes = words.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    digit(0) && digit(1) && digit(2) && digit(3) && bytes.get(4) == Some(&b'-') && digit(5)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn layout_is_that_of_the_real_server() {
        let value = json!({
            "a": {"empty": {}, "list": [], "null": null},
            "b": [{"c": 1, "d": ["x", ["y", "z"]]}, "2026-11-21T23:58:10Z", "298", "true", "", "100%", "~"],
            ".": {},
            "note": "缓存 <&>",
            "quoted": "it's: so",
            "lines": "one\ntwo\n",
            "v:\"a\"": {},
        });
        insta::assert_snapshot!(write(&value));
    }

    #[test]
    fn yaml_long_texts_fold_like_the_real_server() {
        let words = "Name must be unique within a namespace. Is required when creating resources, although some \
            resources may allow a client to request the generation of an appropriate name automatically. Name is \
            primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: \
            https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names";
        let yaml = write(&json!({"columnDefinitions": [{"description": words}]}));
        assert_eq!(
            yaml,
            "columnDefinitions:\n- description: 'Name must be unique within a namespace. Is required when creating\n    \
             resources, although some resources may allow a client to request the generation\n    of an appropriate \
             name automatically. Name is primarily intended for creation\n    idempotence and configuration \
             definition. Cannot be updated. More info: \
             https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names'\n"
        );
    }

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[ -~]{0,12}".prop_map(Value::from),
            "[a-z0-9:#'\"\\n \\-]{0,100}".prop_map(Value::from),
            "\\PC{0,8}".prop_map(Value::from),
            prop::sample::select(vec![
                "yes", "0x10", "1e3", "null", "1_000", ".5", "=", "<<", "012"
            ])
            .prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z.:/\" ]{0,8}", inner, 0..4).prop_map(|fields| {
                    fields.into_iter().collect::<serde_json::Map<_, _>>().into()
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn yaml_written_is_read_back(value in json_value()) {
            let yaml = write(&json!({"value": value}));
            let (documents, findings) = document::read(&yaml, TextFormat::Yaml, &Levels::default());
            prop_assert!(findings.is_empty(), "{findings:?}\n{yaml}");
            prop_assert_eq!(&documents[0].value()["value"], &value, "{}", yaml);
        }
    }
}
