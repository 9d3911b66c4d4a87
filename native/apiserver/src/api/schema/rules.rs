//! `x-kubernetes-validations`: rules in CEL, each about the value at its position (`self`).
//!
//! The parser and the evaluator recurse, and a rule may iterate over a list for each item of another list. So a rule is
//! measured before it is parsed ([`Measure`]), parsed on a thread with a large stack, and every evaluation is paid from
//! a budget of steps.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use cel::common::ast::{EntryExpr, Expr, IdedExpr};
use cel::objects::OptionalValue;
use serde_json::Value;

use super::{ListType, Schema, Type, rule_functions, rule_library, rule_types};
use crate::api::cause::Cause;
use crate::api::path::Path;
use crate::limits::{LISTED_ERRORS, RULE_BYTES, RULE_DEPTH, RULE_OPERATORS, RULE_STEPS};

/// The stack of a thread that parses a rule, in bytes. Only what is used of it is allocated.
const PARSER_STACK: usize = 64 << 20;

/// A compiled rule.
#[derive(Debug)]
pub(super) struct Rule {
    parsed: Parsed,
    message: String,
    /// What makes a better message, if it can be evaluated.
    message_expression: Option<Parsed>,
    /// The kind of a fault: `FieldValueInvalid`, …
    reason: String,
    /// The path below the value that has the fault, such as `.spec.name`.
    field: String,
    /// Does it compare the value with the stored one?
    compares: bool,
    /// Is it evaluated for a new object too (`optionalOldSelf`)?
    optional: bool,
}

#[derive(Debug)]
pub(super) struct Parsed {
    program: cel::Program,
    measure: Measure,
    /// How many macros are nested in each other.
    loops: u32,
    /// How many additions are in the list that a macro iterates over: each can add a list.
    sums: u64,
}

impl Parsed {
    /// Returns the steps of an evaluation at most, as far as they can be estimated.
    pub(super) fn steps(&self, weight: Weight) -> u64 {
        let measure = &self.measure;
        let items = (weight.values + measure.commas).saturating_mul(self.sums + 1);
        let turns = items.saturating_pow(self.loops);
        let a_turn = measure.operators + 1 + weight.longest / 64;
        turns.saturating_mul(a_turn)
    }

    pub(super) fn execute(
        &self,
        context: &cel::Context<'_, '_>,
    ) -> Result<cel::Value, cel::ExecutionError> {
        self.program.execute(context)
    }
}

/// The size of the values that an expression is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weight {
    values: u64,
    /// The bytes of the longest text.
    longest: u64,
}

impl Weight {
    pub(super) fn of(value: &Value) -> Self {
        let mut weight = Weight {
            values: 1,
            longest: 0,
        };
        let mut rest = vec![value];
        while let Some(value) = rest.pop() {
            weight.values += 1;
            match value {
                Value::String(text) => weight.longest = weight.longest.max(text.len() as u64),
                Value::Array(items) => rest.extend(items),
                Value::Object(fields) => rest.extend(fields.values()),
                _ => {}
            }
        }
        weight
    }
}

impl Rule {
    /// Compiles a rule about the values of a schema.
    pub(super) fn compile(json: &Value, schema: &Schema) -> Result<Self, String> {
        let text = |name: &str| json.get(name).and_then(Value::as_str);
        let rule = text("rule").ok_or("a rule without its expression")?;
        let optional = json.get("optionalOldSelf") == Some(&Value::Bool(true));
        let check = |expression: &IdedExpr| rule_types::check(schema, expression, optional);
        let parsed = with_room(|| parse(rule, &["self", OLD], check))??;
        let message_expression = text("messageExpression").map(|expression| {
            let check =
                |expression: &IdedExpr| rule_types::check_message(schema, expression, optional);
            with_room(|| parse(expression, &["self", OLD], check))?
        });
        let compares = parsed.program.references().has_variable(OLD);
        let message = text("message").map_or_else(|| format!("failed rule: {rule}"), str::to_owned);
        Ok(Rule {
            parsed,
            message,
            message_expression: message_expression.transpose()?,
            reason: text("reason").unwrap_or("FieldValueInvalid").to_owned(),
            field: text("fieldPath").unwrap_or_default().to_owned(),
            compares,
            optional: optional && compares,
        })
    }

