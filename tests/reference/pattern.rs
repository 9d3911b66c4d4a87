//! Shell patterns beside regular expressions made of them.

use std::sync::LazyLock;

use imagecache::reference::{AnyReference, BadPattern, MATCH_STEPS_MAX, familiar_match};
use proptest::prelude::*;
use regex::Regex;

/// The whole pattern as an expression, and whether a class in it takes a `/`; nothing if it is malformed.
fn expression(pattern: &str) -> Option<(Regex, bool)> {
    static TERM: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
        r"(?s)^(?:(?P<any>[*?])|\\(?P<escaped>.)|\[(?P<class>\^?(?:(?:[^\\\-\]]|\\.)(?:-(?:[^\\\-\]]|\\.))?)+)\]|(?P<sign>[^*?\[\\]))",
    )
    .unwrap()
    });
    let mut rest = pattern;
    let mut text = String::from("(?s)^");
    let mut class_takes_slash = false;
    while let Some(found) = TERM.captures(rest) {
        rest = &rest[found[0].len()..];
        let group = |name| {
            found
                .name(name)
                .map(|group: regex::Match<'_>| group.as_str())
        };
        if let Some(any) = group("any") {
            text += if any == "*" { "[^/]*" } else { "[^/]" };
        } else if let Some(class) = group("class") {
            // With nothing after its `^` a class is malformed; the expression above takes the `^` for a member.
            if class == "^" {
                return None;
            }
            let class = class_expression(class);
            class_takes_slash |= Regex::new(&class).unwrap().is_match("/");
            text += &class;
        } else {
            text += &regex::escape(group("escaped").or(group("sign")).unwrap());
        }
    }
    rest.is_empty()
        .then(|| (Regex::new(&(text + "$")).unwrap(), class_takes_slash))
}

/// Ranges one by one, as an upside-down one is empty in Go and an error in an expression.
fn class_expression(class: &str) -> String {
    let (negated, ranges) = class
        .strip_prefix('^')
        .map_or((false, class), |rest| (true, rest));
    static RANGE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(?s)\\?(.)(?:-\\?(.))?").unwrap());
    let mut members = String::new();
    for found in RANGE.captures_iter(ranges) {
        let low = found[1].chars().next().unwrap();
        let high = found
            .get(2)
            .map_or(low, |high| high.as_str().chars().next().unwrap());
        if low <= high {
            members += &format!(r"\x{{{:x}}}-\x{{{:x}}}", u32::from(low), u32::from(high));
        }
    }
    match (negated, members.is_empty()) {
        (false, true) => r"[^\s\S]".into(),
        (true, true) => r"[\s\S]".into(),
        (false, false) => format!("[{members}]"),
        (true, false) => format!("[^{members}]"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn a_pattern_matches_as_its_expression_does(
        pattern in r"[ab*?/:1^\]\[\\é-]{0,10}|(a|b|\*|\?|/|:|[ab]|\[\^?[ab1][-][b1]\]|\\.){0,7}",
        name in "[ab]{1,3}(/[ab]{1,3}){0,2}(:[1ab]{1,2})?",
    ) {
        let reference = AnyReference::parse(&name).unwrap();
        let AnyReference::Named(named) = reference else { panic!("{name} is no digest") };
        let matched = familiar_match(&pattern, &reference);
        match expression(&pattern) {
            None => prop_assert_eq!(matched, Err(BadPattern::Malformed)),
            // Go stays with the first place where the part after a star fits. An expression looks on, and finds more
            // where a class takes the `/` that no star goes past.
            Some((_, true)) if pattern.contains('*') => prop_assert!(matched.is_ok()),
            Some((expression, _)) => {
                let familiar = named.familiar().to_string();
                let short = named.repository().familiar().to_string();
                let expected = expression.is_match(&familiar) || expression.is_match(&short);
                prop_assert_eq!(matched, Ok(expected), "{} {}", pattern, familiar);
            }
        }
    }
}

#[test]
fn the_first_place_where_a_part_fits_is_kept() {
    let reference = AnyReference::parse("a/a").unwrap();
    assert_eq!(familiar_match("*[^b]*", &reference), Ok(false));
    assert_eq!(familiar_match("a[^b]*", &reference), Ok(true));
}

#[test]
fn work_is_bounded_by_a_named_limit() {
    let reference = AnyReference::parse("a").unwrap();
    let longest = "*".repeat(MATCH_STEPS_MAX);
    assert_eq!(familiar_match(&longest, &reference), Ok(true));
    let error = familiar_match(&(longest + "*"), &reference).unwrap_err();
    assert_eq!(
        error.to_string(),
        "pattern times reference: more than 1048576 steps"
    );
}

#[test]
fn a_digest_alone_is_matched_as_it_is() {
    let text = format!("sha256:{}", "0".repeat(64));
    let digest = AnyReference::parse(&text).unwrap();
    assert_eq!(familiar_match("sha256:*", &digest), Ok(true));
    assert_eq!(familiar_match("sha512:*", &digest), Ok(false));
}
