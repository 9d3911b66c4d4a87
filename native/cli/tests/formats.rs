//! What machines read is what the published schemas and the documentation say.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panic

mod common;

use std::collections::BTreeSet;

use common::{run, stderr, stdout};
use imagecache::diagnostic::Levels;
use serde_json::Value;
use uppsala::XsdValidator;

/// Everything that can be found in one run: good and bad objects, objects without rules, texts that cannot be read.
const EVERYTHING: &[&str] = &[
    "tests/data/many.yaml",
    "tests/data/valid.yaml",
    "tests/data/list.json",
    "tests/data/broken.yaml",
    "tests/data/latin1.yaml",
    "tests/data/spaced & odd",
    "tests/data/missing.yaml",
];

fn validate(form: &str, inputs: &[&str]) -> String {
    let mut args = vec!["validate", "-o", form];
    args.extend(inputs);
    let output = run(&args);
    assert_eq!(stderr(&output), "");
    stdout(&output).to_owned()
}

fn errors(schema: &str, instance: &Value) -> Vec<String> {
    // The first edition of the schema of SARIF has a mistake here, which a strict reader does not take for a regular expression; its
    // Errata 01 mends it thus.
    let schema = schema.replace(
        "^[a-zA-Z]{2}|^[a-zA-Z]{2}-[a-zA-Z]{2}]?$",
        "^[a-zA-Z]{2}(-[a-zA-Z]{2})?$",
    );
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    validator
        .iter_errors(instance)
        .map(|error| error.to_string())
        .collect()
}

#[test]
fn sarif_is_valid_by_the_schema_of_oasis() {
    let schema = include_str!("data/schemas/sarif-2.1.0.json");
    for inputs in [EVERYTHING, &["tests/data/valid.yaml"]] {
        let mut log: Value = serde_json::from_str(&validate("sarif", inputs)).unwrap();
        assert_eq!(errors(schema, &log), Vec::<String>::new());
        // The schema must refuse something, or it checks nothing.
        log["runs"][0]["tool"]["driver"]["rules"][0]["defaultConfiguration"]["level"] =
            "hint".into();
        assert!(!errors(schema, &log).is_empty());
    }
}

#[test]
fn sarif_results_point_to_their_rules_and_places() {
    let log: Value = serde_json::from_str(&validate("sarif", EVERYTHING)).unwrap();
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert!(results.len() > 10);
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
    }
    let uris: BTreeSet<&str> = results
        .iter()
        .map(|result| &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])
        .filter_map(Value::as_str)
        .collect();
    assert!(
        uris.contains("tests/data/spaced%20%26%20odd/a,b%20c%25.yaml"),
        "{uris:?}"
    );
    assert_eq!(run["columnKind"], "utf16CodeUnits");
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
}

