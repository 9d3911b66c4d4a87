//! Verdicts about caches: what may be deleted, and that nothing blocked ever is.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test fails by panicking

use imagecache::diagnostic::{Levels, Report};
use imagecache::tidy::{
    Tidy, TidyBlock, TidyCache, TidyInput, TidyOptions, TidyTarget, TidyVerdict, tidy,
};
use imagecache::time::Timestamp;
use serde_json::{Value, json};

const NOW: &str = "2026-06-01T00:00:00Z";
const OLD: &str = "2026-01-01T00:00:00Z";
const RECENT: &str = "2026-05-30T00:00:00Z";
const TAG: &str = "imagecache.eci.alibabacloud.com/uid";

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn input(documents: &[Value]) -> (TidyInput, usize) {
    let mut input = TidyInput::default();
    let mut report = Report::new(&Levels::DEFAULT);
    for document in documents {
        input.add(document, &mut report);
    }
    let found = report.finish().len();
    (input, found)
}

/// Everything is known, and no other cluster has caches here.
fn all_known() -> TidyOptions {
    let mut options = TidyOptions::at(time(NOW));
    (options.cluster, options.cloud, options.sole_cluster) = (true, true, true);
    options
}

fn verdicts(documents: &[Value], options: &TidyOptions) -> Tidy {
    tidy(&input(documents).0, options)
}

fn entry(id: &str, images: &[&str], created: &str, used: Option<&str>, tag: Option<&str>) -> Value {
    let tags: Vec<Value> = tag
        .iter()
        .map(|uid| json!({"Key": TAG, "Value": uid}))
        .collect();
    json!({"ImageCacheId": id, "ImageCacheName": format!("name-of-{id}"), "Status": "Ready", "Images": images,
        "CreationTime": created, "LastMatchedTime": used, "ImageCacheSize": 20, "SnapshotId": format!("s-{id}"),
        "Tags": tags})
}

fn object(name: &str, id: &str, images: &[&str]) -> Value {
    json!({"apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache",
        "metadata": {"name": name, "uid": format!("uid-{name}"), "resourceVersion": "7", "creationTimestamp": OLD},
        "spec": {"images": images}, "status": {"imageCacheId": id, "phase": "Ready"}})
}

fn pod(name: &str, image: &str, annotations: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop", "annotations": annotations},
        "spec": {"containers": [{"name": "c", "image": image}]}, "status": {"phase": "Running"}})
}

fn group(name: &str, image: Option<&str>, message: Option<&str>) -> Value {
    let containers: Vec<Value> = image.iter().map(|image| json!({"Image": image})).collect();
    let events: Vec<Value> = message
        .iter()
        .map(|message| json!({"Reason": "SuccessfulHitImageCache", "Message": message}))
        .collect();
    json!({"ContainerGroups": [{"ContainerGroupId": "eci-1", "ContainerGroupName": name, "Status": "Running",
        "Containers": containers, "Events": events}]})
}

fn of<'t>(tidy: &'t Tidy, id: &str) -> &'t TidyCache {
    let found = |cache: &&TidyCache| cache.image_cache_id.as_deref() == Some(id);
    tidy.caches.iter().find(found).unwrap()
}

