//! The TypeScript types of the npm package, generated from the source of the Rust types that the core serialises:
//! names, fields, documentation and serde's attributes.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use syn::{Attribute, Expr, Fields, GenericArgument, Item, Lit, Meta, PathArguments, Type};

/// The types of the package by the source file that declares them. Their names in TypeScript are those in Rust.
const TYPES: &[(&str, &[&str])] = &[
    ("src/diagnostic/mod.rs", &["Diagnostic"]),
    ("src/diagnostic/level.rs", &["Severity", "Level"]),
    ("src/validate/mod.rs", &["ValidateOptions"]),
    (
        "src/admission/settings.rs",
        &[
            "AdmissionSettings",
            "AdmissionMode",
            "AdmittedPods",
            "OnMiss",
            "OnUnavailable",
        ],
    ),
    (
        "src/expiry/mod.rs",
        &["Expiry", "ExpiryState", "Disagreement"],
    ),
    ("src/expiry/rule.rs", &["ExpiryReason"]),
    (
        "src/reference/describe.rs",
        &["Reference", "ReferenceFault"],
    ),
    ("src/reference/error.rs", &["ReferenceFaultClass"]),
    ("src/matching/inventory.rs", &["ObjectRole"]),
    (
        "src/matching/rules.rs",
        &["MatchRules", "NameComparison", "SizeTie"],
    ),
    ("src/matching/verdict.rs", &["Decision"]),
    ("src/matching/cache.rs", &["CacheName"]),
    (
        "src/matching/explanation.rs",
        &[
            "Explanation",
            "Candidate",
            "FoundImage",
            "ImageMatch",
            "NextSteps",
            "Creation",
            "Pin",
            "RefusedPin",
        ],
    ),
    ("src/matching/reason.rs", &["LossReason"]),
    ("src/matching/event.rs", &["PodEvent"]),
];

/// The types that the entry `imagecache/plan` has beside those of [`TYPES`].
const PLAN_TYPES: &[(&str, &[&str])] = &[
    ("src/plan/options.rs", &["PlanOptions", "Objective"]),
    ("src/ffi/plan.rs", &["PlanAnswer"]),
    (
        "src/plan/report.rs",
        &[
            "Plan",
            "PlannedCache",
            "Action",
            "PlannedImage",
            "Costs",
            "CoveredPod",
            "UncoveredPod",
            "Totals",
            "PriceSource",
            "Finding",
        ],
    ),
];

/// Types with a `Serialize` of their own and primitive types, and their TypeScript types.
const WRITTEN: &[(&str, &str)] = &[
    ("bool", "boolean"),
    ("u16", "number"),
    ("u64", "number"),
    ("i64", "number"),
    ("usize", "number"),
    ("String", "string"),
    ("str", "string"),
    ("Phase", "string"),
    ("Amount", "number"),
    ("HoursByName", "Record<string, number | string>"),
    ("Timestamp", "string"),
    ("PodPaths", "string[]"),
    ("Code", "Code"),
    ("Levels", "Levels"),
    // It writes its two positions as six numbers; `pkg/js/api.d.ts` declares them.
    ("Span", "Span"),
];

/// The declarations of every type in the table.
pub(crate) fn declarations(root: &Path) -> Result<String> {
    declared(root, TYPES)
}

/// The declarations that the entry `imagecache/plan` has beside those.
pub(crate) fn plan_declarations(root: &Path) -> Result<String> {
    declared(root, PLAN_TYPES)
}

fn declared(root: &Path, types: &[(&str, &[&str])]) -> Result<String> {
    let mut text = String::new();
    for (file, names) in types {
        let source = std::fs::read_to_string(root.join(file))?;
        let parsed = syn::parse_file(&source).with_context(|| format!("cannot parse {file}"))?;
        let scope = Scope {
            items: &parsed.items,
        };
        for name in *names {
            scope
                .declare(name, &mut text)
                .with_context(|| format!("{name} in {file}"))?;
        }
    }
    Ok(text)
}

/// The items of a source file.
struct Scope<'a> {
    items: &'a [Item],
}

