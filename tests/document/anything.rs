//! What must hold for any text.

use imagecache::diagnostic::{Levels, QuotedPart};
use imagecache::document::{Document, TextFormat, read};
use imagecache::path::Path;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Calls back with every path of a value.
fn walk(value: &Value, path: &Path<'_>, then: &mut dyn FnMut(&Path<'_>, &Value)) {
    then(path, value);
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, &path.index(index), then);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                walk(member, &path.field(name), then);
            }
        }
        _ => {}
    }
}

/// The text at a place; a place outside the text or inside a character fails the test.
fn shown<'t>(text: &'t str, document: &Document, path: &Path<'_>, part: &QuotedPart) -> &'t str {
    let span = document.locate(path, part);
    assert!(span.start <= span.end);
    text.get(span.start.offset..span.end.offset)
        .expect("a span lies in the text")
}

/// Reads a text in every format and asks for every place.
fn exercise(text: &str) {
    for format in [TextFormat::Auto, TextFormat::Json, TextFormat::Yaml] {
        let (documents, findings) = read(text, format, &Levels::default());
        for finding in &findings {
            let span = finding.span.expect("every finding has a place");
            assert!(
                text.get(span.start.offset..span.end.offset).is_some(),
                "{finding:?}"
            );
        }
        for document in &documents {
            walk(document.value(), &Path::Root, &mut |path, value| {
                for part in [
                    QuotedPart::Value,
                    QuotedPart::Key,
                    QuotedPart::Bytes(0..1),
                    QuotedPart::Bytes(1..3),
                    QuotedPart::Bytes(std::ops::Range { start: 5, end: 2 }),
                ] {
                    shown(text, document, path, &part);
                }
                shown(text, document, &path.field("none"), &QuotedPart::Value);
                shown(text, document, &path.index(99), &QuotedPart::Key);
                if let Value::String(string) = value
                    && document.is_exact(path)
                {
                    string_is_where_it_is_said_to_be(text, document, path, string);
                }
            });
        }
    }
}

/// A plain scalar is its text; a quoted one has quotes around it; one of several lines is shown by its key or by its first
/// line. Bytes are themselves or the whole scalar.
fn string_is_where_it_is_said_to_be(
    text: &str,
    document: &Document,
    path: &Path<'_>,
    string: &str,
) {
    let whole = shown(text, document, path, &QuotedPart::Value);
    let by_key =
        matches!(path, Path::Field(..)) && whole == shown(text, document, path, &QuotedPart::Key);
    let fits = string.is_empty()
        || whole == string
        || text.contains("!!binary")
        || whole.starts_with(['"', '\'', '|', '>'])
        || by_key
        || string
            .trim_start_matches([' ', '\n', '\u{2028}', '\u{2029}'])
            .starts_with(whole);
    assert!(fits, "{path}: {string:?} at {whole:?}");
    for (at, char) in string.char_indices().take(40) {
        let part = shown(
            text,
            document,
            path,
            &QuotedPart::Bytes(at..at + char.len_utf8()),
        );
        let exact = part == char.to_string();
        assert!(
            exact || part.len() >= whole.len() || by_key,
            "{path}: {char:?} of {string:?} at {part:?}"
        );
    }
}

