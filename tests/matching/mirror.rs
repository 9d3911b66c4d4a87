//! A mirror fed by changes answers as an index that is built anew from what there is.

use std::collections::BTreeMap;

use imagecache::diagnostic::{Levels, Report};
use imagecache::matching::{Cache, CacheStore, Index};
use proptest::prelude::*;
use serde_json::{Value, json};

/// One change of a cluster: an object of this name with this id, or none any more.
#[derive(Debug, Clone)]
enum Change {
    Apply(u8, Option<u8>, u8),
    Unreadable(u8),
    Remove(u8),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        4 => (0..5_u8, prop::option::of(0..3_u8), 0..4_u8)
            .prop_map(|(name, id, size)| Change::Apply(name, id, size)),
        1 => (0..5_u8).prop_map(Change::Unreadable),
        2 => (0..5_u8).prop_map(Change::Remove),
    ];
    prop::collection::vec(change, 0..40)
}

fn object(name: u8, id: Option<u8>, size: u8) -> Value {
    let mut object = json!({
        "kind": "ImageCache", "metadata": {"name": format!("cache-{name}")},
        "spec": {"images": [format!("app:{size}")], "imageCacheSize": 20 + i64::from(size)},
        "status": {"phase": "Ready"},
    });
    if let Some(id) = id {
        object["status"]["imageCacheId"] = format!("imc-{id}").into();
    }
    object
}

/// The index of all objects, built at once.
fn rebuilt(objects: &BTreeMap<String, Value>) -> Index {
    let levels = Levels::default();
    let read = |object| Cache::read(object, &mut Report::new(&levels)).unwrap();
    objects.values().map(read).collect()
}

fn sorted(index: &Index) -> Vec<String> {
    let mut caches: Vec<String> = index.iter().map(|cache| format!("{cache:?}")).collect();
    caches.sort();
    caches
}

proptest! {
    #[test]
    fn mirror_equals_a_fresh_index(changes in changes()) {
        let mut mirror = CacheStore::default();
        let mut objects = BTreeMap::new();
        for change in changes {
            match change {
                Change::Apply(name, id, size) => {
                    let object = object(name, id, size);
                    mirror.apply(&object);
                    objects.insert(format!("cache-{name}"), object);
                }
                Change::Unreadable(name) => {
                    // A name that is there and a cache that is not: the entry has a spec of the wrong form.
                    let object = json!({"metadata": {"name": format!("cache-{name}")}, "spec": 7});
                    mirror.apply(&object);
                    objects.insert(format!("cache-{name}"), object);
                }
                Change::Remove(name) => {
                    mirror.remove(&format!("cache-{name}"));
                    objects.remove(&format!("cache-{name}"));
                }
            }
            prop_assert_eq!(sorted(mirror.index()), sorted(&rebuilt(&objects)));
            prop_assert_eq!(mirror.len(), objects.len());
        }
    }
}

#[test]
fn mirror_object_without_name_changes_nothing() {
    let mut mirror = CacheStore::default();
    for odd in [
        json!(null),
        json!([]),
        json!({"kind": "ImageCache"}),
        json!({"metadata": {"name": 7}}),
    ] {
        mirror.apply(&odd);
    }
    mirror.remove("never-there");
    assert!(mirror.is_empty() && mirror.index().is_empty());
}