    /// Returns the fault of the value, if it has one. A rule that cannot be evaluated is a fault too: nothing passes by
    /// accident. `steps` are left for the expression of the message.
    fn fault(
        &self,
        schema: &Schema,
        (value, old): (&Value, Option<&Value>),
        weight: Weight,
        steps: &mut u64,
    ) -> Option<String> {
        let mut context = context();
        context.add_variable_from_value("self", typed(schema, value));
        let old = old.map(|old| typed(schema, old));
        if self.optional {
            let old = old.map_or_else(OptionalValue::none, OptionalValue::of);
            context.add_variable_from_value(OLD, cel::Value::Opaque(Arc::new(old)));
        } else if let Some(old) = old {
            context.add_variable_from_value(OLD, old);
        }
        let fault = match self.parsed.execute(&context) {
            Ok(cel::Value::Bool(true)) => return None,
            Ok(_) => String::new(),
            Err(error) => format!(" ({error})"),
        };
        let made = self.message_expression.as_ref().and_then(|expression| {
            *steps = steps.checked_sub(expression.steps(weight))?;
            message(expression, &context)
        });
        Some(made.unwrap_or_else(|| self.message.clone()) + &fault)
    }
}

/// Evaluates the expression of a message. A result that is not one line of text has no effect.
pub(super) fn message(expression: &Parsed, context: &cel::Context<'_, '_>) -> Option<String> {
    let Ok(cel::Value::String(text)) = expression.execute(context) else {
        return None;
    };
    let text = text.trim();
    let fits = !text.is_empty() && text.len() <= MESSAGE_BYTES && !text.contains('\n');
    fits.then(|| text.to_owned())
}

/// Longest message that an expression may make, in bytes.
const MESSAGE_BYTES: usize = 5 << 10;

/// Returns a context with the functions of Kubernetes, and without variables.
pub(super) fn context<'p, 'v>() -> cel::Context<'p, 'v> {
    let mut context = cel::Context::with_env(Arc::clone(&ENVIRONMENT));
    rule_functions::add(&mut context);
    context
}

static ENVIRONMENT: LazyLock<Arc<cel::Env>> = LazyLock::new(|| {
    let mut environment = cel::Env::stdlib();
    // each name is new, so no declaration is refused
    let _ = environment.add_extension(cel::extensions::strings);
    rule_library::declare(&mut environment);
    Arc::new(environment)
});

/// The variable of the stored value.
const OLD: &str = "oldSelf";

/// Names of types, which are values in a rule.
const TYPES: [&str; 10] = [
    "bool",
    "bytes",
    "double",
    "int",
    "list",
    "map",
    "null_type",
    "string",
    "type",
    "uint",
];

/// Returns a value as CEL has it under its schema: a number is a double or an int, never unsigned.
pub(super) fn typed(schema: &Schema, value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(flag) => cel::Value::Bool(*flag),
        Value::Number(number) => match number.as_i64() {
            Some(whole) if schema.kind != Some(Type::Number) => cel::Value::Int(whole),
            _ => cel::Value::Float(number.as_f64().unwrap_or_default()),
        },
        Value::String(text) => {
            let number = match schema.format.as_str() {
                "duration" => rule_functions::duration(text),
                "date-time" | "datetime" => rule_functions::time(text),
                _ => None,
            };
            number.map_or_else(|| text.as_str().into(), cel::Value::Int)
        }
        Value::Array(items) => {
            let items = items.iter().map(|item| typed(schema.item(), item));
            items.collect::<Vec<_>>().into()
        }
        Value::Object(fields) => {
            let is_typed = !schema.properties.is_empty();
            let fields = fields.iter().flat_map(|(name, value)| {
                let part = schema.field(name).unwrap_or(&super::ANYTHING);
                let value = typed(part, value);
                let both = is_typed && rule_types::is_reserved(name);
                let plain = both.then(|| (name.clone(), value.clone()));
                let name = if is_typed {
                    rule_types::escaped(name)
                } else {
                    name.clone()
                };
                plain.into_iter().chain([(name, value)])
            });
            cel::Value::Map(fields.collect::<HashMap<_, _>>().into())
        }
    }
}

/// Parses a rule with these variables, and checks its types.
pub(super) fn parse(
    rule: &str,
    variables: &[&str],
    check: impl FnOnce(&IdedExpr) -> Result<(), String>,
) -> Result<Parsed, String> {
    let measure = Measure::of(rule)?;
    let program = cel::Program::compile(rule).map_err(|error| format!("{rule}: {error}"))?;
    let mut shape = Shape {
        known: [variables, &TYPES].concat(),
        sums: 0,
    };
    let loops = shape.loops(program.expression());
    let loops = loops.map_err(|error| format!("{rule}: {error}"))?;
    check(program.expression()).map_err(|error| format!("{rule}: {error}"))?;
    let sums = shape.sums;
    Ok(Parsed {
        program,
        measure,
        loops,
        sums,
    })
}

/// Runs `act` on a thread with a stack that the parser does not exhaust within the limits of a rule.
pub(super) fn with_room<T: Send>(act: impl FnOnce() -> T + Send) -> Result<T, String> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("rule".to_owned())
            .stack_size(PARSER_STACK)
            .spawn_scoped(scope, act)
            .map_err(|error| format!("a rule cannot be compiled: {error}"))?;
        thread
            .join()
            .map_err(|_| "a rule cannot be compiled".to_owned())
    })
}

