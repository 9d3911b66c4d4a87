//! The core itself, called as a host would: JSON in, JSON out.

use anyhow::{Context, Result, bail};
use imagecache::admission::{AdmissionSettings, AdmissionVerdict, CacheSource, NO_CACHES, decide};
use imagecache::diagnostic::{Code, Levels, Report};
use imagecache::document::TextFormat;
use imagecache::expiry::{ExpiryFacts, expiry};
use imagecache::matching::{Index, Inventory, MatchRules, Pod};
use imagecache::plan::{PlanInput, PlanOptions, PriceTable, plan};
use imagecache::reference::describe;
use imagecache::resource::{CrdVersion, crd};
use imagecache::validate::{self, ValidateOptions};
use serde_json::{Value, json};

/// What the core answers.
///
/// # Errors
/// If the question itself is malformed.
pub fn answer(call: &str, input: &Value) -> Result<Value> {
    Ok(match call {
        "validate" => {
            let options = ValidateOptions::default();
            let found = match input.get("text").and_then(Value::as_str) {
                Some(text) => validate::text(text, TextFormat::Auto, &options).diagnostics,
                None => validate::object(field(input, "object")?, &options),
            };
            serde_json::to_value(found)?
        }
        "reference" => serde_json::to_value(describe(text(input, "text")?))?,
        "expire" => {
            let now = text(input, "now")?.parse()?;
            let expiry = expiry(&ExpiryFacts::read(field(input, "cache")?), now);
            json!({"expiry": expiry, "says": expiry.to_string()})
        }
        "match" => matched(input)?,
        "explain" => {
            let code: Code = text(input, "code")?.parse()?;
            json!({"code": code, "name": code.name(), "severity": code.severity(), "summary": code.summary(), "page": code.page()})
        }
        "crd" => match text(input, "version")? {
            "v1" => crd(CrdVersion::V1),
            "v1beta1" => crd(CrdVersion::VendorV1beta1),
            other => bail!("no definition of version {other}"),
        },
        "plan" => planned(input)?,
        "admit" => admitted(input)?,
        other => bail!("nothing answers `{other}`"),
    })
}

fn field<'v>(input: &'v Value, name: &str) -> Result<&'v Value> {
    input
        .get(name)
        .with_context(|| format!("the input has no {name}"))
}

fn text<'v>(input: &'v Value, name: &str) -> Result<&'v str> {
    field(input, name)?
        .as_str()
        .with_context(|| format!("{name} is no string"))
}

fn matched(input: &Value) -> Result<Value> {
    let rules: MatchRules = match input.get("rules") {
        Some(rules) => serde_json::from_value(rules.clone())?,
        None => MatchRules::default(),
    };
    let levels = Levels::default();
    let mut report = Report::new(&levels);
    let pod = Pod::read(field(input, "pod")?, &mut report);
    let pod = pod.context("the input has no pod that can be read")?;
    let mut inventory = Inventory::default();
    inventory.add(field(input, "caches")?, &mut report);
    let index: Index = inventory.caches.into_iter().collect();
    let answer = index.explain(&pod, &rules);
    Ok(json!({"answer": answer, "diagnostics": report.finish()}))
}

fn planned(input: &Value) -> Result<Value> {
    let levels = Levels::default();
    let mut report = Report::new(&levels);
    let mut plan_input = PlanInput::default();
    let mut prices = PriceTable::default();
    if let Some(sizes) = input.pointer("/facts/sizes") {
        plan_input.sizes("sizes", sizes);
    }
    if let Some(file) = input.pointer("/facts/prices") {
        prices.add("prices", file);
    }
    plan_input.add(field(input, "objects")?, &mut report);
    plan_input.apply_defaults();
    let options = match input.get("options") {
        Some(options) => PlanOptions::parse(options)?,
        None => PlanOptions::default(),
    };
    let plan = plan(&plan_input, &prices, &options);
    let mut answer = serde_json::to_value(&plan)?;
    if let Some(fields) = answer.as_object_mut() {
        fields.insert("manifests".to_owned(), plan.yaml().into());
        fields.insert(
            "diagnostics".to_owned(),
            serde_json::to_value(report.finish())?,
        );
        fields.insert("unread".to_owned(), plan_input.unread.into());
    }
    Ok(answer)
}

fn admitted(input: &Value) -> Result<Value> {
    let settings = match input.get("settings") {
        Some(settings) => match AdmissionSettings::parse(settings) {
            Ok(settings) => settings,
            Err(faults) => return told(&AdmissionVerdict::unconfigured(&faults)),
        },
        None => AdmissionSettings::default(),
    };
    let caches = || match input.get("caches") {
        Some(Value::Array(caches)) => Ok(CacheSource::Objects(caches)),
        Some(Value::String(refusal)) => Err(refusal.as_str().into()),
        _ => Err(NO_CACHES.into()),
    };
    told(&decide(field(input, "request")?, &settings, caches, None))
}

/// A verdict as data. The object with the patch says nothing more than the patch.
fn told(verdict: &AdmissionVerdict) -> Result<Value> {
    let mut verdict = serde_json::to_value(verdict)?;
    if let Some(fields) = verdict.as_object_mut() {
        fields.remove("object");
    }
    Ok(verdict)
}
