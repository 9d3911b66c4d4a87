//! JSON text to values, with its duplicate keys, and Go's messages for text that is not JSON.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::path::Path;

/// Reads one JSON value and the paths of fields that stand twice in it (the last one counts).
///
/// Bytes that are no UTF-8 become U+FFFD, as in Go.
///
/// # Errors
/// What Go says about the text.
pub(super) fn read(bytes: &[u8]) -> Result<(Value, Vec<String>), String> {
    let text = String::from_utf8_lossy(bytes);
    let mut duplicates = Vec::new();
    let mut json = serde_json::Deserializer::from_str(&text);
    let seed = Node {
        path: Path::root(""),
        duplicates: &mut duplicates,
    };
    let value = seed
        .deserialize(&mut json)
        .and_then(|value| json.end().map(|()| value));
    match value {
        Ok(value) => Ok((value, duplicates)),
        Err(error) => Err(fault(text.as_bytes()).unwrap_or_else(|| format!("json: {error}"))),
    }
}

struct Node<'a> {
    path: Path<'a>,
    duplicates: &'a mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        serde_json::Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("a number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Node {
            path: self.path.index(items.len()),
            duplicates: &mut *self.duplicates,
        })? {
            items.push(item);
        }
        Ok(items.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let path = self.path.field(&name);
            let value = map.next_value_seed(Node {
                path,
                duplicates: &mut *self.duplicates,
            })?;
            if fields.contains_key(&name) {
                self.duplicates.push(path.to_string());
            }
            fields.insert(name, value);
        }
        Ok(fields.into())
    }
}

/// The state of the scan between tokens.
#[derive(Clone, Copy)]
enum At {
    Value,
    /// After `[`: a value or its end.
    ItemOrEnd,
    /// After `{`: a key or its end.
    KeyOrEnd,
    Key,
    Colon,
    AfterValue,
}

/// Returns the message of Go's scanner for text that is not a JSON value; `None` if it is one.
fn fault(text: &[u8]) -> Option<String> {
    let mut scan = Scan { text, at: 0 };
    let mut open = Vec::new();
    let mut state = At::Value;
    loop {
        scan.skip_space();
        let next = scan.peek();
        if let (At::AfterValue, true, None) = (state, open.is_empty(), next) {
            return None;
        }
        let Some(byte) = next else {
            return Some(END.to_owned());
        };
        state = match (state, byte) {
            (At::ItemOrEnd, b']') | (At::KeyOrEnd, b'}') => {
                scan.at += 1;
                open.pop();
                At::AfterValue
            }
            (At::Value | At::ItemOrEnd, b'{') => {
                scan.at += 1;
                open.push(b'}');
                At::KeyOrEnd
            }
            (At::Value | At::ItemOrEnd, b'[') => {
                scan.at += 1;
                open.push(b']');
                At::ItemOrEnd
            }
            (At::Value | At::ItemOrEnd, _) => match scan.scalar(byte) {
                Ok(()) => At::AfterValue,
                Err(words) => return Some(words),
            },
            (At::Key | At::KeyOrEnd, b'"') => match scan.string() {
                Ok(()) => At::Colon,
                Err(words) => return Some(words),
            },
            (At::Key | At::KeyOrEnd, _) => {
                return Some(unexpected(
                    byte,
                    "looking for beginning of object key string",
                ));
            }
            (At::Colon, b':') => {
                scan.at += 1;
                At::Value
            }
            (At::Colon, _) => return Some(unexpected(byte, "after object key")),
            (At::AfterValue, _) => match (open.last(), byte) {
                (Some(b'}'), b',') => {
                    scan.at += 1;
                    At::Key
                }
                (Some(b']'), b',') => {
                    scan.at += 1;
                    At::Value
                }
                (Some(end), byte) if *end == byte => {
                    scan.at += 1;
                    open.pop();
                    At::AfterValue
                }
                (Some(b'}'), _) => return Some(unexpected(byte, "after object key:value pair")),
                (Some(_), _) => return Some(unexpected(byte, "after array element")),
                (None, _) => return Some(unexpected(byte, "after top-level value")),
            },
        };
        if open.len() > MAX_DEPTH {
            return Some("exceeded max depth".to_owned());
        }
    }
}

/// Deepest nesting, that of the JSON library.
const MAX_DEPTH: usize = 127;