/// A walk through the tree of a rule.
struct Shape<'a> {
    /// The variables that are known here.
    known: Vec<&'a str>,
    /// See [`Parsed::sums`].
    sums: u64,
}

impl<'a> Shape<'a> {
    /// Returns how many macros are nested in each other.
    ///
    /// # Errors
    /// Returns a variable that is neither a known one nor one of the macros around it.
    fn loops(&mut self, expression: &'a IdedExpr) -> Result<u32, String> {
        match &expression.expr {
            Expr::Ident(name) if !self.known.contains(&name.as_str()) => {
                Err(format!("{name} is not known here"))
            }
            Expr::Comprehension(made) => {
                self.sums = self.sums.max(sums(&made.iter_range));
                let once = self.most(vec![&made.iter_range, &made.accu_init])?;
                let before = self.known.len();
                self.known
                    .extend([made.accu_var.as_str(), made.iter_var.as_str()]);
                self.known.extend(made.iter_var2.as_deref());
                let turns = self.most(vec![&made.loop_cond, &made.loop_step])?;
                let result = self.loops(&made.result)?;
                self.known.truncate(before);
                Ok((1 + turns).max(once).max(result))
            }
            // a function of a namespace, such as `sets.contains`
            Expr::Call(call) if self.is_in_namespace(call.target.as_deref()) => {
                self.most(call.args.iter().collect())
            }
            _ => self.most(parts(expression)),
        }
    }

    fn is_in_namespace(&self, target: Option<&IdedExpr>) -> bool {
        let name = target.and_then(|target| rule_library::namespace(&target.expr));
        name.is_some_and(|name| !self.known.contains(&name))
    }

    fn most(&mut self, parts: Vec<&'a IdedExpr>) -> Result<u32, String> {
        let mut most = 0;
        for part in parts {
            most = most.max(self.loops(part)?);
        }
        Ok(most)
    }
}

/// Counts the additions of an expression.
fn sums(expression: &IdedExpr) -> u64 {
    let own = matches!(&expression.expr, Expr::Call(call) if call.func_name == "_+_");
    u64::from(own) + parts(expression).into_iter().map(sums).sum::<u64>()
}

/// Returns the parts of an expression.
fn parts(expression: &IdedExpr) -> Vec<&IdedExpr> {
    let mut parts: Vec<&IdedExpr> = Vec::new();
    match &expression.expr {
        Expr::Call(call) => {
            parts.extend(call.target.as_deref());
            parts.extend(&call.args);
        }
        Expr::Comprehension(made) => {
            parts.extend([&made.iter_range, &made.accu_init, &made.loop_cond]);
            parts.extend([&made.loop_step, &made.result]);
        }
        Expr::List(list) => parts.extend(&list.elements),
        Expr::Select(select) => parts.push(&select.operand),
        Expr::Map(map) => map
            .entries
            .iter()
            .for_each(|entry| add(&entry.expr, &mut parts)),
        Expr::Struct(made) => made
            .entries
            .iter()
            .for_each(|entry| add(&entry.expr, &mut parts)),
        Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => {}
    }
    parts
}

fn add<'a>(entry: &'a EntryExpr, parts: &mut Vec<&'a IdedExpr>) {
    match entry {
        EntryExpr::MapEntry(entry) => parts.extend([&entry.key, &entry.value]),
        EntryExpr::StructField(field) => parts.push(&field.value),
    }
}

/// The size of the text of a rule, found without recursion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Measure {
    /// Characters of operators: each makes the tree of the rule one level deeper, at most.
    operators: u64,
    commas: u64,
}

impl Measure {
    fn of(rule: &str) -> Result<Self, String> {
        if rule.len() > RULE_BYTES {
            let length = rule.len();
            return Err(format!("a rule of {length} bytes, limit {RULE_BYTES}"));
        }
        let mut measure = Measure::default();
        let (mut depth, mut deepest) = (0_usize, 0);
        let mut rest = rule;
        while let Some(c) = rest.chars().next() {
            if let Some(after) = after_text(rest)? {
                rest = after;
                continue;
            }
            if rest.starts_with("//") {
                rest = rest.split_once('\n').map_or("", |(_, after)| after);
                continue;
            }
            match c {
                '(' | '[' | '{' => {
                    depth += 1;
                    deepest = deepest.max(depth);
                }
                ')' | ']' | '}' => depth = depth.saturating_sub(1),
                ',' => measure.commas += 1,
                '?' => {
                    // the rest of a conditional is nested in it
                    depth += 1;
                    deepest = deepest.max(depth);
                }
                _ => {}
            }
            measure.operators += u64::from(c.is_ascii_punctuation() && c != '_');
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        }
        if deepest > RULE_DEPTH {
            return Err(format!(
                "a rule that is nested {deepest} levels deep, limit {RULE_DEPTH}"
            ));
        }
        let operators = measure.operators;
        if operators > RULE_OPERATORS as u64 {
            return Err(format!(
                "a rule of {operators} operators, limit {RULE_OPERATORS}"
            ));
        }
        Ok(measure)
    }
}

