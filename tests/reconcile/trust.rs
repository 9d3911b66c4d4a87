//! What objects may use and what caches may cost: single steps.

use std::time::Duration;

use imagecache::eci::error::{ErrorCode, Retry};
use imagecache::eci::login::RegistryLogin;
use imagecache::eci::reply::ImageCacheEntry;
use imagecache::eci::request::{CreateImageCache, DeleteImageCache, DescribeImageCaches, Tag};
use imagecache::reconcile::{
    Allowed, Budget, EMPTY_FOR, Effect, GONE_AFTER, Listing, Observed, Outcome, ReconcileDecision,
    ReconcileRecord, ReconcileSettings, SecretFault, SecretLogins, Spending, Trust, patched, step,
};
use imagecache::resource::annotation::OWNER_TAG;
use imagecache::time::Timestamp;
use serde_json::{Value, json};

const NOW: &str = "2026-02-01T00:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// An object that has no cache yet.
fn fresh(changes: Value) -> Value {
    let object = json!({
        "metadata": {
            "name": "base", "uid": "uid-1", "resourceVersion": "7", "generation": 1,
            "creationTimestamp": "2026-01-18T13:40:56Z", "finalizers": ["imagecache.eci.alibabacloud.com/cache"],
        },
        "spec": {"images": ["registry.example.com/app:1"]},
    });
    patched(&object, &changes)
}

/// An object with the cache `imc-1`.
pub(crate) fn ready(changes: Value) -> Value {
    let condition = |kind: &str, reason: &str| {
        json!({
            "type": kind, "status": "True", "observedGeneration": 1, "lastTransitionTime": "2026-01-18T13:40:58Z",
            "reason": reason, "message": "said",
        })
    };
    let status = json!({
        "phase": "Ready", "progress": "100%", "imageCacheId": "imc-1",
        "conditions": [condition("Ready", "Ready"), condition("Synced", "Submitted")],
    });
    patched(&fresh(json!({"status": status})), &changes)
}

pub(crate) fn entry(id: &str, uid: Option<&str>, changes: Value) -> ImageCacheEntry {
    let tags = uid.map(|uid| json!({"Key": OWNER_TAG, "Value": uid}));
    let entry = json!({
        "ImageCacheId": id, "ImageCacheName": "base", "Status": "Ready", "Progress": "100%",
        "Images": ["registry.example.com/app:1"], "CreationTime": "2026-01-18T13:40:58Z",
        "Tags": tags.into_iter().collect::<Vec<_>>(),
    });
    serde_json::from_value(patched(&entry, &changes)).unwrap()
}

/// What a step is given besides the object.
#[derive(Default)]
pub(crate) struct Given {
    pub(crate) settings: ReconcileSettings,
    pub(crate) entries: Vec<ImageCacheEntry>,
    logins: Option<Vec<SecretLogins>>,
    spending: Spending,
    pub(crate) memory: ReconcileRecord,
    pub(crate) moment: Duration,
    listing: Option<Listing>,
}

impl Given {
    fn trusting(trust: Trust) -> Self {
        let mut settings = ReconcileSettings::default();
        settings.trust = trust;
        Given {
            settings,
            ..Given::default()
        }
    }

    pub(crate) fn step(&self, object: &Value) -> ReconcileDecision {
        let listing = Listing::new(self.entries.clone(), self.moment);
        let seen = Observed {
            listing: Some(self.listing.as_ref().unwrap_or(&listing)),
            live: true,
            logins: self.logins.as_deref(),
            pods: Some(&[]),
            starting: None,
            rivals: &[],
            spending: &self.spending,
            moment: self.moment,
        };
        step(object, &seen, &self.settings, &self.memory, now())
    }

    /// The condition `Synced` that is written, as `reason: message`.
    fn synced(&self, object: &Value) -> String {
        let decision = self.step(object);
        let Some(Effect::Status { patch, .. }) = &decision.act else {
            panic!("{decision:#?}");
        };
        let conditions = patch["status"]["conditions"].as_array().unwrap();
        let synced = conditions.iter().find(|one| one["type"] == "Synced");
        let synced = synced.unwrap_or_else(|| panic!("{patch:#}"));
        let text = |key: &str| synced[key].as_str().unwrap().to_owned();
        format!("{}: {}", text("reason"), text("message"))
    }
}

