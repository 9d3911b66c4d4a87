//! The core itself, called as a host would: JSON in, JSON out.

use anyhow::{Context, Result, bail};
use imagecache::admission::{Caches, Settings, Verdict, decide};
use imagecache::diagnostic::{Levels, Report};
use imagecache::expiry::{Facts, expiry};
use imagecache::matching::{Index, Inventory, Rules, Scratch};
use imagecache::reference::describe;
use imagecache::validate::{Options, object};
use serde_json::{Value, json};

/// What the core answers.
///
/// # Errors
/// If the question itself is malformed.
pub fn answer(call: &str, input: &Value) -> Result<Value> {
    Ok(match call {
        "validate" => {
            let found = object(field(input, "object")?, &Options::default());
            serde_json::to_value(found)?
        }
        "reference" => {
            let text = field(input, "text")?
                .as_str()
                .context("text is no string")?;
            serde_json::to_value(describe(text))?
        }
        "expire" => {
            let now = field(input, "now")?
                .as_str()
                .context("now is no string")?
                .parse()?;
            let expiry = expiry(&Facts::read(field(input, "cache")?), now);
            json!({"expiry": expiry, "says": expiry.to_string()})
        }
        "match" => matched(input)?,
        "admit" => admitted(input)?,
        other => bail!("nothing answers `{other}`"),
    })
}

fn field<'v>(input: &'v Value, name: &str) -> Result<&'v Value> {
    input
        .get(name)
        .with_context(|| format!("the input has no {name}"))
}

fn matched(input: &Value) -> Result<Value> {
    let rules: Rules = match input.get("rules") {
        Some(rules) => serde_json::from_value(rules.clone())?,
        None => Rules::default(),
    };
    let levels = Levels::default();
    let mut report = Report::new(&levels);
    let mut inventory = Inventory::default();
    inventory.add(field(input, "pod")?, &mut report);
    for cache in field(input, "caches")?
        .as_array()
        .context("caches is no list")?
    {
        inventory.add(cache, &mut report);
    }
    let index: Index = inventory.caches.into_iter().collect();
    let pod = inventory
        .pods
        .first()
        .context("the input has no pod that can be read")?;
    let answer = index.explain(pod, &rules, &mut Scratch::default());
    Ok(json!({"answer": answer, "found": report.finish()}))
}

fn admitted(input: &Value) -> Result<Value> {
    let settings = match input.get("settings") {
        Some(settings) => match Settings::parse(settings) {
            Ok(settings) => settings,
            Err(faults) => return told(&Verdict::unconfigured(&faults)),
        },
        None => Settings::default(),
    };
    let caches = || match input.get("caches") {
        Some(Value::Array(caches)) => Ok(Caches::Objects(caches)),
        Some(Value::String(refusal)) => Err(refusal.clone()),
        _ => Err("nobody lists them here".to_owned()),
    };
    told(&decide(field(input, "request")?, &settings, caches, None))
}

/// A verdict as data. The object with the patch says nothing more than the patch.
fn told(verdict: &Verdict) -> Result<Value> {
    let mut verdict = serde_json::to_value(verdict)?;
    if let Some(fields) = verdict.as_object_mut() {
        fields.remove("object");
    }
    Ok(verdict)
}
