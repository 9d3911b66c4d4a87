//! `x-kubernetes-validations`: rules in CEL, each about the value at its position (`self`).

use serde_json::Value;

use super::Schema;
use crate::api::cause::Cause;
use crate::api::path::Path;

/// A compiled rule.
#[derive(Debug)]
pub(super) struct Rule {
    program: cel::Program,
    message: String,
}

impl Rule {
    pub(super) fn compile(json: &Value) -> Result<Self, String> {
        let text = |name: &str| json.get(name).and_then(Value::as_str);
        let rule = text("rule").ok_or("a rule without its expression")?;
        let program = cel::Program::compile(rule).map_err(|error| format!("{rule}: {error}"))?;
        if let Some(unknown) = program
            .references()
            .variables()
            .into_iter()
            .find(|name| *name != "self")
        {
            return Err(format!("{rule}: {unknown} is not known here"));
        }
        let message = text("message").map_or_else(|| format!("failed rule: {rule}"), str::to_owned);
        Ok(Rule { program, message })
    }

    /// What is wrong with the value, if anything. A rule that cannot be evaluated is a fault too: nothing passes by
    /// accident.
    fn fault(&self, value: &Value) -> Option<String> {
        let mut context = cel::Context::default();
        if let Err(error) = context.add_variable("self", value) {
            return Some(format!("{} ({error})", self.message));
        }
        match self.program.execute(&context) {
            Ok(cel::Value::Bool(true)) => None,
            Ok(_) => Some(self.message.clone()),
            Err(error) => Some(format!("{} ({error})", self.message)),
        }
    }
}

/// Evaluates every rule of a schema on a value that is present.
pub(super) fn evaluate(schema: &Schema, value: &Value, path: &Path<'_>, causes: &mut Vec<Cause>) {
    for rule in &schema.rules {
        if let Some(detail) = rule.fault(value) {
            let shown = match value {
                Value::Object(_) => Value::from("object"),
                Value::Array(_) => Value::from("array"),
                scalar => scalar.clone(),
            };
            causes.push(Cause::invalid(&path.to_string(), &shown, &detail));
        }
    }
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if let Some(schema) = schema.field(name) {
                    evaluate(schema, value, &path.field(name), causes);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = &schema.items {
                for (index, item) in items.iter().enumerate() {
                    evaluate(schema, item, &path.index(index), causes);
                }
            }
        }
        _ => {}
    }
}