fn annotated(name: &str, value: &str) -> Value {
    json!({"metadata": {"annotations": {name: value}}})
}

fn login(host: &str) -> SecretLogins {
    SecretLogins {
        secret: "team:login".to_owned(),
        found: Ok(vec![RegistryLogin {
            host: host.to_owned(),
            path: String::new(),
            user_name: "robot".to_owned(),
            password: "hunter2".into(),
        }]),
    }
}

fn allowing_secrets(namespace: &str) -> Trust {
    let mut trust = Trust::default();
    trust.secret_namespaces = Allowed::of([namespace]);
    trust
}

#[test]
fn secret_forbidden_is_not_read_and_reads_like_missing() {
    let object = fresh(json!({"spec": {"imagePullSecrets": ["team:login"]}}));
    let forbidden = Given::default().synced(&object);
    let missing = Given {
        logins: Some(vec![SecretLogins {
            secret: "team:login".to_owned(),
            found: Err(SecretFault::Missing),
        }]),
        ..Given::trusting(allowing_secrets("team"))
    };
    assert_eq!(forbidden, missing.synced(&object));
    assert_eq!(
        forbidden,
        "SecretNotFound: spec.imagePullSecrets[0]: secret `team:login`: not found or not allowed"
    );
    let read = |trust: Trust| Given::trusting(trust).step(&object).act;
    let expected = Effect::ReadSecrets(vec!["team:login".to_owned()]);
    assert_eq!(read(allowing_secrets("team")), Some(expected.clone()));
    assert_eq!(read(allowing_secrets("*")), Some(expected));
    // one forbidden Secret: none is read
    let both = fresh(json!({"spec": {"imagePullSecrets": ["team:login", "kube-system:x"]}}));
    assert_eq!(
        Given::trusting(allowing_secrets("team")).synced(&both),
        "SecretNotFound: spec.imagePullSecrets[1]: secret `kube-system:x`: not found or not allowed"
    );
}

#[test]
fn annotation_network_refused_unless_allowed() {
    for (name, value) in [
        ("k8s.aliyun.com/vswitch-ids", "vsw-a"),
        ("k8s.aliyun.com/security-group-id", "sg-a"),
        ("k8s.aliyun.com/resource-group-id", "rg-a"),
    ] {
        let object = fresh(annotated(name, value));
        assert_eq!(
            Given::default().synced(&object),
            format!(
                "NotAllowed: metadata.annotations[{name}]: not allowed, the controller runs without \
                 --allow-network-annotations"
            )
        );
        let allowed = Given::trusting({
            let mut trust = Trust::default();
            trust.network_annotations = true;
            trust
        });
        assert!(allowed.synced(&object).starts_with("Submitting: "));
    }
    let roles = json!({"metadata": {"annotations": {
        "k8s.aliyun.com/acr-instance-ids": "cri-abcdefgh12345678",
        "k8s.aliyun.com/acr-user-arns": "acs:ram::1234567890123456:role/puller",
    }}});
    assert!(
        Given::default()
            .synced(&fresh(roles))
            .starts_with("NotAllowed: ")
    );
}