fn xml_errors(schema: &str, text: &str) -> Vec<String> {
    let schema = uppsala::parse(schema).unwrap();
    let validator = XsdValidator::from_schema(&schema).unwrap();
    let document = uppsala::parse(text).unwrap();
    validator
        .validate(&document)
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn junit_is_valid_by_the_schema_of_jenkins() {
    let schema = include_str!("data/schemas/junit-10.xsd");
    for inputs in [EVERYTHING, &["tests/data/valid.yaml"]] {
        let report = validate("junit", inputs);
        assert_eq!(
            xml_errors(schema, &report),
            Vec::<String>::new(),
            "{report}"
        );
        // The schema must refuse something, or it checks nothing.
        for (good, bad) in [
            (" classname=", " class="),
            ("<testcase ", "<case "),
            (" failures=", " lost="),
        ] {
            let broken = report.replace(good, bad).replace(
                "</testcase>",
                if bad == "<case " {
                    "</case>"
                } else {
                    "</testcase>"
                },
            );
            assert!(!xml_errors(schema, &broken).is_empty(), "{bad}");
        }
    }
}

/// The one document of a YAML text (JSON is YAML, too).
fn read_yaml(text: &str) -> Value {
    use imagecache::document::{TextFormat, read};
    let (documents, findings) = read(text, TextFormat::Yaml, &Levels::default());
    assert!(findings.is_empty(), "{findings:?}");
    assert_eq!(documents.len(), 1);
    documents[0].value().clone()
}

#[test]
fn json_and_yaml_say_the_same() {
    let json: Value = serde_json::from_str(&validate("json", EVERYTHING)).unwrap();
    assert_eq!(read_yaml(&validate("yaml", EVERYTHING)), json);
    assert!(json.as_array().unwrap().len() > 10);
}

#[test]
fn formats_report_the_same_findings() {
    let json: Value = serde_json::from_str(&validate("json", EVERYTHING)).unwrap();
    let number = json.as_array().unwrap().len();
    let sarif: Value = serde_json::from_str(&validate("sarif", EVERYTHING)).unwrap();
    assert_eq!(
        sarif["runs"][0]["results"].as_array().unwrap().len(),
        number
    );
    assert_eq!(validate("github", EVERYTHING).lines().count(), number);
    let text = validate("text", EVERYTHING);
    assert_eq!(
        text.lines()
            .filter(|line| line.trim_start().starts_with("--> "))
            .count(),
        number
    );
    let junit = validate("junit", EVERYTHING);
    assert_eq!(junit.matches("[IC").count(), number);
}

#[test]
fn json_has_the_fields_of_the_contract_in_order() {
    let text = validate("json", EVERYTHING);
    let fields = [
        "file",
        "document",
        "line",
        "column",
        "endLine",
        "endColumn",
        "offset",
        "endOffset",
        "severity",
        "code",
        "path",
        "message",
        "help",
    ];
    let rows: Vec<Value> = serde_json::from_str(&text).unwrap();
    for row in &rows {
        let found: BTreeSet<&str> = row
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(found, BTreeSet::from(fields));
    }
    let first = text.split('}').next().unwrap();
    let places: Vec<usize> = fields
        .iter()
        .map(|field| first.find(&format!("\"{field}\":")).unwrap())
        .collect();
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn findings_do_not_depend_on_the_number_of_cores() {
    let mut args = vec!["validate", "-o", "json", "-R", "tests/data"];
    args.extend(EVERYTHING);
    let many = run(&args);
    let one = common::imagecache(&args)
        .env("RAYON_NUM_THREADS", "1")
        .output()
        .unwrap();
    assert_eq!(many.stdout, one.stdout);
    assert_eq!(many.status, one.status);
}

#[test]
fn github_commands_escape_terminators() {
    let commands = validate("github", &["tests/data/spaced & odd"]);
    assert!(
        commands.starts_with("::error file=tests/data/spaced & odd/a%2Cb c%25.yaml,line="),
        "{commands}"
    );
}

#[test]
fn definitions_are_those_of_the_core_in_either_form() {
    use imagecache::resource::{CrdVersion, crd, json_schema};
    for (args, expected) in [
        (&["crd"][..], crd(CrdVersion::V1)),
        (&["crd", "--v1beta1"], crd(CrdVersion::VendorV1beta1)),
        (&["schema"], json_schema()),
    ] {
        for form in ["json", "yaml"] {
            let mut args = args.to_vec();
            args.extend(["-o", form]);
            let output = run(&args);
            assert_eq!(read_yaml(stdout(&output)), expected, "{args:?}");
        }
    }
}

#[test]
fn gitlab_findings_have_places_and_distinct_fingerprints() {
    let found: Vec<Value> = serde_json::from_str(&validate("gitlab", EVERYTHING)).unwrap();
    let json: Vec<Value> = serde_json::from_str(&validate("json", EVERYTHING)).unwrap();
    assert_eq!(found.len(), json.len());
    let mut fingerprints = BTreeSet::new();
    for (found, json) in found.iter().zip(&json) {
        // the members that GitLab requires
        assert!(found["description"].as_str().unwrap().starts_with("IC"));
        assert!(fingerprints.insert(found["fingerprint"].as_str().unwrap().to_owned()));
        let severity = match json["severity"].as_str().unwrap() {
            "error" => "major",
            "warning" => "minor",
            _ => "info",
        };
        assert_eq!(found["severity"], severity);
        assert_eq!(found["location"]["path"], json["file"]);
        assert!(found["location"]["lines"]["begin"].as_u64().unwrap() >= 1);
    }
}

#[test]
fn gitlab_fingerprint_stays_when_lines_move() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cache.yaml");
    let path = file.to_str().unwrap();
    let text = std::fs::read_to_string("tests/data/invalid.yaml").unwrap();
    let fingerprints = |text: &str| -> Vec<(String, u64)> {
        std::fs::write(&file, text).unwrap();
        let found: Vec<Value> = serde_json::from_str(&validate("gitlab", &[path])).unwrap();
        let facts = found.iter().map(|found| {
            let line = found["location"]["lines"]["begin"].as_u64().unwrap();
            (found["fingerprint"].as_str().unwrap().to_owned(), line)
        });
        facts.collect()
    };
    let before = fingerprints(&text);
    let after = fingerprints(&format!("# one more line\n{text}"));
    assert!(!before.is_empty());
    let moved = before.into_iter().map(|(print, line)| (print, line + 1));
    assert_eq!(moved.collect::<Vec<_>>(), after);
}
