//! Image references against the test suites of Docker's `distribution/reference` and of Kubernetes, and against a slow
//! oracle made of Go's own regular expressions and control flow.
// Tests may stop, and cut where they know the text.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used
)]

mod differential;
mod oracle;
mod pattern;

use std::collections::BTreeSet;

use imagecache::reference::{
    AnyReference, Named, ParsedReference, ReferenceError, ReferenceFaultClass, describe,
    familiar_match, grammar, sort,
};
use serde_json::Value;

/// Rows of the public suites; each suite says which function it calls.
fn suite(name: &str) -> Vec<Value> {
    let file: Value = serde_json::from_str(include_str!(
        "../data/reference/distribution-reference.json"
    ))
    .unwrap();
    let suite = &file["suites"][name];
    let cases = suite["cases"].as_array().unwrap().clone();
    assert_eq!(suite["count"], cases.len(), "{name}");
    cases
}

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap_or_default()
}

fn assert_error<T: std::fmt::Debug>(row: &Value, result: Result<T, ReferenceError<'_>>) {
    assert_eq!(
        result.unwrap_err().to_string(),
        row["err"]["message"],
        "{row}"
    );
}

#[test]
fn no_row_of_the_suites_is_left_out() {
    let file: Value = serde_json::from_str(include_str!(
        "../data/reference/distribution-reference.json"
    ))
    .unwrap();
    let suites = file["suites"].as_object().unwrap();
    let rows: usize = suites
        .values()
        .map(|suite| suite["cases"].as_array().unwrap().len())
        .sum();
    assert_eq!((rows, suites.len()), (329, 24));
    let this = include_str!("main.rs");
    for name in suites.keys() {
        assert!(
            this.contains(&format!("(\"{name}\")")),
            "no test reads {name}"
        );
    }
}

#[test]
fn parse_agrees_with_docker() {
    for row in suite("TestReferenceParse") {
        let input = text(&row, "input");
        let parsed = ParsedReference::parse(input);
        if input.contains("@sha512:") {
            // That suite registers sha256 alone; here, as in every runtime, sha512 is known too.
            assert_eq!(row["err"]["message"], "unsupported digest algorithm");
            assert!(parsed.is_ok());
        } else if row["err"].is_object() {
            assert_error(&row, parsed);
        } else {
            let reference = parsed.expect(input);
            assert_eq!(reference.name(), text(&row, "repository"));
            assert_eq!(reference.domain(), text(&row, "domain"));
            assert_eq!(reference.tag().unwrap_or_default(), text(&row, "tag"));
            assert_eq!(reference.digest().unwrap_or_default(), text(&row, "digest"));
            assert_eq!(reference.to_string(), input);
        }
    }
}

#[test]
fn names_alone_agree_with_docker() {
    for row in suite("TestWithNameFailure") {
        assert_error(&row, ParsedReference::from_name(text(&row, "input")));
    }
    for row in suite("TestDomainAndPath") {
        let name = ParsedReference::from_name(text(&row, "input")).unwrap();
        assert_eq!(
            (name.domain(), name.path()),
            (text(&row, "domain"), text(&row, "path"))
        );
    }
}

#[test]
fn serialised_references_survive() {
    for row in suite("TestSerialization") {
        let parsed = ParsedReference::parse(text(&row, "input"));
        if row["err"].is_object() {
            assert_error(&row, parsed);
            continue;
        }
        let reference = parsed.unwrap();
        assert_eq!(reference.name(), text(&row, "name"));
        assert_eq!(reference.tag().unwrap_or_default(), text(&row, "tag"));
        assert_eq!(reference.digest().unwrap_or_default(), text(&row, "digest"));
        assert_eq!(reference.to_string(), text(&row, "input"));
    }
}

#[test]
fn tags_and_digests_are_added_as_docker_does() {
    for row in suite("TestWithTag").iter().chain(&suite("TestWithDigest")) {
        let mut reference = ParsedReference::from_name(text(row, "name")).unwrap();
        if row["digest"].is_string() {
            reference = reference.with_digest(text(row, "digest")).unwrap();
        }
        if row["tag"].is_string() {
            reference = reference.with_tag(text(row, "tag")).unwrap();
        }
        assert_eq!(reference.to_string(), text(row, "combined"));
    }
    for row in suite("TestInvalidReferenceComponents") {
        let busybox = ParsedReference::from_name("busybox").unwrap();
        let input = text(&row, "input");
        match text(&row, "fn") {
            "WithTag(busybox)" => {
                assert_eq!(
                    busybox.with_tag(input).unwrap_err().to_string(),
                    "invalid tag format"
                );
            }
            "WithDigest(busybox)" => {
                let error = busybox.with_digest(input).unwrap_err();
                assert_eq!(error.to_string(), "invalid digest format");
            }
            _ => assert!(Named::parse(input).is_err()),
        }
    }
}

