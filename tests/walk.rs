//! The three readers of documents (validate, matching, expiry) meet the same objects.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test fails by panicking

use imagecache::diagnostic::{Code, Levels, Report};
use imagecache::document::TextFormat;
use imagecache::expiry::{self, ExpiryInventory, MAX_NESTING};
use imagecache::matching::{self, Inventory, ObjectRole, subjects};
use imagecache::validate::{self, MAX_LIST_DEPTH, ValidateOptions};
use proptest::prelude::*;
use serde_json::{Value, json};

fn object(name: &str) -> Value {
    json!({
        "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache",
        "metadata": {"name": name}, "spec": {"images": ["nginx:1.27"]},
    })
}

/// Paths of the objects that validation meets, those of caches, and of the findings about lists.
fn validated(document: &Value) -> (Vec<String>, Vec<String>, Vec<String>) {
    let options = ValidateOptions::default();
    let found = validate::text(&document.to_string(), TextFormat::Json, &options);
    let caches = found
        .objects
        .iter()
        .filter(|object| object.checked && ["ImageCache", ""].contains(&object.kind.as_str()));
    let caches = caches.map(|object| object.path.clone()).collect();
    let objects = found
        .objects
        .iter()
        .map(|object| object.path.clone())
        .collect();
    let faults = found
        .diagnostics
        .iter()
        .filter(|found| is_of_walk(found.code));
    (objects, caches, faults.map(ToString::to_string).collect())
}

/// Paths of the objects that matching meets, those of caches, and the findings about lists.
fn matched(document: &Value) -> (Vec<String>, Vec<String>, Vec<String>) {
    let levels = Levels::default();
    let mut report = Report::new(&levels);
    let found = subjects(document, &mut report);
    let caches = found
        .iter()
        .filter(|object| object.role == ObjectRole::Cache);
    let caches = caches.map(|object| object.path.clone()).collect();
    let objects = found.iter().map(|object| object.path.clone()).collect();
    let faults = report.finish();
    (
        objects,
        caches,
        faults.iter().map(ToString::to_string).collect(),
    )
}

fn is_of_walk(code: Code) -> bool {
    matches!(code, Code::IC003 | Code::IC004)
}

/// Names of the caches in a document for matching and for expiry, and the findings about lists.
fn names(document: &Value) -> [(Vec<String>, Vec<String>); 2] {
    let levels = Levels::default();
    let mut report = Report::new(&levels);
    let mut inventory = Inventory::default();
    inventory.add(document, &mut report);
    let faults = report.finish().into_iter().filter(|found| {
        // Both readers name caches of other products.
        is_of_walk(found.code) || found.code == Code::IC019 || found.path.ends_with("items")
    });
    let matched = (
        inventory
            .caches
            .into_iter()
            .map(|cache| cache.name)
            .collect(),
        faults.map(|found| found.to_string()).collect(),
    );
    let mut report = Report::new(&levels);
    let mut facts = ExpiryInventory::default();
    facts.add(document, &mut report);
    let facts = facts.caches;
    let expiring = (
        facts.into_iter().filter_map(|facts| facts.name).collect(),
        report.finish().iter().map(ToString::to_string).collect(),
    );
    [matched, expiring]
}

#[test]
fn walk_depth_is_one_constant() {
    assert_eq!(MAX_LIST_DEPTH, imagecache::resource::MAX_LIST_DEPTH);
    assert_eq!(MAX_NESTING, MAX_LIST_DEPTH);
    assert_eq!(matching::MAX_NESTING, MAX_LIST_DEPTH);
    let list = |item: Value| json!({"apiVersion": "v1", "kind": "List", "items": [item]});
    let deepest = (0..MAX_LIST_DEPTH).fold(object("a"), |item, _| list(item));
    for (document, met) in [(deepest.clone(), 1), (list(deepest), 0)] {
        let (objects, caches, faults) = validated(&document);
        assert_eq!(
            (objects.len(), caches.len(), faults.len()),
            (met, met, 1 - met)
        );
        assert_eq!(matched(&document), (objects, caches, faults.clone()));
        let [matched, expiring] = names(&document);
        assert_eq!((matched.0.len(), &matched.1), (met, &faults));
        assert_eq!(expiring, matched);
    }
}

