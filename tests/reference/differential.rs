//! The one-pass parser beside the slow oracle, on names that are nearly right.

use std::collections::BTreeMap;

use imagecache::reference::{AnyReference, Named, ParsedReference, ReferenceError, describe};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::oracle::{self, Fault, Parsed};

fn owned(text: &str) -> BoxedStrategy<String> {
    Just(text.to_owned()).boxed()
}

fn any_of(texts: &[&str]) -> BoxedStrategy<String> {
    select(
        texts
            .iter()
            .map(|&text| text.to_owned())
            .collect::<Vec<_>>(),
    )
    .boxed()
}

/// Lengths around every limit of the grammar, the longest with `library/` before it included.
fn edge_length() -> impl Strategy<Value = usize> {
    select(vec![
        1, 2, 31, 32, 63, 64, 65, 96, 127, 128, 129, 246, 247, 248, 254, 255, 256, 300,
    ])
}

fn domain() -> BoxedStrategy<String> {
    prop_oneof![
        4 => any_of(&["docker.io", "index.docker.io", "localhost", "registry.example", "a", "x", "Host",
            "LOCALHOST", "localhost:5000", "docker.io:443", "Index.docker.io", "127.0.0.1", "a.b_c", "a_b",
            "A_b", "a__b.c", "a..b", "a-", "-a", "a.-b", "a-.b", "a.b-", "xn--n3h.com", "a--b", "0", "É", "é.x"]),
        2 => any_of(&["[::1]", "[::1]:5000", "[2001:db8::1]", "[FE80::A]:80", "[fe80::1%eth0]", "[]", "[::1", "::1]",
            "[::1]:", "[::1]x", "[:]", "[::1].a", "a[::1]", "[::ffff:1.2.3.4]", "[g::1]"]),
        1 => any_of(&["a:", "a:80", "a:8x", "a:80:80", "a.b:0", "a.b:65536", "A:1", "", ":80", "a:\u{664}"]),
        1 => (edge_length(), any_of(&["a", "A", "a.", "a-", "a_"]))
            .prop_map(|(length, unit)| unit.repeat(length)),
    ]
    .boxed()
}

fn component() -> BoxedStrategy<String> {
    prop_oneof![
        6 => any_of(&["a", "nginx", "library", "ubuntu", "0", "a.b", "a_b", "a__b", "a-b", "a---b", "1.2.3"]),
        2 => any_of(&["a___b", "a..b", "a._b", "a-_b", "_a", "a_", ".a", "a.", "-a", "a-", "", "A", "aB", "İ", "a\u{212A}",
            "ſ", "Σ", "ς", "ß", "ẞ", "é", "É", "ǅ", "Ⅷ", "Ⓐ", "ა", "Ა", "Ꭰ", "𐐀", "中", "a b", "docker.io", "localhost"]),
        1 => edge_length().prop_map(|length| "a".repeat(length)),
        1 => "[0-9a-f]{64}",
    ]
    .boxed()
}

fn tag() -> BoxedStrategy<String> {
    prop_oneof![
        4 => any_of(&["latest", "1.0", "V1", "_", "0", "5000", "a-b_c.d", "a..b", "80/x"]),
        1 => any_of(&["", "-a", ".a", "a+b", "é", "É", "a\u{212A}", "İ", "a:b", "a/b", "a b", "a~1"]),
        1 => (edge_length(), any_of(&["a", "A", "_", "."])).prop_map(|(length, unit)| unit.repeat(length)),
    ]
    .boxed()
}

fn digest() -> BoxedStrategy<String> {
    let algorithm = any_of(&[
        "sha256",
        "sha384",
        "sha512",
        "SHA256",
        "Sha512",
        "md5",
        "sha256+b64",
        "sha256.b64u",
        "a_b-c",
        "a+1",
        "1a",
        "",
        "-a",
        "a-",
        "a--b",
        "sha\u{212A}",
        "sha256:sha256",
        "sha224",
    ]);
    let length = select(vec![
        0_usize, 1, 31, 32, 33, 63, 64, 65, 95, 96, 97, 127, 128, 129, 200,
    ]);
    let digit = any_of(&["0", "a", "f", "A", "F", "g", "=", "é"]);
    let right = prop_oneof![
        "sha256:[0-9a-f]{64}",
        "sha384:[0-9a-f]{96}",
        "sha512:[0-9a-f]{128}",
        "sha256:[0-9a-fA-F]{64}",
    ];
    prop_oneof![
        2 => right,
        2 => (algorithm, length, digit, any::<bool>()).prop_map(|(algorithm, length, digit, mixed)| {
            let tail = if mixed { "b" } else { "" };
            format!("{algorithm}:{}{tail}", digit.repeat(length.saturating_sub(tail.len())))
        }),
    ]
    .boxed()
}

fn optional(sign: &'static str, part: BoxedStrategy<String>) -> BoxedStrategy<String> {
    prop_oneof![2 => owned(""), 1 => part.prop_map(move |part| format!("{sign}{part}"))].boxed()
}