/// Returns what follows a string literal, if one begins here.
fn after_text(rule: &str) -> Result<Option<&str>, String> {
    let prefix = rule.len() - rule.trim_start_matches(['r', 'R', 'b', 'B']).len();
    let (before, quoted) = rule.split_at(prefix.min(2));
    let Some(quote) = ["'''", "\"\"\"", "'", "\""]
        .into_iter()
        .find(|quote| quoted.starts_with(quote))
    else {
        return Ok(None);
    };
    let raw = before.contains(['r', 'R']);
    let mut rest = quoted.strip_prefix(quote).unwrap_or_default();
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix(quote) {
            return Ok(Some(after));
        }
        if quote.len() == 1 && matches!(c, '\n' | '\r') {
            break;
        }
        let skipped = if c == '\\' && !raw {
            rest.chars().take(2).map(char::len_utf8).sum()
        } else {
            c.len_utf8()
        };
        rest = rest.get(skipped..).unwrap_or_default();
    }
    Err("a rule with a text that is not closed".to_owned())
}

/// Evaluates every rule of a schema on a value that is present.
///
/// A rule that compares with the stored value (`oldSelf`) is evaluated where there is one: not for a new object, nor in
/// lists whose items have no keys.
pub(super) fn evaluate(
    schema: &Schema,
    (value, old): (&Value, Option<&Value>),
    prefix: &str,
    causes: &mut Vec<Cause>,
) {
    let mut run = Evaluation {
        steps: RULE_STEPS,
        causes,
        more: 0,
    };
    run.value(schema, (value, old), &Path::root(prefix));
    if run.more > 0 {
        let more = Cause::more(run.more);
        run.causes.push(more);
    }
}

struct Evaluation<'a> {
    /// The steps that are left; 0 once they did not suffice.
    steps: u64,
    causes: &'a mut Vec<Cause>,
    more: usize,
}

impl Evaluation<'_> {
    fn value(&mut self, schema: &Schema, (value, old): (&Value, Option<&Value>), path: &Path<'_>) {
        for rule in &schema.rules {
            if self.steps == 0 {
                return;
            }
            if rule.compares && old.is_none() && !rule.optional {
                continue;
            }
            let compared = old.filter(|_| rule.compares);
            let weight = Weight::of(value);
            let compared_steps = compared.map_or(0, |old| rule.parsed.steps(Weight::of(old)));
            let steps = rule.parsed.steps(weight).saturating_add(compared_steps);
            self.steps = self.steps.saturating_sub(steps);
            let fault = if self.steps == 0 {
                Some(format!(
                    "validation failed due to running out of cost budget, no further validation rules will be run \
                     (limit {RULE_STEPS} steps)"
                ))
            } else {
                rule.fault(schema, (value, compared), weight, &mut self.steps)
            };
            if let Some(detail) = fault {
                self.add(rule, value, path, &detail);
            }
        }
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    if let Some(schema) = schema.field(name) {
                        let old = old.and_then(|old| old.get(name));
                        self.value(schema, (value, old), &path.field(name));
                    }
                }
            }
            Value::Array(items) => {
                let keys = match &schema.list {
                    ListType::Map(keys) => keys.as_slice(),
                    ListType::Atomic | ListType::Set => &[],
                };
                let olds = old.and_then(Value::as_array).filter(|_| !keys.is_empty());
                let same = |one: &Value, other: &Value| {
                    keys.iter().all(|key| one.get(key) == other.get(key))
                };
                if let Some(schema) = &schema.items {
                    for (index, item) in items.iter().enumerate() {
                        let old = olds.into_iter().flatten().find(|old| same(old, item));
                        self.value(schema, (item, old), &path.index(index));
                    }
                }
            }
            _ => {}
        }
    }

    fn add(&mut self, rule: &Rule, value: &Value, path: &Path<'_>, detail: &str) {
        if self.causes.len() >= LISTED_ERRORS {
            self.more += 1;
            return;
        }
        let shown = match value {
            Value::Object(_) => Value::from("object"),
            Value::Array(_) => Value::from("array"),
            scalar => scalar.clone(),
        };
        let path = path.to_string() + &rule.field;
        let path = path.trim_start_matches('.');
        self.causes.push(match rule.reason.as_str() {
            "FieldValueDuplicate" => Cause::duplicate(path, &shown),
            "FieldValueForbidden" => Cause::forbidden(path, detail),
            "FieldValueRequired" => Cause::required(path, detail),
            _ => Cause::invalid(path, &shown, detail),
        });
    }
}
