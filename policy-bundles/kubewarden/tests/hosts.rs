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

use serde_json::{Value, json};
use support::in_wasmi::Wasmi;
use support::{Hosts, Listed, Step, module, parsed, response};

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

#[test]
fn every_case_has_its_verdict_in_both_hosts() {
    let mut hosts = Hosts::start();
    let cases = cases();
    assert!(cases.len() >= 30, "{} cases", cases.len());
    for case in &cases {
        let caches = case.get("caches");
        let outcome = hosts.validate(&case["request"], &case["settings"], caches.map(listed));
        let expected = response(&case["request"], &case["verdict"]);
        assert_eq!(parsed(&outcome), expected, "{}", case["name"]);
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
fn settings_are_validated_whole() {
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
        faults.contains(&"onMis: unknown field, did you mean `onMiss`?"),
        "{faults:?}"
    );
    for text in ["", "{", "[1]", "17"] {
        assert_eq!(judge(text)["valid"], false, "{text}");
    }
}

#[test]
fn readme_request_has_the_shown_answer() {
    let request: Value =
        serde_json::from_str(include_str!("../test_data/imagecache-invalid.json")).unwrap();
    let answer = parsed(&Hosts::start().validate(&request, &json!({"mode": "off"}), None));
    assert_eq!(answer["accepted"], false);
    let message = answer["message"].as_str().unwrap();
    assert!(include_str!("../README.md").contains(message), "{message}");
}

#[test]
fn e2e_expectations_hold_without_kwctl() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = fs::read_to_string(folder.join("e2e.bats")).unwrap();
    let tests: Vec<&str> = script.split("@test ").skip(1).collect();
    assert_eq!(tests.len(), 4);
    for test in tests {
        let after = |mark: &str| test.split(mark).nth(1).unwrap();
        let path = after("--request-path ").split(' ').next().unwrap();
        let settings = after("--settings-json '").split('\'').next().unwrap();
        let request = fs::read_to_string(folder.join(path)).unwrap();
        let request: Value = serde_json::from_str(&request).unwrap();
        let settings: Value = serde_json::from_str(settings).unwrap();
        let answer = parsed(&Hosts::start().validate(&request, &settings, None));
        // what kwctl makes of the answer of a policy
        let output = format!(
            "{{\"allowed\":{}}} {}",
            answer["accepted"], answer["message"]
        );
        let expected: Vec<&str> = test.split("\"$output\" : '.*").skip(1).collect();
        assert!(!expected.is_empty());
        for pattern in expected {
            let text = pattern.split(".*'").next().unwrap();
            assert!(output.contains(text), "{path}: `{text}` in {output}");
        }
    }
}

#[test]
fn every_setting_is_in_the_readme_and_in_the_form() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(here.join("README.md")).unwrap();
    let form = fs::read_to_string(here.join("questions-ui.yml")).unwrap();
    let settings =
        serde_json::to_value(imagecache::admission::AdmissionSettings::default()).unwrap();
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

/// A new pod on ECI, with a note.
fn pod(note: &str) -> Value {
    json!({
            "kind": {"group": "", "version": "v1", "kind": "Pod"}, "operation": "CREATE",
            "object": {
                "apiVersion": "v1", "kind": "Pod",
                "metadata": {
                    "name": "p", "labels": {"alibabacloud.com/eci": "true"},
                    "annotations": {"note": note},
                },
                "spec": {"containers": [{"name": "c", "image": "nginx:1.27"}]},
            },
    })
}

#[test]
fn any_payload_gets_an_answer() {
    let mut hosts = Hosts::start();
    // A request of 3 MB.
    let large = pod(&"x".repeat(3_000_000));
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
        &pod(""),
        &json!({"mode": "pin"}),
        Some(Listed::Ok(broken_and_good)),
    );
    assert_eq!(
        parsed(&outcome)["audit_annotations"]["matched-image-cache"],
        "imc-1"
    );
}

