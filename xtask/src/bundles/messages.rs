//! Copies the messages of the core into the sources of the policies.
//!
//! A placeholder in a source (`*.in`) becomes an expression in the language of the policy:
//!
//! | placeholder | in CEL |
//! |---|---|
//! | `{{images.none}}` | `'no images, at least 1 required'` |
//! | `{{images.too_many count=string(n) \| limit='20'}}` | `string(n) + ' images, at most 20 allowed'` |
//! | `{{quoted text}}` | `text` in back-ticks, cut after 120 characters |
//!
//! The names are those of [`imagecache::validate::messages`]. Values are expressions, separated by ` | `. A value can be
//! a placeholder itself.

use anyhow::{Context, Result, bail};
use imagecache::diagnostic::Quoted;

/// A language of policies.
#[derive(Clone, Copy)]
pub(crate) enum Language {
    Cel,
    Rego,
}

/// Returns a source with its placeholders replaced.
///
/// # Errors
///
/// If a placeholder names an unknown message, or its values are not those of the message.
pub(crate) fn expand(source: &str, language: Language) -> Result<String> {
    let mut text = source.to_owned();
    // The last start has no placeholder inside, so inner placeholders are replaced first.
    while let Some(start) = text.rfind("{{") {
        let length = text[start..].find("}}").context("`{{` without `}}`")?;
        let end = start + length;
        let placeholder = text[start + 2..end].replace('\n', " ");
        let expression = expression(placeholder.trim(), language)
            .with_context(|| format!("{{{{{placeholder}}}}}"))?;
        text.replace_range(start..end + 2, &expression);
    }
    Ok(text)
}

fn expression(placeholder: &str, language: Language) -> Result<String> {
    let (name, values) = placeholder.split_once(' ').unwrap_or((placeholder, ""));
    let values = values.trim();
    if name == "quoted" {
        return Ok(language.quoted(values));
    }
    let messages = imagecache::validate::messages();
    let (_, text) = messages
        .iter()
        .find(|(known, _)| *known == name)
        .context("unknown message")?;
    let values = values.split(" | ").filter(|value| !value.trim().is_empty());
    let mut values: Vec<(&str, &str)> = values
        .map(|value| value.trim().split_once('=').context("expected name=value"))
        .collect::<Result<_>>()?;
    let mut parts = Vec::new();
    let mut rest = *text;
    while let Some((before, after)) = rest.split_once('{') {
        let (hole, after) = after.split_once('}').context("`{` without `}`")?;
        let place = values.iter().position(|(name, _)| *name == hole);
        let place = place.with_context(|| format!("missing value `{hole}`"))?;
        parts.push(language.literal(before));
        parts.push(values.swap_remove(place).1.to_owned());
        rest = after;
    }
    parts.push(language.literal(rest));
    if let Some((name, _)) = values.first() {
        bail!("unknown value `{name}`");
    }
    Ok(language.join(parts))
}

impl Language {
    fn quote(self) -> char {
        match self {
            Language::Cel => '\'',
            Language::Rego => '"',
        }
    }

    fn literal(self, text: &str) -> String {
        let quote = self.quote();
        let escaped = text
            .replace('\\', r"\\")
            .replace(quote, &format!("\\{quote}"));
        format!("{quote}{escaped}{quote}")
    }

    /// Returns the expression for texts one after the other. Neighbouring literals become one.
    fn join(self, parts: Vec<String>) -> String {
        let quote = self.quote();
        let is_literal = |text: &str| {
            let inner = text
                .strip_prefix(quote)
                .and_then(|rest| rest.strip_suffix(quote));
            inner.is_some_and(|inner| !inner.replace(&format!("\\{quote}"), "").contains(quote))
        };
        let empty = format!("{quote}{quote}");
        let mut joined: Vec<String> = Vec::new();
        for part in parts.into_iter().filter(|part| *part != empty) {
            match joined.last_mut() {
                Some(last) if is_literal(last) && is_literal(&part) => {
                    last.pop();
                    last.push_str(&part[1..]);
                }
                _ => joined.push(part),
            }
        }
        match (self, joined.as_slice()) {
            (_, []) => empty,
            (_, [only]) if is_literal(only) => only.clone(),
            (Language::Cel, parts) => parts.join(" + "),
            (Language::Rego, parts) => {
                let values = parts.iter().filter(|part| !is_literal(part));
                let values = values.map(String::as_str).collect::<Vec<_>>().join(", ");
                let format: String = parts
                    .iter()
                    .map(|part| match is_literal(part) {
                        true => part[1..part.len() - 1].replace('%', "%%"),
                        false => "%v".to_owned(),
                    })
                    .collect();
                format!("sprintf(\"{format}\", [{values}])")
            }
        }
    }

    fn quoted(self, text: &str) -> String {
        let longest = Quoted::LONGEST;
        match self {
            Language::Cel => format!(
                "'`' + (size({text}) > {longest} ? {text}.substring(0, {longest}) + '…' : {text}) + '`'"
            ),
            Language::Rego => format!("quoted({text})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_become_expressions_of_the_language() {
        for (source, cel, rego) in [
            (
                "{{images.none}}",
                "'no images, at least 1 required'",
                r#""no images, at least 1 required""#,
            ),
            (
                "{{name.character character={{quoted x}}}}",
                "'`' + (size(x) > 120 ? x.substring(0, 120) + '…' : x) + '`' + ' is not allowed'",
                r#"sprintf("%v is not allowed", [quoted(x)])"#,
            ),
        ] {
            assert_eq!(expand(source, Language::Cel).unwrap(), cel);
            assert_eq!(expand(source, Language::Rego).unwrap(), rego);
        }
        let many = "a + {{images.too_many count=n | limit='20'}}";
        let expected = "a + n + ' images, at most 20 allowed'";
        assert_eq!(expand(many, Language::Cel).unwrap(), expected);
    }

    #[test]
    fn wrong_placeholders_are_errors() {
        for source in [
            "{{images.nothing}}",
            "{{images.too_many count=n}}",
            "{{images.none limit='1'}}",
            "{{images.none",
        ] {
            assert!(expand(source, Language::Cel).is_err(), "{source}");
        }
    }
}