#[test]
fn plain_http_refused_unless_listed_and_never_with_login() {
    let name = "k8s.aliyun.com/plain-http-registry";
    let plain = annotated(name, "registry.example.com:80");
    let trust = |hosts: &[&str]| {
        let mut trust = allowing_secrets("team");
        trust.plain_http_registries = hosts.iter().map(|host| (*host).to_owned()).collect();
        trust
    };
    assert_eq!(
        Given::trusting(trust(&["other.example.com"])).synced(&fresh(plain.clone())),
        format!(
            "NotAllowed: metadata.annotations[{name}]: `registry.example.com:80` is not allowed, \
             --plain-http-registries does not list it"
        )
    );
    let listed = trust(&["registry.example.com:80"]);
    assert!(
        Given::trusting(listed.clone())
            .synced(&fresh(plain.clone()))
            .starts_with("Submitting: ")
    );
    let secret = json!({"spec": {"imagePullSecrets": ["team:login"]}});
    let with_login = |host: &str| Given {
        logins: Some(vec![login(host)]),
        ..Given::trusting(listed.clone())
    };
    let object = fresh(patched(&plain, &secret));
    assert_eq!(
        with_login("registry.example.com").synced(&object),
        format!(
            "NotAllowed: metadata.annotations[{name}]: `registry.example.com:80`: a credential for this registry \
             would be sent over plain HTTP"
        )
    );
    // a login that no image needs is not sent
    assert!(
        with_login("other.example.com")
            .synced(&object)
            .starts_with("Submitting: ")
    );
}

#[test]
fn adoption_refused_unless_id_or_name_allowed() {
    let own = "imagecache.eci.alibabacloud.com/adopt";
    let object = fresh(annotated(own, "imc-1"));
    let adopting = |names: &[&str], uid: Option<&str>| Given {
        entries: vec![entry("imc-1", uid, json!({}))],
        ..Given::trusting({
            let mut trust = Trust::default();
            trust.adoption = Allowed::of(names);
            trust
        })
    };
    let refused = format!(
        "NotAllowed: metadata.annotations[{own}]: adopting imc-1 is not allowed, --allow-adoption does not list it"
    );
    assert_eq!(adopting(&[], None).synced(&object), refused);
    // whether there is such a cache is not said
    assert_eq!(Given::default().synced(&object), refused);
    for names in [["imc-1"], ["base"], ["*"]] {
        let decided = adopting(&names, None).synced(&object);
        assert!(decided.starts_with("Adopting: "), "{decided}");
        let foreign = adopting(&names, Some("uid-2")).synced(&object);
        assert!(foreign.starts_with("NotOurs: "), "{foreign}");
    }
}

#[test]
fn adoption_done_then_update_writes_owner_tag() {
    let adopt = annotated("imagecache.eci.alibabacloud.com/adopt", "imc-1");
    let intent = json!({"status": {"conditions": [{
        "type": "Synced", "status": "False", "observedGeneration": 1, "lastTransitionTime": NOW,
        "reason": "Submitting", "message": "said",
    }]}});
    let object = ready(patched(&adopt, &intent));
    let given = Given {
        entries: vec![entry("imc-1", None, json!({}))],
        ..Given::trusting({
            let mut trust = Trust::default();
            trust.adoption = Allowed::All;
            trust
        })
    };
    let decision = given.step(&object);
    let Some(Effect::Update { call, .. }) = decision.act else {
        panic!("{decision:#?}");
    };
    let tag = Tag {
        key: OWNER_TAG.to_owned(),
        value: Some("uid-1".to_owned()),
    };
    assert_eq!(call.tag, [tag]);
}

#[test]
fn status_id_alone_gives_no_right() {
    // an untagged cache, though everything may be adopted: the object has no annotation
    let given = |entries: Vec<ImageCacheEntry>| Given {
        entries,
        ..Given::trusting({
            let mut trust = Trust::default();
            trust.adoption = Allowed::All;
            trust
        })
    };
    let foreign = given(vec![entry("imc-1", None, json!({}))]);
    assert!(
        foreign
            .synced(&ready(json!({})))
            .starts_with("NotOurs: imc-1 was not made")
    );
    // deleted: the object goes, the cache stays
    let deleting = json!({"metadata": {
        "deletionTimestamp": NOW,
        "annotations": {"imagecache.eci.alibabacloud.com/deletion-policy": "Delete"},
    }});
    let decision = foreign.step(&ready(deleting));
    assert!(
        matches!(decision.act, Some(Effect::Finalizers { .. })),
        "{decision:#?}"
    );
    // the object's own cache is found again by its tag
    let both = given(vec![
        entry("imc-1", None, json!({})),
        entry("imc-2", Some("uid-1"), json!({})),
    ]);
    let Some(Effect::Status { patch, .. }) = both.step(&ready(json!({}))).act else {
        panic!()
    };
    assert_eq!(patch["status"]["imageCacheId"], "imc-2");
}

