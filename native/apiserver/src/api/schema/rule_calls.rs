//! Types of the functions and operators of a rule.

use cel::common::ast::operators;

use super::rule_kind::DURATION;
use super::rule_kind::Kind::{
    self, Any, Bool, Bytes, Double, Int, List, Map, Object, Opaque, String as Text, Uint,
};
use super::{rule_functions, rule_library};

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
    "hasValue",
    "indexOf",
    "int",
    "join",
    "lastIndexOf",
    "lowerAscii",
    "matches",
    "optional.none",
    "optional.of",
    "optional.ofNonZeroValue",
    "or",
    "orValue",
    "replace",
    "size",
    "split",
    "startsWith",
    "string",
    "substring",
    "trim",
    "type",
    "uint",
    "upperAscii",
    "value",
];

/// Returns the type of a call's result.
pub(super) fn called<'a>(
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
            let ordered = |kind: &Kind<'_>| {
                kind.is_number() || kind.is_duration() || one_of(kind, &[Any, Bool, Bytes, Text])
            };
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
                (Any, Any) => Ok(Any),
                // a duration, or a time
                (one, other) if one.is_duration() && other.is_duration() => Ok(DURATION),
                (Any, kind) | (kind, Any) if kind.is_duration() => Ok(Any),
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
            (one, other)
                if name == operators::SUBSTRACT && one.is_duration() && other.is_duration() =>
            {
                Ok(DURATION)
            }
            (Any, kind) if name == operators::SUBSTRACT && kind.is_duration() => Ok(Any),
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
        ("duration", [of]) if one_of(of, &[Any, Text]) || of.is_duration() => Ok(DURATION),
        ("getHours" | "getMilliseconds" | "getMinutes" | "getSeconds", [of]) => {
            if of.is_duration() {
                Ok(Int)
            } else {
                Err(format!(
                    "the function '{name}' is evaluated by this server for durations only"
                ))
            }
        }
        ("indexOf" | "lastIndexOf", [of, ..]) => {
            if one_of(of, &[Any, Text, List(Box::new(Any))]) {
                Ok(Int)
            } else {
                refuse()
            }
        }
        ("isSorted" | "max" | "min" | "sum", [of]) => match of {
            List(_) | Any if name == "isSorted" => Ok(Bool),
            List(items) => Ok((**items).clone()),
            Any => Ok(Any),
            _ => refuse(),
        },
        ("string", [Opaque(of)]) => Err(format!(
            "the function 'string' of {of} is not evaluated by this server"
        )),
        ("string", [_]) => Ok(Text),
        ("lowerAscii" | "replace" | "substring" | "trim" | "upperAscii" | "charAt", [of, ..]) => {
            if one_of(of, &[Any, Text]) {
                Ok(Text)
            } else {
                refuse()
            }
        }
        (name, all) if rule_library::KINDS.iter().any(|(known, _)| *known == name) => {
            let mut kinds = rule_library::KINDS.iter();
            let kind = kinds.find(|(known, _)| *known == name);
            if all.is_empty() && !name.contains('.') {
                return refuse();
            }
            Ok(kind.map_or(Any, |(_, kind)| kind.clone()))
        }
        (name, _) if FUNCTIONS.contains(&name) || rule_functions::NAMES.contains(&name) => Ok(Any),
        (name, _) => Err(format!(
            "the function '{name}' is not evaluated by this server"
        )),
    }
}
