//! The store beside a slow, obvious model of it; many at once; across restarts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panic

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use imagecache_apiserver::cluster::store::{
    Change, Compacted, History, List, Object, Page, Store, Unwritten,
};
use imagecache_apiserver::limits::OBJECT_BYTES;
use proptest::prelude::*;
use serde_json::{Value, json};

const ALL: &str = "g/things/";

fn object(name: &str, number: u32) -> Value {
    json!({"metadata": {"name": name, "uid": format!("uid-{name}")}, "spec": {"number": number}})
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

async fn put(store: &Store, name: &str, number: u32) -> u64 {
    let (key, value) = (format!("{ALL}{name}"), object(name, number));
    let put = store.write(move |transaction| transaction.put(&key, value));
    put.await.unwrap().version
}

async fn delete(store: &Store, name: &str) -> Option<u64> {
    let key = format!("{ALL}{name}");
    let deleted = store
        .write(move |transaction| Ok::<_, Unwritten>(transaction.delete(&key)))
        .await;
    deleted.unwrap().map(|object| object.version)
}

fn list(store: &Store, at: Option<u64>) -> Result<Page, Compacted> {
    list_from(store, at, None, None)
}

fn list_from(
    store: &Store,
    at: Option<u64>,
    from: Option<&str>,
    limit: Option<usize>,
) -> Result<Page, Compacted> {
    store.list(&List {
        prefix: ALL,
        at,
        from,
        limit,
        keep: &|_| true,
    })
}

/// What a list says: name, number, version.
type Row = (String, u64, u64);

fn row(object: &Object) -> Row {
    let number = object.value["spec"]["number"].as_u64().unwrap();
    let parsed: Value = serde_json::from_slice(&object.text).unwrap();
    assert_eq!(parsed, object.value, "text and value are one");
    assert_eq!(object.meta("resourceVersion"), object.version.to_string());
    (object.meta("name").to_owned(), number, object.version)
}

fn rows(page: &Page) -> Vec<Row> {
    page.items.iter().map(|object| row(object)).collect()
}

/// What a watcher sees: version, what happened, name, number.
type Seen = (u64, &'static str, String, u64);

fn seen(change: &Change) -> Seen {
    let what = match (&change.old, change.deleted) {
        (_, true) => "DELETED",
        (None, false) => "ADDED",
        (Some(_), false) => "MODIFIED",
    };
    let (name, number, version) = row(&change.object);
    assert_eq!(version, change.version);
    (version, what, name, number)
}

/// The model: everything that ever happened.
#[derive(Default)]
struct Model {
    changes: Vec<Seen>,
    compacted: u64,
}

impl Model {
    fn version(&self) -> u64 {
        self.changes.last().map_or(0, |change| change.0)
    }

    fn at(&self, version: u64) -> Vec<Row> {
        let mut objects = BTreeMap::new();
        for (changed, what, name, number) in &self.changes {
            if *changed <= version {
                match *what {
                    "DELETED" => objects.remove(name),
                    _ => objects.insert(name.clone(), (*number, *changed)),
                };
            }
        }
        let rows = objects.into_iter();
        rows.map(|(name, (number, version))| (name, number, version))
            .collect()
    }

    fn after(&self, version: u64) -> Vec<Seen> {
        let changes = self.changes.iter();
        changes
            .filter(|change| change.0 > version)
            .cloned()
            .collect()
    }

    fn push(&mut self, version: u64, what: Option<&'static str>, name: &str, number: u64) {
        let is_there = self.at(u64::MAX).iter().any(|row| row.0 == name);
        let what = what.unwrap_or(if is_there { "MODIFIED" } else { "ADDED" });
        self.changes.push((version, what, name.to_owned(), number));
    }
}

#[derive(Debug, Clone)]
enum Step {
    Put(u8, u32),
    Delete(u8),
    /// A decision that writes twice and then errs.
    Refuse(u8, u32),
    /// A list at an old version, with the number of versions back and the size of its pages.
    List(u64, usize),
    Watch(u64),
    Compact,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..8u8, 0..1000u32).prop_map(|(name, number)| Step::Put(name, number)),
        3 => (0..8u8).prop_map(Step::Delete),
        1 => (0..8u8, 0..1000u32).prop_map(|(name, number)| Step::Refuse(name, number)),
        2 => (0..12u64, 1..5usize).prop_map(|(ago, limit)| Step::List(ago, limit)),
        2 => (0..12u64).prop_map(Step::Watch),
        1 => Just(Step::Compact),
        1 => Just(Step::Reopen),
    ]
}

