//! Options that users write as JSON objects: [`ValidateOptions`](crate::validate::ValidateOptions),
//! [`MatchRules`](crate::matching::MatchRules) and [`AdmissionSettings`](crate::admission::AdmissionSettings).
//!
//! serde reads them. When it refuses the whole, each setting is read again by itself, so that one attempt reports every
//! error with its path.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::spelling::nearest;

/// One setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub struct SettingError {
    /// Path of the setting: `mode`, `rules.now`, `levels[IC999]`; empty for the whole object.
    pub path: String,
    /// The fact, and what is allowed.
    pub message: String,
}

impl SettingError {
    pub(crate) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        SettingError {
            path: path.into(),
            message: message.into(),
        }
    }
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

/// Every setting that cannot be used, by path. `Display` joins them with `; `.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(transparent)]
pub struct SettingErrors(Vec<SettingError>);

impl SettingErrors {
    /// Returns the errors, at least one.
    #[must_use]
    pub fn as_slice(&self) -> &[SettingError] {
        &self.0
    }

    /// Returns `Ok` with the value if there is no error.
    pub(crate) fn none_or<T>(errors: Vec<SettingError>, value: T) -> Result<T, Self> {
        if errors.is_empty() {
            Ok(value)
        } else {
            Err(SettingErrors(errors))
        }
    }
}

impl From<SettingError> for SettingErrors {
    fn from(error: SettingError) -> Self {
        SettingErrors(vec![error])
    }
}

impl fmt::Display for SettingErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

/// Reads settings. `null`, for one setting or for the whole object, is the default.
pub(crate) fn read<T: Default + Serialize + DeserializeOwned>(
    value: &Value,
) -> Result<T, SettingErrors> {
    if value.is_null() {
        return Ok(T::default());
    }
    let set = set(value)?;
    let whole = match T::deserialize(&set) {
        Ok(settings) => return Ok(settings),
        Err(error) => error.to_string(),
    };
    let defaults = serde_json::to_value(T::default()).unwrap_or_default();
    let refusal = |settings: &Value| T::deserialize(settings).err().map(|e| e.to_string());
    Err(errors(&set, &whole, &defaults, &refusal))
}

/// Returns the settings that are not null.
fn set(value: &Value) -> Result<Value, SettingError> {
    let Value::Object(fields) = value else {
        return Err(SettingError::new("", "must be an object"));
    };
    let mut set = fields.clone();
    set.retain(|_, value| !value.is_null());
    Ok(Value::Object(set))
}

/// Returns every error of settings that serde refuses as a whole. `refusal` returns the message if serde refuses settings.
fn errors(
    set: &Value,
    whole: &str,
    defaults: &Value,
    refusal: &dyn Fn(&Value) -> Option<String>,
) -> SettingErrors {
    let mut errors = Vec::new();
    for (name, value) in set.as_object().into_iter().flatten() {
        each(name, value, defaults, refusal, &mut errors);
    }
    if errors.is_empty() {
        errors.push(SettingError::new("", reworded(whole)));
    }
    SettingErrors(errors)
}

/// Reads one setting by itself; an object of settings is read entry by entry.
fn each(
    name: &str,
    value: &Value,
    defaults: &Value,
    refusal: &dyn Fn(&Value) -> Option<String>,
    errors: &mut Vec<SettingError>,
) {
    let read = |value: Value| refusal(&object(name, value));
    let default = defaults.get(name);
    if default.is_none() {
        return errors.push(SettingError::new(name, unknown(name, defaults)));
    }
    let Some(error) = read(value.clone()) else {
        return;
    };
    let before = errors.len();
    if let (Value::Object(entries), Some(known @ Value::Object(names))) = (value, default) {
        for (key, value) in entries {
            if let Some(error) = read(object(key, value.clone())) {
                // Settings have names of their own; a map, such as that of levels, has the keys that users choose.
                errors.push(match (names.is_empty(), names.contains_key(key)) {
                    (true, _) => SettingError::new(format!("{name}[{key}]"), reworded(&error)),
                    (false, true) => SettingError::new(format!("{name}.{key}"), reworded(&error)),
                    (false, false) => {
                        SettingError::new(format!("{name}.{key}"), unknown(key, known))
                    }
                });
            }
        }
    }
    if errors.len() == before {
        errors.push(SettingError::new(name, reworded(&error)));
    }
}