impl Scope<'_> {
    fn declare(&self, name: &str, out: &mut String) -> Result<()> {
        for item in self.items {
            match item {
                Item::Struct(item) if item.ident == name => {
                    let Fields::Named(fields) = &item.fields else {
                        bail!("it has no named fields")
                    };
                    return self.interface(name, &item.attrs, fields, out);
                }
                Item::Enum(item) if item.ident == name => {
                    let words = match self.as_str_arms(name) {
                        Some(words) => words,
                        None => renamed_variants(item)?,
                    };
                    out.push_str(&docs(&item.attrs, ""));
                    writeln!(out, "export type {name} =")?;
                    let mut arms = Vec::new();
                    for (variant, word) in item.variants.iter().zip(&words) {
                        arms.push(format!("{}  | '{word}'", docs(&variant.attrs, "  ")));
                    }
                    writeln!(out, "{};\n", arms.join("\n"))?;
                    return Ok(());
                }
                _ => {}
            }
        }
        bail!("no such struct or enum")
    }

    fn interface(
        &self,
        name: &str,
        attrs: &[Attribute],
        fields: &syn::FieldsNamed,
        out: &mut String,
    ) -> Result<()> {
        let container = Serde::of(attrs)?;
        let mut bases = Vec::new();
        let mut body = String::new();
        for field in &fields.named {
            let serde = Serde::of(&field.attrs)?;
            if serde.skip {
                continue;
            }
            if serde.flatten {
                let base = self.typescript(&field.ty)?;
                bases.push(match base.strip_suffix(" | null") {
                    Some(base) => format!("Nullable<{base}>"),
                    None => base,
                });
                continue;
            }
            let ident = field.ident.as_ref().context("no name")?.to_string();
            let key = match (&serde.rename, container.rename_all.as_deref()) {
                (Some(renamed), _) => renamed.clone(),
                (None, case) => cased(&ident, case)?,
            };
            let optional = if container.default || serde.sometimes {
                "?"
            } else {
                ""
            };
            let mut ty = self.typescript(&field.ty)?;
            if serde.sometimes {
                ty = ty.trim_end_matches(" | null").to_owned();
            }
            writeln!(body, "{}  {key}{optional}: {ty};", docs(&field.attrs, "  "))?;
        }
        out.push_str(&docs(attrs, ""));
        let extends = if bases.is_empty() {
            String::new()
        } else {
            format!(" extends {}", bases.join(", "))
        };
        writeln!(out, "export interface {name}{extends} {{\n{body}}}\n")?;
        Ok(())
    }

    fn typescript(&self, ty: &Type) -> Result<String> {
        let path = match ty {
            Type::Reference(inner) => return self.typescript(&inner.elem),
            Type::Path(path) => path.path.segments.last().context("an empty path")?,
            _ => bail!("unsupported kind of type"),
        };
        let name = path.ident.to_string();
        let inner = match &path.arguments {
            PathArguments::AngleBracketed(arguments) => {
                arguments.args.iter().find_map(|argument| match argument {
                    GenericArgument::Type(inner) => Some(inner),
                    _ => None,
                })
            }
            _ => None,
        };
        match (name.as_str(), inner) {
            ("Option", Some(inner)) => Ok(format!("{} | null", self.typescript(inner)?)),
            ("Vec", Some(inner)) => Ok(format!("{}[]", self.typescript(inner)?)),
            ("Cow", Some(inner)) => self.typescript(inner),
            _ => named(name),
        }
    }

    /// Returns the text that `as_str` returns for every variant: a hand-written `Serialize` writes it.
    fn as_str_arms(&self, name: &str) -> Option<Vec<String>> {
        let methods = self.items.iter().filter_map(|item| match item {
            Item::Impl(item) if item.trait_.is_none() => match &*item.self_ty {
                Type::Path(path) if path.path.is_ident(name) => Some(&item.items),
                _ => None,
            },
            _ => None,
        });
        let method = methods.flatten().find_map(|item| match item {
            syn::ImplItem::Fn(item) if item.sig.ident == "as_str" => Some(&item.block),
            _ => None,
        })?;
        let [syn::Stmt::Expr(Expr::Match(arms), None)] = method.stmts.as_slice() else {
            return None;
        };
        arms.arms.iter().map(|arm| literal(&arm.body)).collect()
    }
}

/// The name of a type in TypeScript.
fn named(name: String) -> Result<String> {
    if let Some((_, typescript)) = WRITTEN.iter().find(|(rust, _)| *rust == name) {
        return Ok((*typescript).to_owned());
    }
    let known = TYPES
        .iter()
        .chain(PLAN_TYPES)
        .any(|(_, names)| names.contains(&name.as_str()));
    ensure!(known, "`{name}` is not in the table of types");
    Ok(name)
}

