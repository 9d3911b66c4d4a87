//! Choices of a user, written as JSON: each read by itself, so that every fault is told with its place.
//!
//! The words for a fault are serde's. Serde itself is left out on this way: what it derives for three structs and six
//! enums is a tenth of the code that a policy engine loads.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;

use crate::diagnostic::Between;
use crate::time::Timestamp;

/// A value that a choice can have.
pub(crate) trait Setting: Sized {
    /// Reads it, or says what is wrong.
    fn read(value: &Value) -> Result<Self, String>;
}

/// A choice between words.
pub(crate) trait Word: Copy + 'static {
    /// Every word.
    const WORDS: &'static [&'static str];
    /// What each of them means, in the same order.
    const MEANINGS: &'static [Self];
}

/// `"word" => Variant` for every word of a choice.
macro_rules! words {
    ($type:ident { $($word:literal => $meaning:ident,)* }) => {
        impl $crate::setting::Word for $type {
            const WORDS: &'static [&'static str] = &[$($word),*];
            const MEANINGS: &'static [Self] = &[$($type::$meaning),*];
        }
    };
}
pub(crate) use words;

/// A struct of choices, each with its default.
pub(crate) trait Choices {
    /// The names of all choices.
    fn names(&self) -> &'static [&'static str];

    /// Makes one choice.
    fn set(&mut self, name: &str, value: &Value) -> Result<(), String>;
}

/// `"name" => field` for every choice of a struct: what [`Choices`] asks for, and `Deserialize`.
macro_rules! choices {
    ($type:ident { $($name:literal => $field:ident,)* }) => {
        impl $crate::setting::Choices for $type {
            fn names(&self) -> &'static [&'static str] {
                &[$($name),*]
            }

            fn set(&mut self, name: &str, value: &serde_json::Value) -> Result<(), String> {
                match name {
                    $($name => self.$field = $crate::setting::Setting::read(value)?,)*
                    _ => return Err($crate::setting::unknown("field", name, self.names())),
                }
                Ok(())
            }
        }

        impl $crate::setting::Setting for $type {
            fn read(value: &serde_json::Value) -> Result<Self, String> {
                let mut settings = Self::default();
                $crate::setting::set_all(&mut settings, value, concat!("struct ", stringify!($type)))?;
                Ok(settings)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::setting::deserialize(deserializer, concat!("struct ", stringify!($type)))
            }
        }
    };
}
pub(crate) use choices;

/// Makes every choice that an object has.
pub(crate) fn set_all(
    settings: &mut dyn Choices,
    value: &Value,
    wanted: &str,
) -> Result<(), String> {
    let Value::Object(fields) = value else {
        return Err(wrong(value, wanted));
    };
    fields
        .iter()
        .try_for_each(|(name, value)| settings.set(name, value))
}

/// The same from any format, for hosts that have room for it.
pub(crate) fn deserialize<'de, T: Choices + Default, D: Deserializer<'de>>(
    deserializer: D,
    wanted: &'static str,
) -> Result<T, D::Error> {
    struct Reader<T>(&'static str, PhantomData<T>);

    impl<'de, T: Choices + Default> Visitor<'de> for Reader<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
            let mut settings = T::default();
            let mut before: Vec<String> = Vec::new();
            while let Some(name) = map.next_key::<String>()? {
                if before.contains(&name) {
                    return Err(A::Error::custom(format_args!("duplicate field `{name}`")));
                }
                if !settings.names().contains(&name.as_str()) {
                    return Err(A::Error::unknown_field(&name, settings.names()));
                }
                let value: Value = map.next_value()?;
                settings.set(&name, &value).map_err(A::Error::custom)?;
                before.push(name);
            }
            Ok(settings)
        }
    }

    deserializer.deserialize_map(Reader(wanted, PhantomData))
}

impl Setting for bool {
    fn read(value: &Value) -> Result<Self, String> {
        value.as_bool().ok_or_else(|| wrong(value, "a boolean"))
    }
}

impl Setting for String {
    fn read(value: &Value) -> Result<Self, String> {
        text(value).map(str::to_owned)
    }
}

impl Setting for u64 {
    fn read(value: &Value) -> Result<Self, String> {
        value.as_u64().ok_or_else(|| wrong(value, "u64"))
    }
}

impl Setting for i64 {
    fn read(value: &Value) -> Result<Self, String> {
        value.as_i64().ok_or_else(|| wrong(value, "i64"))
    }
}

impl Setting for Timestamp {
    fn read(value: &Value) -> Result<Self, String> {
        text(value)?
            .parse()
            .map_err(|error: crate::time::BadTimestamp| error.to_string())
    }
}

impl<T: Setting> Setting for Option<T> {
    fn read(value: &Value) -> Result<Self, String> {
        match value {
            Value::Null => Ok(None),
            value => T::read(value).map(Some),
        }
    }
}

impl<T: Word> Setting for T {
    fn read(value: &Value) -> Result<Self, String> {
        let meant = T::MEANINGS.get(place(value, T::WORDS)?);
        // There are as many meanings as words.
        meant.copied().ok_or_else(String::new)
    }
}

/// Which of the words it is.
#[inline(never)]
fn place(value: &Value, words: &[&str]) -> Result<usize, String> {
    let text = text(value)?;
    let place = words.iter().position(|word| *word == text);
    place.ok_or_else(|| unknown("variant", text, words))
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| wrong(value, "a string"))
}