const MANIFEST: &str = "\
# a comment
apiVersion: eci.alibabacloud.com/v1
kind: ImageCache
metadata:
  name: &name web
  annotations: {k8s.aliyun.com/imc-os-type: \"linux\", 'it''s': *name}
spec:
  images: &images
  - nginx:1.25
  -   \"redis:7\"
  imagePullSecrets: [default:one, 'default:two']
  imageCacheSize: 25
  retentionDays:
  script: |
    #!/bin/sh
    echo 缓存 😀
  folded: >-
    one
    two
---
<<: {a: 1}
b: 0x10
? long key
: [1.5, ~, yes]
";

/// Pieces of YAML, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a",
        "b: ",
        "- ",
        "? ",
        ": ",
        "\n",
        "\n  ",
        "\n    ",
        "\r\n",
        "\r",
        " ",
        "\t",
        "[",
        "]",
        "{",
        "}",
        ",",
        "\"",
        "'",
        "|",
        ">",
        "|\n",
        ">-\n",
        "&x ",
        "*x",
        "<<: ",
        "!!str ",
        "!!binary ",
        "!",
        "#",
        " # c",
        "---",
        "---\n",
        "\n---\n",
        "...\n",
        "%YAML 1.2\n",
        "0x1F",
        "1e3",
        ".inf",
        "~",
        "null",
        "yes",
        "\\",
        "\\n",
        "\u{feff}",
        "\u{85}",
        "\u{2028}",
        "é",
        "😀",
        "\u{0}",
        "\u{7}",
        "key: value\n",
        "- item\n",
        "@",
        "`",
        "\"q\": ",
        "'s'",
        "{\"a\": 1}",
        "2|",
        "- - ",
        "-\n",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// A value as block YAML, with strings in double quotes as JSON has them.
fn to_yaml(value: &Value, indent: usize, out: &mut String) {
    let lead = " ".repeat(indent);
    match value {
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                out.push_str(&format!("\n{lead}-"));
                to_yaml(item, indent + 2, out);
            }
        }
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members {
                out.push_str(&format!("\n{lead}? {}\n{lead}:", json!(name)));
                to_yaml(member, indent + 2, out);
            }
        }
        leaf => out.push_str(&format!(" {leaf}")),
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        // Without a control character: YAML wants some of them as escapes that JSON does not write.
        "[^\\x00-\\x1f\\x7f-\u{9f}\u{feff}\u{fffe}\u{ffff}]{0,12}|\\PC*|[a\n\t\"\\\\]{0,4}"
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 30, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[a-c0-9~]{0,2}|yes|<<|\\PC{0,4}", inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pieces_of_yaml_in_any_order_are_read_or_refused(text in pieces()) {
        exercise(&text);
    }

    #[test]
    fn any_characters_are_read_or_refused(text in any::<String>()) {
        exercise(&text);
    }

    #[test]
    fn a_manifest_with_some_places_changed_is_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..6_usize, pieces()), 1..4),
    ) {
        let mut text: Vec<char> = MANIFEST.chars().collect();
        for (at, remove, insert) in changes {
            let start = at.index(text.len() + 1);
            let end = (start + remove).min(text.len());
            text.splice(start..end, insert.chars());
        }
        exercise(&text.iter().collect::<String>());
    }

    #[test]
    fn a_value_written_as_yaml_comes_back(value in value()) {
        let mut text = String::new();
        to_yaml(&value, 0, &mut text);
        let (documents, findings) = read(&text, TextFormat::Yaml, &Levels::default());
        prop_assert_eq!(&findings, &[], "{}", text);
        prop_assert_eq!(documents.first().map_or(&Value::Null, |document| document.value()), &value, "{}", text);
    }

    #[test]
    fn json_read_as_yaml_means_the_same(value in value()) {
        let text = value.to_string();
        let (documents, findings) = read(&text, TextFormat::Yaml, &Levels::default());
        prop_assert_eq!(&findings, &[], "{}", text);
        prop_assert_eq!(documents.first().map_or(&Value::Null, |document| document.value()), &value, "{}", text);
    }
}

#[test]
fn the_manifest_is_read() {
    let (documents, findings) = read(MANIFEST, TextFormat::Auto, &Levels::default());
    assert_eq!((documents.len(), findings.len()), (2, 0));
    assert_eq!(
        documents[0].value()["metadata"]["annotations"]["it's"],
        "web"
    );
    assert_eq!(
        documents[1].value(),
        &json!({"a": 1, "b": 16, "long key": [1.5, null, true]})
    );
    exercise(MANIFEST);
}
