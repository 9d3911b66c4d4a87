//! JSON against `serde_json`: the same texts are taken, with the same values.

use imagecache::diagnostic::{Code, Levels};
use imagecache::document::{TextFormat, read};
use proptest::prelude::*;
use serde_json::Value;

/// What `serde_json` makes of a stream: its values up to the first error, nulls left out.
fn reference(text: &str) -> (Vec<Value>, bool) {
    let mut values = Vec::new();
    for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        match value {
            Ok(Value::Null) => {}
            Ok(value) => values.push(value),
            Err(_) => return (values, true),
        }
    }
    (values, false)
}

fn ours(text: &str) -> (Vec<Value>, bool) {
    let (documents, findings) = read(text, TextFormat::Json, &Levels::default());
    let refused = findings.iter().any(|finding| finding.code == Code::IC001);
    (
        documents
            .iter()
            .map(|document| document.value().clone())
            .collect(),
        refused,
    )
}

/// Any JSON value, small.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[a-c]{0,2}|.{0,4}", inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Pieces of JSON and of what is nearly JSON, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ":",
            ",",
            "\"",
            "\\",
            " ",
            "\n",
            "\t",
            "\r",
            "null",
            "true",
            "false",
            "nul",
            "\"a\"",
            "\"a\":",
            "\"\\n\"",
            "\"\\u00e9\"",
            "\"\\ud83d\\ude00\"",
            "\"\\ud83d\"",
            "\"\\x\"",
            "0",
            "-0",
            "-",
            "01",
            "1",
            "12",
            "1.5",
            "1.",
            ".5",
            "1e5",
            "1e",
            "1E+2",
            "1e400",
            "-1e-400",
            "18446744073709551615",
            "18446744073709551616",
            "-9223372036854775809",
            "123456789012345678901234567890",
            "0.1e-7",
            "\u{1}",
            "é",
            "\"é\"",
            "\"😀\"",
            "'a'",
            "//",
            "\u{feff}",
            "\u{7f}",
            "\"\u{7f}\"",
            "\"\t\"",
            "NaN",
            "[]",
            "{}",
            "{\"a\":1,\"a\":2}",
            "[1,2]",
        ]),
        Just("\"k\":1"),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn json_near_misses_agree_with_serde_json(text in pieces()) {
        prop_assume!(!text.starts_with('\u{feff}'));
        prop_assert_eq!(ours(&text), reference(&text), "{:?}", text);
    }

    #[test]
    fn any_value_comes_back_as_it_was(value in value(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        prop_assert_eq!(ours(&text), reference(&text));
    }

    #[test]
    fn json_one_byte_changed_agrees_with_serde_json(
        value in value(), at in any::<prop::sample::Index>(), byte in prop::sample::select(b" ,:[]{}\"\\01ae-+.\n".to_vec()), insert: bool,
    ) {
        let mut bytes = serde_json::to_vec(&value).unwrap();
        let at = at.index(bytes.len());
        if insert { bytes.insert(at, byte) } else { bytes[at] = byte }
        let Ok(text) = String::from_utf8(bytes) else { return Ok(()) };
        prop_assert_eq!(ours(&text), reference(&text), "{:?}", text);
    }
}

#[test]
fn a_byte_order_mark_is_passed() {
    assert_eq!(
        ours("\u{feff}{\"a\":1}"),
        (vec![serde_json::json!({"a": 1})], false)
    );
    assert_eq!(ours("\u{feff}"), (vec![], false));
}