#[test]
fn tidy_gives_each_verdict_with_its_reason() {
    let world = [
        entry("imc-left", &["a:1"], OLD, None, Some("gone")),
        entry(
            "imc-web1",
            &["web:1"],
            OLD,
            Some("2026-04-01T00:00:00Z"),
            Some("uid-web1"),
        ),
        entry(
            "imc-web2",
            &["web:2", "log:1"],
            "2026-02-01T00:00:00Z",
            Some(RECENT),
            Some("uid-web2"),
        ),
        entry("imc-never", &["b:1"], OLD, None, Some("uid-never")),
        entry(
            "imc-unused",
            &["c:1"],
            OLD,
            Some("2026-02-02T00:00:00Z"),
            Some("uid-unused"),
        ),
        entry("imc-other", &["d:1"], OLD, None, None),
        json!([
            object("web1", "imc-web1", &["web:1"]),
            object("web2", "imc-web2", &["web:2", "log:1"])
        ]),
        json!([
            object("never", "imc-never", &["b:1"]),
            object("unused", "imc-unused", &["c:1"])
        ]),
        pod("web", "web:2", &json!({})),
    ];
    let (read, found) = input(&world);
    assert_eq!(found, 0);
    let tidy = tidy(&read, &all_known());
    let lines: Vec<String> = tidy
        .caches
        .iter()
        .map(|cache| format!("{} {}: {}", cache.name, cache.verdict, cache.reason))
        .collect();
    assert_eq!(
        lines,
        [
            "name-of-imc-left leftover: no ImageCache has the uid `gone` of its tag",
            "never never-matched: no pod has started from it since 2026-01-01T00:00:00Z",
            "unused unused: no pod has started from it since 2026-02-02T00:00:00Z",
            "web1 superseded-by: `imc-web2` has a later version of each image",
            "name-of-imc-other blocked: not ours: no tag and no ImageCache says so",
            "web2 keep: Pod/shop/web would start from it",
        ]
    );
    assert_eq!(
        of(&tidy, "imc-web1")
            .by
            .as_ref()
            .unwrap()
            .image_cache_id
            .as_deref(),
        Some("imc-web2")
    );
    assert_eq!(
        of(&tidy, "imc-unused").since,
        Some(time("2026-02-02T00:00:00Z"))
    );
    assert_eq!(
        of(&tidy, "imc-other").otherwise,
        Some(TidyVerdict::NeverMatched)
    );
    assert_eq!(
        of(&tidy, "imc-left").target,
        Some(TidyTarget::Cache {
            image_cache_id: "imc-left".to_owned()
        })
    );
    assert_eq!(
        of(&tidy, "imc-web1").target,
        Some(TidyTarget::ImageCache {
            name: "web1".to_owned(),
            uid: "uid-web1".to_owned(),
            resource_version: "7".to_owned(),
        })
    );
    // the order of documents does not matter
    let mut reversed = world.to_vec();
    reversed.reverse();
    assert_eq!(verdicts(&reversed, &all_known()), tidy);
}

#[test]
fn tidy_recognises_automatic_caches() {
    let mut auto = entry("imc-auto", &["a:1"], OLD, None, None);
    auto["ImageCacheName"] = json!("auto-create-for-eci-7");
    let mut options = all_known();
    let plain = verdicts(&[auto.clone()], &options);
    assert_eq!(of(&plain, "imc-auto").blocks, [TidyBlock::Automatic]);
    assert_eq!((plain.manual.used, plain.automatic.used), (0, 1));
    options.others = true;
    let others = verdicts(&[auto], &options);
    assert_eq!(of(&others, "imc-auto").verdict, TidyVerdict::NeverMatched);
    assert_eq!(
        (others.manual.removable, others.automatic.removable),
        (0, 1)
    );
}

#[test]
fn tidy_of_a_group_that_is_silent_blocks_its_images() {
    let cache = entry("imc-a", &["a:1"], OLD, None, Some("gone"));
    let blocked = |group: Value| {
        let tidy = verdicts(&[cache.clone(), group], &all_known());
        let blocks = &of(&tidy, "imc-a").blocks;
        blocks.first().map(ToString::to_string)
    };
    assert_eq!(blocked(group("g", Some("b:1"), None)), None);
    let silent = "usage unknown: container group g does not say which cache it uses";
    assert_eq!(
        blocked(group("g", Some("docker.io/library/a:1"), None)).as_deref(),
        Some(silent)
    );
    assert_eq!(blocked(group("g", None, None)).as_deref(), Some(silent));
    let hit = "[eci.imagecache]Successfully hit image cache imc-a, eci will be scheduled with this image cache.";
    assert_eq!(
        blocked(group("g", None, Some(hit))).as_deref(),
        Some("in use by container group g")
    );
    let old = "Successfully hit image cache s-imc-a.";
    assert_eq!(
        blocked(group("g", None, Some(old))).as_deref(),
        Some("in use by container group g")
    );
    let mut missed = group("g", Some("a:1"), None);
    missed["ContainerGroups"][0]["Events"] =
        json!([{"Reason": "ImageCacheMissed", "Message": "…"}]);
    assert_eq!(blocked(missed), None);
    let mut ended = group("g", None, Some(hit));
    ended["ContainerGroups"][0]["Status"] = json!("Succeeded");
    assert_eq!(blocked(ended), None);
}