fn renamed_variants(item: &syn::ItemEnum) -> Result<Vec<String>> {
    let container = Serde::of(&item.attrs)?;
    let word = |variant: &syn::Variant| match Serde::of(&variant.attrs)?.rename {
        Some(renamed) => Ok(renamed),
        None => cased(
            &snake(&variant.ident.to_string()),
            container.rename_all.as_deref(),
        ),
    };
    item.variants.iter().map(word).collect()
}

/// The serde attributes that change a declaration.
#[derive(Default)]
struct Serde {
    rename: Option<String>,
    rename_all: Option<String>,
    default: bool,
    flatten: bool,
    skip: bool,
    sometimes: bool,
}

impl Serde {
    fn of(attrs: &[Attribute]) -> Result<Self> {
        let mut serde = Serde::default();
        for attr in attrs.iter().filter(|attr| attr.path().is_ident("serde")) {
            attr.parse_nested_meta(|meta| {
                let word = meta
                    .path
                    .get_ident()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                let value = if meta.input.peek(syn::Token![=]) {
                    Some(meta.value()?.parse::<syn::LitStr>()?.value())
                } else {
                    None
                };
                match word.as_str() {
                    "rename" => serde.rename = value,
                    "rename_all" => serde.rename_all = value,
                    "default" => serde.default = true,
                    "flatten" => serde.flatten = true,
                    "skip" => serde.skip = true,
                    "skip_serializing_if" => serde.sometimes = true,
                    "deny_unknown_fields" | "with" | "deserialize_with" => {}
                    _ => return Err(meta.error("unsupported serde attribute")),
                }
                Ok(())
            })?;
        }
        Ok(serde)
    }
}

/// `FlashSnapshot` as `flash_snapshot`.
fn snake(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

/// A name in snake case, in another one.
fn cased(name: &str, case: Option<&str>) -> Result<String> {
    Ok(match case {
        None | Some("snake_case") => name.to_owned(),
        Some("kebab-case") => name.replace('_', "-"),
        Some("lowercase") => name.replace('_', ""),
        Some("camelCase") => {
            let mut words = name.split('_');
            let first = words.next().unwrap_or_default().to_owned();
            words.fold(first, |text, word| {
                let (head, tail) = word.split_at_checked(1).unwrap_or((word, ""));
                text + &head.to_ascii_uppercase() + tail
            })
        }
        Some(other) => bail!("unsupported case `{other}`"),
    })
}

fn literal(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}

/// The documentation, as a comment that editors show. Links to Rust items become their names; examples in Rust are
/// left out.
fn docs(attrs: &[Attribute], indent: &str) -> String {
    let lines = attrs.iter().filter_map(|attr| match &attr.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => literal(&meta.value),
        _ => None,
    });
    let mut in_code = false;
    let mut kept: Vec<String> = Vec::new();
    for line in lines {
        let line = line.strip_prefix(' ').unwrap_or(&line).to_owned();
        if line.starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            kept.push(line);
        }
    }
    let text = kept.join("\n");
    let text = text.trim();
    if text.is_empty() {
        return String::new();
    }
    let text = unlinked(text).replace("*/", "* /");
    if !text.contains('\n') {
        return format!("{indent}/** {text} */\n");
    }
    let body = text
        .lines()
        .map(|line| format!("{indent} * {line}").trim_end().to_owned() + "\n");
    format!("{indent}/**\n{}{indent} */\n", body.collect::<String>())
}

/// `[`name`](target)` and `[`name`]` as `` `name` ``.
fn unlinked(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, link)) = rest.split_once("[`") {
        out.push_str(before);
        let Some((name, after)) = link.split_once("`]") else {
            break;
        };
        out.push_str(&format!("`{name}`"));
        rest = match after
            .strip_prefix('(')
            .and_then(|target| target.split_once(')'))
        {
            Some((_, after)) => after,
            None => after,
        };
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_of_the_table_is_found_in_the_source() {
        let root = crate::setup::root().unwrap();
        let text = declarations(&root).unwrap() + &plan_declarations(&root).unwrap();
        let types = TYPES.iter().chain(PLAN_TYPES);
        for name in types.flat_map(|(_, names)| *names) {
            let (interface, alias) = (
                format!("export interface {name} "),
                format!("export type {name} ="),
            );
            assert!(text.contains(&interface) || text.contains(&alias), "{name}");
        }
        assert!(text.contains("  | 'retention-invalid'\n"));
        assert!(text.contains("  maxSizeGib?: number;\n"));
    }
}
