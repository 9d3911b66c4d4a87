//! When caches end: every case of a file, a slow obvious calendar beside the rules, and what people read.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test fails by panicking

use imagecache::expiry::{
    Expiry, ExpiryFacts, ExpiryReason, ExpirySource, ExpiryState, MAX_NESTING, Retention,
    disagreement, expiry, facts,
};
use imagecache::resource::{ImageCache, Phase};
use imagecache::time::Timestamp;
use jiff::ToSpan;
use jiff::civil::DateTime;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Case {
    case: String,
    now: Timestamp,
    cache: Value,
    expiry: Value,
    says: String,
}

fn cases() -> Vec<Case> {
    let cases: Vec<Case> = serde_json::from_str(include_str!("data/expiry/cases.json")).unwrap();
    assert!(cases.len() > 40);
    cases
}

#[test]
fn every_case_of_the_file_holds() {
    for case in cases() {
        let expiry = expiry(&ExpiryFacts::read(&case.cache), case.now);
        assert_eq!(
            serde_json::to_value(&expiry).unwrap(),
            case.expiry,
            "{}",
            case.case
        );
        assert_eq!(expiry.to_string(), case.says, "{}", case.case);
        let mut again: Expiry = serde_json::from_value(case.expiry.clone()).unwrap();
        assert_eq!(serde_json::to_value(&again).unwrap(), case.expiry);
        if again.reason == ExpiryReason::Retention(None) {
            // the days are not in the JSON form
            again.reason = expiry.reason;
        }
        assert_eq!(again, expiry, "{}", case.case);
        assert_eq!(
            disagreement(&ExpiryFacts::read(&case.cache)),
            expiry.disagreement,
            "{}",
            case.case
        );
    }
}

#[test]
fn cases_name_every_state_and_reason() {
    let seen = |key: &str| {
        let mut values: Vec<_> = cases()
            .iter()
            .map(|case| case.expiry[key].as_str().unwrap().to_owned())
            .collect();
        values.sort();
        values.dedup();
        values
    };
    assert_eq!(seen("state"), ["at", "ended", "never"]);
    assert_eq!(
        seen("reason"),
        [
            "automatic-unused",
            "automatic-used",
            "failed",
            "no-retention",
            "recorded",
            "retention",
            "retention-invalid"
        ]
    );
}

#[test]
fn expiry_automatic_flag_applies_to_any_name() {
    let entry = json!({"ImageCacheName": "mine", "CreationTime": "2026-01-18T03:18:02Z"});
    let mut told = ExpiryFacts::read(&entry);
    told.automatic = true;
    assert_eq!(
        expiry(&told, Timestamp::default()).reason,
        ExpiryReason::AutomaticUnused
    );
    assert_eq!(
        expiry(&ExpiryFacts::read(&entry), Timestamp::default()).reason,
        ExpiryReason::NoRetention
    );
}

#[test]
fn expiry_typed_objects_and_values_agree() {
    let mut compared = 0;
    for case in cases() {
        let mut value = case.cache;
        if let Some(spec) = value.get_mut("spec") {
            spec["images"] = json!(["a"]);
        }
        // The types refuse what the value reader takes for absent.
        if let Ok(typed) = serde_json::from_value::<ImageCache>(value.clone()) {
            assert_eq!(
                ExpiryFacts::from(&typed),
                ExpiryFacts::read(&value),
                "{}",
                case.case
            );
            compared += 1;
        }
    }
    assert!(compared > 25, "{compared}");
}