#[test]
fn tidy_of_what_cannot_be_read_deletes_nothing() {
    let cache = entry("imc-a", &["a:1"], OLD, None, Some("gone"));
    for broken in [
        json!({"ContainerGroups": 7}),
        json!({"ContainerGroups": [7]}),
        json!({"ContainerGroups": [], "NextToken": "AAA"}),
        json!({"kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": 7}}),
        json!([7]),
        json!({"ImageCacheId": "imc-b", "Images": ["b:1"], "LastMatchedTime": "soon"}),
        // The labels of the namespace decide whether its pods name the cache.
        json!([
            {"apiVersion": "eci.aliyun.com/v1beta1", "kind": "Selector", "metadata": {"name": "s"}, "spec": {
                "namespaceLabels": {"matchLabels": {"team": "a"}},
                "effect": {"annotations": {"k8s.aliyun.com/eci-imc-id": "imc-a"}}}},
            {"kind": "Pod", "metadata": {"name": "p", "namespace": "shop"},
                "spec": {"containers": [{"name": "c", "image": "z:1"}]}},
        ]),
    ] {
        let (read, found) = input(&[cache.clone(), broken.clone()]);
        let mut done = read.clone();
        done.finish();
        let named = found + done.missing.len();
        assert!(named > 0, "{broken}");
        let tidy = tidy(&read, &all_known());
        assert_eq!(tidy.removable().count(), 0, "{broken}");
    }
}

/// What the controller reads as a reason to keep a cache keeps it here, too.
#[test]
fn tidy_reads_annotations_as_the_controller_does() {
    let policy = "imagecache.eci.alibabacloud.com/deletion-policy";
    let paused = "imagecache.eci.alibabacloud.com/paused";
    for (annotation, value, blocks) in [
        (policy, "Retain", true),
        (policy, " Retain ", true),
        (policy, "Keep", true),
        (policy, "Delete", false),
        (paused, " TRUE", true),
        (paused, "false", false),
        (paused, "1", false),
    ] {
        let mut object = object("a", "imc-a", &["a:1"]);
        object["metadata"]["annotations"] = json!({annotation: value});
        let tidy = verdicts(
            &[entry("imc-a", &["a:1"], OLD, None, Some("uid-a")), object],
            &all_known(),
        );
        let expected: &[TidyBlock] = match (blocks, annotation == policy) {
            (false, _) => &[],
            (true, true) => &[TidyBlock::Retained(
                "imagecache.eci.alibabacloud.com/deletion-policy",
            )],
            (true, false) => &[TidyBlock::Retained(
                "imagecache.eci.alibabacloud.com/paused",
            )],
        };
        assert_eq!(of(&tidy, "imc-a").blocks, expected, "{annotation}: {value}");
    }
}

#[test]
fn tidy_of_parts_is_that_of_the_whole() {
    let world = [
        entry("imc-left", &["a:1"], OLD, None, Some("gone")),
        entry("imc-b", &["b:1"], OLD, Some(RECENT), Some("uid-b")),
        json!([
            object("b", "imc-b", &["b:1"]),
            pod("web", "b:1", &json!({}))
        ]),
        group("g", Some("c:1"), None),
        json!({"ImageCaches": [], "NextToken": "AAA"}),
        json!([7]),
    ];
    let mut parts = TidyInput::default();
    for document in &world {
        parts.append(input(std::slice::from_ref(document)).0);
    }
    let (mut whole, _) = input(&world);
    assert_eq!(tidy(&parts, &all_known()), tidy(&whole, &all_known()));
    parts.finish();
    whole.finish();
    let counts = |input: &TidyInput| (input.groups, input.others, input.unread, input.empty_lists);
    assert_eq!(counts(&parts), counts(&whole));
    assert_eq!(parts.missing, whole.missing);
    assert_eq!(parts.empty_lists, 1);
}

#[test]
fn tidy_quota_forecast_counts_kinds_apart() {
    let mut world: Vec<Value> = (0..6)
        .map(|n| {
            entry(
                &format!("imc-{n}"),
                &["a:1"],
                "2026-05-20T00:00:00Z",
                None,
                None,
            )
        })
        .collect();
    world[0]["ExpireDateTime"] = json!("2026-06-10T00:00:00Z");
    world[0]["RetentionDays"] = Value::Null;
    world[5]["ImageCacheName"] = json!("auto-create-for-eci-1");
    let mut options = all_known();
    options.quotas.manual = Some(21);
    let tidy = verdicts(&world, &options);
    assert_eq!(
        (tidy.manual.used, tidy.manual.made, tidy.manual.ending),
        (5, 5, 1)
    );
    // 16 are left, 4 more in 30 days
    assert_eq!(tidy.manual.full_in_days, Some(120));
    assert_eq!((tidy.automatic.used, tidy.automatic.most), (1, None));
    assert_eq!(tidy.automatic.full_in_days, None);
}

