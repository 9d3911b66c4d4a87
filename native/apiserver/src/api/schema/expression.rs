//! Expressions of admission: conditions of webhooks, and the parts of validating admission policies.

use cel::common::ast::IdedExpr;
use serde_json::Value;

use super::rules::{self, Parsed, Weight};
use super::{ANYTHING, rule_types};
use crate::limits::RULE_STEPS;

/// An expression over a request and its objects.
#[derive(Debug)]
pub(crate) struct Expression(Parsed);

/// The variables of a condition of a webhook.
pub(crate) const REQUEST: &[&str] = &["object", "oldObject", "request"];

/// The variables of a policy.
pub(crate) const POLICY: &[&str] = &[
    "namespaceObject",
    "object",
    "oldObject",
    "params",
    "request",
    "variables",
];

impl Expression {
    /// Compiles the text of an expression with these variables.
    ///
    /// # Errors
    /// Says what cannot be evaluated.
    pub(crate) fn compile(expression: &str, variables: &[&str]) -> Result<Self, String> {
        let check = |expression: &IdedExpr| rule_types::check_functions(expression);
        let parsed = rules::with_room(|| rules::parse(expression, variables, check))??;
        Ok(Expression(parsed))
    }
}

/// The values of the variables, and the steps that are left for all expressions over them.
pub(crate) struct Scope {
    context: cel::Context<'static, 'static>,
    weight: Weight,
    steps: u64,
    /// The variables of a policy, as far as they have values.
    variables: std::collections::HashMap<String, cel::Value>,
    /// Why the first variable without a value has none.
    fault: Option<String>,
}

impl Scope {
    /// Creates a scope of the request of an AdmissionReview.
    pub(crate) fn new(request: &Value) -> Self {
        let mut scope = Scope {
            context: rules::context(),
            weight: Weight::of(request),
            steps: RULE_STEPS,
            variables: std::collections::HashMap::new(),
            fault: None,
        };
        for name in REQUEST {
            let value = match *name {
                "request" => request,
                name => request.get(name).unwrap_or(&Value::Null),
            };
            scope.set(name, value);
        }
        scope
    }

    /// Sets a variable of the scope.
    pub(crate) fn set(&mut self, name: &str, value: &Value) {
        self.context
            .add_variable_from_value(name, rules::typed(&ANYTHING, value));
    }

    /// Adds a variable of a policy. One that cannot be evaluated is a fault only of what uses it.
    pub(crate) fn define(&mut self, name: &str, expression: &Expression) {
        match self.evaluate(expression) {
            Ok(value) => {
                self.variables.insert(name.to_owned(), value);
                let variables = self.variables.clone();
                self.context.add_variable_from_value("variables", variables);
            }
            Err(why) => {
                self.fault.get_or_insert(format!("variable {name}: {why}"));
            }
        }
    }

    /// Evaluates a condition.
    ///
    /// # Errors
    /// Says why it has no answer.
    pub(crate) fn holds(&mut self, expression: &Expression) -> Result<bool, String> {
        match self.evaluate(expression) {
            Ok(cel::Value::Bool(holds)) => Ok(holds),
            Ok(_) => Err("must evaluate to bool".to_owned()),
            Err(why) => Err(match &self.fault {
                Some(fault) => format!("{why} ({fault})"),
                None => why,
            }),
        }
    }

    /// Evaluates the expression of a message; `None` if it makes none.
    pub(crate) fn message(&mut self, expression: &Expression) -> Option<String> {
        self.steps = self.steps.checked_sub(expression.0.steps(self.weight))?;
        rules::message(&expression.0, &self.context)
    }

    fn evaluate(&mut self, expression: &Expression) -> Result<cel::Value, String> {
        let steps = self.steps.checked_sub(expression.0.steps(self.weight));
        self.steps = steps.ok_or_else(|| {
            format!(
                "validation failed due to running out of cost budget (limit {RULE_STEPS} steps)"
            )
        })?;
        let value = expression.0.execute(&self.context);
        value.map_err(|error| error.to_string())
    }
}
