//! Label and field selectors, read and refused in the words of the real server.

use std::collections::BTreeSet;

use serde_json::Value;

use super::cause::Cause;
use super::error::ApiError;
use super::resource::Resource;
use super::{go_fmt, meta};

/// Which objects of a list or watch are meant.
///
/// ```
/// use imagecache_apiserver::api::{BUILT_IN_RESOURCES, selector::Selector};
/// let pods = BUILT_IN_RESOURCES.find("", "v1", "pods").unwrap();
/// let selector = Selector::parse(pods, Some("app in (a, b),!old"), None).unwrap();
/// assert!(selector.matches(&serde_json::json!({"metadata": {"labels": {"app": "a"}}})));
/// assert!(!selector.matches(&serde_json::json!({"metadata": {"labels": {"app": "c"}}})));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<Field>,
}

/// What a label must be.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    rule: Rule,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    Exists,
    Absent,
    In(BTreeSet<String>),
    NotIn(BTreeSet<String>),
    Above(i64),
    Below(i64),
}

/// What a field must be, or must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    path: String,
    value: String,
    equal: bool,
}

impl Selector {
    /// Reads `labelSelector` and `fieldSelector`; absent and empty ones select everything.
    ///
    /// # Errors
    /// 400 with the real server's words.
    pub fn parse(
        resource: &Resource,
        labels: Option<&str>,
        fields: Option<&str>,
    ) -> Result<Self, ApiError> {
        let labels = Parser::new(labels.unwrap_or_default())
            .parse()
            .map_err(ApiError::bad_request)?;
        let fields = parse_fields(fields.unwrap_or_default()).map_err(ApiError::bad_request)?;
        for field in &fields {
            let known = match field.path.as_str() {
                "metadata.name" => true,
                "metadata.namespace" => resource.namespaced,
                path => resource.selectable.iter().any(|known| known == path),
            };
            if !known {
                let words = format!("field label not supported: {}", field.path);
                return Err(ApiError::bad_request(words));
            }
        }
        Ok(Selector { labels, fields })
    }

    /// Does it select everything?
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// The only name that it can select, if it asks for one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.fields
            .iter()
            .find(|field| field.equal && field.path == "metadata.name")
            .map(|field| field.value.as_str())
    }

    /// Is the object meant?
    #[must_use]
    pub fn matches(&self, object: &Value) -> bool {
        let labels = meta::get(object, "labels");
        self.labels.iter().all(|requirement| {
            let value = labels.get(&requirement.key).and_then(Value::as_str);
            requirement.rule.holds(value)
        }) && self
            .fields
            .iter()
            .all(|field| (field_of(object, &field.path) == field.value) == field.equal)
    }
}

/// Does a LabelSelector, as objects have it, select these labels? An empty one selects everything.
pub(crate) fn selects(selector: &Value, labels: &Value) -> bool {
    let wanted = selector.get("matchLabels").and_then(Value::as_object);
    let mut wanted = wanted.into_iter().flatten();
    let expressions = selector.get("matchExpressions").and_then(Value::as_array);
    wanted.all(|(key, value)| labels.get(key) == Some(value))
        && expressions.into_iter().flatten().all(|expression| {
            let text = |name: &str| {
                expression
                    .get(name)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            };
            let values = expression.get("values").and_then(Value::as_array);
            let values = values.into_iter().flatten();
            let values = values.filter_map(|value| value.as_str().map(str::to_owned));
            let rule = match text("operator") {
                "In" => Rule::In(values.collect()),
                "NotIn" => Rule::NotIn(values.collect()),
                "DoesNotExist" => Rule::Absent,
                _ => Rule::Exists,
            };
            rule.holds(labels.get(text("key")).and_then(Value::as_str))
        })
}

impl Rule {
    fn holds(&self, value: Option<&str>) -> bool {
        let number = || value.and_then(|value| value.parse::<i64>().ok());
        match self {
            Rule::Exists => value.is_some(),
            Rule::Absent => value.is_none(),
            Rule::In(values) => value.is_some_and(|value| values.contains(value)),
            Rule::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
            Rule::Above(limit) => number().is_some_and(|number| number > *limit),
            Rule::Below(limit) => number().is_some_and(|number| number < *limit),
        }
    }
}

