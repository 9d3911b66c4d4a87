//! `kill -9` while ten clients write and others watch: nothing acknowledged is lost, nothing is seen twice.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread::{sleep, spawn};
use std::time::Duration;

use serde_json::{Value, json};

use super::server::{CACHES, Server, get, merge, post, watch};

const WRITERS: usize = 10;
const ROUNDS: u64 = 4;

fn number(object: &Value) -> u64 {
    object["spec"]["retentionDays"].as_u64().unwrap()
}

fn version(object: &Value) -> u64 {
    let version = object["metadata"]["resourceVersion"].as_str().unwrap();
    version.parse().unwrap()
}

fn name(object: &Value) -> String {
    object["metadata"]["name"].as_str().unwrap().to_owned()
}

/// What the clients know: the newest acknowledged number of each object.
type Acknowledged = Arc<Mutex<BTreeMap<String, u64>>>;

/// Writes until the server is gone; notes what was acknowledged.
fn write(address: std::net::SocketAddr, writer: usize, round: u64, acknowledged: &Acknowledged) {
    let name = format!("w{writer}-{round}");
    let cache = json!({
        "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache",
        "metadata": {"name": name}, "spec": {"images": ["nginx:1.25"], "retentionDays": 1},
    });
    let Some((201, _)) = post(address, CACHES, &cache) else {
        return;
    };
    acknowledged.lock().unwrap().insert(name.clone(), 1);
    for count in 2.. {
        let patch = json!({"spec": {"retentionDays": count}});
        let Some((code, object)) = merge(address, &format!("{CACHES}/{name}"), &patch) else {
            return;
        };
        assert_eq!((code, number(&object)), (200, count));
        acknowledged.lock().unwrap().insert(name.clone(), count);
    }
}

#[test]
fn a_kill_loses_nothing_acknowledged_and_shows_nothing_twice() {
    let directory = tempfile::tempdir().unwrap();
    let acknowledged = Acknowledged::default();
    // what one watcher saw over all rounds, going on each time where it was cut off
    let mut seen: Vec<Value> = Vec::new();
    let mut from: Option<u64> = None;
    for round in 0..ROUNDS {
        let mut server = Server::on(directory.path());
        let address = server.address;
        let (_, list) = get(address, CACHES);
        check(&list, &acknowledged);
        let start = from.unwrap_or_else(|| version(&list));
        let watcher = spawn(move || -> Vec<Value> {
            watch(address, &format!("resourceVersion={start}")).collect()
        });
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let acknowledged = Arc::clone(&acknowledged);
                spawn(move || write(address, writer, round, &acknowledged))
            })
            .collect();
        sleep(Duration::from_millis(300 + 170 * round));
        server.kill();
        for writer in writers {
            writer.join().unwrap();
        }
        seen.extend(watcher.join().unwrap());
        from = Some(seen.last().map_or(start, |event| version(&event["object"])));
    }
    let server = Server::on(directory.path());
    let (_, list) = get(server.address, CACHES);
    check(&list, &acknowledged);
    let start = from.unwrap();
    let query = format!("resourceVersion={start}&timeoutSeconds=1");
    seen.extend(watch(server.address, &query));
    assert!(seen.len() > 100, "only {} changes", seen.len());

    let mut last = 0;
    let mut state: BTreeMap<String, u64> = BTreeMap::new();
    for event in &seen {
        let object = &event["object"];
        assert!(version(object) > last, "{} after {last}", version(object));
        last = version(object);
        let before = state
            .insert(name(object), number(object))
            .unwrap_or_default();
        assert_eq!(
            number(object),
            before + 1,
            "each step of {} once",
            name(object)
        );
        let what = if before == 0 { "ADDED" } else { "MODIFIED" };
        assert_eq!(event["type"], what);
    }
    let items = list["items"].as_array().unwrap();
    let stored: BTreeMap<_, _> = items
        .iter()
        .map(|item| (name(item), number(item)))
        .collect();
    assert_eq!(state, stored, "who watched knows what is stored");
}

/// Everything acknowledged is there; at most the one write that each object had under way is there, too.
fn check(list: &Value, acknowledged: &Acknowledged) {
    let items = list["items"].as_array().unwrap();
    let stored: BTreeMap<_, _> = items
        .iter()
        .map(|item| (name(item), number(item)))
        .collect();
    for (name, count) in acknowledged.lock().unwrap().iter() {
        let stored = stored.get(name).copied().unwrap_or_default();
        assert!(
            (*count..=count + 1).contains(&stored),
            "{name}: {count} was acknowledged, {stored} is there"
        );
    }
}
