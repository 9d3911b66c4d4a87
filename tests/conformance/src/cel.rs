//! The rules in CEL, evaluated as the API server evaluates them: variables in order, then each validation, and the
//! message expression of those that fail.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use cel::common::types::{CelInt, CelString, DYN_TYPE, LIST_TYPE};
use cel::common::value::CowVal;
use cel::extensions;
use cel::{Context, Env, ExecutionError, Program};
use imagecache::diagnostic::Levels;
use imagecache::document::{TextFormat, read};
use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

use crate::engine::{Said, code_of};

/// An expression with its name.
#[derive(Debug, Deserialize)]
pub struct Named {
    /// The name.
    pub name: String,
    /// The expression.
    pub expression: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Validation {
    expression: String,
    message: String,
    message_expression: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Constraints {
    resource_rules: Vec<Resources>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resources {
    api_groups: Vec<String>,
    api_versions: Vec<String>,
}

impl Resources {
    fn cover(&self, object: &Value) -> bool {
        let api_version = object
            .get("apiVersion")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        self.api_groups.iter().any(|one| one == group)
            && self.api_versions.iter().any(|one| one == version)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    match_constraints: Constraints,
    match_conditions: Vec<Named>,
    variables: Vec<Named>,
    validations: Vec<Validation>,
}

/// A policy whose expressions are compiled.
pub struct Policy {
    env: Arc<Env>,
    /// Empty for a template, whose constraint says what it is asked about.
    resources: Vec<Resources>,
    conditions: Vec<(String, Program)>,
    variables: Vec<(String, Program)>,
    validations: Vec<Rule>,
}

struct Rule {
    code: String,
    expression: Program,
    words: Program,
}

/// The documents of a YAML file.
///
/// # Errors
/// If it cannot be read.
pub fn documents(path: &Path) -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let (documents, faults) = read(&text, TextFormat::Yaml, &Levels::default());
    ensure!(faults.is_empty(), "{}: {faults:?}", path.display());
    Ok(documents
        .iter()
        .map(|document| document.value().clone())
        .collect())
}

impl Policy {
    /// Compiles what has `matchConditions`, `variables` and `validations`: the `spec` of a policy, or the source of a
    /// template.
    ///
    /// # Errors
    /// If an expression does not compile, or a rule has no code.
    pub fn compile(spec: &Value) -> Result<Self> {
        let spec: Spec = serde_json::from_value(spec.clone())?;
        let mut env = Env::stdlib();
        declare(&mut env).map_err(|error| anyhow!("{error}"))?;
        let program = |text: &str| {
            let flat = text.replace("variables.", &variable(""));
            env.compile(&flat)
                .map_err(|error| anyhow!("{text}\n{error}"))
        };
        let named = |all: &[Named]| -> Result<Vec<(String, Program)>> {
            all.iter()
                .map(|one| Ok((one.name.clone(), program(&one.expression)?)))
                .collect()
        };
        let rule = |validation: &Validation| -> Result<Rule> {
            Ok(Rule {
                code: code_of(&validation.message)?.to_string(),
                expression: program(&validation.expression)?,
                words: program(&validation.message_expression)?,
            })
        };
        Ok(Policy {
            conditions: named(&spec.match_conditions)?,
            variables: named(&spec.variables)?,
            validations: spec.validations.iter().map(rule).collect::<Result<_>>()?,
            env: Arc::new(env),
            resources: spec.match_constraints.resource_rules,
        })
    }

    /// The variables of a request to create `object`, with the parameter if there is one.
    ///
    /// # Errors
    /// If a variable cannot be computed.
    pub fn context(
        &self,
        object: &Value,
        params: Option<&Value>,
    ) -> Result<Context<'static, 'static>> {
        let mut context = self.request(object, params)?;
        for (name, program) in &self.variables {
            let value = program
                .execute(&context)
                .map_err(|error| anyhow!("variable {name}: {error}"))?;
            context.add_variable_from_value(variable(name), value);
        }
        Ok(context)
    }

    /// What conditions see.
    fn request(&self, object: &Value, params: Option<&Value>) -> Result<Context<'static, 'static>> {
        let mut context = Context::with_env(Arc::clone(&self.env));
        let object = cel::to_value(object).map_err(|error| anyhow!("{error}"))?;
        context.add_variable_from_value("object", object);
        let request = cel::to_value(serde_json::json!({"operation": "CREATE"}))
            .map_err(|error| anyhow!("{error}"))?;
        context.add_variable_from_value("request", request);
        if let Some(params) = params {
            context.add_variable_from_value(
                "params",
                cel::to_value(params).map_err(|error| anyhow!("{error}"))?,
            );
        }
        Ok(context)
    }

    /// Whether the policy's constraints and conditions let a request to create `object` through to its rules.
    ///
    /// # Errors
    /// If a condition cannot be computed.
    pub fn matches(&self, object: &Value) -> Result<bool> {
        if !self.resources.is_empty() && !self.resources.iter().any(|rule| rule.cover(object)) {
            return Ok(false);
        }
        let context = self.request(object, None)?;
        for (name, program) in &self.conditions {
            match program.execute(&context) {
                Ok(cel::Value::Bool(true)) => {}
                Ok(cel::Value::Bool(false)) => return Ok(false),
                other => bail!("condition {name}: {other:?}"),
            }
        }
        Ok(true)
    }

    /// What the policy says of an object that is created.
    ///
    /// # Errors
    /// If an expression cannot be computed.
    pub fn judge(&self, object: &Value) -> Result<Vec<Said>> {
        if !self.matches(object)? {
            return Ok(Vec::new());
        }
        let context = self.context(object, None)?;
        let mut said = Vec::new();
        for rule in &self.validations {
            match rule.expression.execute(&context) {
                Ok(cel::Value::Bool(true)) => continue,
                Ok(cel::Value::Bool(false)) => {}
                other => bail!("{}: {other:?}", rule.code),
            }
            match rule.words.execute(&context) {
                Ok(cel::Value::String(words)) => said.push((rule.code.clone(), words.to_string())),
                other => bail!("words of {}: {other:?}", rule.code),
            }
        }
        Ok(said)
    }

    /// A variable that is true or false.
    ///
    /// # Errors
    /// If it is not, or cannot be computed.
    pub fn flag(&self, object: &Value, params: &Value, name: &str) -> Result<bool> {
        let context = self.context(object, Some(params))?;
        let program = self
            .env
            .compile(&variable(name))
            .map_err(|error| anyhow!("{error}"))?;
        match program.execute(&context) {
            Ok(cel::Value::Bool(flag)) => Ok(flag),
            other => bail!("{name}: {other:?}"),
        }
    }
}

/// How `variables.name` is called here: a name of its own, so that the rest need not be copied for each new one.
fn variable(name: &str) -> String {
    format!("variables_{name}")
}

/// The functions that Kubernetes adds to CEL, in as far as the policies use them.
fn declare(env: &mut Env) -> Result<(), cel::DeclarationError> {
    env.add_extension(extensions::strings)?;
    env.add_member_overload(
        "indexOf",
        "list_a_index_of_int",
        LIST_TYPE,
        vec![DYN_TYPE],
        index_of,
    )?;
    cel::add_member_overload!(env, fn find: (CelString, CelString) -> Result<CelString>)
}

/// The first place of a value in a list, or -1.
fn index_of<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let fault = |what: &str| ExecutionError::function_error("indexOf", what);
    let (Some(list), Some(wanted)) = (args.first(), args.get(1)) else {
        return Err(fault("two arguments are needed"));
    };
    let list = list
        .as_ref()
        .as_iterable()
        .ok_or_else(|| fault("no list"))?;
    let mut items = list.iter();
    let mut place = 0;
    while let Some(item) = items.next() {
        if item.equals(wanted.as_ref()) {
            return Ok(CowVal::owned(CelInt::from(place)));
        }
        place += 1;
    }
    Ok(CowVal::owned(CelInt::from(-1)))
}

/// The first match of a regular expression, or an empty text.
fn find(
    text: &CelString<'_>,
    pattern: &CelString<'_>,
) -> Result<CelString<'static>, ExecutionError> {
    let pattern = Regex::new(pattern.inner())
        .map_err(|error| ExecutionError::function_error("find", error))?;
    Ok(pattern
        .find(text.inner())
        .map_or("", |found| found.as_str())
        .to_owned()
        .into())
}
