//! JSON, with places. What is accepted, and every value, is exactly what `serde_json` says: it reads each number and
//! each string that has an escape in it; here is only the structure around them.

use serde_json::{Map, Number, Value};

use crate::path::Path;

use super::builder::{Build, Fault};
use super::tree::Kind;

/// Reads the text of the JSON values of a stream, one after the other.
pub(super) struct Reader<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
}

impl<'t> Reader<'t> {
    /// Reads a text from its start, after a byte order mark.
    pub(super) fn new(text: &'t str) -> Self {
        let mark = if text.starts_with('\u{feff}') { 3 } else { 0 };
        Reader {
            text,
            bytes: text.as_bytes(),
            at: mark,
        }
    }

    /// How far it has come.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Is there another value, or something that should be one?
    pub(super) fn has_more(&mut self) -> bool {
        self.peek().is_some()
    }

    /// The next value of the stream, and its places.
    pub(super) fn document(&mut self, build: &mut Build<'_, '_>) -> Result<Value, Fault> {
        let value = self.value(build, &Path::Root)?;
        // As in `serde_json`, `1true` is not a stream of two values; `{}{}` and `"a"1` are.
        if matches!(value, Value::Null | Value::Bool(_) | Value::Number(_))
            && !matches!(
                self.byte(),
                None | Some(
                    b' ' | b'\n' | b'\t' | b'\r' | b'"' | b'{' | b'}' | b'[' | b']' | b',' | b':'
                )
            )
        {
            return Err(self.unexpected("only space may follow this value", ""));
        }
        Ok(value)
    }

