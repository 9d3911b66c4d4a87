//! Types of rules: what a rule cannot mean under its schema is refused when the definition is created, before an object
//! is refused by it.
//!
//! The checker knows less than that of a real server: where it does not know a type, it accepts everything.

use cel::common::ast::{Expr, IdedExpr, LiteralValue};

use super::rule_calls::called;
use super::rule_kind::Kind::{
    self, Any, Bool, Bytes, Double, Int, List, Map, Null, Object, String as Text, Uint,
};
use super::{Schema, rule_library};

/// Checks a rule about the value of a schema; with `optional` the stored value is an optional one.
///
/// # Errors
/// Says what the rule cannot mean, in the words of CEL's checker.
pub(super) fn check(schema: &Schema, rule: &IdedExpr, optional: bool) -> Result<(), String> {
    match kind(schema, rule, optional)? {
        Any | Bool => Ok(()),
        other => Err(format!("must evaluate to a bool, not to {}", other.name())),
    }
}

/// Checks the expression of a message as [`check`] does.
///
/// # Errors
/// As [`check`].
pub(super) fn check_message(
    schema: &Schema,
    expression: &IdedExpr,
    optional: bool,
) -> Result<(), String> {
    match kind(schema, expression, optional)? {
        Any | Text => Ok(()),
        other => Err(format!(
            "messageExpression must evaluate to a string, not to {}",
            other.name()
        )),
    }
}

fn kind<'a>(
    schema: &'a Schema,
    expression: &'a IdedExpr,
    optional: bool,
) -> Result<Kind<'a>, String> {
    let old = if optional { Any } else { Kind::of(schema) };
    let mut checker = Checker {
        variables: vec![("self", Kind::of(schema)), ("oldSelf", old)],
    };
    checker.kind(expression)
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
                let namespace = target.and_then(|target| rule_library::namespace(&target.expr));
                let mut arguments = Vec::new();
                for argument in &call.args {
                    arguments.push(self.kind(argument)?);
                }
                match namespace {
                    Some(of) if !self.variables.iter().any(|(known, _)| *known == of) => {
                        called(&format!("{of}.{}", call.func_name), None, arguments)?
                    }
                    _ => {
                        let target = target.map(|target| self.kind(target)).transpose()?;
                        called(&call.func_name, target, arguments)?
                    }
                }
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
            .find(|(known, _)| escaped(known) == name || *known == name)
        {
            // metadata that a schema does not describe has the fields of every object
            Some((_, field)) if name == "metadata" && field.properties.is_empty() => Ok(Any),
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

/// Is it a word of CEL? A field of this name has it in rules beside the escaped one.
pub(super) fn is_reserved(name: &str) -> bool {
    const RESERVED: [&str; 21] = [
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
        "var",
        "void",
        "while",
    ];
    RESERVED.contains(&name)
}

/// Returns the name of a field in a rule: `x__dash__y` for `x-y`, `__in__` for `in`.
pub(super) fn escaped(name: &str) -> String {
    if is_reserved(name) {
        return format!("__{name}__");
    }
    let name = name.replace("__", "__underscores__");
    let name = name.replace('.', "__dot__").replace('-', "__dash__");
    name.replace('/', "__slash__")
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
            ("self.namespace == 'a'", None),
            ("sets.contains(self.names, ['a'])", None),
            (
                "sets.unknown(self.names, ['a'])",
                Some("the function 'sets.unknown' is not evaluated by this server"),
            ),
            ("self.names.isSorted()", None),
            (
                "self.names.isSorted() == 1",
                Some("found no matching overload for '_==_' applied to '(bool, int)'"),
            ),
            ("isURL(self.name)", None),
            ("quantity(self.name).isGreaterThan(quantity('1'))", None),
            (
                "quantity(self.name) == 1",
                Some("applied to '(kubernetes.Quantity, int)'"),
            ),
            (
                "semver(self.name).major() == 1",
                Some("the function 'semver' is not evaluated by this server"),
            ),
            ("duration(self.name).getSeconds() > 1", None),
            (
                "timestamp(self.name).getHours() > 1",
                Some("is evaluated by this server for durations only"),
            ),
            (
                "string(ip(self.name)) == 'a'",
                Some("the function 'string' of net.IP is not evaluated by this server"),
            ),
            ("self.name.find('[0-9]') == 'a'", None),
            ("oldSelf.count <= self.count", None),
            ("oldSelf.nme == self.name", Some("undefined field 'nme'")),
            ("other == self", Some("other is not known here")),
            ("type(self.count) == int", None),
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
            "duration('90s').getMinutes() == 1 && duration('1.5s').getMilliseconds() == 1500",
            "type(self.n) == int && type(self.s) == string && type(self.l) != map",
            "self.l.isSorted() && !['b', 'a'].isSorted() && [].isSorted()",
            "[1, 2].sum() == 3 && [1.5, 2.5].sum() == 4.0 && [].sum() == 0",
            "[2, 3, 1].min() == 1 && [2, 3, 1].max() == 3 && self.l.max() == 'b'",
            "self.l.indexOf('b') == 1 && self.l.indexOf('c') == -1 && ['a', 'a'].lastIndexOf('a') == 1",
            "sets.contains(self.l, ['a']) && !sets.contains(self.l, ['c'])",
            "sets.equivalent(self.l, ['b', 'a', 'a']) && sets.intersects(self.l, ['b', 'c'])",
            "quantity('1Gi').isGreaterThan(quantity('1G')) && quantity('1') == quantity('1000m')",
            "quantity('1').compareTo(quantity('2')) == -1 && quantity('-1').sign() == -1",
            "quantity('1.5').add(quantity('0.5')).asInteger() == 2 && quantity('3').sub(1) == quantity('2')",
            "!quantity('100m').isInteger() && quantity('0.1').asApproximateFloat() == 0.1",
            "ip('127.0.0.1').isLoopback() && ip('::1').family() == 6 && !ip('10.0.0.1').isLinkLocalUnicast()",
            "cidr('10.0.0.0/8').containsIP('10.1.2.3') && !cidr('10.0.0.0/8').containsIP(ip('11.0.0.0'))",
            "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && cidr('10.1.0.0/8').masked() == cidr('10.0.0.0/8')",
            "cidr('fe80::/64').prefixLength() == 64 && cidr('10.1.0.0/8').ip() == ip('10.1.0.0')",
            "ip.isCanonical('::1') && !ip.isCanonical('0::1')",
            "url('https://a.b:80/c?d=e').getHost() == 'a.b:80' && url('https://a/').getScheme() == 'https'",
            "url('https://a.b:80/c?d=e').getPort() == '80' && url('https://a').getEscapedPath() == ''",
            "url('https://[::1]/c').getHostname() == '::1' && url('/c?d=e%20f').getQuery()['d'] == ['e f']",
            "!format.dns1123Label().validate('a-b').hasValue() && format.uuid().validate('x').hasValue()",
            "format.named('dns1123Label').value().validate('A').value().size() == 1",
            "optional.of(1).orValue(2) == 1 && optional.none().orValue(2) == 2",
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