/// The value of a field as a selector sees it: a text, empty where there is none.
fn field_of(object: &Value, path: &str) -> String {
    // Events have their source in one of two places.
    if path == "source" {
        let component = object.pointer("/source/component").and_then(Value::as_str);
        let reporter = object.get("reportingComponent").and_then(Value::as_str);
        return component.or(reporter).unwrap_or_default().to_owned();
    }
    let value = path
        .split('.')
        .try_fold(object, |value, name| value.get(name));
    match value {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => String::new(),
        Some(other) => other.to_string(),
    }
}

/// Reads a field selector: `a=b`, `a==b` and `a!=b`, separated by commas; a backslash keeps the next character.
fn parse_fields(selector: &str) -> Result<Vec<Field>, String> {
    let mut fields = Vec::new();
    for term in split_terms(selector) {
        if term.is_empty() {
            continue;
        }
        let Some((path, equal, value)) = split_term(term) else {
            return Err(format!(
                "invalid selector: '{selector}'; can't understand '{term}'"
            ));
        };
        fields.push(Field {
            path: path.to_owned(),
            value: unescape(value)?,
            equal,
        });
    }
    Ok(fields)
}

fn split_terms(selector: &str) -> Vec<&str> {
    let mut terms = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, c) in selector.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                terms.push(selector.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    terms.push(selector.get(start..).unwrap_or_default());
    terms
}

fn split_term(term: &str) -> Option<(&str, bool, &str)> {
    term.char_indices().find_map(|(at, _)| {
        let (path, rest) = term.split_at_checked(at)?;
        [("!=", false), ("==", true), ("=", true)]
            .into_iter()
            .find_map(|(operator, equal)| Some((path, equal, rest.strip_prefix(operator)?)))
    })
}

fn unescape(value: &str) -> Result<String, String> {
    let invalid = |part: &str| {
        Err(format!(
            "invalid field selector: invalid escape sequence: {part}"
        ))
    };
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(c @ ('\\' | ',' | '=')) => out.push(c),
                Some(other) => return invalid(&format!("\\{other}")),
                None => return invalid("\\"),
            },
            ',' | '=' => {
                return Err(format!(
                    "invalid field selector: unescaped character in selector: {c} in {value}"
                ));
            }
            c => out.push(c),
        }
    }
    Ok(out)
}

/// A word of a label selector.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    End,
    Word,
    Comma,
    Open,
    Close,
    Not,
    Equals,
    NotEquals,
    Above,
    Below,
    Unknown,
}

struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
}