    fn byte(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    /// Skips white space and returns the byte after it.
    fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.byte() {
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Some(byte);
            }
            self.step();
        }
        None
    }

    fn value(&mut self, build: &mut Build<'_, '_>, path: &Path<'_>) -> Result<Value, Fault> {
        build.take(1, self.at)?;
        let start = self.at;
        match self.byte() {
            Some(b'{') => self.object(build, path),
            Some(b'[') => self.array(build, path),
            Some(b'"') => {
                let (string, kind) = self.string()?;
                build.tree.push(kind, start..self.at);
                Ok(Value::String(string))
            }
            Some(b'-' | b'0'..=b'9') => {
                let number = self.number()?;
                build.tree.push(Kind::Plain, start..self.at);
                Ok(Value::Number(number))
            }
            Some(b't') => self.word(build, "true", Value::Bool(true)),
            Some(b'f') => self.word(build, "false", Value::Bool(false)),
            Some(b'n') => self.word(build, "null", Value::Null),
            _ => Err(self.unexpected("a value was expected", "")),
        }
    }

    fn object(&mut self, build: &mut Build<'_, '_>, path: &Path<'_>) -> Result<Value, Fault> {
        let opened = self.at;
        let node = build.open(Kind::Mapping, opened)?;
        self.step();
        let mut map = Map::new();
        let mut again = Vec::new();
        if self.peek() == Some(b'}') {
            self.step();
        } else {
            loop {
                match self.peek() {
                    Some(b'"') => {}
                    None => return Err(self.unclosed(opened)),
                    _ => {
                        return Err(self.unexpected(
                            "a key in double quotes was expected",
                            "JSON puts every key in double quotes.",
                        ));
                    }
                }
                let start = self.at;
                build.take(1, start)?;
                let (key, kind) = self.string()?;
                let key_node = build.tree.push(kind, start..self.at);
                build.tree.keep_key(self.text, key_node, &key);
                match self.peek() {
                    Some(b':') => self.step(),
                    None => return Err(self.unclosed(opened)),
                    _ => {
                        return Err(
                            self.unexpected("a colon was expected between key and value", "")
                        );
                    }
                }
                if self.peek().is_none() {
                    return Err(self.unclosed(opened));
                }
                let value = self.value(build, &path.field(&key))?;
                if map.insert(key, value).is_some() {
                    again.push(key_node);
                }
                if self.ends(opened, b'}')? {
                    break;
                }
            }
        }
        build.close(node, Some(self.at));
        build.report_repeated(node, &again, path);
        Ok(Value::Object(map))
    }

    fn array(&mut self, build: &mut Build<'_, '_>, path: &Path<'_>) -> Result<Value, Fault> {
        let opened = self.at;
        let node = build.open(Kind::Sequence, opened)?;
        self.step();
        let mut items = Vec::new();
        if self.peek() == Some(b']') {
            self.step();
        } else {
            loop {
                if self.peek().is_none() {
                    return Err(self.unclosed(opened));
                }
                let item = self.value(build, &path.index(items.len()))?;
                items.push(item);
                if self.ends(opened, b']')? {
                    break;
                }
            }
        }
        build.close(node, Some(self.at));
        Ok(Value::Array(items))
    }

    /// After a member or item: is this the end of the object or array, or does a comma lead to the next?
    fn ends(&mut self, opened: usize, close: u8) -> Result<bool, Fault> {
        match self.peek() {
            Some(b',') => {
                let comma = self.at;
                self.step();
                if self.peek() == Some(close) {
                    return Err(Fault::syntax(
                        comma..comma.saturating_add(1),
                        "unexpected comma before a closing bracket",
                        "JSON allows no comma before a closing bracket: remove it.",
                    ));
                }
                Ok(false)
            }
            Some(byte) if byte == close => {
                self.step();
                Ok(true)
            }
            None => Err(self.unclosed(opened)),
            Some(_) => Err(self.unexpected(
                "a comma or a closing bracket was expected",
                "Is a comma or a quote missing before it?",
            )),
        }
    }

    fn word(
        &mut self,
        build: &mut Build<'_, '_>,
        word: &str,
        value: Value,
    ) -> Result<Value, Fault> {
        let end = self.at.saturating_add(word.len());
        if self.bytes.get(self.at..end) != Some(word.as_bytes()) {
            return Err(self.unexpected("a value was expected", ""));
        }
        build.tree.push(Kind::Plain, self.at..end);
        self.at = end;
        Ok(value)
    }

    fn number(&mut self) -> Result<Number, Fault> {
        let start = self.at;
        while matches!(
            self.byte(),
            Some(b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-')
        ) {
            self.step();
        }
        let written = self.text.get(start..self.at).unwrap_or_default();
        written.parse().map_err(|_| {
            Fault::syntax(
                start..self.at,
                format_args!("`{}` is not a JSON number", shortened(written)),
                "JSON numbers have no leading zeros or plus sign, digits on both sides of the point, and fit in 64 bits.",
            )
        })
    }

    /// A string, from its opening quote on.
    fn string(&mut self) -> Result<(String, Kind), Fault> {
        let opened = self.at;
        self.step();
        let start = self.at;
        let mut escapes = false;
        loop {
            let plain = first_special(self.bytes.get(self.at..).unwrap_or_default());
            let Some(plain) = plain else {
                return Err(unclosed_string(opened, self.line_end(opened)));
            };
            self.at = self.at.saturating_add(plain);
            match self.byte() {
                Some(b'"') => break,
                Some(b'\\') => {
                    escapes = true;
                    self.at = self.at.saturating_add(2);
                }
                Some(b'\n' | b'\r') => return Err(unclosed_string(opened, self.at)),
                _ => {
                    return Err(Fault::syntax(
                        self.at..self.at.saturating_add(1),
                        "a control character in a string",
                        "Write it as an escape, such as `\\t` or `\\u0001`.",
                    ));
                }
            }
        }
        let end = self.at;
        self.step();
        if !escapes {
            let string = self.text.get(start..end).unwrap_or_default().to_owned();
            return Ok((string, Kind::Quoted));
        }
        let written = self.text.get(opened..self.at).unwrap_or_default();
        match written.parse() {
            Ok(Value::String(string)) => Ok((string, Kind::Other)),
            Ok(_) => Err(bad_escape(written, opened, 0)),
            Err(error) => Err(bad_escape(written, opened, error.column())),
        }
    }

    /// The end of the line of a byte.
    fn line_end(&self, at: usize) -> usize {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let length = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        at.saturating_add(length.unwrap_or(rest.len()))
    }

    fn unexpected(&self, wanted: &str, help: &'static str) -> Fault {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let word = rest
            .find(|char: char| char.is_ascii() && !(char.is_ascii_alphanumeric() || char == '_'))
            .map_or(rest, |end| rest.get(..end).unwrap_or(rest));
        let found = match rest.chars().next() {
            Some(first) if word.is_empty() => rest.get(..first.len_utf8()).unwrap_or_default(),
            Some(_) => word,
            None => {
                return Fault::syntax(
                    self.at..self.at,
                    format_args!("the text ends; {wanted}"),
                    "",
                );
            }
        };
        let help = match found {
            "'" => "JSON strings and keys stand in double quotes.",
            "/" | "#" => "JSON has no comments.",
            "NaN" | "Infinity" | "nan" | "inf" => "JSON has no such number.",
            "None" | "True" | "False" | "undefined" => "JSON writes null, true and false.",
            _ => help,
        };
        Fault::syntax(
            self.at..self.at.saturating_add(found.len()),
            format_args!("{wanted}, not `{}`", shortened(found)),
            help,
        )
    }

    fn unclosed(&self, opened: usize) -> Fault {
        let (what, close) = match self.bytes.get(opened) {
            Some(b'{') => ("object", '}'),
            _ => ("array", ']'),
        };
        Fault::syntax(
            opened..opened.saturating_add(1),
            format_args!("the text ends inside the {what} that starts here"),
            format_args!("Close it with `{close}`; is the text complete?"),
        )
    }
}

