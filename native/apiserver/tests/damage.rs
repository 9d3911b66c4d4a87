//! Files of the store that are not what was written, and what is left of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panic

use std::collections::BTreeMap;
use std::path::Path;

use imagecache_apiserver::cluster::export;
use imagecache_apiserver::cluster::store::{History, Report, Store, Unopened, Unwritten};
use redb::{Database, TableDefinition};
use serde_json::{Value, json};
use tempfile::TempDir;

const FILE: &str = "cluster.redb";

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

fn put(store: &Store, name: &str, text: &str) {
    let key = format!("g/things/{name}");
    let value = json!({"metadata": {"name": name, "uid": name}, "text": text});
    let put = store.write(move |transaction| transaction.put(&key, value));
    block_on(put).unwrap();
}

/// The objects by name, as text.
fn objects(store: &Store) -> BTreeMap<String, Value> {
    let objects = export::objects(store);
    let named = objects.iter();
    named
        .map(|object| (object.meta("name").to_owned(), object.value.clone()))
        .collect()
}

/// A file with objects that were written once, changed and deleted.
fn file() -> (TempDir, Vec<u8>, BTreeMap<String, Value>) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(Some(directory.path()), History::default()).unwrap();
    for number in 0..30 {
        put(&store, &format!("a{number}"), &"x".repeat(50 * number));
    }
    for number in 0..10 {
        put(&store, &format!("a{number}"), "changed");
    }
    for number in 25..30 {
        let key = format!("g/things/a{number}");
        let deleted = store.write(move |transaction| {
            transaction.delete(&key);
            Ok::<_, Unwritten>(())
        });
        block_on(deleted).unwrap();
    }
    let objects = objects(&store);
    assert_eq!(objects.len(), 25);
    drop(store);
    let bytes = std::fs::read(directory.path().join(FILE)).unwrap();
    (directory, bytes, objects)
}

/// Opens a damaged file; without it being damaged all objects are served.
fn check(directory: &Path, bytes: &[u8], whole: &BTreeMap<String, Value>, what: &str) -> bool {
    std::fs::write(directory.join(FILE), bytes).unwrap();
    match Store::open(Some(directory), History::default()) {
        Ok(store) => {
            assert_eq!(&objects(&store), whole, "{what}");
            return false;
        }
        Err(error @ Unopened::Damaged(..)) => {
            assert!(error.to_string().contains("--recover"), "{what}: {error}");
        }
        Err(error) => panic!("{what}: {error}"),
    }
    let store = match Store::recover(directory, History::default()) {
        Ok(store) => store,
        Err(error) => panic!("{what}: {error}"),
    };
    let recovered = store.report().recovered.clone().unwrap();
    assert_eq!(std::fs::read(&recovered.kept_as).unwrap(), bytes, "{what}");
    std::fs::remove_file(&recovered.kept_as).unwrap();
    let found = objects(&store);
    for (name, object) in whole {
        if found.get(name) != Some(object) {
            let key = format!("g/things/{name}");
            let named = recovered.lost.iter().any(|lost| lost.key == key);
            assert!(named, "{what}: {name} is lost without a word");
        }
    }
    for name in found.keys().filter(|name| !whole.contains_key(*name)) {
        let key = format!("g/things/{name}");
        let named = recovered.lost.iter().any(|lost| lost.key == key);
        assert!(named, "{what}: {name} is back without a word");
    }
    assert!(recovered.lost.len() <= 2, "{what}: {:?}", recovered.lost);
    put(&store, "new", "");
    true
}

#[test]
fn store_with_any_flipped_bit_is_whole_or_names_recover() {
    let (directory, bytes, whole) = file();
    // `DAMAGED_PLACES` is the number of flipped bits, for a longer run; a bit in an unused page changes nothing
    let used: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
    let mut damaged = 0;
    let places = std::env::var("DAMAGED_PLACES").map_or(60, |places| places.parse().unwrap());
    for (nth, at) in used.iter().enumerate().step_by(used.len() / places) {
        let mut flipped = bytes.clone();
        flipped[*at] ^= 1 << (nth % 8);
        damaged += u32::from(check(
            directory.path(),
            &flipped,
            &whole,
            &format!("byte {at}"),
        ));
    }
    assert!(damaged > 15, "{damaged} damages were noticed");
}