/// One small case: a cache, and everything that may block it.
#[derive(Debug, Clone, Copy)]
struct Small {
    phase: &'static str,
    created: Option<&'static str>,
    used: Option<&'static str>,
    owner: Ownership,
    retained: bool,
    automatic: bool,
    later: bool,
    user: User,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ownership {
    Unowned,
    TagOnly,
    TagAndObject,
    ObjectOnly,
    TwoObjects,
    /// The status of the object that the tag names has no id.
    TagOfObjectWithoutId,
    /// The object names the cache, and the tag is that of another object.
    TagOfAnother,
    /// As before, and the object takes the cache over.
    Adopted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum User {
    None,
    Group,
    GroupBySnapshot,
    SilentGroup,
    Pod,
    PinnedByPod,
    Workload,
    NotListed,
    Unreadable,
}

impl Small {
    fn documents(self) -> Vec<Value> {
        let tag = match self.owner {
            Ownership::TagOnly | Ownership::TagAndObject | Ownership::TagOfObjectWithoutId => {
                Some("uid-a")
            }
            Ownership::TagOfAnother | Ownership::Adopted => Some("uid-gone"),
            _ => None,
        };
        let mut cache = entry("imc-a", &["a:1"], OLD, self.used, tag);
        cache["Status"] = json!(self.phase);
        cache["CreationTime"] = json!(self.created);
        if self.automatic {
            cache["ImageCacheName"] = json!("auto-create-for-eci-9");
        }
        let mut world = Vec::new();
        let objects = match self.owner {
            Ownership::Unowned | Ownership::TagOnly => 0,
            Ownership::TwoObjects => 2,
            _ => 1,
        };
        for name in ["a", "b"].iter().take(objects) {
            let mut object = object(name, "imc-a", &["a:1"]);
            object["metadata"]["creationTimestamp"] = json!(self.created);
            object["status"]["phase"] = json!(self.phase);
            if self.automatic {
                object["metadata"]["name"] = json!("auto-create-for-eci-9");
            }
            let annotations = &mut object["metadata"]["annotations"];
            *annotations = json!({});
            if self.retained {
                annotations["imagecache.eci.alibabacloud.com/deletion-policy"] = json!("Retain");
            }
            if self.owner == Ownership::Adopted {
                annotations["imagecache.eci.alibabacloud.com/adopt"] = json!("imc-a");
            }
            if self.owner == Ownership::TagOfObjectWithoutId {
                object["status"] = json!({});
            }
            world.push(object);
        }
        if self.user != User::NotListed {
            world.push(cache);
        }
        if self.later {
            // Keeps its place: a pod would start from it.
            let mut later = entry(
                "imc-z",
                &["a:2"],
                "2026-03-01T00:00:00Z",
                Some(RECENT),
                None,
            );
            if objects > 0 {
                // architecture and system of objects are known, those of entries are not
                later = object("z", "imc-z", &["a:2"]);
                later["metadata"]["creationTimestamp"] = json!("2026-03-01T00:00:00Z");
            }
            world.push(later);
            world.push(pod("z", "a:2", &json!({})));
        }
        let hit = "Successfully hit image cache";
        world.extend(match self.user {
            User::None | User::NotListed => None,
            User::Group => Some(group("g", None, Some(&format!("{hit} imc-a, eci")))),
            User::GroupBySnapshot => Some(group("g", None, Some(&format!("{hit} s-imc-a.")))),
            User::SilentGroup => Some(group("g", Some("a:1"), None)),
            User::Pod => Some(pod(
                "p",
                "q:1",
                &json!({"k8s.aliyun.com/eci-matched-image-cache": "imc-a"}),
            )),
            User::PinnedByPod => Some(pod(
                "p",
                "q:1",
                &json!({"k8s.aliyun.com/eci-imc-id": "imc-a"}),
            )),
            User::Workload => Some(pod("p", "a:1", &json!({}))),
            User::Unreadable => Some(json!([7])),
        });
        world
    }

    /// Whether the cache may be deleted, written down without the code under test.
    fn may_go(self, options: &TidyOptions) -> bool {
        let old = self.created == Some(OLD);
        let leftover = self.owner == Ownership::TagOnly;
        let candidate = leftover
            || (self.later && self.created.is_some_and(|time| time == OLD))
            || (self.used.is_none() && old)
            || self.used == Some(OLD);
        let ours = self.owner != Ownership::Unowned || options.others;
        candidate
            && old
            && ours
            && self.user == User::None
            && matches!(self.phase, "Ready" | "UpdateFailed")
            && self.used != Some(RECENT)
            && !matches!(
                self.owner,
                Ownership::TwoObjects | Ownership::TagOfObjectWithoutId | Ownership::TagOfAnother
            )
            && !(self.retained
                && matches!(
                    self.owner,
                    Ownership::TagAndObject | Ownership::ObjectOnly | Ownership::Adopted
                ))
            && (!leftover || options.sole_cluster)
            && options.cluster
            && options.cloud
    }
}

fn small_worlds() -> Vec<Small> {
    use Ownership::{
        Adopted, ObjectOnly, TagAndObject, TagOfAnother, TagOfObjectWithoutId, TagOnly, TwoObjects,
        Unowned,
    };
    let mut worlds = Vec::new();
    for phase in ["Ready", "UpdateFailed", "Failed", "Creating", "Thawing"] {
        for created in [Some(OLD), Some(RECENT), None] {
            for used in [None, Some(OLD), Some(RECENT)] {
                for owner in [
                    Unowned,
                    TagOnly,
                    TagAndObject,
                    ObjectOnly,
                    TwoObjects,
                    TagOfObjectWithoutId,
                    TagOfAnother,
                    Adopted,
                ] {
                    for bits in 0..8 {
                        for user in [
                            User::None,
                            User::Group,
                            User::GroupBySnapshot,
                            User::SilentGroup,
                            User::Pod,
                            User::PinnedByPod,
                            User::Workload,
                            User::NotListed,
                            User::Unreadable,
                        ] {
                            // What only repeats another case is left out.
                            let has_objects = !matches!(owner, Unowned | TagOnly);
                            let few = matches!(user, User::None | User::Workload);
                            if (bits & 1 != 0 && !has_objects) || (phase != "Ready" && !few) {
                                continue;
                            }
                            worlds.push(Small {
                                phase,
                                created,
                                used,
                                owner,
                                retained: bits & 1 != 0,
                                automatic: bits & 2 != 0,
                                later: bits & 4 != 0,
                                user,
                            });
                        }
                    }
                }
            }
        }
    }
    worlds
}

#[test]
fn tidy_of_small_worlds_deletes_nothing_blocked() {
    let mut options = vec![all_known()];
    for change in [
        |options: &mut TidyOptions| options.cluster = false,
        |options: &mut TidyOptions| options.cloud = false,
        |options: &mut TidyOptions| options.sole_cluster = false,
        |options: &mut TidyOptions| options.others = true,
    ] {
        let mut changed = all_known();
        change(&mut changed);
        options.push(changed);
    }
    let (mut gone, mut all) = (0, 0);
    for world in small_worlds() {
        let (read, _) = input(&world.documents());
        // What blocks with everything known needs no second proof.
        let some = if world.user == User::None {
            options.len()
        } else {
            1
        };
        for options in options.iter().take(some) {
            let tidy = tidy(&read, options);
            let found = tidy
                .caches
                .iter()
                .find(|cache| cache.image_cache_id.as_deref() == Some("imc-a"));
            let removed = found.is_some_and(|cache| cache.target.is_some());
            assert_eq!(
                removed,
                world.may_go(options),
                "{world:?} {options:?} {found:#?}"
            );
            for cache in &tidy.caches {
                assert_eq!(
                    cache.verdict == TidyVerdict::Blocked,
                    !cache.blocks.is_empty(),
                    "{cache:?}"
                );
                let stays = matches!(cache.verdict, TidyVerdict::Keep | TidyVerdict::Blocked);
                assert_eq!(cache.target.is_none(), stays, "{cache:?}");
            }
            gone += usize::from(removed);
            all += 1;
        }
    }
    assert!(gone > 100, "{gone} of {all}");
}
