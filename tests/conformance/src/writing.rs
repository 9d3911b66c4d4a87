//! Objects as people write them down: JSON on one line and on many, and YAML in all its styles, with comments, quotes,
//! lists on a line, several documents, line ends of Windows, and slips of the finger.

use serde_json::Value;

use crate::dice::Dice;

/// A text of JSON: one object, on one line or on many.
pub(crate) fn json(dice: &mut Dice, object: &Value) -> String {
    let text = match dice.below(3) {
        0 => object.to_string(),
        _ => format!("{object:#}\n"),
    };
    with_line_ends(dice, text)
}

/// A text of YAML with these objects, of which some may be written as JSON. One in four has a slip in it.
pub(crate) fn yaml(dice: &mut Dice, objects: &[Value]) -> String {
    let documents: Vec<String> = objects
        .iter()
        .map(|object| match dice.below(8) {
            0 => format!("{object:#}\n"),
            _ => document(dice, object),
        })
        .collect();
    let separator = dice.pick(&["---\n", "---\n", "--- # the next one\n", "...\n---\n"]);
    let mut text = documents.join(separator);
    if dice.once_in(4) {
        slip(dice, &mut text);
    }
    with_line_ends(dice, text)
}

fn with_line_ends(dice: &mut Dice, mut text: String) -> String {
    if dice.once_in(8) {
        text = text.replace('\n', "\r\n");
    }
    if dice.once_in(12) {
        text.insert(0, '\u{feff}');
    }
    text
}

/// One character too few, too many, or another.
fn slip(dice: &mut Dice, text: &mut String) {
    let at = dice.below(text.len());
    let Some((at, found)) = text.char_indices().find(|(place, _)| *place >= at) else {
        return;
    };
    let other = dice.pick(&[
        ":", "-", " ", "\t", "\"", "'", "[", "}", "#", "\n", "&", "é", "\u{0}",
    ]);
    let end = at + found.len_utf8();
    match dice.below(3) {
        0 => text.replace_range(at..end, ""),
        1 => text.insert_str(at, other),
        _ => text.replace_range(at..end, other),
    }
}

/// How one document is written.
struct Hand {
    /// Spaces a level.
    step: usize,
    /// Whether lists stand deeper than their key.
    deep_lists: bool,
}

fn document(dice: &mut Dice, object: &Value) -> String {
    let hand = Hand {
        step: dice.pick(&[2, 2, 2, 4]),
        deep_lists: dice.once_in(2),
    };
    let mut text = String::new();
    if dice.once_in(4) {
        text.push_str(dice.pick(&["# für alle: 😀 ImageCache\n", "# a comment\n\n", "---\n"]));
    }
    block(dice, &hand, object, 0, &mut text);
    text
}

/// A value that begins on a line of its own.
fn block(dice: &mut Dice, hand: &Hand, value: &Value, indent: usize, text: &mut String) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (at, (name, value)) in fields.iter().enumerate() {
                if at > 0 || !text.ends_with("- ") {
                    pad(indent, text);
                }
                text.push_str(&scalar(dice, name));
                text.push(':');
                let deeper = match value {
                    Value::Array(_) if !hand.deep_lists => indent,
                    _ => indent + hand.step,
                };
                behind(dice, hand, value, deeper, text);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                pad(indent, text);
                text.push('-');
                match item {
                    Value::Object(fields) if !fields.is_empty() => {
                        text.push(' ');
                        block(dice, hand, item, indent + 2, text);
                    }
                    other => behind(dice, hand, other, indent + 2, text),
                }
            }
        }
        other => {
            pad(indent, text);
            text.push_str(&flow(dice, other));
            end(dice, text);
        }
    }
}

/// A value after a colon or a dash.
fn behind(dice: &mut Dice, hand: &Hand, value: &Value, indent: usize, text: &mut String) {
    let nested = match value {
        Value::Object(fields) => !fields.is_empty() && !dice.once_in(9),
        Value::Array(items) => !items.is_empty() && !dice.once_in(4),
        _ => false,
    };
    if nested {
        end(dice, text);
        return block(dice, hand, value, indent, text);
    }
    if !value.is_null() || dice.once_in(2) {
        text.push(' ');
        text.push_str(&flow(dice, value));
    }
    end(dice, text);
}

/// A value on one line.
fn flow(dice: &mut Dice, value: &Value) -> String {
    match value {
        Value::String(text) => scalar(dice, text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| flow(dice, item)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{}: {}", scalar(dice, name), flow(dice, value)))
                .collect();
            format!("{{{}}}", fields.join(", "))
        }
        other => other.to_string(),
    }
}

/// A text: bare where that hardly changes its meaning, sometimes where it does, else in quotes.
fn scalar(dice: &mut Dice, text: &str) -> String {
    let plain = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .chars()
            .all(|one| one.is_ascii_alphanumeric() || "./-_@:".contains(one))
        && !text.ends_with(':')
        && !matches!(
            text,
            "true" | "false" | "True" | "False" | "yes" | "no" | "on" | "null"
        );
    match dice.below(if plain { 9 } else { 3 }) {
        0 => format!("'{}'", text.replace('\'', "''")),
        1 => Value::from(text).to_string(),
        // A slip that people make: a text that is none without its quotes.
        2 if !plain && !text.is_empty() && dice.once_in(6) => text.to_owned(),
        _ if plain => text.to_owned(),
        _ => Value::from(text).to_string(),
    }
}

fn end(dice: &mut Dice, text: &mut String) {
    text.push_str(if dice.once_in(14) { " # why\n" } else { "\n" });
}

fn pad(indent: usize, text: &mut String) {
    text.extend(std::iter::repeat_n(' ', indent));
}