fn creation(uid: &str, token: &str, gib: Option<i32>) -> Effect {
    Effect::Create {
        call: Box::new(CreateImageCache {
            client_token: Some(token.to_owned()),
            image_cache_size: gib,
            tag: vec![Tag {
                key: OWNER_TAG.to_owned(),
                value: Some(uid.to_owned()),
            }],
            ..CreateImageCache::default()
        }),
        generation: 1,
    }
}

fn deletion(id: &str) -> Effect {
    Effect::Delete {
        call: DeleteImageCache {
            image_cache_id: id.to_owned(),
            ..DeleteImageCache::default()
        },
    }
}

#[test]
fn budget_of_object_used_says_when_it_frees() {
    let mut given = Given::default();
    for minute in 1..=3 {
        let effect = creation("uid-1", &format!("token-{minute}"), None);
        let at = now().plus(-60 * (10 - minute));
        given.spending.reserve(&effect, at);
        given
            .spending
            .settle(&effect, &Outcome::Created(format!("imc-{minute}")), at);
        let failed = deletion(&format!("imc-{minute}"));
        given.spending.settle(&failed, &Outcome::Accepted, at);
    }
    let object = fresh(json!({}));
    assert_eq!(
        given.synced(&object),
        "BudgetExceeded: the 3 creations of one object within an hour (--max-creations-per-object-hour) are used; \
         the next is possible at 2026-02-01T00:51:00Z"
    );
    assert_eq!(
        given.step(&object).after,
        Some(Duration::from_secs(51 * 60))
    );
    // another object is not concerned
    let other = fresh(json!({"metadata": {"uid": "uid-2"}}));
    assert!(given.synced(&other).starts_with("Submitting: "));
    // a host that has just started counts what the listing shows
    given.spending = Spending::default();
    given.settings.budget.creations_per_object_hour = 1;
    let recent = json!({"CreationTime": "2026-01-31T23:30:00Z", "Status": "Failed"});
    given.entries = vec![entry("imc-9", Some("uid-2"), recent)];
    assert!(given.synced(&object).starts_with("Submitting: "));
    given.settings.budget.creations_per_hour = 1;
    assert_eq!(
        given.synced(&object),
        "BudgetExceeded: the 1 creations of all objects within an hour (--max-creations-per-hour) are used; \
         the next is possible at 2026-02-01T00:30:00Z"
    );
}

#[test]
fn budget_refused_creation_is_not_counted() {
    let mut budget = Budget::default();
    budget.creations_per_object_hour = 1;
    let mut given = Given::default();
    given.settings.budget = budget;
    let object = fresh(json!({}));
    let effect = creation("uid-1", "token-1", None);
    given.spending.reserve(&effect, now());
    assert!(given.synced(&object).starts_with("BudgetExceeded: "));
    given
        .spending
        .settle(&effect, &Outcome::Unsent("offline".to_owned()), now());
    assert!(given.synced(&object).starts_with("Submitting: "));
    // after a lost answer a refusal of the same call proves nothing
    given.spending.reserve(&effect, now());
    given
        .spending
        .settle(&effect, &Outcome::Lost("cut".to_owned()), now());
    given
        .spending
        .settle(&effect, &Outcome::Unsent("offline".to_owned()), now());
    assert!(given.synced(&object).starts_with("BudgetExceeded: "));
}

