//! The policy as users get it, in two hosts: plain Node and `wasmi`. Every case of admission has the verdict that
//! the core gives natively.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

mod support;

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};
use support::in_wasmi::Wasmi;
use support::{Listed, Node, Outcome, Step, module};

/// The most bytes that the module may have: what it had when this was written, and 5 %.
const MODULE_MAX: u64 = 399_000;

struct Hosts {
    node: Node,
    wasmi: Wasmi,
}

impl Hosts {
    fn start() -> Self {
        Hosts {
            node: Node::start(),
            wasmi: Wasmi::load(&fs::read(module()).unwrap()),
        }
    }

    /// Runs a step in both hosts, which must agree.
    fn run(&mut self, step: &Step<'_>) -> Outcome {
        let outcome = self.wasmi.run(step);
        assert_eq!(outcome, self.node.run(step), "Node and wasmi disagree");
        outcome
    }

    fn validate(&mut self, request: &Value, settings: &Value, caches: Option<Listed>) -> Outcome {
        let payload = json!({"request": request, "settings": settings}).to_string();
        self.run(&Step {
            op: "validate",
            payload: &payload,
            caches,
        })
    }
}

fn parsed(outcome: &Outcome) -> Value {
    assert!(
        outcome.ok,
        "the guest reported an error: {}",
        outcome.answer
    );
    serde_json::from_str(&outcome.answer).unwrap()
}

fn cases() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/admission");
    let mut cases = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file: Vec<Value> = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        cases.extend(file);
    }
    cases
}

fn listed(caches: &Value) -> Listed {
    match caches {
        Value::Array(items) => {
            Listed::Ok(json!({"kind": "ImageCacheList", "items": items}).to_string())
        }
        other => match other["error"].as_str() {
            Some(error) => Listed::Error(error.to_owned()),
            None => Listed::Ok(other["text"].as_str().unwrap().to_owned()),
        },
    }
}

/// What a case expects, in Kubewarden's words.
fn expected(case: &Value) -> Value {
    let verdict = &case["verdict"];
    let mut response = Map::from_iter([("accepted".to_owned(), verdict["allowed"].clone())]);
    let names = [
        ("message", "message"),
        ("code", "code"),
        ("warnings", "warnings"),
        ("auditAnnotations", "audit_annotations"),
    ];
    for (ours, theirs) in names {
        if let Some(value) = verdict.get(ours) {
            response.insert(theirs.to_owned(), value.clone());
        }
    }
    if let Some(patch) = verdict.get("patch") {
        let mut object = case["request"]["object"].clone();
        for op in patch.as_array().unwrap() {
            let (parent, name) = op["path"].as_str().unwrap().rsplit_once('/').unwrap();
            let parent = object.pointer_mut(parent).unwrap().as_object_mut().unwrap();
            parent.insert(
                name.replace("~1", "/").replace("~0", "~"),
                op["value"].clone(),
            );
        }
        response.insert("mutated_object".to_owned(), object);
    }
    Value::Object(response)
}

#[test]
fn every_case_has_its_verdict_in_both_hosts() {
    let mut hosts = Hosts::start();
    let cases = cases();
    assert!(cases.len() >= 30, "{} cases", cases.len());
    for case in &cases {
        let caches = case.get("caches");
        let outcome = hosts.validate(&case["request"], &case["settings"], caches.map(listed));
        assert_eq!(parsed(&outcome), expected(case), "{}", case["name"]);
        assert_eq!(
            outcome.asked.len(),
            usize::from(caches.is_some()),
            "{}",
            case["name"]
        );
    }
}

#[test]
fn the_cluster_is_asked_one_constant_question() {
    let mut hosts = Hosts::start();
    let mut questions = Vec::new();
    for case in cases() {
        let caches = case.get("caches").map(listed);
        questions.extend(
            hosts
                .validate(&case["request"], &case["settings"], caches)
                .asked,
        );
    }
    questions.dedup();
    let [[binding, namespace, operation, question]] = questions.as_slice() else {
        panic!("several questions: {questions:?}");
    };
    assert_eq!(
        (binding.as_str(), namespace.as_str()),
        ("kubewarden", "kubernetes")
    );
    assert_eq!(operation, "list_resources_all");
    let question: Value = serde_json::from_str(question).unwrap();
    // The names of the SDK's ListAllResourcesRequest.
    let fields: Vec<&String> = question.as_object().unwrap().keys().collect();
    assert_eq!(
        fields,
        [
            "api_version",
            "field_masks",
            "field_selector",
            "kind",
            "label_selector"
        ]
    );
    assert_eq!(question["api_version"], "eci.alibabacloud.com/v1");
    assert_eq!(question["kind"], "ImageCache");
    // The rights that the bundle asks for are those that it uses.
    let manifest =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/metadata.yml")).unwrap();
    assert!(manifest.contains(&format!("- {namespace}/{operation}")));
}

#[test]
fn the_protocol_is_v1() {
    let outcome = Hosts::start().run(&Step {
        op: "protocol_version",
        payload: "",
        caches: None,
    });
    assert_eq!(parsed(&outcome), "v1");
}