#[test]
fn expiry_finds_caches_in_lists_and_replies() {
    let object = json!({"apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache", "metadata": {"name": "a"}, "spec": {}});
    let item = json!({"metadata": {"name": "b"}, "spec": {}});
    let entry = json!({"ImageCacheId": "imc-1", "ImageCacheName": "c"});
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {}});
    let names = |document: &Value| -> Vec<String> {
        facts(document)
            .into_iter()
            .filter_map(|facts| facts.name)
            .collect()
    };
    let list = json!({"kind": "ImageCacheList", "items": [item, object, pod]});
    let reply = json!({"RequestId": "r", "ImageCaches": [entry, 17, null]});
    for (document, found) in [
        (object.clone(), vec!["a"]),
        (entry.clone(), vec!["c"]),
        (list.clone(), vec!["b", "a"]),
        (
            json!({"kind": "List", "items": [object, item, pod]}),
            vec!["a"],
        ),
        (json!({"kind": "PodList", "items": [item]}), vec![]),
        (reply.clone(), vec!["c"]),
        (json!({"http_status": 200, "body": reply}), vec!["c"]),
        (
            json!({"statusCode": 200, "body": {"imageCaches": [{"imageCacheName": "d"}]}}),
            vec!["d"],
        ),
        (json!([list, [reply]]), vec!["b", "a", "c"]),
        (
            json!({"apiVersion": "kubefledged.io/v1alpha3", "kind": "ImageCache", "metadata": {"name": "x"}}),
            vec![],
        ),
        (pod.clone(), vec![]),
        (json!("a"), vec![]),
        (Value::Null, vec![]),
    ] {
        assert_eq!(names(&document), found, "{document}");
    }
    let nested = |depth: usize| (0..depth).fold(entry.clone(), |inner, _| json!([inner]));
    assert_eq!(facts(&nested(MAX_NESTING)).len(), 1);
    assert_eq!(facts(&nested(MAX_NESTING + 1)).len(), 0);
}

// The slow, obvious reference: a calendar that counts days, and the table of the documentation read line by line.

fn calendar(time: Timestamp) -> DateTime {
    time.to_string().trim_end_matches('Z').parse().unwrap()
}

/// The day this many days later, or nothing where the calendar ends.
fn days_later(time: Timestamp, days: i64) -> Option<String> {
    let later = calendar(time).checked_add(days.days()).ok()?;
    Some(format!("{}Z", later.strftime("%Y-%m-%dT%H:%M:%S")))
}

fn slow(cache: &ExpiryFacts) -> (&'static str, Option<(Timestamp, i64)>) {
    let created = if cache.created.is_some() {
        cache.created
    } else {
        cache.started
    };
    if cache.phase == Some(Phase::Failed) {
        let failed = if cache.updated.is_some() {
            cache.updated
        } else {
            cache.warned
        };
        return ("failed", failed.map(|failed| (failed, 1)));
    }
    if let Retention::Days(days) = cache.retention {
        if (1..=65_536).contains(&days) {
            return ("retention", created.map(|created| (created, days)));
        }
        return (
            if cache.recorded.is_some() {
                "recorded"
            } else {
                "retention-invalid"
            },
            None,
        );
    }
    if cache.retention == Retention::Unreadable {
        return (
            if cache.recorded.is_some() {
                "recorded"
            } else {
                "retention-invalid"
            },
            None,
        );
    }
    if cache.automatic {
        if let Some(used) = cache.last_matched {
            return ("automatic-used", Some((used, 30)));
        }
        return ("automatic-unused", created.map(|created| (created, 7)));
    }
    if cache.retention == Retention::Unknown && cache.recorded.is_some() {
        return ("recorded", None);
    }
    ("no-retention", None)
}