/// `domain/component/…:tag@digest`, parts missing, right or wrong.
fn assembled() -> BoxedStrategy<String> {
    let domain = prop_oneof![owned(""), domain().prop_map(|domain| domain + "/")];
    let path = prop::collection::vec(component(), 1..4).prop_map(|parts| parts.join("/"));
    (domain, path, optional(":", tag()), optional("@", digest()))
        .prop_map(|(domain, path, tag, digest)| domain + &path + &tag + &digest)
        .boxed()
}

fn odd_piece() -> BoxedStrategy<String> {
    any_of(&[
        ":",
        "@",
        "/",
        ".",
        "_",
        "__",
        "-",
        "--",
        "[",
        "]",
        "+",
        "=",
        "%",
        "~",
        "\\",
        " ",
        "\t",
        "\n",
        "\r\n",
        "\0",
        "\u{7f}",
        "a",
        "f",
        "0",
        "9",
        "A",
        "Z",
        "é",
        "É",
        "İ",
        "ı",
        "\u{212A}",
        "\u{212B}",
        "ſ",
        "ß",
        "ẞ",
        "Σ",
        "σ",
        "ς",
        "ǅ",
        "ǆ",
        "Ⅷ",
        "ⓐ",
        "中",
        "😀",
        "\u{feff}",
        "\u{fffd}",
        "\u{301}",
        "Ａ",
        "ａ",
        "٣",
        "latest",
        "sha256",
        "localhost",
        "docker.io/",
        "library/",
        "index.docker.io/",
        ":5000",
        "@sha256:",
        "http://",
        "//",
    ])
}

/// Nearly right: an assembled name with a piece put in or taken for a character, or a part doubled or in capitals.
fn mutated() -> BoxedStrategy<String> {
    let mutation = (0..5_u8, any::<Index>(), 0..70_usize, odd_piece());
    (assembled(), prop::collection::vec(mutation, 1..3))
        .prop_map(|(name, mutations)| {
            let mut name: Vec<char> = name.chars().collect();
            for (kind, from, length, piece) in mutations {
                let from = from.index(name.len() + 1);
                let to = name.len().min(from + if kind == 2 { 1 } else { length });
                let part: String = name[from..to].iter().collect();
                match kind {
                    0 | 1 => drop(name.splice(from..from, piece.chars())),
                    2 => drop(name.splice(from..to, piece.chars())),
                    3 => drop(name.splice(from..from, part.chars())),
                    _ => drop(name.splice(from..to, part.to_uppercase().chars())),
                }
            }
            name.into_iter().collect()
        })
        .boxed()
}

fn soup() -> BoxedStrategy<String> {
    prop::collection::vec(odd_piece(), 0..9)
        .prop_map(|pieces| pieces.concat())
        .boxed()
}

fn names() -> BoxedStrategy<String> {
    prop_oneof![
        20 => assembled(),
        40 => mutated(),
        10 => soup(),
        1 => "[0-9a-f]{63,65}",
    ]
    .boxed()
}

fn fault(error: &ReferenceError<'_>) -> Fault {
    (error.class().as_str(), error.to_string())
}

fn written(reference: &ParsedReference<'_>) -> Parsed {
    Parsed {
        domain: reference.domain().into(),
        path: reference.path().into(),
        tag: reference.tag().unwrap_or_default().into(),
        digest: reference.digest().unwrap_or_default().into(),
    }
}

fn in_full(named: &Named<'_>) -> Parsed {
    Parsed {
        domain: named.domain().into(),
        path: named.path().into(),
        tag: named.tag().unwrap_or_default().into(),
        digest: named.digest().unwrap_or_default().into(),
    }
}

/// Every place in an error is a caret's place: on character boundaries, empty only at the end.
fn assert_place(text: &str, error: &ReferenceError<'_>) {
    let at = error.at();
    assert!(text.get(at.clone()).is_some(), "{at:?} in {text:?}");
    assert!(
        !at.is_empty() || at.start == text.len(),
        "{at:?} in {text:?}"
    );
    assert!(!error.rule().is_empty());
}

fn assert_same(text: &str) {
    let as_written = ParsedReference::parse(text);
    assert_eq!(
        as_written.as_ref().map(written).map_err(fault),
        oracle::parse(text),
        "{text:?}"
    );
    if let Ok(reference) = &as_written {
        assert_eq!(reference.to_string(), text);
        assert_eq!(reference.name(), written(reference).name());
    }

    let named = Named::parse(text);
    let expected = oracle::parse_normalized_named(text);
    assert_eq!(
        named.as_ref().map(in_full).map_err(fault),
        expected,
        "{text:?}"
    );
    if let (Ok(named), Ok(expected)) = (&named, &expected) {
        assert_eq!(named.to_string(), expected.string());
        assert_eq!(named.repository().to_string(), expected.name());
        assert_eq!(named.familiar().to_string(), expected.familiar_string());
        let again = expected.string();
        let again = Named::parse(&again);
        // A name without a domain in full, `a.b_c/x`, is the only one that does not read back as itself.
        assert!(
            again.as_ref() == Ok(named) || named.domain().is_empty(),
            "{text:?} {again:?}"
        );
    }

    for error in [as_written.as_ref().err(), named.as_ref().err()]
        .into_iter()
        .flatten()
    {
        assert_place(text, error);
    }

    let pulled = Named::parse_docker(text)
        .map(|named| named.to_string())
        .map_err(|e| fault(&e));
    assert_eq!(
        pulled,
        oracle::parse_docker_ref(text).map(|parsed| parsed.string()),
        "{text:?}"
    );
    let any = AnyReference::parse(text)
        .map(|any| any.to_string())
        .map_err(|error| fault(&error));
    assert_eq!(any, oracle::parse_any_reference(text), "{text:?}");
    assert_description(text, expected);
}

