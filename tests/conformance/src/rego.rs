//! The rules in Rego, called as Gatekeeper calls them.

use std::path::Path;

use anyhow::{Context, Result};
use regorus::Engine;
use serde_json::{Value, json};

use crate::engine::Said;

/// A Rego module.
pub struct Policy(Engine);

impl Policy {
    /// Reads a module of `package imagecache`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        Self::compile(text)
    }

    /// Compiles a module of `package imagecache`.
    ///
    /// # Errors
    /// If it is not Rego v1.
    pub fn compile(text: String) -> Result<Self> {
        let mut engine = Engine::new();
        engine.add_policy("imagecache.rego".to_owned(), text)?;
        Ok(Policy(engine))
    }

    /// What `violation` says of an object under review.
    ///
    /// # Errors
    /// If the module cannot be evaluated.
    pub fn judge(&self, object: &Value) -> Result<Vec<Said>> {
        let mut engine = self.0.clone();
        let input = json!({"review": {"object": object, "operation": "CREATE"}, "parameters": {}});
        engine.set_input_json(&input.to_string())?;
        let violations = engine.eval_rule("data.imagecache.violation".to_owned())?;
        let violations: Value = serde_json::from_str(&violations.to_json_str()?)?;
        let one = |violation: &Value| -> Result<Said> {
            let text = |pointer: &str| {
                let text = violation.pointer(pointer).and_then(Value::as_str);
                Ok::<_, anyhow::Error>(text.with_context(|| format!("no {pointer}"))?.to_owned())
            };
            Ok((text("/details/code")?, text("/msg")?))
        };
        violations
            .as_array()
            .context("no set")?
            .iter()
            .map(one)
            .collect()
    }
}