#[test]
fn budget_of_gib_stops_eighty_large_objects() {
    let mut given = Given::default();
    given.settings.budget.gib = 100_000;
    let mut created = 0;
    for index in 0..80 {
        let uid = format!("uid-{index}");
        let object = fresh(json!({
            "metadata": {"uid": uid}, "spec": {"imageCacheSize": 32_768},
        }));
        let decided = given.synced(&object);
        if decided.starts_with("Submitting: ") {
            created += 1;
            let effect = creation(&uid, &uid, Some(32_768));
            given.spending.reserve(&effect, now());
        } else {
            assert!(
                decided.starts_with("BudgetExceeded: 32768 GiB more"),
                "{decided}"
            );
        }
    }
    assert_eq!(created, 3);
    given.settings.budget = Budget::default();
    given.spending = Spending::default();
    let object = fresh(json!({"spec": {"imageCacheSize": 32_768}}));
    assert!(
        given
            .synced(&object)
            .starts_with("BudgetExceeded: 32768 GiB more")
    );
}

#[test]
fn budget_of_gib_holds_for_updates_too() {
    let object = ready(json!({"metadata": {"generation": 2}, "spec": {"imageCacheSize": 32_768}}));
    let small = entry("imc-1", Some("uid-1"), json!({"ImageCacheSize": 20}));
    let given = Given {
        entries: vec![small],
        ..Given::default()
    };
    assert!(
        given
            .synced(&object)
            .starts_with("BudgetExceeded: 32748 GiB more")
    );
}

#[test]
fn budget_of_caches_counts_tagged_caches_only() {
    let mut given = Given {
        entries: vec![
            entry("imc-1", None, json!({})),
            entry("imc-2", Some("uid-2"), json!({})),
        ],
        ..Given::default()
    };
    given.settings.budget.caches = 2;
    let object = fresh(json!({}));
    assert!(given.synced(&object).starts_with("Submitting: "));
    given
        .spending
        .reserve(&creation("uid-3", "token-3", None), now());
    assert_eq!(
        given.synced(&object),
        "BudgetExceeded: all 2 caches (--max-caches) are used; the next is possible when one is deleted"
    );
}

fn ask() -> Effect {
    Effect::Describe {
        call: Box::new(DescribeImageCaches {
            image_cache_id: Some("imc-1".to_owned()),
            ..DescribeImageCaches::default()
        }),
    }
}

#[test]
fn cache_unlisted_is_asked_for_until_proved_gone() {
    let object = ready(json!({}));
    let mut given = Given::default();
    let mut asked = Vec::new();
    let decision = loop {
        let decision = given.step(&object);
        match &decision.act {
            Some(Effect::Describe { .. }) => {
                asked.push(given.moment.as_secs());
                let absent = Outcome::Described(None);
                given.memory.record(&ask(), &absent, 1, given.moment);
            }
            None => given.moment += decision.after.unwrap(),
            Some(_) => break decision,
        }
    };
    assert_eq!(asked, [0, 15, 45, 105, 225, 345]);
    assert!(given.moment >= GONE_AFTER);
    assert!(
        decision.notes.iter().any(|note| note.reason == "Gone"),
        "{decision:#?}"
    );
    // an answer that describes it ends the question
    let there = Some(Box::new(entry("imc-1", Some("uid-1"), json!({}))));
    given
        .memory
        .record(&ask(), &Outcome::Described(there), 1, given.moment);
    let decision = given.step(&object);
    assert!(
        !matches!(decision.act, Some(Effect::Create { .. })),
        "{decision:#?}"
    );
    let status = decision
        .act
        .map(|act| format!("{act:?}"))
        .unwrap_or_default();
    assert!(!status.contains("Gone"), "{status}");
}

#[test]
fn cache_unlisted_without_answer_is_not_absent() {
    let object = ready(json!({}));
    let mut given = Given::default();
    for minute in 0..30 {
        let lost = Outcome::Lost("cut".to_owned());
        given.moment = Duration::from_secs(60 * minute);
        given.memory.record(&ask(), &lost, 1, given.moment);
    }
    given.moment += GONE_AFTER;
    let decision = given.step(&object);
    assert!(
        matches!(decision.act, Some(Effect::Describe { .. })),
        "{decision:#?}"
    );
}