const SPECIAL: [char; 7] = ['=', '!', '(', ')', ',', '>', '<'];

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (length, kind) = if SPECIAL.contains(&first) {
            [
                ("==", Kind::Equals),
                ("!=", Kind::NotEquals),
                ("=", Kind::Equals),
                ("!", Kind::Not),
                ("(", Kind::Open),
                (")", Kind::Close),
                (",", Kind::Comma),
                (">", Kind::Above),
                ("<", Kind::Below),
            ]
            .into_iter()
            .find(|(symbol, _)| rest.starts_with(symbol))
            .map_or((1, Kind::Unknown), |(symbol, kind)| (symbol.len(), kind))
        } else {
            let end = rest.find(|c: char| c.is_ascii_whitespace() || SPECIAL.contains(&c));
            (end.unwrap_or(rest.len()), Kind::Word)
        };
        let (text, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        tokens.push(Token { kind, text });
        rest = after.trim_start();
    }
    tokens
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Self {
        Parser {
            tokens: tokens(text),
            at: 0,
        }
    }

    fn peek(&self) -> Token<'a> {
        let end = Token {
            kind: Kind::End,
            text: "",
        };
        self.tokens.get(self.at).cloned().unwrap_or(end)
    }

    fn next(&mut self) -> Token<'a> {
        let token = self.peek();
        self.at += 1;
        token
    }

    fn parse(mut self) -> Result<Vec<Requirement>, String> {
        let mut requirements = Vec::new();
        loop {
            let token = self.peek();
            match token.kind {
                Kind::End => return Ok(requirements),
                Kind::Word | Kind::Not => {
                    let requirement = self
                        .requirement()
                        .map_err(|words| format!("unable to parse requirement: {words}"))?;
                    requirements.push(requirement);
                    let token = self.next();
                    match token.kind {
                        Kind::End => return Ok(requirements),
                        Kind::Comma => {
                            let token = self.peek();
                            if !matches!(token.kind, Kind::Word | Kind::Not) {
                                return Err(found(&token, ", expected: identifier after ','"));
                            }
                        }
                        _ => return Err(found(&token, ", expected: ',' or 'end of string'")),
                    }
                }
                _ => {
                    return Err(found(
                        &token,
                        ", expected: !, identifier, or 'end of string'",
                    ));
                }
            }
        }
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let mut token = self.next();
        let absent = token.kind == Kind::Not;
        if absent {
            token = self.next();
        }
        if token.kind != Kind::Word {
            return Err(found(&token, ", expected: identifier"));
        }
        let key = token.text.to_owned();
        refuse("<nil>", &key, meta::key_faults(&key))?;
        let rule = match (absent, self.peek().kind) {
            (true, _) => Rule::Absent,
            (false, Kind::End | Kind::Comma) => Rule::Exists,
            (false, _) => self.rule(&key)?,
        };
        Ok(Requirement { key, rule })
    }

    fn rule(&mut self, key: &str) -> Result<Rule, String> {
        let token = self.next();
        match (token.kind, token.text) {
            (Kind::Word, "in") => Ok(Rule::In(self.values(key)?)),
            (Kind::Word, "notin") => Ok(Rule::NotIn(self.values(key)?)),
            (Kind::Equals, _) => Ok(Rule::In(self.one(key)?)),
            (Kind::NotEquals, _) => Ok(Rule::NotIn(self.one(key)?)),
            (Kind::Above | Kind::Below, _) => {
                let value = self.one(key)?.into_iter().next().unwrap_or_default();
                let limit = value.parse().map_err(|_| {
                    Cause::invalid(
                        "values[0]",
                        &Value::from(value.as_str()),
                        "for 'Gt', 'Lt' operators, the value must be an integer",
                    )
                    .to_string()
                })?;
                Ok(if token.kind == Kind::Above {
                    Rule::Above(limit)
                } else {
                    Rule::Below(limit)
                })
            }
            _ => Err(found(&token, ", expected: in, notin, =, ==, !=, gt, lt")),
        }
    }

    /// `(a, b)`.
    fn values(&mut self, key: &str) -> Result<BTreeSet<String>, String> {
        let token = self.next();
        if token.kind != Kind::Open {
            return Err(found(&token, " expected: '('"));
        }
        let mut values = BTreeSet::new();
        let token = self.peek();
        match token.kind {
            Kind::Close => {
                values.insert(String::new());
            }
            Kind::Word | Kind::Comma => self.list(&mut values)?,
            _ => return Err(found(&token, ", expected: ',', ')' or identifier")),
        }
        let token = self.next();
        if token.kind != Kind::Close {
            return Err(found(&token, ", expected: ')'"));
        }
        checked(key, values)
    }

    fn list(&mut self, values: &mut BTreeSet<String>) -> Result<(), String> {
        loop {
            let token = self.next();
            match token.kind {
                Kind::Word => {
                    values.insert(token.text.to_owned());
                    let token = self.peek();
                    match token.kind {
                        Kind::Comma => {}
                        Kind::Close => return Ok(()),
                        _ => return Err(found(&token, ", expected: ',' or ')'")),
                    }
                }
                Kind::Comma => {
                    if values.is_empty() {
                        values.insert(String::new());
                    }
                    match self.peek().kind {
                        Kind::Close => {
                            values.insert(String::new());
                            return Ok(());
                        }
                        Kind::Comma => {
                            self.at += 1;
                            values.insert(String::new());
                        }
                        _ => {}
                    }
                }
                _ => return Err(found(&token, ", expected: ',', or identifier")),
            }
        }
    }

    fn one(&mut self, key: &str) -> Result<BTreeSet<String>, String> {
        let token = self.peek();
        let value = match token.kind {
            Kind::End | Kind::Comma => "",
            Kind::Word => {
                self.at += 1;
                token.text
            }
            _ => return Err(found(&token, ", expected: identifier")),
        };
        checked(key, [value.to_owned()].into())
    }
}

