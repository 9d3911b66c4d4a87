//! Reading objects of built-in kinds as the real server does, whose kinds are types of Go: unknown fields are dropped, a
//! value of another type is refused in the words of Go's JSON decoder.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::{Schema, Type};
use crate::api::go_fmt;
use crate::api::path::Path;

/// Reads an object, and returns the paths of the fields that were dropped, sorted.
///
/// # Errors
/// Returns Go's words for the first value of the wrong type.
pub(crate) fn decode(schema: &Schema, value: &mut Value) -> Result<Vec<String>, String> {
    let mut run = Run {
        names: Vec::new(),
        unknown: Vec::new(),
    };
    run.value(schema, &schema.title, value, &Path::root(""))?;
    run.unknown.sort_unstable();
    Ok(run.unknown)
}

struct Run {
    /// The names of the fields on the way to a value, as Go reports them: without places in lists and keys of maps.
    names: Vec<String>,
    unknown: Vec<String>,
}

impl Run {
    /// Reads a value that is a part of the type `owner`.
    fn value(
        &mut self,
        schema: &Schema,
        owner: &str,
        value: &mut Value,
        path: &Path<'_>,
    ) -> Result<(), String> {
        if schema.int_or_string {
            return self.int_or_string(value);
        }
        if schema.format == "quantity" && !value.is_null() {
            return quantity(value);
        }
        match (schema.kind, &mut *value) {
            (None, _) | (_, Value::Null) => {}
            (Some(Type::Object), Value::Object(fields)) => {
                self.object(schema, owner, fields, path)?
            }
            (Some(Type::Array), Value::Array(items)) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.value(schema.item(), owner, item, &path.index(index))?;
                }
            }
            (Some(Type::String), Value::String(text)) => self.text(schema, text)?,
            (Some(Type::Boolean), Value::Bool(_)) | (Some(Type::Number), Value::Number(_)) => {}
            (Some(Type::Integer), Value::Number(number)) => {
                let whole = number.as_i64().or_else(|| {
                    let float = number.as_f64().filter(|float| float.fract() == 0.0)?;
                    format!("{float:.0}").parse().ok()
                });
                let fits = whole
                    .is_some_and(|whole| schema.format != "int32" || i32::try_from(whole).is_ok());
                if !fits {
                    let found = format!("number {}", go_fmt::number(number));
                    return self.refuse(&found, schema, owner);
                }
            }
            (Some(_), other) => {
                let found = go_fmt::json_kind(other);
                return self.refuse(found, schema, owner);
            }
        }
        Ok(())
    }

    fn object(
        &mut self,
        schema: &Schema,
        owner: &str,
        fields: &mut Map<String, Value>,
        path: &Path<'_>,
    ) -> Result<(), String> {
        if let Some(additional) = &schema.additional {
            for (name, value) in fields.iter_mut() {
                if value.is_null() && additional.kind == Some(Type::String) {
                    *value = "".into();
                }
                self.value(additional, owner, value, &path.field(name))?;
            }
            return Ok(());
        }
        if !schema.preserve {
            let unknown = &mut self.unknown;
            fields.retain(|name, _| {
                let known = schema.properties.contains_key(name);
                if !known {
                    unknown.push(path.field(name).to_string());
                }
                known
            });
        }
        let owner = if schema.title.is_empty() {
            owner
        } else {
            &schema.title
        };
        for (name, value) in fields.iter_mut() {
            if let Some(part) = schema.properties.get(name) {
                self.names.push(name.clone());
                self.value(part, owner, value, &path.field(name))?;
                self.names.pop();
            }
        }
        Ok(())
    }

    fn text(&self, schema: &Schema, text: &mut String) -> Result<(), String> {
        match schema.format.as_str() {
            "byte" => base64(text),
            "date-time" if !text.is_empty() => {
                let time = text.parse::<imagecache::time::Timestamp>();
                *text = time.map(|time| time.to_string()).map_err(|_| {
                    format!(
                        "parsing time {} as \"2006-01-02T15:04:05Z07:00\": cannot parse {} as \"2006\"",
                        go_fmt::quote(text),
                        go_fmt::quote(text)
                    )
                })?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn int_or_string(&self, value: &Value) -> Result<(), String> {
        match value {
            Value::String(_) | Value::Null => Ok(()),
            Value::Number(number)
                if number
                    .as_i64()
                    .is_some_and(|number| i32::try_from(number).is_ok()) =>
            {
                Ok(())
            }
            Value::Number(number) => Err(format!(
                "json: cannot unmarshal number {} into Go value of type int32",
                go_fmt::number(number)
            )),
            other => Err(format!(
                "json: cannot unmarshal {} into Go value of type int32",
                go_fmt::json_kind(other)
            )),
        }
    }

    fn refuse(&self, found: &str, schema: &Schema, owner: &str) -> Result<(), String> {
        Err(format!(
            "json: cannot unmarshal {found} into Go struct field {owner}.{} of type {}",
            self.names.join("."),
            type_name(schema)
        ))
    }
}

/// The name of the type of Go.
fn type_name(schema: &Schema) -> String {
    match schema.kind {
        None if schema.format == "quantity" => "resource.Quantity".to_owned(),
        None => "interface {}".to_owned(),
        Some(Type::String) if schema.format == "byte" => "[]uint8".to_owned(),
        Some(Type::String) => "string".to_owned(),
        Some(Type::Boolean) => "bool".to_owned(),
        Some(Type::Number) => "float64".to_owned(),
        Some(Type::Integer) if schema.format.is_empty() => "int64".to_owned(),
        Some(Type::Integer) => schema.format.clone(),
        Some(Type::Array) => format!("[]{}", type_name(schema.item())),
        Some(Type::Object) => match &schema.additional {
            Some(additional) => format!("map[string]{}", type_name(additional)),
            None => format!("v1.{}", schema.title),
        },
    }
}

/// Checks a quantity, which may be written as a number too.
fn quantity(value: &mut Value) -> Result<(), String> {
    let text = match &*value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_owned(),
        _ => String::new(),
    };
    if !is_quantity(&text) {
        return Err(
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
                .to_owned(),
        );
    }
    *value = text.into();
    Ok(())
}

/// Is it a quantity, such as `1.5Gi`?
pub(super) fn is_quantity(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let end = unsigned
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    if digits == 0 || number.len() - digits > 1 {
        return false;
    }
    let exponent = |rest: &str| {
        let rest = rest.strip_prefix(['+', '-']).unwrap_or(rest);
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit())
    };
    matches!(
        suffix,
        "" | "n"
            | "u"
            | "m"
            | "k"
            | "M"
            | "G"
            | "T"
            | "P"
            | "E"
            | "Ki"
            | "Mi"
            | "Gi"
            | "Ti"
            | "Pi"
            | "Ei"
    ) || suffix.strip_prefix(['e', 'E']).is_some_and(exponent)
}