#[test]
fn listing_empty_after_full_stops_creations() {
    let full = Listing::new(
        vec![entry("imc-7", Some("uid-7"), json!({}))],
        Duration::ZERO,
    );
    let second = Duration::from_secs(1);
    let empty = |before: &Listing, moment, spending: &Spending| {
        Listing::new(Vec::new(), moment).after(Some(before), spending, now())
    };
    let object = fresh(json!({}));
    let first = empty(&full, second, &Spending::default());
    let mut given = Given {
        listing: Some(first.clone()),
        moment: second,
        ..Given::default()
    };
    assert_eq!(
        given.synced(&object),
        "ListingDoubtful: ECI lists no cache at all, and did before; nothing is created until that is confirmed"
    );
    given.listing = Some(empty(&first, second + EMPTY_FOR, &given.spending));
    assert!(given.synced(&object).starts_with("Submitting: "));
    // what was deleted on request is expected to be gone
    let mut spending = Spending::default();
    spending.settle(&deletion("imc-7"), &Outcome::Accepted, now());
    assert!(!empty(&full, second, &spending).is_doubtful());
}

#[test]
fn listing_emptied_by_a_deletion_under_way_raises_no_doubt() {
    let now = now();
    let full = Listing::new(
        vec![entry("imc-1", Some("uid-1"), json!({}))],
        Duration::from_secs(1),
    );
    let doubtful = |spending: &Spending, now: Timestamp| {
        let empty = Listing::new(Vec::new(), Duration::from_secs(5));
        empty.after(Some(&full), spending, now).is_doubtful()
    };
    let mut sent = Spending::default();
    assert!(doubtful(&sent, now));
    sent.reserve(&deletion("imc-2"), now);
    assert!(doubtful(&sent, now), "another cache is deleted");
    sent.reserve(&deletion("imc-1"), now);
    assert!(!doubtful(&sent, now), "sent and not answered");
    let refused = Outcome::Refused {
        code: ErrorCode::OperationConflict,
        message: String::new(),
        retry: Retry::Never,
    };
    for (outcome, doubt) in [
        (Outcome::Accepted, false),
        (Outcome::Lost(String::new()), false),
        (refused, true),
        (Outcome::Unsent(String::new()), true),
    ] {
        let mut answered = sent.clone();
        answered.settle(&deletion("imc-1"), &outcome, now);
        assert_eq!(doubtful(&answered, now), doubt, "{outcome:?}");
        // an hour later neither explains anything
        let later = now.plus(3600);
        answered.reserve(&deletion("imc-2"), later);
        assert!(doubtful(&answered, later), "{outcome:?}");
    }
}

#[test]
fn status_without_id_is_let_go_only_when_listings_agree() {
    let object = fresh(json!({"metadata": {"deletionTimestamp": "2026-01-31T00:00:00Z"}}));
    let second = Duration::from_secs(1);
    let own = entry("imc-1", Some("uid-1"), json!({}));
    let other = entry("imc-7", Some("uid-7"), json!({}));
    let listing = |entries: &[&ImageCacheEntry], at, before: Option<&Listing>| {
        let entries = entries.iter().copied().cloned().collect();
        Listing::new(entries, at).after(before, &Spending::default(), now())
    };
    let decide = |listing: &Listing, memory: &ReconcileRecord| {
        let given = Given {
            listing: Some(listing.clone()),
            memory: memory.clone(),
            moment: Duration::from_secs(900),
            ..Given::default()
        };
        match given.step(&object).act {
            None => "waits",
            Some(Effect::Finalizers { .. }) => "lets go",
            Some(Effect::Delete { .. }) => "deletes",
            other => panic!("{other:#?}"),
        }
    };
    let nothing = ReconcileRecord::default();
    let first = listing(&[&other], second, None);
    assert_eq!(decide(&first, &nothing), "waits", "first of the process");
    let second_one = listing(&[&other], 2 * second, Some(&first));
    assert_eq!(decide(&second_one, &nothing), "lets go");
    let with = listing(&[&other, &own], 3 * second, Some(&second_one));
    assert_eq!(decide(&with, &nothing), "deletes");
    let lacking = listing(&[&other], 4 * second, Some(&with));
    assert_eq!(decide(&lacking, &nothing), "waits", "it was there");
    let agreeing = listing(&[&other], 5 * second, Some(&lacking));
    assert_eq!(decide(&agreeing, &nothing), "lets go");

    // a call after the first of two listings may have made one that the second lacks
    let mut called = ReconcileRecord::default();
    let refused = Outcome::Refused {
        code: ErrorCode::QuotaExceeded,
        message: String::new(),
        retry: Retry::Never,
    };
    let moment = Duration::from_millis(4500);
    called.record(&creation("uid-1", "token-1", None), &refused, 1, moment);
    assert_eq!(decide(&agreeing, &called), "waits");
    let later = listing(&[&other], 6 * second, Some(&agreeing));
    assert_eq!(decide(&later, &called), "lets go");

    // empty listings are believed later
    let empty = listing(&[], 7 * second, None);
    let again = listing(&[], 8 * second, Some(&empty));
    assert_eq!(decide(&again, &nothing), "waits");
    let soon = listing(&[], 6 * second + EMPTY_FOR, Some(&again));
    assert_eq!(decide(&soon, &nothing), "waits");
    let late = listing(&[], 7 * second + EMPTY_FOR, Some(&soon));
    assert_eq!(decide(&late, &nothing), "lets go");

    // an object that this process has held from the start, and for which nothing was asked
    let mut held = ReconcileRecord::default();
    let patch = json!({"metadata": {"finalizers": ["imagecache.eci.alibabacloud.com/cache"]}});
    let stored = Outcome::Object(object.clone());
    held.record(&Effect::Finalizers { patch }, &stored, 1, second);
    assert_eq!(decide(&empty, &held), "lets go");
}