fn found(token: &Token<'_>, expected: &str) -> String {
    format!("found '{}'{expected}", token.text)
}

fn checked(key: &str, values: BTreeSet<String>) -> Result<BTreeSet<String>, String> {
    for (index, value) in values.iter().enumerate() {
        refuse(
            &format!("values[{index}][{key}]"),
            value,
            meta::value_faults(value),
        )?;
    }
    Ok(values)
}

fn refuse(field: &str, value: &str, faults: Vec<String>) -> Result<(), String> {
    if faults.is_empty() {
        return Ok(());
    }
    let faults = faults.join("; ");
    Err(format!(
        "{field}: Invalid value: {}: {faults}",
        go_fmt::quote(value)
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::registry::samples::find;

    fn caches() -> &'static Resource {
        find("eci.alibabacloud.com", "v1", "imagecaches").unwrap()
    }

    #[test]
    fn selector_selects_matching_objects() {
        let object = json!({"metadata": {"name": "l1", "labels": {"app": "a", "idx": "4"}}});
        for (labels, fields, selected) in [
            ("", "", true),
            ("app=a", "", true),
            ("app==b", "", false),
            ("app!=b,other!=x", "", true),
            ("idx in (1,4)", "", true),
            ("idx notin (1,4)", "", false),
            ("app in ()", "", false),
            ("app in (,a)", "", true),
            ("app", "", true),
            ("!app", "", false),
            ("!gone , app", "", true),
            ("idx>3", "", true),
            ("idx<4", "", false),
            ("in=x", "", false),
            ("app=", "", false),
            ("", "metadata.name=l1", true),
            ("", "metadata.name==l2", false),
            ("", "metadata.name!=l2,", true),
            ("app=a", "metadata.name=l1,metadata.name=l2", false),
        ] {
            let selector = Selector::parse(caches(), Some(labels), Some(fields)).unwrap();
            assert_eq!(selector.matches(&object), selected, "{labels} {fields}");
        }
    }

    #[test]
    fn selector_errors_match_the_real_server() {
        for (labels, fields, words) in [
            (
                "app===",
                "",
                "unable to parse requirement: found '=', expected: identifier",
            ),
            (
                "a b",
                "",
                "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt",
            ),
            (
                "app=bad value!",
                "",
                "found 'value', expected: ',' or 'end of string'",
            ),
            ("a,", "", "found '', expected: identifier after ','"),
            (
                ")",
                "",
                "found ')', expected: !, identifier, or 'end of string'",
            ),
            (
                "a in b",
                "",
                "unable to parse requirement: found 'b' expected: '('",
            ),
            (
                "",
                "metadata.name",
                "invalid selector: 'metadata.name'; can't understand 'metadata.name'",
            ),
            (
                "",
                "status.phase=Ready",
                "field label not supported: status.phase",
            ),
            (
                "",
                "metadata.namespace=a",
                "field label not supported: metadata.namespace",
            ),
        ] {
            let error = Selector::parse(caches(), Some(labels), Some(fields)).unwrap_err();
            assert_eq!((error.code, error.message.as_str()), (400, words));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_the_parser_fail_otherwise(labels in "[ab=!(),<> in]{0,20}", fields in "[ab.=!,\\\\]{0,20}") {
            let _ = Selector::parse(caches(), Some(&labels), Some(&fields));
        }
    }
}