fn assert_description(text: &str, expected: Result<Parsed, Fault>) {
    let description = describe(text);
    assert_eq!(description.input, text);
    assert_eq!(description.valid, expected.is_ok());
    let expected = if text.is_empty() {
        oracle::parse("")
    } else {
        expected
    };
    let error = description
        .error
        .map(|fault| (fault.class.as_str(), fault.message));
    assert_eq!(error, expected.as_ref().err().cloned());
    let field = |of: fn(&Parsed) -> String| {
        expected
            .as_ref()
            .ok()
            .map(of)
            .filter(|text| !text.is_empty())
    };
    assert_eq!(description.name, field(Parsed::name));
    assert_eq!(description.domain, field(|parsed| parsed.domain.clone()));
    assert_eq!(description.path, field(|parsed| parsed.path.clone()));
    assert_eq!(description.tag, field(|parsed| parsed.tag.clone()));
    assert_eq!(description.digest, field(|parsed| parsed.digest.clone()));
    assert_eq!(
        description.normalized,
        field(|parsed| parsed.clone().tag_name_only().string())
    );
    assert_eq!(description.familiar, field(Parsed::familiar_string));
}

/// `PROPTEST_CASES` raises the number.
fn at_least(cases: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig {
        cases: default.cases.max(cases),
        ..default
    }
}

/// Else the comparison would prove little.
#[test]
fn generated_names_are_often_right_and_wrong_in_every_way() {
    let mut runner = TestRunner::deterministic();
    let mut counts = BTreeMap::<&str, u32>::new();
    for _ in 0..5_000 {
        let name = names().new_tree(&mut runner).unwrap().current();
        let class = Named::parse(&name).map_or_else(|error| error.class().as_str(), |_| "valid");
        *counts.entry(class).or_default() += 1;
    }
    assert!(counts["valid"] > 500);
    assert!(
        counts.len() == 8 && counts.values().all(|&count| count > 10),
        "{counts:?}"
    );
}

proptest! {
    #![proptest_config(at_least(20_000))]

    #[test]
    fn every_answer_is_the_oracles(name in names()) {
        assert_same(&name);
    }
}

proptest! {
    #![proptest_config(at_least(2_000))]

    #[test]
    fn repositories_are_ordered_and_equal_as_their_text(left in assembled(), right in assembled()) {
        if let (Ok(left), Ok(right)) = (Named::parse(&left), Named::parse(&right)) {
            let (left, right) = (left.repository(), right.repository());
            prop_assert_eq!(left.cmp(&right), left.to_string().cmp(&right.to_string()));
            prop_assert_eq!(left == right, left.to_string() == right.to_string());
        }
    }
}

#[test]
fn reference_suites_and_prefixes_match_the_oracle() {
    let file: serde_json::Value = serde_json::from_str(include_str!(
        "../data/reference/distribution-reference.json"
    ))
    .unwrap();
    let rows = file["suites"].as_object().unwrap().values();
    let cases = rows.flat_map(|suite| suite["cases"].as_array().unwrap());
    for text in cases
        .flat_map(|row| row.as_object().unwrap().values())
        .filter_map(|v| v.as_str())
    {
        for (end, _) in text.char_indices().chain([(text.len(), ' ')]) {
            assert_same(&text[..end]);
        }
    }
}

#[test]
fn long_and_hostile_texts_are_answered_like_the_oracle() {
    let long = |unit: &str| unit.repeat(4_000);
    let texts = [
        long("a/"),
        long("a/") + "a",
        long("a.") + "a",
        long("a.") + "a/x",
        long("-"),
        format!("a{}a", long("-")),
        long("A"),
        long("A_") + "a/x",
        long("a:"),
        long("@"),
        long("/"),
        long("é") + "É",
        format!("x.y/a:{}", long("\u{212A}")),
        format!("a@{}a:{}", long("a."), "a".repeat(64)),
        format!("a:b@{}:{}", long("A"), "a".repeat(64)),
        format!("a@sha256:{}", long("a")),
        format!("[{}]:{}/a", long(":"), long("0")),
        format!("a:{}", long("a")),
        long("中/"),
    ];
    for text in texts {
        assert_same(&text);
    }
}
