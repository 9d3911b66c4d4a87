//! What is said about whole manifests. `tests/data/validate/*.yaml` are the cases, the snapshots beside them what is to
//! be said; the pages of the codes are cases, too.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test fails by panicking

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use imagecache::diagnostic::{Code, Diagnostic, Level, Levels, Report, Severity};
use imagecache::document::TextFormat;
use imagecache::validate::{MAX_ITEMS, ValidateOptions, Validation, object, text};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn data(name: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join("tests/data/validate").join(name)).unwrap()
}

/// The cases, by file name.
fn cases() -> Vec<PathBuf> {
    let mut cases: Vec<PathBuf> = fs::read_dir(Path::new(ROOT).join("tests/data/validate"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .collect();
    cases.sort();
    assert!(cases.len() > 20);
    cases
}

fn judge(manifest: &str) -> Validation {
    let found = text(manifest, TextFormat::Auto, &ValidateOptions::default());
    let json = serde_json::to_value(&found.diagnostics).unwrap();
    assert_eq!(
        serde_json::from_value::<Vec<Diagnostic>>(json).unwrap(),
        found.diagnostics
    );
    found
}

/// One finding as people read it: severity, code, document, path and message; then place and help.
fn readable(found: &Diagnostic) -> String {
    let mut lines = format!(
        "{}[{}] #{} {found}\n",
        found.severity, found.code, found.document
    );
    if let Some(span) = found.span {
        write!(
            lines,
            "    {}:{}-{}:{}",
            span.start.line, span.start.column, span.end.line, span.end.column
        )
        .unwrap();
    }
    if let Some(help) = &found.help {
        write!(lines, "  {help}").unwrap();
    }
    lines + "\n"
}

#[test]
fn cases_match_their_snapshots() {
    for case in cases() {
        let manifest = fs::read_to_string(&case).unwrap();
        let validation = judge(&manifest);
        let mut said = String::new();
        for object in &validation.objects {
            let kind = if object.checked {
                "judged"
            } else {
                "passed over"
            };
            writeln!(
                said,
                "{kind} #{} {} {} {} {}",
                object.document, object.path, object.api_version, object.kind, object.name
            )
            .unwrap();
        }
        said.push('\n');
        said.extend(validation.diagnostics.iter().map(readable));
        let name = case.file_stem().unwrap().to_str().unwrap().to_owned();
        insta::with_settings!({
            snapshot_path => "data/validate",
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, { insta::assert_snapshot!(name, said) });
    }
}

#[test]
fn sound_manifests_have_neither_error_nor_surprising_warning() {
    // What the samples themselves show as doubtful: tags that move, annotations of which one is idle.
    let shown = [Code::IC025, Code::IC061, Code::IC062];
    for case in cases() {
        let name = case.file_name().unwrap().to_str().unwrap();
        if name.starts_with("sound-") || name == "quiet.yaml" {
            for found in judge(&fs::read_to_string(&case).unwrap()).diagnostics {
                let meant = found.severity == Severity::Hint || shown.contains(&found.code);
                assert!(meant, "{name}: {}", readable(&found));
            }
        }
    }
    assert!(judge(&data("quiet.yaml")).diagnostics.is_empty());
    let list = judge(&data("sound-list.json"));
    assert!(
        list.diagnostics
            .iter()
            .all(|found| found.severity == Severity::Hint),
        "{list:?}"
    );
    assert_eq!(list.objects[0].path, "items[0]");
}

#[test]
fn objects_without_text_have_the_same_messages() {
    for case in cases() {
        let manifest = fs::read_to_string(&case).unwrap();
        let (documents, _) =
            imagecache::document::read(&manifest, TextFormat::Auto, &Levels::default());
        for document in &documents {
            let with_text = judge(&serde_json::to_string_pretty(document.value()).unwrap());
            assert_eq!(
                set_of(&object(document.value(), &ValidateOptions::default())),
                set_of(&with_text.diagnostics),
                "{case:?} {}",
                document.index()
            );
        }
    }
}

/// Findings without place and order.
fn set_of(found: &[Diagnostic]) -> BTreeSet<(Code, Severity, String, String, Option<String>)> {
    let parts = |found: &Diagnostic| {
        let Diagnostic {
            code,
            severity,
            path,
            message,
            help,
            ..
        } = found.clone();
        (code, severity, path, message, help)
    };
    found.iter().map(parts).collect()
}

#[test]
fn code_pages_match_the_rules() {
    // Their examples cannot be shown in a page, or are another module's to find.
    let elsewhere = [
        Code::IC003,
        Code::IC005,
        Code::IC018,
        Code::IC069,
        Code::IC083,
        Code::IC090,
        Code::IC091,
        Code::IC092,
        Code::IC093,
        Code::IC094,
        Code::IC095,
    ];
    for code in Code::ALL.iter().copied() {
        let page = code.page();
        assert!(
            page.starts_with(&format!("# {code}: {}\n\n", code.name())),
            "{page}"
        );
        let parts = [
            "\n## Why\n",
            "\n## Wrong\n",
            "\n## Right\n",
            "\n**Silence:** ",
            "\n**Source:** ",
        ];
        let places: Vec<usize> = parts
            .map(|part| page.find(part).unwrap_or_else(|| panic!("{code}: {part}")))
            .into();
        assert!(places.is_sorted(), "{code}");
        assert!(
            (15..=37).contains(&page.lines().count()),
            "{code}: {} lines",
            page.lines().count()
        );
        if elsewhere.contains(&code) {
            continue;
        }
        let example = |title: &str| {
            page.split_once(title)
                .unwrap()
                .1
                .split("```")
                .nth(1)
                .unwrap()
                .strip_prefix("yaml\n")
                .unwrap()
        };
        let codes = |manifest| {
            judge(manifest)
                .diagnostics
                .iter()
                .map(|found| found.code)
                .collect::<Vec<_>>()
        };
        assert!(
            codes(example(parts[1])).contains(&code),
            "{code}: {:?}",
            judge(example(parts[1]))
        );
        assert!(
            !codes(example(parts[2])).contains(&code),
            "{code}: {:?}",
            judge(example(parts[2]))
        );
        let errors = judge(example(parts[2])).diagnostics;
        assert!(
            errors.iter().all(|found| found.severity == Severity::Hint),
            "{code}: {errors:?}"
        );
    }
}

#[test]
fn every_code_has_one_page_and_one_case_at_least() {
    let mut pages: Vec<String> = fs::read_dir(Path::new(ROOT).join("docs/codes"))
        .unwrap()
        .map(|entry| {
            entry
                .unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    pages.sort();
    assert_eq!(
        pages,
        Code::ALL
            .iter()
            .map(|code| code.as_str())
            .collect::<Vec<_>>()
    );

    let mut seen: BTreeSet<Code> = cases()
        .iter()
        .flat_map(|case| judge(&fs::read_to_string(case).unwrap()).diagnostics)
        .map(|found| found.code)
        .collect();
    // The limits have tests of their own below; the host, the expiry, the match and `registry` report what is theirs.
    seen.extend([
        Code::IC003,
        Code::IC018,
        Code::IC005,
        Code::IC069,
        Code::IC083,
        Code::IC090,
        Code::IC091,
        Code::IC092,
        Code::IC093,
        Code::IC094,
        Code::IC095,
    ]);
    let unseen: Vec<_> = Code::ALL
        .iter()
        .filter(|code| !seen.contains(code))
        .collect();
    assert!(unseen.is_empty(), "no case for {unseen:?}");
}

#[test]
fn levels_raise_lower_and_silence() {
    let mut options = ValidateOptions::default();
    options.levels.set(Code::IC042, Level::Error);
    options.levels.set(Code::IC025, Level::Hint);
    options.levels.set(Code::IC012, Level::Off);
    let manifest = "apiVersion: eci.alibabacloud.com/v1\nkind: ImageCache\nmetadata: {name: a, namespace: b}\n\
                    spec: {images: [nginx]}\n";
    let found = text(manifest, TextFormat::Auto, &options).diagnostics;
    let said: Vec<_> = found
        .iter()
        .map(|found| (found.code, found.severity))
        .collect();
    assert_eq!(
        said,
        [
            (Code::IC042, Severity::Error),
            (Code::IC025, Severity::Hint)
        ]
    );
}

#[test]
fn size_limit_of_2020_is_an_option() {
    let cache = |size: i64| {
        json!({"apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache", "metadata": {"name": "a"},
               "spec": {"images": ["a:1"], "imageCacheSize": size, "retentionDays": 1}})
    };
    let mut options = ValidateOptions::default();
    options.max_size_gib = ValidateOptions::MAX_SIZE_2020;
    assert!(object(&cache(501), &ValidateOptions::default()).is_empty());
    assert!(object(&cache(500), &options).is_empty());
    assert_eq!(
        object(&cache(501), &options)[0].to_string(),
        "spec.imageCacheSize: 501 GiB, at most 500 allowed"
    );
}

/// An `ImageCache` with these fields of `metadata` and `spec` set or replaced.
fn cache(metadata: Value, spec: Value) -> Value {
    let mut object = json!({
        "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache",
        "metadata": {"name": "a"}, "spec": {"images": ["a:1"], "retentionDays": 1},
    });
    for (place, fields) in [("metadata", metadata), ("spec", spec)] {
        object[place]
            .as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
    }
    object
}

fn codes(value: &Value) -> Vec<Code> {
    object(value, &ValidateOptions::default())
        .iter()
        .map(|found| found.code)
        .collect()
}

#[test]
fn errors_agree_with_the_api_server() {
    // It takes these, and something is lost all the same: fields and keys are dropped, a reference cannot be pulled.
    let stricter = [Code::IC002, Code::IC015, Code::IC023, Code::IC030];
    let table: Value = serde_json::from_str(&data("api-server.json")).unwrap();
    let rows = table["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 65);
    for row in rows {
        let validation = judge(row["text"].as_str().unwrap());
        let errors: Vec<_> = validation
            .diagnostics
            .iter()
            .filter(|found| found.severity == Severity::Error)
            .collect();
        if row["status"] == 201 {
            assert!(
                errors.iter().all(|found| stricter.contains(&found.code)),
                "{row}: {errors:?}"
            );
        } else {
            assert!(!errors.is_empty(), "{row}");
        }
        // Every field that it names is named here.
        let message = row["message"].as_str().unwrap_or_default();
        for path in [
            "spec.images",
            "spec.imageCacheSize",
            "spec.retentionDays",
            "metadata.name",
            "metadata.labels",
        ] {
            let named =
                message.contains(&format!("{path}: ")) || message.contains(&format!("{path}["));
            assert!(
                !named || errors.iter().any(|found| found.path.starts_with(path)),
                "{row}: {errors:?}"
            );
        }
    }
}

#[test]
fn names_follow_kubernetes_own_tests() {
    let table: Value = serde_json::from_str(&data("kubernetes-names.json")).unwrap();
    let mut rows = 0;
    let mut hold = |suite: &str, judged: &dyn Fn(&str) -> bool| {
        for (expected, verdict) in [("valid", true), ("invalid", false)] {
            for name in table["suites"][suite][expected].as_array().unwrap() {
                rows += 1;
                assert_eq!(
                    judged(name.as_str().unwrap()),
                    verdict,
                    "{suite}: {name} is {expected}"
                );
            }
        }
    };
    let sound = |metadata: Value, spec: Value| codes(&cache(metadata, spec)).is_empty();
    hold("TestIsDNS1123Subdomain", &|name| {
        sound(json!({"name": name}), json!({}))
    });
    hold("TestIsDNS1123Subdomain", &|name| {
        sound(
            json!({}),
            json!({"imagePullSecrets": [format!("a:{name}")]}),
        )
    });
    hold("TestIsDNS1123Label", &|name| {
        sound(
            json!({}),
            json!({"imagePullSecrets": [format!("{name}:a")]}),
        )
    });
    hold("TestIsQualifiedName", &|key| {
        sound(json!({"labels": {key: ""}}), json!({}))
    });
    hold("TestIsValidLabelValue", &|value| {
        sound(json!({"labels": {"a": value}}), json!({}))
    });
    assert_eq!(rows, 101 + 101 + 47 + 27 + 15);
    // Annotation keys are compared in lower case, which saves the one row with an upper-case prefix.
    for key in table["suites"]["TestIsQualifiedName"]["invalid"]
        .as_array()
        .unwrap()
    {
        let key = key.as_str().unwrap();
        assert_eq!(
            sound(json!({"annotations": {key: ""}}), json!({})),
            key == "Example.com/abc",
            "{key}"
        );
    }
}

#[test]
fn quantities_follow_kubernetes_own_tests() {
    let table: Value = serde_json::from_str(&data("kubernetes-quantities.json")).unwrap();
    let pod = |quantity: &Value| {
        json!({"apiVersion": "v1", "kind": "Pod",
               "metadata": {"annotations": {"k8s.aliyun.com/eci-extra-ephemeral-storage": quantity}}})
    };
    for quantity in table["valid"].as_array().unwrap() {
        let negative = quantity.as_str().unwrap().starts_with('-');
        assert_eq!(codes(&pod(quantity)).is_empty(), !negative, "{quantity}");
    }
    for quantity in table["invalid"].as_array().unwrap() {
        assert_eq!(codes(&pod(quantity)), [Code::IC051], "{quantity}");
    }
}

#[test]
fn annotations_together_have_256_kib() {
    let of = |bytes: usize| {
        cache(
            json!({"annotations": {"note": "x".repeat(bytes - "note".len())}}),
            json!({}),
        )
    };
    assert_eq!(codes(&of(256 * 1024)), []);
    assert_eq!(codes(&of(256 * 1024 + 1)), [Code::IC018]);
}

#[test]
fn long_lists_are_read_to_a_limit_and_say_so() {
    let images: Vec<String> = (0..100_000).map(|index| format!("A{index}")).collect();
    let found = object(
        &cache(
            json!({}),
            json!({"images": images, "imagePullSecrets": images}),
        ),
        &ValidateOptions::default(),
    );
    assert!(found.len() <= 2 * MAX_ITEMS + 2, "{}", found.len());
    let said = |code| {
        found
            .iter()
            .find(|found| found.code == code)
            .unwrap()
            .to_string()
    };
    assert_eq!(
        said(Code::IC022),
        "spec.images: 100000 images, at most 20 allowed; only the first 256 were read"
    );
    assert_eq!(
        said(Code::IC032),
        "spec.imagePullSecrets: 100000 secrets, at most 10 allowed; only the first 256 were read"
    );

    let containers: Vec<Value> = (0..300).map(|_| json!({"image": "a:1"})).collect();
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": containers}});
    assert_eq!(codes(&pod), [Code::IC003]);
}

#[test]
fn findings_are_kept_to_a_limit_and_counted() {
    let fields: Map<String, Value> = (0..5_000)
        .map(|index| (format!("field-{index}"), Value::Null))
        .collect();
    let found = object(
        &cache(json!({}), Value::Object(fields)),
        &ValidateOptions::default(),
    );
    assert_eq!(found.len(), Report::MAX_FINDINGS + 1);
    assert_eq!(
        found.last().unwrap().to_string(),
        "4000 more findings omitted, at most 1000 are reported"
    );
}

#[test]
fn lists_within_lists_end_at_a_limit() {
    let nested = |depth: usize| {
        (0..depth).fold(
            json!({"kind": "Other"}),
            |item, _| json!({"apiVersion": "v1", "kind": "List", "items": [item]}),
        )
    };
    assert_eq!(codes(&nested(8)), []);
    assert_eq!(codes(&nested(9)), [Code::IC003]);
}

#[test]
fn input_cannot_repaint_the_terminal() {
    let found = object(
        &cache(json!({}), json!({"images": ["\u{1b}[2J\u{7}"]})),
        &ValidateOptions::default(),
    );
    assert!(
        found[0].message.starts_with(r"`\u{1b}[2J\u{7}` is"),
        "{found:?}"
    );
}

/// Values that come close to what the rules know.
fn value() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(
        "ImageCache Imagecache List PodList Pod Deployment CronJob Job Namespace eci.alibabacloud.com/v1 v1 apps/v1 batch/v1 \
         nginx nginx:1.27 nginx:latest NGINX a:b:c registry.example.com:5000/a default:secret true false yes imc-1 vsw-a,,b \
         50Gi Always IfNotPresent Ready ready 45% 2026-01-18T13:40:56Z web Bad_Name"
            .split_whitespace()
            .collect::<Vec<_>>(),
    );
    let key = prop::sample::select(
        "apiVersion kind metadata spec status items name generateName namespace labels annotations images image \
         imagePullSecrets imageCacheSize retentionDays retention-days template jobTemplate containers initContainers \
         imagePullPolicy nodeName phase progress startTime k8s.aliyun.com/eci-imc-id k8s.aliyun.com/eci-auto-imc \
         k8s.aliyun.com/eci-image-cache k8s.aliyun.com/imc-match-count-request k8s.aliyun.com/vswitch-ids \
         k8s.aliyun.com/eci-matched-image-cache k8s.aliyun.com/imc-enable-flsh note 说明"
            .split_whitespace()
            .collect::<Vec<_>>(),
    );
    let leaf = prop_oneof![
        4 => word.prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => prop_oneof![Just(json!(0)), Just(json!(7)), Just(json!(25.5)), Just(json!(-1)), Just(json!(1e30)), Just(json!(65536.0))],
        1 => any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 6, move |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            4 => prop::collection::vec((key.clone().prop_map(str::to_owned), inner), 0..7)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// The same text with a head that makes it one of the kinds that are validated.
fn manifest() -> impl Strategy<Value = Value> {
    let head = prop::sample::select(vec![
        ("eci.alibabacloud.com/v1", "ImageCache"),
        ("v1", "Pod"),
        ("apps/v1", "Deployment"),
        ("batch/v1", "CronJob"),
        ("v1", "List"),
    ]);
    (head, value(), value(), value(), any::<bool>()).prop_map(|((api_version, kind), metadata, spec, whole, bare)| {
        if bare {
            return whole;
        }
        json!({"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec, "items": [whole]})
    })
}

/// JSON text whose keys stand in the order that `seed` deals.
fn shuffled(value: &Value, seed: &mut u64) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| shuffled(item, seed)).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields
                .iter()
                .map(|(key, value)| {
                    *seed = seed
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    (
                        *seed >> 33,
                        format!("{}:{}", Value::from(key.as_str()), shuffled(value, seed)),
                    )
                })
                .collect();
            fields.sort();
            format!(
                "{{{}}}",
                fields
                    .into_iter()
                    .map(|(_, field)| field)
                    .collect::<Vec<_>>()
                    .join(",")
            )
        }
        other => other.to_string(),
    }
}

/// A text has no floats without a fraction: as in `kubectl`, `65536.0` is read as 65536.
fn with_whole_numbers(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            let whole = format!("{:.0}", number.as_f64().unwrap());
            let whole = whole.parse::<serde_json::Number>();
            match whole {
                Ok(whole) if whole.as_f64() == number.as_f64() && !whole.is_f64() => whole.into(),
                _ => number.into(),
            }
        }
        Value::Array(items) => items.into_iter().map(with_whole_numbers).collect(),
        Value::Object(fields) => {
            let fields = fields.into_iter();
            fields
                .map(|(key, value)| (key, with_whole_numbers(value)))
                .collect()
        }
        other => other,
    }
}

proptest! {
    #[test]
    fn random_objects_agree_with_and_without_text(value in manifest(), mut seed in any::<u64>()) {
        prop_assume!(!value.is_null());
        let value = with_whole_numbers(value);
        let without_text = object(&value, &ValidateOptions::default());
        let expected = set_of(&without_text);
        let manifest = shuffled(&value, &mut seed);
        let with_text = judge(&manifest);
        prop_assert_eq!(&expected, &set_of(&with_text.diagnostics), "{}", manifest);
        for found in &with_text.diagnostics {
            let span = found.span.unwrap();
            prop_assert!(manifest.get(span.start.offset..span.end.offset).is_some(), "{:?}", found);
        }
        let places: Vec<_> = with_text.diagnostics.iter().map(|found| found.span.unwrap().start.offset).collect();
        prop_assert!(places.is_sorted(), "{:?}", places);
    }

    #[test]
    fn any_text_is_answered(manifest in any::<String>()) {
        judge(&manifest);
        judge(&format!("apiVersion: eci.alibabacloud.com/v1\nkind: ImageCache\nspec:\n  images:\n  - {manifest}\n"));
    }
}
