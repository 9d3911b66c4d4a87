//! Plans: published figures, bad input, a slow reference that tries every partition, and agreement with the matcher.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)] // a test fails by panicking

mod actions;
mod figures;
mod input;
mod random;
mod reference;

use imagecache::diagnostic::{Levels, Report};
use imagecache::plan::{Plan, PlanInput, PlanOptions, PriceTable, plan};
use serde_json::{Value, json};

/// The input of some documents, which must be without fault.
fn input(documents: &[Value]) -> PlanInput {
    let levels = Levels::default();
    let mut input = PlanInput::default();
    for document in documents {
        let mut report = Report::new(&levels);
        input.add(document, &mut report);
        assert_eq!(report.finish(), []);
    }
    input
}

fn options(value: &Value) -> PlanOptions {
    PlanOptions::parse(value).unwrap()
}

/// Prices of one row.
fn prices(currency: &str, row: Value) -> PriceTable {
    let mut table = PriceTable::default();
    let mut row = row;
    row["source"] = json!("test");
    row["date"] = json!("2026-01-01");
    table.add("prices", &json!({"currency": currency, "prices": [row]}));
    assert_eq!(table.findings(), []);
    table
}

/// The prices of the vendor's worked example.
fn sample() -> PriceTable {
    let mut table = PriceTable::default();
    table.add("sample", &imagecache::plan::SAMPLE_PRICES.parse().unwrap());
    assert_eq!(table.findings(), []);
    table
}

fn deployment(name: &str, replicas: u64, images: &[&str]) -> Value {
    let containers: Vec<Value> = images
        .iter()
        .map(|image| json!({"name": "c", "image": image}))
        .collect();
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": containers}}}})
}

fn cache(name: &str, images: &[&str], size: u64) -> Value {
    json!({"apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache", "metadata": {"name": name},
        "spec": {"images": images, "imageCacheSize": size},
        "status": {"imageCacheId": format!("imc-{name}"), "phase": "Ready"}})
}

/// Action, name of the first image and size of each cache.
fn summary(plan: &Plan) -> Vec<String> {
    let caches = plan.caches.iter();
    caches
        .map(|cache| {
            let images: Vec<&str> = cache.images.iter().map(|image| &*image.image).collect();
            format!(
                "{} {} {}",
                cache.action.as_str(),
                cache.size_gib,
                images.join(" ")
            )
        })
        .collect()
}

fn planned(input: &PlanInput, prices: &PriceTable, value: &Value) -> Plan {
    plan(input, prices, &options(value))
}