#[test]
fn reference_canonical_and_short_names_differ() {
    for row in suite("TestParseNamed") {
        let input = text(&row, "input");
        let parsed = Named::parse(input);
        let canonical = parsed
            .as_ref()
            .is_ok_and(|named| named.to_string() == input);
        match row["err"]["name"].as_str() {
            Some("ErrNameNotCanonical") => assert!(parsed.is_ok() && !canonical, "{row}"),
            Some(_) => assert_error(&row, parsed),
            None => {
                let named = parsed.unwrap();
                assert!(canonical, "{row}");
                assert_eq!(
                    (named.domain(), &*named.path()),
                    (text(&row, "domain"), text(&row, "path"))
                );
            }
        }
    }
}

#[test]
fn names_are_valid_where_docker_says_so() {
    let valid = [
        suite("TestValidateReferenceName.valid"),
        suite("TestValidateRemoteName.valid"),
    ];
    for row in valid.iter().flatten() {
        assert!(Named::parse(text(row, "input")).is_ok(), "{row}");
    }
    let invalid = [
        suite("TestValidateReferenceName.invalid"),
        suite("TestValidateRemoteName.invalid"),
    ];
    for row in invalid.iter().flatten() {
        assert!(Named::parse(text(row, "input")).is_err(), "{row}");
    }
}

#[test]
fn full_and_familiar_forms_agree_with_docker() {
    for row in suite("TestParseRepositoryInfo") {
        for form in ["FamiliarName", "FullName", "AmbiguousName"] {
            let input = text(&row, form);
            if input.is_empty() {
                continue;
            }
            let named = Named::parse(input).unwrap();
            assert_eq!(
                named.repository().familiar().to_string(),
                text(&row, "FamiliarName")
            );
            assert_eq!(named.to_string(), text(&row, "FullName"));
            assert_eq!(named.domain(), text(&row, "Domain"));
            assert_eq!(named.path(), text(&row, "RemoteName"));
        }
    }
    for row in suite("TestParseReferenceWithTagAndDigest") {
        let named = Named::parse(text(&row, "input")).unwrap();
        assert_eq!(named.to_string(), text(&row, "string"));
        assert_eq!(named.familiar().to_string(), text(&row, "familiar"));
    }
    for row in suite("TestNormalizedSplitHostname") {
        let named = Named::parse(text(&row, "input")).unwrap();
        assert_eq!(
            (named.domain(), &*named.path()),
            (text(&row, "domain"), text(&row, "path"))
        );
    }
}

#[test]
fn any_reference_may_be_an_identifier() {
    for row in suite("TestParseAnyReference") {
        let any = AnyReference::parse(text(&row, "Reference")).unwrap();
        assert_eq!(any.to_string(), text(&row, "Equivalent"));
    }
}

#[test]
fn runtimes_pull_by_digest_before_tag() {
    for row in suite("TestParseDockerRef") {
        let named = Named::parse_docker(text(&row, "input")).unwrap();
        assert_eq!(named.to_string(), text(&row, "expected"));
    }
}

#[test]
fn patterns_match_the_familiar_form() {
    for row in suite("TestMatch") {
        let reference = AnyReference::parse(text(&row, "reference")).unwrap();
        let matched = familiar_match(text(&row, "pattern"), &reference).unwrap();
        assert_eq!(matched, row["expected"], "{row}");
    }
    for row in suite("TestMatchError") {
        let reference = AnyReference::parse(text(&row, "reference")).unwrap();
        assert!(familiar_match(text(&row, "pattern"), &reference).is_err());
    }
}

#[test]
fn reference_grammar_matches_docker_expressions() {
    let subs = |row: &Value| -> Vec<String> {
        let subs = row["subs"].as_array().into_iter().flatten();
        subs.map(|sub| sub.as_str().unwrap().to_owned()).collect()
    };
    for row in suite("TestDomainRegexp") {
        assert_eq!(
            grammar::is_domain(text(&row, "input")),
            row["match"],
            "{row}"
        );
    }
    for row in suite("TestIdentifierRegexp") {
        assert_eq!(
            grammar::is_identifier(text(&row, "input")),
            row["match"],
            "{row}"
        );
    }
    for row in suite("TestFullNameRegexp") {
        let name = grammar::name(text(&row, "input"));
        assert_eq!(name.is_ok(), row["match"], "{row}");
        if let Ok(parts) = name
            && row["subs"].is_array()
        {
            assert_eq!(subs(&row), [parts.domain, parts.path]);
        }
    }
    for row in suite("TestReferenceRegexp") {
        let reference = grammar::reference(text(&row, "input"));
        assert_eq!(reference.is_ok(), row["match"], "{row}");
        if let Ok(parts) = reference {
            let suffix = [parts.tag, parts.digest].map(Option::unwrap_or_default);
            assert_eq!(subs(&row), [parts.name, suffix[0], suffix[1]]);
        }
    }
}

