//! Types of rules: what a rule cannot mean under its schema is refused when the definition is created, before an object
//! is refused by it.
//!
//! The checker knows less than that of a real server: where it does not know a type, it accepts everything.

use cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};

use super::rule_kind::Kind::{
    self, Any, Bool, Bytes, Double, Int, List, Map, Null, Object, String as Text, Uint,
};
use super::{Schema, rule_functions};

/// Functions that the evaluator has, beside operators and macros.
const FUNCTIONS: &[&str] = &[
    "bool",
    "bytes",
    "charAt",
    "contains",
    "double",
    "dyn",
    "endsWith",
    "format",
    "indexOf",
    "int",
    "join",
    "lastIndexOf",
    "lowerAscii",
    "matches",
    "replace",
    "size",
    "split",
    "startsWith",
    "string",
    "substring",
    "trim",
    "uint",
    "upperAscii",
];

/// Checks a rule about the value of a schema.
///
/// # Errors
/// Says what the rule cannot mean, in the words of CEL's checker.
pub(super) fn check(schema: &Schema, rule: &IdedExpr) -> Result<(), String> {
    let mut checker = Checker {
        variables: vec![("self", Kind::of(schema)), ("oldSelf", Kind::of(schema))],
    };
    match checker.kind(rule)? {
        Any | Bool => Ok(()),
        other => Err(format!("must evaluate to a bool, not to {}", other.name())),
    }
}

/// Checks that every function of an expression can be evaluated.
///
/// # Errors
/// Names the function that cannot.
pub(super) fn check_functions(expression: &IdedExpr) -> Result<(), String> {
    let mut checker = Checker {
        variables: Vec::new(),
    };
    checker.kind(expression).map(drop)
}

struct Checker<'a> {
    variables: Vec<(&'a str, Kind<'a>)>,
}

impl<'a> Checker<'a> {
    fn kind(&mut self, expression: &'a IdedExpr) -> Result<Kind<'a>, String> {
        Ok(match &expression.expr {
            Expr::Literal(literal) => match literal {
                LiteralValue::Boolean(_) => Bool,
                LiteralValue::Bytes(_) => Bytes,
                LiteralValue::Double(_) => Double,
                LiteralValue::Int(_) => Int,
                LiteralValue::Null => Null,
                LiteralValue::String(_) => Text,
                LiteralValue::UInt(_) => Uint,
            },
            Expr::Ident(name) => {
                let known = self.variables.iter().rev().find(|(known, _)| known == name);
                known.map_or(Any, |(_, kind)| kind.clone())
            }
            Expr::Select(select) => {
                let operand = self.kind(&select.operand)?;
                let field = field(&operand, &select.field)?;
                if select.test { Bool } else { field }
            }
            Expr::List(list) => {
                let mut items = None;
                for item in &list.elements {
                    let kind = self.kind(item)?;
                    items = Some(match items {
                        None => kind,
                        Some(known) if kind.fits(&known) => known,
                        Some(_) => Any,
                    });
                }
                List(Box::new(items.unwrap_or(Any)))
            }
            Expr::Comprehension(made) => {
                let range = self.kind(&made.iter_range)?;
                let start = self.kind(&made.accu_init)?;
                let (first, second) = match range {
                    List(items) if made.iter_var2.is_some() => (Int, *items),
                    List(items) => (*items, Any),
                    Map(values) => (Text, *values),
                    Any | Object(_) => (Any, Any),
                    other => {
                        return Err(format!(
                            "expression of type '{}' cannot be range of a comprehension (must be list, map, or dynamic)",
                            other.name()
                        ));
                    }
                };
                let before = self.variables.len();
                self.variables.push((&made.iter_var, first));
                if let Some(name) = &made.iter_var2 {
                    self.variables.push((name, second));
                }
                self.variables.push((&made.accu_var, start));
                self.kind(&made.loop_cond)?;
                self.kind(&made.loop_step)?;
                let result = self.kind(&made.result)?;
                self.variables.truncate(before);
                result
            }
            Expr::Call(call) => {
                let target = call.target.as_deref();
                let target = target.map(|target| self.kind(target)).transpose()?;
                let mut arguments = Vec::new();
                for argument in &call.args {
                    arguments.push(self.kind(argument)?);
                }
                called(&call.func_name, target, arguments)?
            }
            Expr::Map(_) => Map(Box::new(Any)),
            Expr::Struct(_) | Expr::Unspecified => Any,
        })
    }
}

/// Returns the type of a field.
fn field<'a>(operand: &Kind<'a>, name: &str) -> Result<Kind<'a>, String> {
    match operand {
        Any => Ok(Any),
        Map(values) => Ok((**values).clone()),
        Object(schema) => match schema
            .properties
            .iter()
            .find(|(known, _)| escaped(known) == name)
        {
            Some((_, field)) => Ok(Kind::of(field)),
            // every object has these, whatever its schema says
            None if matches!(name, "apiVersion" | "kind" | "metadata") || schema.preserve => {
                Ok(Any)
            }
            None => Err(format!("undefined field '{name}'")),
        },
        other => Err(format!(
            "type '{}' does not support field selection",
            other.name()
        )),
    }
}