const END: &str = "unexpected end of JSON input";

fn unexpected(byte: u8, place: &str) -> String {
    let c = char::from(byte);
    let shown = match c {
        '\'' => "'\\''".to_owned(),
        '"' => "'\"'".to_owned(),
        c => {
            let quoted = super::go_fmt::quote(&c.to_string());
            format!("'{}'", quoted.trim_matches('"'))
        }
    };
    format!("invalid character {shown} {place}")
}

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Result<u8, String> {
        let byte = self.peek().ok_or_else(|| END.to_owned())?;
        self.at += 1;
        Ok(byte)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn scalar(&mut self, first: u8) -> Result<(), String> {
        match first {
            b'"' => self.string(),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            b'-' | b'0'..=b'9' => self.number(),
            other => Err(unexpected(other, "looking for beginning of value")),
        }
    }

    fn literal(&mut self, word: &str) -> Result<(), String> {
        for expected in word.bytes() {
            let byte = self.next()?;
            if byte != expected {
                let place = format!("in literal {word} (expecting '{}')", char::from(expected));
                return Err(unexpected(byte, &place));
            }
        }
        Ok(())
    }

    fn digits(&mut self, place: &str) -> Result<(), String> {
        let byte = self.next()?;
        if !byte.is_ascii_digit() {
            return Err(unexpected(byte, place));
        }
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), String> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits("in numeric literal")?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits("after decimal point in numeric literal")?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits("in exponent of numeric literal")?;
        }
        Ok(())
    }

    fn string(&mut self) -> Result<(), String> {
        self.at += 1;
        loop {
            match self.next()? {
                b'"' => return Ok(()),
                b'\\' => match self.next()? {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                    b'u' => {
                        for _ in 0..4 {
                            let byte = self.next()?;
                            if !byte.is_ascii_hexdigit() {
                                return Err(unexpected(
                                    byte,
                                    "in \\u hexadecimal character escape",
                                ));
                            }
                        }
                    }
                    other => return Err(unexpected(other, "in string escape code")),
                },
                byte if byte < 0x20 => return Err(unexpected(byte, "in string literal")),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_errors_have_the_messages_of_go() {
        for (text, words) in [
            ("", "unexpected end of JSON input"),
            ("{\"a\":", "unexpected end of JSON input"),
            (
                "{bad",
                "invalid character 'b' looking for beginning of object key string",
            ),
            (
                "spec: 1",
                "invalid character 's' looking for beginning of value",
            ),
            ("{} garbage", "invalid character 'g' after top-level value"),
            ("[1 2]", "invalid character '2' after array element"),
            ("{\"a\" 1}", "invalid character '1' after object key"),
            (
                "{\"a\":1 \"b\"}",
                "invalid character '\"' after object key:value pair",
            ),
            (
                "trie",
                "invalid character 'i' in literal true (expecting 'u')",
            ),
            (
                "1.x",
                "invalid character 'x' after decimal point in numeric literal",
            ),
            ("\"\\q\"", "invalid character 'q' in string escape code"),
            ("\"a\nb\"", "invalid character '\\n' in string literal"),
            (
                "[1,]",
                "invalid character ']' looking for beginning of value",
            ),
        ] {
            assert_eq!(read(text.as_bytes()).unwrap_err(), words, "{text}");
        }
    }

    #[test]
    fn json_duplicate_key_is_reported_and_last_wins() {
        let (value, duplicates) = read(br#"{"a":1,"b":[{"c":1,"c":2}],"a":3}"#).unwrap();
        assert_eq!(value, serde_json::json!({"a": 3, "b": [{"c": 2}]}));
        assert_eq!(duplicates, ["b[0].c", "a"]);
    }

    #[test]
    fn nesting_ends_at_a_limit() {
        let deep = "[".repeat(100_000);
        assert_eq!(read(deep.as_bytes()).unwrap_err(), "exceeded max depth");
    }

    proptest::proptest! {
        #[test]
        fn json_scan_agrees_with_serde_json(text in "[\\[\\]{}:,\"a0-9.eE+\\- tfnu\\\\rlsi]{0,24}") {
            let library = serde_json::from_str::<Value>(&text).is_ok();
            proptest::prop_assert_eq!(library, fault(text.as_bytes()).is_none());
        }
    }
}