fn name(number: u8) -> String {
    // names of which one is the beginning of another, and with the characters around the separator
    ["a", "a-b", "a.b", "a0", "ab", "b", "b-", "c"][usize::from(number)].to_owned()
}

async fn check(steps: &[Step], directory: Option<&Path>, history: History) {
    let mut model = Model::default();
    let mut store = Store::open(directory, history).unwrap();
    for step in steps {
        match step {
            Step::Put(thing, number) => {
                let version = put(&store, &name(*thing), *number).await;
                assert_eq!(version, model.version() + 1);
                model.push(version, None, &name(*thing), u64::from(*number));
            }
            Step::Delete(thing) => {
                let rows = model.at(u64::MAX);
                let row = rows.iter().find(|row| row.0 == name(*thing));
                let deleted = delete(&store, &name(*thing)).await;
                assert_eq!(deleted, row.map(|_| model.version() + 1));
                if let (Some(version), Some(row)) = (deleted, row) {
                    model.push(version, Some("DELETED"), &row.0, row.1);
                }
            }
            Step::Refuse(thing, number) => {
                let (thing, number) = (name(*thing), *number);
                let refused = store.write(move |transaction| {
                    let key = format!("{ALL}{thing}");
                    transaction.put(&key, object(&thing, number))?;
                    transaction.delete(&key);
                    transaction.put(&key, object(&thing, number + 1))?;
                    Err::<(), _>(Unwritten::Full)
                });
                assert_eq!(refused.await, Err(Unwritten::Full));
            }
            Step::List(ago, limit) => {
                let at = model.version().saturating_sub(*ago);
                match paged(&store, at, *limit) {
                    Ok(rows) => assert_eq!(rows, model.at(at), "as of {at}"),
                    Err(Compacted { oldest }) => assert!(at < oldest, "{at} is in the log"),
                }
            }
            Step::Watch(ago) => {
                let version = model.version().saturating_sub(*ago);
                match store.watch(ALL, version).ready() {
                    Ok(changes) => {
                        let changes: Vec<_> = changes.iter().map(|change| seen(change)).collect();
                        assert_eq!(changes, model.after(version), "after {version}");
                    }
                    Err(Compacted { oldest }) => assert!(version < oldest),
                }
            }
            Step::Compact => {
                store.compact().await.unwrap();
                model.compacted = model.version();
            }
            Step::Reopen if directory.is_some() => {
                drop(store);
                store = Store::open(directory, history).unwrap();
            }
            Step::Reopen => {}
        }
        assert_eq!(store.version(), model.version());
        assert!(store.oldest() >= model.compacted);
        let kept = model.version() - store.oldest();
        assert!(kept <= u64::try_from(history.changes).unwrap());
        assert_eq!(rows(&list(&store, None).unwrap()), model.at(u64::MAX));
    }
}

/// A whole list as of a version, page by page.
fn paged(store: &Store, at: u64, limit: usize) -> Result<Vec<Row>, Compacted> {
    let mut all = Vec::new();
    let mut from: Option<String> = None;
    loop {
        let page = list_from(store, Some(at), from.as_deref(), Some(limit))?;
        assert_eq!(page.version, at);
        all.extend(rows(&page));
        let Some(last) = &page.more_after else {
            assert_eq!(page.following, 0);
            return Ok(all);
        };
        assert_eq!(page.items.len(), limit);
        let whole = list(store, Some(at))?.items.len();
        assert_eq!(all.len() + page.following, whole);
        from = Some(format!("{last}\0"));
    }
}

const SHORT: History = History {
    changes: 10,
    bytes: usize::MAX,
};

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]
    #[test]
    fn a_store_in_memory_is_its_model(steps in prop::collection::vec(step(), 0..60)) {
        block_on(check(&steps, None, SHORT));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn a_store_on_disk_is_its_model_across_restarts(steps in prop::collection::vec(step(), 0..40)) {
        let directory = tempfile::tempdir().unwrap();
        block_on(check(&steps, Some(directory.path()), SHORT));
    }
}

#[test]
fn the_past_is_bounded_in_bytes_too() {
    let history = History {
        changes: usize::MAX,
        bytes: 20_000,
    };
    let store = Store::open(None, history).unwrap();
    block_on(async {
        for number in 0..200 {
            put(&store, "a", number).await;
        }
    });
    let kept = store.version() - store.oldest();
    assert!((1..100).contains(&kept), "{kept} changes are kept");
}