/// The offset of the first byte of a string that is not plain text: a quote, a backslash, a control character.
fn first_special(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    let below = |word: u64, least: u64| word.wrapping_sub(ONES.wrapping_mul(least)) & !word & HIGH;
    let mut words = bytes.chunks_exact(8);
    let mut at = 0_usize;
    for word in words.by_ref() {
        let word = word.try_into().map_or(0, u64::from_le_bytes);
        // Eight bytes at a time: the lowest high bit that is set marks the first byte of its kind.
        let quote = below(word ^ ONES.wrapping_mul(u64::from(b'"')), 1);
        let backslash = below(word ^ ONES.wrapping_mul(u64::from(b'\\')), 1);
        let found = quote | backslash | below(word, 0x20);
        if found != 0 {
            return at.checked_add(usize::try_from(found.trailing_zeros() / 8).ok()?);
        }
        at = at.saturating_add(8);
    }
    let rest = words.remainder();
    let found = rest
        .iter()
        .position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f))?;
    at.checked_add(found)
}

fn unclosed_string(opened: usize, end: usize) -> Fault {
    Fault::syntax(
        opened..end.max(opened.saturating_add(1)),
        "missing closing quote",
        "Close it with `\"` on the same line; write a line break inside it as `\\n`.",
    )
}

/// Shows the escape at which `serde_json` stopped.
fn bad_escape(written: &str, opened: usize, stopped: usize) -> Fault {
    let before = written.as_bytes().get(..stopped).unwrap_or_default();
    let start = before
        .iter()
        .rposition(|byte| *byte == b'\\')
        .unwrap_or_default();
    let mut end = stopped.max(start.saturating_add(2)).min(written.len());
    while !written.is_char_boundary(end) {
        end = end.saturating_add(1);
    }
    Fault::syntax(
        opened.saturating_add(start)..opened.saturating_add(end),
        format_args!(
            "`{}` is not a JSON escape",
            shortened(written.get(start..end).unwrap_or_default())
        ),
        "Write a backslash as `\\\\`; a character by number has four digits, `\\u00e9`.",
    )
}

/// The head of a text for a message.
pub(super) fn shortened(text: &str) -> &str {
    match text.char_indices().nth(40) {
        Some((end, _)) => text.get(..end).unwrap_or(text),
        None => text,
    }
}