#[test]
fn settings_are_judged_whole() {
    let mut hosts = Hosts::start();
    let mut judge = |settings: &str| {
        parsed(&hosts.run(&Step {
            op: "validate_settings",
            payload: settings,
            caches: None,
        }))
    };
    assert_eq!(judge("{}"), json!({"valid": true}));
    assert_eq!(judge("null"), json!({"valid": true}));
    assert_eq!(
        judge(r#"{"mode": "pin", "ifNotPresent": true, "levels": {"IC025": "off"}}"#),
        json!({"valid": true})
    );
    // Those of `cluster-admission-policies.yaml`.
    assert_eq!(judge(r#"{"mode": "off"}"#), json!({"valid": true}));
    assert_eq!(
        judge(r#"{"ifNotPresent": true, "mode": "pin", "validate": false}"#),
        json!({"valid": true})
    );
    let wrong = r#"{"mode": "pinn", "ifNotPresent": "yes", "onMis": "warn", "levels": {"IC999": "error"}, "pods": 1}"#;
    let answer = judge(wrong);
    assert_eq!(answer["valid"], false);
    let faults: Vec<&str> = answer["message"].as_str().unwrap().split("; ").collect();
    assert_eq!(faults.len(), 6, "{faults:?}"); // the sentence about codes has a semicolon of its own
    assert!(
        faults.contains(&"onMis: no such setting, did you mean `onMiss`?"),
        "{faults:?}"
    );
    for text in ["", "{", "[1]", "17"] {
        assert_eq!(judge(text)["valid"], false, "{text}");
    }
}

#[test]
fn every_setting_is_in_the_readme_and_in_the_form() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(here.join("README.md")).unwrap();
    let form = fs::read_to_string(here.join("questions-ui.yml")).unwrap();
    let settings = serde_json::to_value(imagecache::admission::Settings::default()).unwrap();
    for (name, default) in settings.as_object().unwrap() {
        let row = readme
            .lines()
            .find(|line| line.starts_with(&format!("| `{name}` | ")));
        let row = row.unwrap_or_else(|| panic!("the README does not tell of `{name}`"));
        let default = match default {
            Value::Object(_) => "{}".to_owned(),
            Value::String(word) => word.clone(),
            other => other.to_string(),
        };
        assert!(
            row.starts_with(&format!("| `{name}` | `{default}` | ")),
            "{row}"
        );
        assert!(
            form.contains(&format!("- variable: {name}\n")),
            "the form does not ask for `{name}`"
        );
    }
}

#[test]
fn whatever_comes_gets_an_answer() {
    let mut hosts = Hosts::start();
    let request = |annotation: &str| {
        json!({
            "kind": {"group": "", "version": "v1", "kind": "Pod"}, "operation": "CREATE",
            "object": {
                "apiVersion": "v1", "kind": "Pod",
                "metadata": {
                    "name": "p", "labels": {"alibabacloud.com/eci": "true"},
                    "annotations": {"note": annotation},
                },
                "spec": {"containers": [{"name": "c", "image": "nginx:1.27"}]},
            },
        })
    };
    // A request of 3 MB.
    let large = request(&"x".repeat(3_000_000));
    let list = r#"{"items":[{"kind":"ImageCache","metadata":{"name":"a"},"spec":{"images":["nginx:1.27"]},"status":{"phase":"Ready","imageCacheId":"imc-1"}}]}"#;
    let outcome = hosts.validate(
        &large,
        &json!({"mode": "pin"}),
        Some(Listed::Ok(list.to_owned())),
    );
    let annotations = &parsed(&outcome)["mutated_object"]["metadata"]["annotations"];
    assert_eq!(annotations["k8s.aliyun.com/eci-imc-id"], "imc-1");
    assert_eq!(annotations["note"].as_str().unwrap().len(), 3_000_000);
    // Values 10,000 deep: in the request, in the settings, in the list.
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for payload in [
        format!(r#"{{"request": {deep}, "settings": {{}}}}"#),
        format!(r#"{{"request": {{}}, "settings": {deep}}}"#),
        deep.clone(),
        "[".repeat(10_000),
        String::new(),
        "17".to_owned(),
    ] {
        let answer = parsed(&hosts.run(&Step {
            op: "validate",
            payload: &payload,
            caches: None,
        }));
        assert_eq!(answer["accepted"], false);
        assert!(answer["code"] == 400 || answer["code"] == 500, "{answer}");
    }
    let broken_and_good = list.replacen(
        '[',
        &format!(r#"[{{"spec":{{"images":{deep}}},"x":"nginx"}},"#),
        1,
    );
    let outcome = hosts.validate(
        &request(""),
        &json!({"mode": "pin"}),
        Some(Listed::Ok(broken_and_good)),
    );
    assert_eq!(
        parsed(&outcome)["audit_annotations"]["matched-image-cache"],
        "imc-1"
    );
    // Hosts that lie.
    for lie in [
        "",
        "null",
        "[]",
        "17",
        r#"{"items": {}}"#,
        r#"{"items": [,]}"#,
        r#"{"items": "#,
        "\u{0}",
        &deep,
    ] {
        let outcome = hosts.validate(
            &request(""),
            &json!({"mode": "pin"}),
            Some(Listed::Ok(lie.to_owned())),
        );
        assert_eq!(parsed(&outcome)["accepted"], true, "{lie:.40}");
    }
}

#[test]
fn the_module_imports_the_contract_and_nothing_else() {
    let wasmi = Wasmi::load(&fs::read(module()).unwrap());
    for (module, name) in wasmi.imports() {
        assert_eq!(module, "wapc", "{module}.{name} is not of the contract");
    }
}

#[test]
fn the_module_stays_small() {
    let size = fs::metadata(module()).unwrap().len();
    assert!(
        size <= MODULE_MAX,
        "{size} bytes, at most {MODULE_MAX} allowed"
    );
}