/// `invalid type: string "yes", expected a boolean`.
pub(crate) fn wrong(value: &Value, wanted: &str) -> String {
    let mut what = "type";
    let found = match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => format!("boolean `{value}`"),
        Value::Number(number) if number.is_f64() => format!("floating point `{number}`"),
        Value::Number(number) => {
            if matches!(wanted, "i64" | "u64") {
                what = "value";
            }
            format!("integer `{number}`")
        }
        Value::String(text) => format!("string {}", Between("\"", text)),
        Value::Array(_) => "sequence".to_owned(),
        Value::Object(_) => "map".to_owned(),
    };
    format!("invalid {what}: {found}, expected {wanted}")
}

/// ``unknown variant `x`, expected `a` or `b` ``.
#[inline(never)]
pub(crate) fn unknown(what: &str, found: &str, known: &[&str]) -> String {
    let (start, between) = match known.len() {
        ..=2 => ("", " or "),
        _ => ("one of ", ", "),
    };
    let known: Vec<String> = known.iter().map(|word| format!("`{word}`")).collect();
    let known = known.join(between);
    format!("unknown {what} `{found}`, expected {start}{known}")
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde::de::DeserializeOwned;
    use serde_json::json;

    use super::*;
    use crate::admission::{AdmissionMode, AdmittedPods, OnMiss, OnUnavailable};
    use crate::diagnostic::{Level, Levels};
    use crate::matching::{MatchRules, SizeTie};
    use crate::validate::ValidateOptions;

    fn agree<T: Word + Serialize + DeserializeOwned>() {
        for (word, meaning) in T::WORDS.iter().zip(T::MEANINGS) {
            assert_eq!(serde_json::to_value(meaning).unwrap(), **word);
        }
        let wrong = json!("neither");
        assert_eq!(
            T::read(&wrong).err(),
            serde_json::from_value::<T>(wrong)
                .err()
                .map(|error| error.to_string())
        );
    }

    #[test]
    fn words_are_those_of_serde() {
        agree::<Level>();
        agree::<OnMiss>();
        agree::<AdmissionMode>();
        agree::<AdmittedPods>();
        agree::<SizeTie>();
        agree::<OnUnavailable>();
    }

    #[test]
    fn names_are_those_that_serde_writes() {
        fn names<T: Choices + Default + Serialize>() -> (Vec<String>, Vec<String>) {
            let written = serde_json::to_value(T::default()).unwrap();
            let mut read: Vec<String> = T::default()
                .names()
                .iter()
                .map(|name| (*name).to_owned())
                .collect();
            read.sort();
            (read, written.as_object().unwrap().keys().cloned().collect())
        }
        for (read, written) in [
            names::<ValidateOptions>(),
            names::<MatchRules>(),
            names::<crate::admission::AdmissionSettings>(),
        ] {
            assert_eq!(read, written);
        }
    }

    #[test]
    fn faults_are_told_in_the_words_of_serde() {
        let values = [
            json!(null),
            json!(true),
            json!(7),
            json!(-7),
            json!(1.5),
            json!("yes"),
            json!([1]),
            json!({"a": 1}),
        ];
        for value in values {
            let theirs =
                serde_json::from_value::<bool>(value.clone()).map_err(|error| error.to_string());
            assert_eq!(bool::read(&value), theirs);
            let theirs =
                serde_json::from_value::<String>(value.clone()).map_err(|error| error.to_string());
            assert_eq!(String::read(&value), theirs);
            let theirs =
                serde_json::from_value::<u64>(value.clone()).map_err(|error| error.to_string());
            assert_eq!(u64::read(&value), theirs);
            let theirs =
                serde_json::from_value::<i64>(value.clone()).map_err(|error| error.to_string());
            assert_eq!(i64::read(&value), theirs);
            let theirs = serde_json::from_value::<Option<bool>>(value.clone())
                .map_err(|error| error.to_string());
            assert_eq!(Option::<bool>::read(&value), theirs);
        }
        let fault = MatchRules::parse(&json!({"stict": true})).unwrap_err();
        assert!(
            fault.starts_with("unknown field `stict`, expected one of `region`, `arch`, "),
            "{fault}"
        );
        let fault = ValidateOptions::parse(&json!({"level": {}})).unwrap_err();
        assert_eq!(
            fault,
            "unknown field `level`, expected `levels` or `maxSizeGib`"
        );
    }

    #[test]
    fn a_text_and_a_value_are_read_alike() {
        for text in [
            r#"{"levels": {"IC042": "off"}, "maxSizeGib": 500}"#,
            r#"{"maxSizeGib": "500"}"#,
            r#"{"size": 1}"#,
            "{}",
        ] {
            let value: Value = serde_json::from_str(text).unwrap();
            let whole = serde_json::from_str::<ValidateOptions>(text).ok();
            assert_eq!(ValidateOptions::parse(&value).ok(), whole);
        }
        let twice =
            serde_json::from_str::<ValidateOptions>(r#"{"maxSizeGib": 1, "maxSizeGib": 2}"#);
        assert!(
            twice
                .unwrap_err()
                .to_string()
                .starts_with("duplicate field `maxSizeGib`")
        );
        assert_eq!(
            Levels::read(&json!([])).unwrap_err(),
            "invalid type: sequence, expected a map"
        );
    }
}
