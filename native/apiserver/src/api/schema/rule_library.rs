//! Kubernetes' libraries of CEL: lists, sets, quantities and named formats; addresses and URLs are in `rule_addresses`.

use std::cmp::Ordering;
use std::sync::Arc;

use cel::common::ast::Expr;
use cel::common::types::{CelInt, DYN_TYPE, LIST_TYPE};
use cel::common::value::CowVal;
use cel::extractors::This;
use cel::objects::{Opaque, OptionalValue};
use cel::{ExecutionError, Value};

use super::rule_kind::Kind::{self, Any, Bool, Double, Int, String as Text};
use super::{format, go, rule_addresses};
use crate::api::meta::{self, NameRule};

/// The namespaces of functions, such as `sets` of `sets.contains`.
const NAMESPACES: [&str; 4] = ["format", "ip", "optional", "sets"];

/// Returns the namespace that an expression names, if it names one.
pub(super) fn namespace(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Ident(name) => Some(name.as_str()).filter(|name| NAMESPACES.contains(name)),
        _ => None,
    }
}

/// The functions, and the types of their results.
pub(super) const KINDS: &[(&str, Kind<'static>)] = &[
    ("add", Any),
    ("asApproximateFloat", Double),
    ("asInteger", Int),
    ("cidr", Kind::Opaque("net.CIDR")),
    ("compareTo", Int),
    ("containsCIDR", Bool),
    ("containsIP", Bool),
    ("family", Int),
    ("format.byte", NAMED),
    ("format.date", NAMED),
    ("format.datetime", NAMED),
    ("format.dns1035Label", NAMED),
    ("format.dns1035LabelPrefix", NAMED),
    ("format.dns1123Label", NAMED),
    ("format.dns1123LabelPrefix", NAMED),
    ("format.dns1123Subdomain", NAMED),
    ("format.dns1123SubdomainPrefix", NAMED),
    ("format.labelValue", NAMED),
    ("format.named", Any),
    ("format.qualifiedName", NAMED),
    ("format.uri", NAMED),
    ("format.uuid", NAMED),
    ("getEscapedPath", Text),
    ("getHost", Text),
    ("getHostname", Text),
    ("getPort", Text),
    ("getQuery", Any),
    ("getScheme", Text),
    ("ip", Kind::Opaque("net.IP")),
    ("ip.isCanonical", Bool),
    ("isGlobalUnicast", Bool),
    ("isGreaterThan", Bool),
    ("isInteger", Bool),
    ("isLessThan", Bool),
    ("isLinkLocalMulticast", Bool),
    ("isLinkLocalUnicast", Bool),
    ("isLoopback", Bool),
    ("isUnspecified", Bool),
    ("masked", Kind::Opaque("net.CIDR")),
    ("prefixLength", Int),
    ("quantity", Kind::Opaque("kubernetes.Quantity")),
    ("sets.contains", Bool),
    ("sets.equivalent", Bool),
    ("sets.intersects", Bool),
    ("sign", Int),
    ("sub", Any),
    ("url", Kind::Opaque("kubernetes.URL")),
    ("validate", Any),
];

const NAMED: Kind<'static> = Kind::Opaque("kubernetes.NamedFormat");

/// The names of the formats of `format.named`.
const FORMATS: [&str; 13] = [
    "byte",
    "date",
    "datetime",
    "dns1035Label",
    "dns1035LabelPrefix",
    "dns1123Label",
    "dns1123LabelPrefix",
    "dns1123Subdomain",
    "dns1123SubdomainPrefix",
    "labelValue",
    "qualifiedName",
    "uri",
    "uuid",
];

/// An amount in billionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Quantity(i128);

const ONE: i128 = 1_000_000_000;

/// The name of a format.
#[derive(Debug, PartialEq, Eq)]
struct Named(&'static str);

macro_rules! opaque {
    ($kind:ident, $name:literal) => {
        impl Opaque for $kind {
            fn runtime_type_name(&self) -> &str {
                $name
            }
        }

        impl From<$kind> for Value {
            fn from(value: $kind) -> Self {
                Value::Opaque(Arc::new(value))
            }
        }
    };
}

pub(super) use opaque;

opaque!(Quantity, "kubernetes.Quantity");
opaque!(Named, "kubernetes.NamedFormat");

pub(super) type Result<T = Value> = std::result::Result<T, ExecutionError>;

pub(super) fn fault(function: &str, why: impl ToString) -> ExecutionError {
    ExecutionError::function_error(function, why)
}

/// Declares what a text has too: `indexOf` and `lastIndexOf` of lists.
pub(super) fn declare(environment: &mut cel::Env) {
    fn index<'b, 'v>(args: &[CowVal<'b, 'v>], last: bool) -> Result<CowVal<'b, 'v>> {
        let [list, item] = args else {
            return Err(ExecutionError::invalid_argument_count(1, args.len()));
        };
        let (list, item) = (
            Value::try_from(list.as_ref())?,
            Value::try_from(item.as_ref())?,
        );
        let Value::List(items) = list else {
            return Err(fault("indexOf", "not a list"));
        };
        let mut places = items.iter();
        let place = if last {
            places.rposition(|one| *one == item)
        } else {
            places.position(|one| *one == item)
        };
        let place = place.and_then(|place| i64::try_from(place).ok());
        Ok(CowVal::owned(CelInt::from(place.unwrap_or(-1))))
    }
    // the type of the list is new, so no declaration is refused
    let _ = environment.add_member_overload(
        "indexOf",
        "list_index_of",
        LIST_TYPE,
        vec![DYN_TYPE],
        |args| index(&args, false),
    );
    let _ = environment.add_member_overload(
        "lastIndexOf",
        "list_last_index_of",
        LIST_TYPE,
        vec![DYN_TYPE],
        |args| index(&args, true),
    );
}

/// Adds the functions to a context. None of their names is declared, so none is refused.
pub(super) fn add(context: &mut cel::Context<'_, '_>) {
    lists(context);
    quantities(context);
    rule_addresses::addresses(context);
    rule_addresses::urls(context);
    formats(context);
}

fn lists(context: &mut cel::Context<'_, '_>) {
    let _ = context.add_function("isSorted", |This(items): This<Arc<Vec<Value>>>| {
        let mut pairs = items.iter().zip(items.iter().skip(1));
        pairs.try_fold(true, |sorted, (one, next)| {
            Ok::<_, ExecutionError>(sorted && order("isSorted", one, next)? != Ordering::Greater)
        })
    });
    for (name, wanted) in [("min", Ordering::Less), ("max", Ordering::Greater)] {
        let _ = context.add_function(name, move |This(items): This<Arc<Vec<Value>>>| -> Result {
            let mut items = items.iter();
            let first = items.next();
            let mut most =
                first.ok_or_else(|| fault(name, format!("{name} called on empty list")))?;
            for item in items {
                if order(name, item, most)? == wanted {
                    most = item;
                }
            }
            Ok(most.clone())
        });
    }
    let _ = context.add_function("sum", |This(items): This<Arc<Vec<Value>>>| -> Result {
        let mut sum = Value::Int(0);
        for item in items.iter() {
            let of = match (&sum, item) {
                (Value::Int(0), Value::UInt(_) | Value::Float(_)) => Some(item.clone()),
                (Value::Int(sum), Value::Int(item)) => sum.checked_add(*item).map(Value::Int),
                (Value::UInt(sum), Value::UInt(item)) => sum.checked_add(*item).map(Value::UInt),
                (Value::Float(sum), Value::Float(item)) => Some(Value::Float(sum + item)),
                _ => None,
            };
            sum = of.ok_or_else(|| fault("sum", "no sum of these items"))?;
        }
        Ok(sum)
    });
    type Lists = (Arc<Vec<Value>>, Arc<Vec<Value>>);
    let has_all = |(all, some): &Lists| some.iter().all(|item| all.contains(item));
    let _ = context.add_function(
        "sets.contains",
        move |all: Arc<Vec<Value>>, some: Arc<Vec<Value>>| has_all(&(all, some)),
    );
    let _ = context.add_function(
        "sets.equivalent",
        move |one: Arc<Vec<Value>>, other: Arc<Vec<Value>>| {
            has_all(&(Arc::clone(&one), Arc::clone(&other))) && has_all(&(other, one))
        },
    );
    let _ = context.add_function(
        "sets.intersects",
        |one: Arc<Vec<Value>>, other: Arc<Vec<Value>>| one.iter().any(|item| other.contains(item)),
    );
}

fn order(function: &str, one: &Value, other: &Value) -> Result<Ordering> {
    let order = one.partial_cmp(other);
    order.ok_or_else(|| fault(function, "the items have no order"))
}

fn of<T: Copy + 'static>(function: &str, value: &Arc<dyn Opaque>) -> Result<T> {
    let found = value.downcast_ref::<T>().copied();
    found.ok_or_else(|| fault(function, "a value of another type"))
}

fn quantities(context: &mut cel::Context<'_, '_>) {
    let _ = context.add_function("quantity", |text: Arc<String>| -> Result {
        let read = quantity(&text);
        Ok(read
            .ok_or_else(|| fault("quantity", format!("invalid quantity {text}")))?
            .into())
    });
    let _ = context.add_function("sign", |This(one): This<Arc<dyn Opaque>>| {
        of::<Quantity>("sign", &one).map(|one| i64::try_from(one.0.signum()).unwrap_or(0))
    });
    let integer = |one: Quantity| i64::try_from(one.0 / ONE).ok().filter(|_| one.0 % ONE == 0);
    let _ = context.add_function("isInteger", move |This(one): This<Arc<dyn Opaque>>| {
        of::<Quantity>("isInteger", &one).map(|one| integer(one).is_some())
    });
    let _ = context.add_function("asInteger", move |This(one): This<Arc<dyn Opaque>>| {
        let whole = integer(of("asInteger", &one)?);
        whole.ok_or_else(|| fault("asInteger", "cannot convert value to integer"))
    });
    let _ = context.add_function("asApproximateFloat", |This(one): This<Arc<dyn Opaque>>| {
        let one: Quantity = of("asApproximateFloat", &one)?;
        // exact enough: the name says so
        format!("{}e-9", one.0)
            .parse::<f64>()
            .map_err(|error| fault("asApproximateFloat", error))
    });
    let compare = |name: &'static str| {
        move |one: Arc<dyn Opaque>, other: Arc<dyn Opaque>| -> Result<Ordering> {
            let (one, other): (Quantity, Quantity) = (of(name, &one)?, of(name, &other)?);
            Ok(one.0.cmp(&other.0))
        }
    };
    let _ = context.add_function(
        "isGreaterThan",
        move |This(one): This<Arc<dyn Opaque>>, other: Arc<dyn Opaque>| {
            compare("isGreaterThan")(one, other).map(Ordering::is_gt)
        },
    );
    let _ = context.add_function(
        "isLessThan",
        move |This(one): This<Arc<dyn Opaque>>, other: Arc<dyn Opaque>| {
            compare("isLessThan")(one, other).map(Ordering::is_lt)
        },
    );
    let _ = context.add_function(
        "compareTo",
        move |This(one): This<Arc<dyn Opaque>>, other: Arc<dyn Opaque>| {
            compare("compareTo")(one, other).map(|order| order as i64)
        },
    );
    for (name, sign) in [("add", 1), ("sub", -1)] {
        let _ = context.add_function(
            name,
            move |This(one): This<Arc<dyn Opaque>>, other: Value| -> Result {
                let one: Quantity = of(name, &one)?;
                let other = match other {
                    Value::Int(whole) => i128::from(whole) * ONE,
                    Value::Opaque(other) => of::<Quantity>(name, &other)?.0,
                    _ => return Err(fault(name, "not a quantity")),
                };
                let sum = one.0.checked_add(other * sign);
                Ok(Quantity(sum.ok_or_else(|| fault(name, "too large"))?).into())
            },
        );
    }
}

