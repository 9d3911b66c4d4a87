//! Fields of foreign objects, read one by one: what has the wrong form is reported and counts as absent.

use serde_json::{Map, Value};

use crate::diagnostic::{Code, Report};
use crate::path::Path;
use crate::time::Timestamp;

/// An object on the way down, its place in the document, and where faults go.
pub(super) struct Fields<'a, 'r, 'd> {
    pub(super) object: &'a Map<String, Value>,
    pub(super) path: Path<'a>,
    pub(super) report: &'r mut Report<'d>,
}

/// A field under its name as the wire has it (`ImageCacheId`), or as typed SDKs print it (`imageCacheId`).
pub(super) fn find<'a>(
    object: &'a Map<String, Value>,
    name: &'a str,
) -> Option<(&'a str, &'a Value)> {
    let same_but_first = |key: &str| {
        let (Some((key_first, key_rest)), Some((first, rest))) =
            (key.split_at_checked(1), name.split_at_checked(1))
        else {
            return false;
        };
        key_rest == rest && key_first.eq_ignore_ascii_case(first)
    };
    if let Some((key, value)) = object.get_key_value(name) {
        return Some((key, value));
    }
    let (key, value) = object.iter().find(|(key, _)| same_but_first(key))?;
    Some((key, value))
}

impl<'a> Fields<'a, '_, '_> {
    /// A field that is there and not null, with the name it has.
    fn value(&self, name: &'a str) -> Option<(&'a str, &'a Value)> {
        find(self.object, name).filter(|(_, value)| !value.is_null())
    }

    pub(super) fn is_absent(&self, name: &'a str) -> bool {
        self.value(name).is_none()
    }

    fn wrong(&mut self, key: &str, value: &Value, wanted: &str) {
        let message = format!("{}, {wanted} expected", kind_of(value));
        let help = format!("The field is passed over; write {wanted}.");
        self.report
            .add(Code::IC016, &self.path.field(key), message, help);
    }

    /// Reads the object in a field, if there is one.
    pub(super) fn below(&mut self, name: &'a str, read: impl FnOnce(&mut Fields<'_, '_, '_>)) {
        let Some((key, value)) = self.value(name) else {
            return;
        };
        match value.as_object() {
            Some(object) => {
                let path = self.path.field(key);
                read(&mut Fields {
                    object,
                    path,
                    report: self.report,
                });
            }
            None => self.wrong(key, value, "an object"),
        }
    }

    /// A text; an empty one is absent.
    pub(super) fn text(&mut self, name: &'a str) -> Option<&'a str> {
        let (key, value) = self.value(name)?;
        if !value.is_string() {
            self.wrong(key, value, "a string");
        }
        value.as_str().filter(|text| !text.is_empty())
    }

    pub(super) fn owned(&mut self, name: &'a str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    /// A whole number of 0 and up.
    pub(super) fn number(&mut self, name: &'a str) -> Option<u64> {
        let (key, value) = self.value(name)?;
        if !value.is_u64() {
            self.wrong(key, value, "a whole number of GiB");
        }
        value.as_u64()
    }

    pub(super) fn time(&mut self, name: &'a str) -> Option<Timestamp> {
        let text = self.text(name)?;
        match text.parse() {
            Ok(time) => Some(time),
            Err(error) => {
                let help = "The field is passed over; write the time in UTC, as ECI does.";
                self.report
                    .add(Code::IC081, &self.path.field(name), error.to_string(), help);
                None
            }
        }
    }

    /// The texts of a list, with their index. Items that are no text are reported.
    pub(super) fn texts(&mut self, name: &'a str) -> Option<Vec<(usize, &'a str)>> {
        let (key, value) = self.value(name)?;
        let Some(items) = value.as_array() else {
            self.wrong(key, value, "a list of strings");
            return None;
        };
        let list = self.path.field(key);
        let mut texts = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match item.as_str() {
                Some(text) => texts.push((index, text)),
                None => {
                    let message = format!("{}, a string expected", kind_of(item));
                    let help = "The image is passed over; write its reference.";
                    self.report
                        .add(Code::IC016, &list.index(index), message, help);
                }
            }
        }
        Some(texts)
    }
}

/// What a value is, in words.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