/// Returns an object with one member.
fn object(name: &str, value: Value) -> Value {
    let mut members = Map::new();
    members.insert(name.to_owned(), value);
    Value::Object(members)
}

/// Describes a name that no setting has.
fn unknown(name: &str, defaults: &Value) -> String {
    let names = defaults.as_object().into_iter().flat_map(Map::keys);
    match nearest(name, names.map(String::as_str)) {
        Some(meant) => format!("unknown field, did you mean `{meant}`?"),
        None => "unknown field".to_owned(),
    }
}

/// Puts serde's message into the words of every other message of this crate:
/// ``invalid type: string "7", expected a boolean`` becomes ``expected a boolean, found the string `7` ``.
fn reworded(message: &str) -> String {
    let typed = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))
        .and_then(|rest| rest.rsplit_once(", expected "));
    let Some((found, wanted)) = typed else {
        return match message.strip_prefix("unknown variant ") {
            Some(rest) => format!("unsupported value {rest}"),
            None => message.to_owned(),
        };
    };
    let wanted = match wanted {
        "i64" => "a whole number",
        "u64" | "usize" => "a whole number, at least 0",
        "a sequence" => "a list",
        "a map" => "an object",
        "string or map" => "a string",
        _ if wanted.starts_with("struct ") => "an object",
        _ => wanted,
    };
    let found = match found.split_once(' ') {
        Some(("string", text)) => format!("the string `{}`", text.trim_matches('"')),
        Some(("boolean" | "integer", value)) => value.to_owned(),
        Some(("floating", value)) => value.trim_start_matches("point ").to_owned(),
        None if found == "sequence" => "a list".to_owned(),
        None if found == "map" => "an object".to_owned(),
        _ => found.to_owned(),
    };
    format!("expected {wanted}, found {found}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::admission::AdmissionSettings;
    use crate::matching::MatchRules;
    use crate::validate::ValidateOptions;

    fn errors<T: Default + Serialize + DeserializeOwned + fmt::Debug>(value: &Value) -> String {
        read::<T>(value).unwrap_err().to_string()
    }

    #[test]
    fn settings_every_error_is_reported_at_once() {
        let value = json!({
            "mode": "pinn",
            "ifNotPresnt": true,
            "validate": "yes",
            "maxSizeGib": 1.5,
            "levels": {"IC999": "off", "IC025": "loud"},
            "rules": {"now": "yesterday", "strickt": true, "sizeTie": 7, "requireStorage": -1},
        });
        let errors = read::<AdmissionSettings>(&value).unwrap_err();
        let errors = errors.as_slice().iter();
        let text = |error: &SettingError| match error.path.as_str() {
            // Their messages are those of `Code` and `Timestamp`.
            "levels[IC999]" | "rules.now" => error.path.clone(),
            _ => error.to_string(),
        };
        assert_eq!(
            errors.map(text).collect::<Vec<_>>(),
            [
                "ifNotPresnt: unknown field, did you mean `ifNotPresent`?",
                "levels[IC025]: unsupported value `loud`, expected one of `off`, `hint`, `warning`, `error`",
                "levels[IC999]",
                "maxSizeGib: expected a whole number, found `1.5`",
                "mode: unsupported value `pinn`, expected one of `pin`, `auto`, `off`",
                "rules.now",
                "rules.requireStorage: expected a whole number, at least 0, found `-1`",
                "rules.sizeTie: expected a string, found `7`",
                "rules.strickt: unknown field, did you mean `strict`?",
                "validate: expected a boolean, found the string `yes`",
            ]
        );
    }

    #[test]
    fn settings_null_is_the_default() {
        assert_eq!(read(&Value::Null), Ok(MatchRules::default()));
        assert_eq!(
            read(&json!({"levels": null, "maxSizeGib": null})),
            Ok(ValidateOptions::default())
        );
    }

    #[test]
    fn settings_other_than_an_object_are_refused() {
        assert_eq!(errors::<MatchRules>(&json!([])), "must be an object");
        assert_eq!(
            errors::<ValidateOptions>(&json!({"levels": []})),
            "levels: expected an object, found a list"
        );
    }
}