#[test]
fn references_that_say_most_come_first() {
    for row in suite("TestReferenceSorting") {
        let list = |key: &str| -> Vec<String> {
            row[key]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item.as_str().unwrap().into())
                .collect()
        };
        let mut unsorted = list("unsorted");
        let expected = list("expected");
        for _ in 0..unsorted.len() {
            unsorted.rotate_left(1);
            assert_eq!(
                sort(&unsorted.iter().map(String::as_str).collect::<Vec<_>>()),
                expected
            );
        }
    }
}

#[test]
fn kubernetes_reads_the_same_images() {
    let file: Value =
        serde_json::from_str(include_str!("../data/reference/k8s-parse-image-name.json")).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 13);
    for row in cases {
        match Named::parse(text(row, "Input")) {
            Ok(named) => {
                assert_eq!(named.repository().to_string(), text(row, "Repo"));
                assert_eq!(named.effective_tag().unwrap_or_default(), text(row, "Tag"));
                assert_eq!(named.digest().unwrap_or_default(), text(row, "Digest"));
            }
            Err(error) => assert!(
                error.to_string().contains(text(row, "expectedError")),
                "{row}"
            ),
        }
        assert_eq!(
            row["expectedError"].is_string(),
            Named::parse(text(row, "Input")).is_err()
        );
    }
}

#[test]
fn reference_empty_text_has_its_own_error() {
    assert_eq!(
        describe("").error.unwrap().class,
        ReferenceFaultClass::Empty
    );
    assert_eq!(
        Named::parse("").unwrap_err().to_string(),
        "invalid reference format"
    );
    assert_eq!(
        ParsedReference::parse("").unwrap_err().class(),
        ReferenceFaultClass::Empty
    );
}

#[test]
fn a_name_must_be_lower_case_in_every_script() {
    // Go knew Unicode 15.0 for long; letters that came later have no lower case there.
    let all: String = ('\0'..='\u{1FFFF}').collect();
    let set = |expression: &str| -> BTreeSet<char> {
        let expression = regex::Regex::new(expression).unwrap();
        expression
            .find_iter(&all)
            .flat_map(|found| found.as_str().chars())
            .collect()
    };
    let changed = set(r"[\p{Changes_When_Lowercased}&&\p{Age:15.0}]+");
    assert_eq!(changed.len(), 1433);
    for c in all.chars() {
        let name = format!("registry.example/{c}");
        let class = Named::parse(&name).err().map(|error| error.class());
        assert_eq!(
            class == Some(ReferenceFaultClass::Uppercase),
            changed.contains(&c),
            "{c:?}"
        );
    }
}

#[test]
fn only_two_letters_beyond_ascii_become_ascii() {
    let become_ascii = |c: &char| c.to_lowercase().next().unwrap().is_ascii();
    assert!(
        ('\u{80}'..=char::MAX)
            .filter(become_ascii)
            .eq(['\u{130}', '\u{212A}'])
    );
}

/// What a person reads about a bad reference: the place, what Go says, and which rule it is.
#[test]
fn reference_errors_are_shown_in_place() {
    let long_path = format!("registry.example/{}", "a".repeat(256));
    let long_tag = format!("app:{}", "v".repeat(129));
    let hex = |digits: &str| format!("app:1@sha256:{}", digits.repeat(32));
    let texts = [
        "https://registry.example/app",
        "registry.example/team/App:v1",
        "Team_A/app",
        "app:1 ",
        " app",
        "app:",
        "app@",
        "app:v1/x",
        "app:v1:v2",
        "team//app",
        "team/app/",
        "/app",
        "-app",
        "app-",
        "a___b",
        "a..b",
        "größe/app",
        "app:größe",
        "registry_1.example:80/app",
        "a-.example:80/app",
        "registry.example:port/app",
        "registry.example:/app",
        "[fe80::1%eth0]:5000/app",
        "[]/app",
        "app@sha256",
        "app@sha256:abc",
        "app@256:00000000000000000000000000000000",
        "app@md5:00000000000000000000000000000000",
        "app@sha256:00000000000000000000000000000000",
        &hex("aB"),
        &hex("ag"),
        &"0123456789abcdef".repeat(4),
        &long_path,
        &long_tag,
        "${IMAGE}:latest",
        "",
    ];
    let mut shown = String::new();
    for text in texts {
        let error = Named::parse(text).unwrap_err();
        let at = error.at();
        let before = " ".repeat(text[..at.start].chars().count());
        let under = "^".repeat(text[at].chars().count().max(1));
        let class = error.class();
        let rule = error.rule();
        shown += &format!("{text}\n{before}{under}\n{class}: {error}\n{rule}\n\n");
    }
    insta::assert_snapshot!(shown);
}