#[test]
fn store_with_an_end_cut_off_is_whole_or_names_recover() {
    let (directory, bytes, whole) = file();
    for part in [1, 5, 9] {
        let cut = &bytes[..bytes.len() * part / 10];
        std::fs::write(directory.path().join(FILE), cut).unwrap();
        let error = Store::open(Some(directory.path()), History::default()).unwrap_err();
        assert!(error.to_string().contains("--recover"), "{part}: {error}");
    }
    assert!(!check(directory.path(), &bytes, &whole, "all of it"));
}

#[test]
fn a_file_without_a_record_is_not_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE);
    std::fs::write(&path, "a file of another program").unwrap();
    let error = Store::recover(directory.path(), History::default()).unwrap_err();
    assert!(
        error.to_string().contains("no record can be read"),
        "{error}"
    );
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        "a file of another program"
    );
}

const OBJECTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("objects");
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");

/// Writes a file as an earlier version did: texts without checksums.
fn earlier(directory: &Path, texts: &[(&str, String)]) {
    let database = Database::create(directory.join(FILE)).unwrap();
    let write = database.begin_write().unwrap();
    {
        let mut objects = write.open_table(OBJECTS).unwrap();
        for (key, text) in texts {
            objects.insert(*key, text.as_bytes()).unwrap();
        }
        let mut numbers = write.open_table(NUMBERS).unwrap();
        for (name, number) in [("format", 1), ("version", 7), ("compacted", 7)] {
            numbers.insert(name, number).unwrap();
        }
    }
    write.commit().unwrap();
}

fn text(name: &str, version: u64) -> String {
    json!({"metadata": {"name": name, "resourceVersion": version.to_string()}}).to_string()
}

#[test]
fn a_record_that_cannot_be_read_is_set_aside_and_the_rest_served() {
    let directory = tempfile::tempdir().unwrap();
    let deep = format!(
        r#"{{"metadata":{{"name":"b","resourceVersion":"6"}},"x":{}{}}}"#,
        "[".repeat(200),
        "]".repeat(200)
    );
    let texts = [
        ("g/things/a", text("a", 5)),
        ("g/things/b", deep),
        ("g/things/c", "{".to_owned()),
        ("g/things/d", text("d", 7)),
    ];
    earlier(directory.path(), &texts);
    for start in ["first", "second"] {
        let store = Store::open(Some(directory.path()), History::default()).unwrap();
        let names: Vec<String> = objects(&store).into_keys().collect();
        assert_eq!(names, ["a", "d"], "{start}");
        let aside = &store.report().aside;
        let keys: Vec<&str> = aside.iter().map(|aside| aside.key.as_str()).collect();
        assert_eq!(keys, ["g/things/b", "g/things/c"], "{start}");
        assert!(aside[0].why.contains("recursion limit"), "{}", aside[0].why);
        // a watcher of the last version learns that it has to list again
        assert!(store.watch("", 7).ready().is_err(), "{start}");
        let mut yaml = Vec::new();
        export::write(&export::objects(&store), aside, &mut yaml).unwrap();
        let yaml = String::from_utf8(yaml).unwrap();
        assert!(
            yaml.starts_with("# not exported: g/things/b: it is not an object: "),
            "{yaml}"
        );
        assert!(
            yaml.ends_with("---\nmetadata:\n  name: a\n---\nmetadata:\n  name: d\n"),
            "{yaml}"
        );
    }
}

#[test]
fn a_file_of_an_earlier_version_is_read_and_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    earlier(directory.path(), &[("g/things/a", text("a", 5))]);
    let store = Store::open(Some(directory.path()), History::default()).unwrap();
    assert_eq!(store.report(), &Report::default());
    put(&store, "b", "new");
    assert_eq!(store.version(), 8);
    drop(store);
    let store = Store::open(Some(directory.path()), History::default()).unwrap();
    assert_eq!(objects(&store).len(), 2);
}