#[test]
fn status_without_id_makes_no_second_cache() {
    let object = fresh(json!({}));
    let effect = creation("uid-1", "token-1", None);
    let mut given = Given::default();
    given.spending.reserve(&effect, now().plus(-60));
    let made = Outcome::Created("imc-1".to_owned());
    given.spending.settle(&effect, &made, now().plus(-60));
    // the listing lags: ECI is asked for what this process made
    let asked = |given: &Given| match given.step(&object).act {
        Some(Effect::Describe { call }) => call.image_cache_id,
        other => panic!("{other:#?}"),
    };
    assert_eq!(asked(&given).as_deref(), Some("imc-1"));
    let describe = Effect::Describe {
        call: Box::new(DescribeImageCaches {
            image_cache_id: Some("imc-1".to_owned()),
            ..DescribeImageCaches::default()
        }),
    };
    for at in [Duration::from_secs(1), GONE_AFTER + Duration::from_secs(1)] {
        given.moment = at + Duration::from_secs(60);
        assert_eq!(asked(&given).as_deref(), Some("imc-1"));
        let absent = Outcome::Described(None);
        given.memory.record(&describe, &absent, 1, at);
    }
    assert!(given.synced(&object).starts_with("Submitting: "));
    // nor does a new process begin with what its first listing lacks
    let listing = |before: Option<&Listing>| {
        Listing::new(Vec::new(), Duration::from_secs(1)).after(before, &Spending::default(), now())
    };
    let first = listing(None);
    let mut given = Given {
        listing: Some(first.clone()),
        ..Given::default()
    };
    let decision = given.step(&object);
    assert!(decision.act.is_none() && decision.listing, "{decision:#?}");
    given.listing = Some(listing(Some(&first)));
    assert!(given.synced(&object).starts_with("Submitting: "));
}

#[test]
fn budget_counts_a_repeated_call_from_its_last_attempt() {
    let mut given = Given::default();
    given.settings.budget.creations_per_object_hour = 1;
    let effect = creation("uid-1", "token-1", None);
    for ago in [3000, 60] {
        let at = now().plus(-ago);
        given.spending.reserve(&effect, at);
        let lost = Outcome::Lost("no answer".to_owned());
        given.spending.settle(&effect, &lost, at);
    }
    let said = given.synced(&fresh(json!({})));
    assert!(
        said.ends_with("the next is possible at 2026-02-01T00:59:00Z"),
        "{said}"
    );
}