/// Returns the name of a field in a rule: `x__dash__y` for `x-y`, `__in__` for `in`.
pub(super) fn escaped(name: &str) -> String {
    const RESERVED: [&str; 18] = [
        "as",
        "break",
        "const",
        "continue",
        "else",
        "false",
        "for",
        "function",
        "if",
        "import",
        "in",
        "let",
        "loop",
        "namespace",
        "null",
        "package",
        "return",
        "true",
    ];
    if RESERVED.contains(&name) {
        return format!("__{name}__");
    }
    let name = name.replace("__", "__underscores__");
    let name = name.replace('.', "__dot__").replace('-', "__dash__");
    name.replace('/', "__slash__")
}

/// Returns the type of a call's result.
fn called<'a>(
    name: &str,
    target: Option<Kind<'a>>,
    arguments: Vec<Kind<'a>>,
) -> Result<Kind<'a>, String> {
    let all: Vec<&Kind<'a>> = target.iter().chain(&arguments).collect();
    let refuse = || {
        let names: Vec<String> = all.iter().map(|kind| kind.name()).collect();
        let dot = if target.is_some() { "." } else { "" };
        Err(format!(
            "found no matching overload for '{name}' applied to '{dot}({})'",
            names.join(", ")
        ))
    };
    let one_of = |kind: &Kind<'_>, known: &[Kind<'_>]| {
        matches!(kind, Any) || known.iter().any(|known| known.tag() == kind.tag())
    };
    match (name, all.as_slice()) {
        (operators::EQUALS | operators::NOT_EQUALS, [one, other]) => {
            if one.fits(other) {
                Ok(Bool)
            } else {
                refuse()
            }
        }
        (
            operators::LESS
            | operators::LESS_EQUALS
            | operators::GREATER
            | operators::GREATER_EQUALS,
            [one, other],
        ) => {
            let ordered =
                |kind: &Kind<'_>| kind.is_number() || one_of(kind, &[Any, Bool, Bytes, Text]);
            let alike = (one.is_number() && other.is_number()) || one.fits(other);
            if alike && ordered(one) && ordered(other) {
                Ok(Bool)
            } else {
                refuse()
            }
        }
        (operators::LOGICAL_AND | operators::LOGICAL_OR | operators::LOGICAL_NOT, kinds) => {
            if kinds.iter().all(|kind| one_of(kind, &[Any, Bool])) {
                Ok(Bool)
            } else {
                refuse()
            }
        }
        (operators::NOT_STRICTLY_FALSE, _) => Ok(Bool),
        (operators::ADD, [one, other]) => {
            let can = |kind: &Kind<'_>| {
                kind.is_number() || one_of(kind, &[Any, Bytes, Text, List(Box::new(Any))])
            };
            match (one, other) {
                (Any, kind) | (kind, Any) if can(kind) => Ok((*kind).clone()),
                (one, other) if one.fits(other) && can(one) => Ok((*one).clone()),
                // lists of different items are a list of any
                (List(_), List(_)) => Ok(List(Box::new(Any))),
                _ => refuse(),
            }
        }
        (
            operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE | operators::MODULO,
            [one, other],
        ) => match (one, other) {
            (Any, kind) | (kind, Any) if kind.is_number() || matches!(kind, Any) => {
                Ok((*kind).clone())
            }
            (one, other) if one.is_number() && one.fits(other) => Ok((*one).clone()),
            _ => refuse(),
        },
        (operators::NEGATE, [one]) => {
            if one_of(one, &[Any, Double, Int]) {
                Ok((*one).clone())
            } else {
                refuse()
            }
        }
        (operators::CONDITIONAL, [condition, one, other]) => {
            if !one_of(condition, &[Any, Bool]) || !one.fits(other) {
                return refuse();
            }
            Ok(if matches!(one, Any) {
                (*other).clone()
            } else {
                (*one).clone()
            })
        }
        (operators::INDEX, [of, index]) => match of {
            List(items) if one_of(index, &[Any, Int]) => Ok((**items).clone()),
            Map(values) if one_of(index, &[Any, Text]) => Ok((**values).clone()),
            Any | Object(_) => Ok(Any),
            _ => refuse(),
        },
        (operators::IN, [item, of]) => match of {
            List(items) if items.fits(item) => Ok(Bool),
            Map(_) if one_of(item, &[Any, Text]) => Ok(Bool),
            Any | Object(_) => Ok(Bool),
            _ => refuse(),
        },
        (operators::OPT_INDEX | operators::OPT_SELECT, _) => Ok(Any),
        ("size", [of]) => {
            let sized = [Any, Bytes, Text, List(Box::new(Any)), Map(Box::new(Any))];
            if one_of(of, &sized) {
                Ok(Int)
            } else {
                refuse()
            }
        }
        ("contains" | "endsWith" | "matches" | "startsWith", [of, argument]) => {
            let texts = [Any, Text];
            if one_of(of, &texts) && one_of(argument, &texts) {
                Ok(Bool)
            } else {
                refuse()
            }
        }
        ("bool", [_]) => Ok(Bool),
        ("double", [_]) => Ok(Double),
        ("int", [_]) => Ok(Int),
        ("uint", [_]) => Ok(Uint),
        ("string", [_]) => Ok(Text),
        ("lowerAscii" | "replace" | "substring" | "trim" | "upperAscii" | "charAt", [of, ..]) => {
            if one_of(of, &[Any, Text]) {
                Ok(Text)
            } else {
                refuse()
            }
        }
        (name, _) if FUNCTIONS.contains(&name) || rule_functions::NAMES.contains(&name) => Ok(Any),
        (name, _) => Err(format!(
            "the function '{name}' is not evaluated by this server"
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Schema;

    #[test]
    fn rules_are_checked_against_their_schema() {
        for (rule, fault) in [
            ("self.count > 1", None),
            ("self.count == size(self.names)", None),
            ("self.names.all(n, n.startsWith('a'))", None),
            ("self.names.exists(n, n == 'a')", None),
            ("self.names.exists_one(n, n == 'a')", None),
            ("self.names.filter(n, n != 'a').size() > 0", None),
            ("self.names.map(n, n + 'x').size() < 5", None),
            (
                "self.items.all(i, !has(i.tag) || i.tag in self.names)",
                None,
            ),
            ("self.map.all(k, self.map[k] > 0)", None),
            ("'a' in self.map && self.map.a == 1", None),
            ("has(self.share) ? self.share > 0.5 : true", None),
            ("self.anything == 1 || self.anything == 'a'", None),
            ("self.name.lowerAscii() == self.name", None),
            ("self.name.split(',').size() == 2", None),
            ("self.metadata.name.size() < 10", None),
            ("self.time != ''", None),
            ("self.nme == 'a'", Some("undefined field 'nme'")),
            (
                "self.items.all(i, i.tga == 'a')",
                Some("undefined field 'tga'"),
            ),
            ("has(self.nme)", Some("undefined field 'nme'")),
            (
                "self.count == 'a'",
                Some("found no matching overload for '_==_' applied to '(int, string)'"),
            ),
            (
                "self.count + self.name == 'a'",
                Some("found no matching overload for '_+_' applied to '(int, string)'"),
            ),
            (
                "self.name > 1",
                Some("found no matching overload for '_>_' applied to '(string, int)'"),
            ),
            (
                "self.name && true",
                Some("found no matching overload for '_&&_' applied to '(string, bool)'"),
            ),
            ("self.name", Some("must evaluate to a bool, not to string")),
            (
                "self.count + 1",
                Some("must evaluate to a bool, not to int"),
            ),
            (
                "self.count.startsWith('a')",
                Some("found no matching overload for 'startsWith' applied to '.(int, string)'"),
            ),
            (
                "1 in self.names",
                Some("found no matching overload for '@in' applied to '(int, list(string))'"),
            ),
            (
                "size(self.count) == 1",
                Some("found no matching overload for 'size' applied to '(int)'"),
            ),
            (
                "self.count.all(n, n > 1)",
                Some("expression of type 'int' cannot be range of a comprehension"),
            ),
            ("duration(self.name) > duration('1h')", None),
            ("self.x__dash__y == 1", None),
            ("self.__namespace__ == 'a'", None),
            (
                "sets.contains(self.names, ['a'])",
                Some("sets is not known here"),
            ),
            (
                "self.names.isSorted()",
                Some("the function 'isSorted' is not evaluated by this server"),
            ),
            ("isURL(self.name)", None),
            (
                "quantity(self.name).isGreaterThan(quantity('1'))",
                Some("the function 'quantity' is not evaluated by this server"),
            ),
            ("self.name.find('[0-9]') == 'a'", None),
            ("oldSelf.count <= self.count", None),
            ("oldSelf.nme == self.name", Some("undefined field 'nme'")),
            ("other == self", Some("other is not known here")),
            (
                "type(self.count) == int",
                Some("the function 'type' is not evaluated by this server"),
            ),
            ("self.count >", Some("")),
        ] {
            let text = json!({"type": "string"});
            let schema = Schema::compile(&json!({
                "type": "object",
                "properties": {
                    "count": {"type": "integer"},
                    "share": {"type": "number"},
                    "name": text,
                    "time": {"type": "string", "format": "date-time"},
                    "names": {"type": "array", "items": text},
                    "items": {"type": "array", "items": {"type": "object", "properties": {"tag": text}}},
                    "map": {"type": "object", "additionalProperties": {"type": "integer"}},
                    "anything": {"x-kubernetes-preserve-unknown-fields": true},
                    "x-y": {"type": "integer"},
                    "namespace": text,
                },
                "x-kubernetes-validations": [{"rule": rule}],
            }));
            match (schema, fault) {
                (Ok(_), None) => {}
                (Err(found), Some(fault)) => assert!(found.contains(fault), "{rule}: {found}"),
                (Ok(_), Some(fault)) => panic!("{rule}: accepted, expected {fault}"),
                (Err(found), None) => panic!("{rule}: {found}"),
            }
        }
    }

    #[test]
    fn known_functions_are_evaluated() {
        let value = json!({"s": "Ab,c", "l": ["a", "b"], "n": 3});
        for rule in [
            "bool('true')",
            "size(bytes('a')) == 1",
            "self.s.charAt(0) == 'A'",
            "self.s.contains('b')",
            "double('1.5') > 1.0",
            "dyn(1) == 1",
            "self.s.endsWith('c')",
            "'%s'.format(['a']) == 'a'",
            "self.s.indexOf('b') == 1",
            "int('3') == self.n",
            "self.l.join('-') == 'a-b'",
            "self.s.lastIndexOf('c') == 3",
            "self.s.lowerAscii() == 'ab,c'",
            "self.s.matches('^[A-Z]')",
            "self.s.replace('b', 'x') == 'Ax,c'",
            "size(self.s.split(',')) == 2",
            "self.s.startsWith('A')",
            "string(self.n) == '3'",
            "self.s.substring(1) == 'b,c'",
            "' a '.trim() == 'a'",
            "self.s.find('[a-z]+') == 'b' && self.s.find('x') == ''",
            "self.s.findAll('[a-z]') == ['b', 'c']",
            "isIP('::1') && !isIP('a') && isCIDR('10.0.0.0/8')",
            "isURL('https://a/b') && !isURL('a b')",
            "isQuantity('1Gi') && !isQuantity('1gi')",
            "duration('1h') > duration('59m') && duration('1m') - duration('1s') == duration('59s')",
            "timestamp('2026-01-01T00:01:00Z') - timestamp('2026-01-01T00:00:00Z') == duration('1m')",
            "self.n - 5 == -2",
            "self.n * 2 + 1 == 7",
            "self.n > 2 && self.n / 2 == 1 && self.n % 2 == 1",
            "self.l.size() == self.n - 1",
            "uint(1) == 1u",
            "self.s.upperAscii() == 'AB,C'",
        ] {
            let schema = Schema::compile(&json!({
                "type": "object",
                "x-kubernetes-preserve-unknown-fields": true,
                "x-kubernetes-validations": [{"rule": rule}],
            }))
            .unwrap_or_else(|error| panic!("{rule}: {error}"));
            let causes = super::super::validate(&schema, &value, None, "");
            assert!(causes.is_empty(), "{rule}: {causes:?}");
        }
    }
}