#[test]
fn store_object_beyond_limit_changes_nothing() {
    let store = Store::open(None, History::default()).unwrap();
    let mut large = object("a", 1);
    large["spec"]["text"] = "x".repeat(OBJECT_BYTES).into();
    let refused = block_on(store.write(move |transaction| transaction.put("g/things/a", large)));
    assert_eq!(refused.unwrap_err(), Unwritten::TooLarge);
    assert_eq!(store.version(), 0);
    assert!(store.get("g/things/a").is_none());
}

#[test]
fn store_survives_a_decision_that_panics() {
    let store = Store::open(None, History::default()).unwrap();
    block_on(async {
        let lost = store.write(|transaction| {
            transaction.put("g/things/a", object("a", 1))?;
            panic!("a decision with a bug");
            #[expect(unreachable_code)]
            Ok::<(), Unwritten>(())
        });
        assert_eq!(lost.await, Err(Unwritten::Closed));
        assert!(store.get("g/things/a").is_none());
        assert_eq!(put(&store, "b", 2).await, 1);
    });
}

#[test]
fn a_directory_serves_one_process_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let first = Store::open(Some(directory.path()), History::default()).unwrap();
    let second = Store::open(Some(directory.path()), History::default()).unwrap_err();
    assert!(second.to_string().contains("is open in another process"));
    drop(first);
    Store::open(Some(directory.path()), History::default()).unwrap();
}

#[test]
fn store_open_refuses_another_file() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("cluster.redb"), "not a database").unwrap();
    Store::open(Some(directory.path()), History::default()).unwrap_err();
}

#[test]
fn owners_are_found_by_uid() {
    let store = Store::open(None, History::default()).unwrap();
    block_on(async {
        put(&store, "owner", 1).await;
        let mut child = object("child", 2);
        child["metadata"]["ownerReferences"] = json!([{"uid": "uid-owner"}]);
        let owned = store.write(move |transaction| transaction.put("g/things/child", child));
        owned.await.unwrap();
        let found = |store: &Store| {
            store.rehearse(|transaction| {
                Ok::<_, Unwritten>((
                    transaction.dependents("uid-owner").len(),
                    transaction.key_of_uid("uid-owner"),
                ))
            })
        };
        assert_eq!(found(&store).unwrap(), (1, Some("g/things/owner".into())));
        delete(&store, "child").await;
        assert_eq!(found(&store).unwrap().0, 0);
    });
}

/// Ten writers count together in ten objects; ten watchers see every step once, in order.
#[test]
fn store_ten_writers_and_watchers_lose_nothing() {
    const STEPS: u64 = 50;
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(Some(directory.path()), History::default()).unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    runtime.block_on(async {
        let watchers: Vec<_> = (0..10)
            .map(|_| {
                let mut watch = store.watch(ALL, 0);
                tokio::spawn(async move {
                    let mut versions = Vec::new();
                    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
                    while versions.len() < 10 * 10 * usize::try_from(STEPS).unwrap() {
                        for change in watch.next().await.unwrap() {
                            let (version, _, name, count) = seen(&change);
                            let last = counts.insert(name, count).unwrap_or_default();
                            assert_eq!(count, last + 1, "every step of an object once, in order");
                            versions.push(version);
                        }
                    }
                    assert!(versions.iter().copied().eq(1..=10 * 10 * STEPS));
                })
            })
            .collect();
        let writers: Vec<_> = (0..10)
            .map(|_| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    for _ in 0..STEPS {
                        for thing in 0..10 {
                            let key = format!("{ALL}{thing}");
                            let counted = store.write(move |transaction| {
                                let old = transaction.get(&key);
                                let count = old.map_or(0, |old| row(&old).1);
                                let count = u32::try_from(count + 1).unwrap();
                                transaction.put(&key, object(&thing.to_string(), count))
                            });
                            counted.await.unwrap();
                        }
                    }
                })
            })
            .collect();
        for task in watchers.into_iter().chain(writers) {
            task.await.unwrap();
        }
    });
    let counts = |store: &Store| rows(&list(store, None).unwrap());
    let all: u64 = counts(&store).iter().map(|row| row.1).sum();
    assert_eq!(all, 10 * 10 * STEPS);
    let before = counts(&store);
    drop(store);
    let store = Store::open(Some(directory.path()), History::default()).unwrap();
    assert_eq!(counts(&store), before);
}