#[test]
fn walk_of_manifests_is_the_same_for_all_readers() {
    let item = json!({"metadata": {"name": "item"}, "spec": {"images": ["nginx:1.27"]}});
    let foreign = json!({"apiVersion": "kubefledged.io/v1alpha3", "kind": "ImageCache", "metadata": {"name": "other"}});
    for (document, paths, named) in [
        (object("a"), vec![""], vec!["a"]),
        (foreign.clone(), vec![], vec![]),
        (
            json!({"apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCacheList", "items": [item, object("b"), 7, null]}),
            vec!["items[0]", "items[1]"],
            vec!["item", "b"],
        ),
        // The items take over the group of another product.
        (
            json!({"apiVersion": "kubefledged.io/v1alpha3", "kind": "ImageCacheList", "items": [item]}),
            vec![],
            vec![],
        ),
        (
            json!({"apiVersion": "v1", "kind": "List", "spec": {}, "items": [foreign, object("c")]}),
            vec!["items[1]"],
            vec!["c"],
        ),
        // `kubectl` opens the items of any kind.
        (
            json!({"apiVersion": "v1", "kind": "ConfigMap", "spec": {}, "items": [object("d")]}),
            vec!["items[0]"],
            vec!["d"],
        ),
        (
            json!({"apiVersion": "example.com/v1", "kind": "AllowList", "spec": {"entries": []}}),
            vec![],
            vec![],
        ),
        // An object of this group without a kind can only be an ImageCache.
        (
            json!({"apiVersion": "eci.alibabacloud.com/v1", "metadata": {"name": "e"}, "spec": {"images": ["a"]}}),
            vec![""],
            vec!["e"],
        ),
    ] {
        let (objects, caches, faults) = validated(&document);
        assert_eq!(caches, paths, "{document}");
        assert_eq!(matched(&document), (objects, caches, faults), "{document}");
        let [matched, expiring] = names(&document);
        assert_eq!(matched.0, named, "{document}");
        assert_eq!(expiring, matched, "{document}");
    }
}

#[test]
fn walk_reports_lists_that_are_not_lists() {
    for (document, message) in [
        (
            json!({"apiVersion": "v1", "kind": "List", "items": 3}),
            "items: expected a list, found the number `3`",
        ),
        (
            json!({"ImageCaches": {}}),
            "ImageCaches: expected a list, found an object",
        ),
        (
            json!({"body": {"imageCaches": 1}}),
            "body.imageCaches: expected a list, found the number `1`",
        ),
        (
            json!({"ImageCaches": [null]}),
            "ImageCaches[0]: expected an image cache, found null",
        ),
    ] {
        let levels = Levels::default();
        let mut report = Report::new(&levels);
        Inventory::default().add(&document, &mut report);
        assert_eq!(report.finish()[0].to_string(), message);
        let mut report = Report::new(&levels);
        let mut inventory = ExpiryInventory::default();
        inventory.add(&document, &mut report);
        assert_eq!((inventory.caches, inventory.unread), (vec![], 1));
        assert_eq!(report.finish()[0].to_string(), message);
        assert_eq!(expiry::facts(&document), []);
    }
}

/// Objects and everything that holds objects, nested at random. `manifests`: only what `kubectl` takes.
fn documents(manifests: bool) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        "[a-z]{1,3}".prop_map(|name| object(&name)),
        Just(
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"image": "a"}]}})
        ),
        Just(
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "items": [1]})
        ),
        Just(json!("text")),
    ];
    leaf.prop_recursive(12, 40, 3, move |inner| {
        let items = proptest::collection::vec(inner, 0..3);
        (items, 0..if manifests { 3 } else { 7 }).prop_map(|(items, form)| match form {
            0 => json!({"apiVersion": "v1", "kind": "List", "items": items}),
            1 => json!({"apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCacheList", "items": items}),
            2 => json!({"apiVersion": "v1", "kind": "List"}),
            3 => json!(items),
            4 => json!({"items": items}),
            5 => json!({"ImageCaches": items.iter().filter_map(|item| item.get("metadata")).map(|metadata| {
                json!({"imageCacheName": metadata["name"], "images": ["a"]})
            }).collect::<Vec<_>>()}),
            _ => json!({"statusCode": 200, "body": {"ImageCaches": [{"ImageCacheId": "imc-1", "ImageCacheName": "n", "Images": ["a"]}]}}),
        })
    })
}

proptest! {
    #[test]
    fn walk_of_random_manifests_meets_the_same(document in documents(true)) {
        prop_assert_eq!(matched(&document), validated(&document));
    }

    #[test]
    fn walk_of_random_documents_finds_the_same_caches(document in documents(false)) {
        let [matched, expiring] = names(&document);
        prop_assert_eq!(matched, expiring);
    }
}
