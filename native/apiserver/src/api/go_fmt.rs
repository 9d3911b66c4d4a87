//! How Go writes values into messages: clients compare and people search for the exact words of a Kubernetes server.

use serde_json::Value;

/// A text as `%q` writes it: in double quotes, with backslashes before quotes and control characters.
#[must_use]
pub(super) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            c if u32::from(c) < 0x20 || c == '\u{7f}' => {
                out.push_str(&format!("\\x{:02x}", u32::from(c)));
            }
            c if is_invisible(c) => {
                let code = u32::from(c);
                out.push_str(&if code > 0xffff {
                    format!("\\U{code:08x}")
                } else {
                    format!("\\u{code:04x}")
                });
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Characters that Go does not print as themselves: controls above ASCII, spaces other than the ordinary one, and
/// those that change the direction or join of their neighbours.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || (c != ' ' && c.is_whitespace())
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e000}'..='\u{f8ff}')
}

/// A number as `%v` writes it: floats shortest, with an exponent from 1e21 on and below 1e-4.
#[must_use]
pub(super) fn number(number: &serde_json::Number) -> String {
    if number.is_f64() {
        float(number.as_f64().unwrap_or_default())
    } else {
        number.to_string()
    }
}

fn float(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..21).contains(&exponent) {
        format!("{value}")
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{mantissa}e{sign}{:02}", exponent.abs())
    }
}

/// A value as a message of `field.Invalid` shows it: texts quoted, everything else as JSON or a number.
#[must_use]
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => quote(text),
        Value::Number(n) => number(n),
        other => other.to_string(),
    }
}

/// A list of texts as `%#v` writes it: `[]string{"a", "b"}`.
#[must_use]
pub(super) fn string_slice(texts: &[&str]) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| quote(text)).collect();
    format!("[]string{{{}}}", quoted.join(", "))
}

/// What Go calls the kind of a JSON value in an unmarshal error.
#[must_use]
pub(super) fn json_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_are_quoted_as_go_quotes_them() {
        for (text, quoted) in [
            ("plain", "\"plain\""),
            ("a\"b\\c\n", "\"a\\\"b\\\\c\\n\""),
            ("说明", "\"说明\""),
            ("\u{1}\u{7f}", "\"\\x01\\x7f\""),
            ("\u{200b}\u{a0}", "\"\\u200b\\u00a0\""),
        ] {
            assert_eq!(quote(text), quoted);
        }
    }

    #[test]
    fn numbers_are_written_as_go_writes_them() {
        for (value, text) in [
            (json!(25), "25"),
            (json!(25.5), "25.5"),
            (json!(1e30), "1e+30"),
            (json!(1e20), "100000000000000000000"),
            (json!(0.00001), "1e-05"),
            (json!(-3), "-3"),
        ] {
            assert_eq!(shown(&value), text);
        }
    }
}