fn check_against_the_slow_one(
    cache: &ExpiryFacts,
    now: Timestamp,
) -> Result<Expiry, TestCaseError> {
    let fast = expiry(cache, now);
    let (reason, start) = slow(cache);
    prop_assert_eq!(fast.reason.as_str(), reason);
    let never = reason == "no-retention" || reason == "retention-invalid";
    let (at, saturated) = match start {
        _ if never => (None, false),
        None => (cache.recorded.map(|at| at.to_string()), false),
        Some((start, days)) => match days_later(start, days) {
            Some(at) => (Some(at), false),
            None => (Some("9999-12-31T23:59:59Z".to_owned()), true),
        },
    };
    prop_assert_eq!(fast.at.map(|at| at.to_string()), at.clone());
    prop_assert_eq!(fast.saturated, saturated);
    let left = at.map(|at| {
        let at: DateTime = at.trim_end_matches('Z').parse().unwrap();
        at.duration_since(calendar(now)).as_secs()
    });
    prop_assert_eq!(fast.seconds_left, left);
    let ended = left.is_some_and(|left| left <= 0) && !saturated;
    let state = if never {
        ExpiryState::Never
    } else if ended {
        ExpiryState::Ended
    } else {
        ExpiryState::At
    };
    prop_assert_eq!(fast.state, state);
    Ok(fast)
}

fn times() -> impl Strategy<Value = Timestamp> {
    let whole = Timestamp::MIN.seconds()..=Timestamp::MAX.seconds();
    let near = 1_768_000_000_i64..1_780_000_000;
    let late = Timestamp::MAX.seconds() - 100_000..=Timestamp::MAX.seconds();
    prop_oneof![1 => whole, 4 => near, 1 => late].prop_map(Timestamp::from_seconds)
}

prop_compose! {
    fn caches()(
        origin in prop_oneof![Just(ExpirySource::Object), Just(ExpirySource::Entry)],
        phase in prop::option::of(prop::sample::select(vec!["Ready", "Failed", "Creating", "UpdateFailed", "Thawing"])),
        retention in prop_oneof![
            Just(Retention::Unknown), Just(Retention::Forever), Just(Retention::Unreadable),
            (-2_i64..70_000).prop_map(Retention::Days), (1_i64..40).prop_map(Retention::Days),
            any::<i64>().prop_map(Retention::Days),
        ],
        automatic in any::<bool>(),
        (created, started, updated, warned, last_matched, recorded) in (
            prop::option::of(times()), prop::option::of(times()), prop::option::of(times()),
            prop::option::of(times()), prop::option::of(times()), prop::option::of(times()),
        ),
    ) -> ExpiryFacts {
        {
let mut facts = ExpiryFacts::default();
facts.origin = origin;
facts.phase = phase.map(Phase::from);
facts.retention = retention;
facts.automatic = automatic;
facts.created = created;
facts.started = started;
facts.updated = updated;
facts.warned = warned;
facts.last_matched = last_matched;
facts.recorded = recorded;
facts
}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rules_agree_with_a_calendar_that_counts_days(cache in caches(), now in times()) {
        let fast = check_against_the_slow_one(&cache, now)?;
        if let Some(found) = &fast.disagreement {
            let recorded = cache.recorded.unwrap().to_string();
            prop_assert!(found.message.starts_with(&recorded));
            prop_assert!(fast.at.map(|at| at.to_string()) != Some(recorded), "{}", found.message);
        }
    }

    #[test]
    fn time_only_brings_the_end_nearer(cache in caches(), now in times(), later in 0_i64..10_000_000_000) {
        let (before, after) = (expiry(&cache, now), expiry(&cache, now.plus(later)));
        prop_assert_eq!(before.at, after.at);
        prop_assert_eq!(before.reason, after.reason);
        prop_assert_eq!(&before.disagreement, &after.disagreement);
        prop_assert!(before.state <= after.state);
        let passed = now.plus(later).since(now);
        prop_assert_eq!(before.seconds_left.map(|left| left - passed), after.seconds_left);
    }

    #[test]
    fn expiry_record_beyond_a_minute_is_reported(
        created in times(), days in 1_i64..=65_536, off in -100_000_i64..100_000,
    ) {
        let at = created.plus(days * 86_400);
        let mut cache = ExpiryFacts::default();
cache.retention = Retention::Days(days);
cache.created = Some(created);
cache.recorded = Some(at.plus(off));
        let apart = at.plus(off).since(at).abs();
        prop_assert_eq!(disagreement(&cache).is_some(), apart > 60);
    }
}