/// Checks base64 as Go reads it: line breaks are ignored.
fn base64(text: &mut String) -> Result<(), String> {
    if text.contains(['\n', '\r']) {
        text.retain(|c| !matches!(c, '\n' | '\r'));
    }
    match STANDARD.decode(text.as_bytes()) {
        Ok(_) => Ok(()),
        Err(error) => {
            let at = match error {
                base64::DecodeError::InvalidByte(at, _)
                | base64::DecodeError::InvalidLastSymbol { offset: at, .. } => at,
                _ => text.len() - text.len() % 4,
            };
            Err(format!("illegal base64 data at input byte {at}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::registry::samples::find;

    fn read(group: &str, plural: &str, object: &Value) -> Result<(Value, Vec<String>), String> {
        let mut object = object.clone();
        let resource = find(group, "v1", plural).unwrap();
        let unknown = decode(&resource.schema, &mut object)?;
        Ok((object, unknown))
    }

    #[test]
    fn values_of_another_type_are_refused_in_the_words_of_go() {
        let deployment = |spec: Value| ("apps", "deployments", json!({"spec": spec}));
        let container = |field: &str, value: Value| {
            let mut container = json!({"name": "a"});
            container[field] = value;
            json!({"spec": {"containers": [container]}})
        };
        let pod = |field: &str, value: Value| ("", "pods", container(field, value));
        for ((group, plural, object), words) in [
            (
                deployment(json!({"replicas": "2"})),
                "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
            ),
            (
                deployment(json!({"replicas": 1.5})),
                "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32",
            ),
            (
                deployment(json!({"replicas": 3_000_000_000_u32})),
                "json: cannot unmarshal number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32",
            ),
            (
                deployment(
                    json!({"template": {"spec": {"containers": [{"env": [{"value": 1}]}]}}}),
                ),
                "json: cannot unmarshal number into Go struct field EnvVar.spec.template.spec.containers.env.value of type string",
            ),
            (
                pod("ports", json!([{"containerPort": "80"}])),
                "json: cannot unmarshal string into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32",
            ),
            (
                pod("args", json!([1])),
                "json: cannot unmarshal number into Go struct field Container.spec.containers.args of type string",
            ),
            (
                pod("env", json!("x")),
                "json: cannot unmarshal string into Go struct field Container.spec.containers.env of type []v1.EnvVar",
            ),
            (
                ("", "configmaps", json!({"data": {"a": 1}})),
                "json: cannot unmarshal number into Go struct field ConfigMap.data of type string",
            ),
            (
                ("", "configmaps", json!({"data": []})),
                "json: cannot unmarshal array into Go struct field ConfigMap.data of type map[string]string",
            ),
            (
                pod("resources", json!({"limits": {"cpu": "abc"}})),
                "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
            ),
            (
                ("", "secrets", json!({"data": {"a": "b*=="}})),
                "illegal base64 data at input byte 1",
            ),
            (
                (
                    "",
                    "services",
                    json!({"spec": {"ports": [{"targetPort": 1.5}]}}),
                ),
                "json: cannot unmarshal number 1.5 into Go value of type int32",
            ),
        ] {
            assert_eq!(
                read(group, plural, &object),
                Err(words.to_owned()),
                "{object}"
            );
        }
    }

    #[test]
    fn unknown_fields_of_built_in_kinds_are_dropped() {
        let object = json!({"foo": 1, "spec": {"bar": {}, "containers": [{"name": "a", "image": "b", "nme": 1}]}});
        let (read, unknown) = read("", "pods", &object).unwrap();
        assert_eq!(
            read,
            json!({"spec": {"containers": [{"name": "a", "image": "b"}]}})
        );
        assert_eq!(unknown, ["foo", "spec.bar", "spec.containers[0].nme"]);
    }

    #[test]
    fn quantities_are_those_of_kubernetes() {
        for (text, valid) in [
            ("1", true),
            ("1.5", true),
            ("100m", true),
            ("1Gi", true),
            ("1e3", true),
            ("1E", true),
            (".5", true),
            ("-1", true),
            ("1.", true),
            ("", false),
            (".", false),
            ("1gi", false),
            ("1e", false),
            ("1.2.3", false),
            ("m", false),
            ("1 Gi", false),
            ("１", false),
        ] {
            assert_eq!(is_quantity(text), valid, "{text}");
        }
    }

    #[test]
    fn every_built_in_kind_has_a_published_schema() {
        for resource in crate::api::BUILT_IN_RESOURCES.iter() {
            let open = resource.schema.preserve;
            assert!(!open, "{}", resource.qualified());
            assert_eq!(resource.schema.title, resource.kind);
        }
    }
}