/// Returns the amount of a quantity, rounded up to billionths as Kubernetes does; none if it is too large.
fn quantity(text: &str) -> Option<Quantity> {
    if !go::is_quantity(text) {
        return None;
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let end = unsigned
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits: i128 = format!("0{whole}{fraction}").parse().ok()?;
    let decimals = i32::try_from(fraction.len()).ok()?;
    let (exponent, factor) = match suffix {
        "n" => (-9, 1),
        "u" => (-6, 1),
        "m" => (-3, 1),
        "" => (0, 1),
        "k" => (3, 1),
        "M" => (6, 1),
        "G" => (9, 1),
        "T" => (12, 1),
        "P" => (15, 1),
        "E" => (18, 1),
        "Ki" => (0, 1_i128 << 10),
        "Mi" => (0, 1 << 20),
        "Gi" => (0, 1 << 30),
        "Ti" => (0, 1 << 40),
        "Pi" => (0, 1 << 50),
        "Ei" => (0, 1 << 60),
        power => (power.trim_start_matches(['e', 'E']).parse().ok()?, 1),
    };
    let amount = digits.checked_mul(factor)?;
    let exponent: i32 = 9_i32.checked_add(exponent)?.checked_sub(decimals)?;
    let power = |exponent: u32| 10_i128.checked_pow(exponent);
    let amount = match u32::try_from(exponent) {
        Ok(exponent) => amount.checked_mul(power(exponent)?)?,
        Err(_) => match power(exponent.unsigned_abs()) {
            Some(divisor) => amount / divisor + i128::from(amount % divisor > 0),
            None => i128::from(amount > 0),
        },
    };
    Some(Quantity(if text.starts_with('-') {
        -amount
    } else {
        amount
    }))
}

fn formats(context: &mut cel::Context<'_, '_>) {
    for name in FORMATS {
        let named = move || Value::from(Named(name));
        let _ = context.add_function(&format!("format.{name}"), named);
    }
    let _ = context.add_function("format.named", |wanted: Arc<String>| {
        let mut names = FORMATS.iter();
        let found = names.find(|name| **name == wanted.as_str());
        let found = found.map(|name| OptionalValue::of(Named(name).into()));
        Value::Opaque(Arc::new(found.unwrap_or_else(OptionalValue::none)))
    });
    let _ = context.add_function(
        "validate",
        |This(one): This<Arc<dyn Opaque>>, text: Arc<String>| -> Result {
            let format = one.downcast_ref::<Named>();
            let format = format.ok_or_else(|| fault("validate", "not a format"))?;
            let faults = faults(format.0, &text);
            Ok(Value::Opaque(Arc::new(if faults.is_empty() {
                OptionalValue::none()
            } else {
                OptionalValue::of(faults.into())
            })))
        },
    );
}

/// Returns why a text is not of a named format.
fn faults(format: &str, text: &str) -> Vec<String> {
    // a prefix may end with a dash
    let (format, whole) = match format.strip_suffix("Prefix") {
        Some(format) => (
            format,
            text.strip_suffix('-')
                .map_or(text.to_owned(), |cut| format!("{cut}a")),
        ),
        None => (format, text.to_owned()),
    };
    let holds = |name: &str| {
        if format::holds(name, text) {
            Vec::new()
        } else {
            vec![format!("invalid {format}")]
        }
    };
    match format {
        "dns1035Label" => meta::name_faults(NameRule::OldLabel, &whole),
        "dns1123Label" => meta::name_faults(NameRule::Label, &whole),
        "dns1123Subdomain" => meta::name_faults(NameRule::Subdomain, &whole),
        "labelValue" => meta::value_faults(text),
        "qualifiedName" => meta::key_faults(text),
        "datetime" => holds("date-time"),
        other => holds(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_amounts_in_billionths() {
        for (text, amount) in [
            ("1", Some(ONE)),
            ("-1.5", Some(-1_500_000_000)),
            ("100m", Some(100_000_000)),
            ("1Ki", Some(1024 * ONE)),
            ("1.5Gi", Some(1_610_612_736 * ONE)),
            ("1e3", Some(1000 * ONE)),
            ("1E", Some(1_000_000_000_000_000_000 * ONE)),
            ("0.1n", Some(1)),
            ("5n", Some(5)),
            (".5", Some(500_000_000)),
            ("1gi", None),
            ("", None),
            ("99999999999999999999999999999999999999999", None),
        ] {
            assert_eq!(quantity(text).map(|found| found.0), amount, "{text}");
        }
    }
}