/// A pod passes with a warning that says what was wrong with the host's answer.
#[test]
fn host_failure_is_reported() {
    let mut hosts = Hosts::start();
    let deep = "[".repeat(10_000);
    let list = |text: &str| Listed::Ok(text.to_owned());
    let no_list = "the answer is not a list of objects";
    for (answer, told) in [
        (list(""), no_list),
        (list("null"), no_list),
        (list("[]"), no_list),
        (list("17"), no_list),
        (list("\u{0}"), no_list),
        (list(&deep), no_list),
        (list(r#"{"items": {}}"#), no_list),
        (list(r#"{"items": [,]}"#), "the list is cut off"),
        (list(r#"{"items": "#), no_list),
        (
            list(r#"{"items": [{"kind": "ImageCache""#),
            "the list is cut off",
        ),
        (
            list(&format!(r#"{{"items": [{deep}"#)),
            "the list is cut off",
        ),
        (
            Listed::Bytes(b"{\"items\": [\xff\xfe]}".to_vec()),
            "the list is not UTF-8",
        ),
        (Listed::Error(String::new()), "no reason was given"),
        (
            Listed::Error("away\nfor lunch".to_owned()),
            "away\nfor lunch",
        ),
        (Listed::Refusal(b"no\xff".to_vec()), "no\u{fffd}"),
    ] {
        let words = format!("{answer:.60?}");
        let answer = parsed(&hosts.validate(&pod(""), &json!({"mode": "pin"}), Some(answer)));
        assert_eq!(answer["accepted"], true, "{words}");
        assert_eq!(
            answer["audit_annotations"]["caches-unavailable"], told,
            "{words}"
        );
        assert_eq!(
            answer["warnings"],
            json!([format!(
                "image caches cannot be listed: {}; the pod was not matched",
                told.replace('\n', "\u{fffd}")
            )]),
            "{words}"
        );
    }
}

/// 3 MB of images, and a list of caches of that size.
#[test]
fn large_request_has_the_answer_of_a_small_one() {
    let mut hosts = Hosts::start();
    let images: Vec<String> = (0..100_000)
        .map(|at| format!("registry.example.com/a/b{at}:1"))
        .collect();
    let request = json!({
        "kind": {"group": "eci.alibabacloud.com", "version": "v1", "kind": "ImageCache"}, "operation": "CREATE",
        "object": {"apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache", "metadata": {"name": "a"}, "spec": {"images": images}},
    });
    assert!(request.to_string().len() > 3_000_000);
    let answer = parsed(&hosts.validate(&request, &json!({"mode": "off"}), None));
    assert_eq!(
        answer["message"],
        "spec.images: 100000 images, at most 20 allowed; only the first 256 were read"
    );
    let cache = |at: usize| {
        json!({
            "kind": "ImageCache", "metadata": {"name": format!("c{at}"), "annotations": {"note": "x".repeat(300)}},
            "spec": {"images": [format!("app-{at}:1")]}, "status": {"phase": "Ready", "imageCacheId": format!("imc-{at}")},
        })
    };
    let list = json!({"items": (0..8_000).map(cache).collect::<Vec<_>>()}).to_string();
    assert!(list.len() > 3_000_000);
    let mut wanted = pod("");
    wanted["object"]["spec"]["containers"][0]["image"] = "app-7999:1".into();
    let answer = parsed(&hosts.validate(&wanted, &json!({"mode": "pin"}), Some(Listed::Ok(list))));
    assert_eq!(
        answer["audit_annotations"]["matched-image-cache"],
        "imc-7999"
    );
}

#[test]
fn an_operation_that_does_not_exist_is_an_error_and_no_trap() {
    let outcome = Hosts::start().run(&Step {
        op: "sing",
        payload: "{}",
        caches: None,
    });
    assert!(!outcome.ok);
    assert_eq!(outcome.answer, "No handler registered for function sing");
}

#[test]
fn the_module_imports_the_contract_and_nothing_else() {
    let wasmi = Wasmi::load(&fs::read(module()).unwrap());
    for (module, name) in wasmi.imports() {
        assert_eq!(module, "wapc", "{module}.{name} is not of the contract");
    }
}
