//! The store on a disk that fails, and on damaged files.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use redb::StorageBackend;
use redb::backends::InMemoryBackend;

use super::disk::Disk;
use super::{History, Report, Store, Unwritten};
use crate::database;

/// A file in memory that outlives the database, and takes only a limited number of further operations that change it.
#[derive(Debug, Clone)]
struct File {
    bytes: Arc<InMemoryBackend>,
    left: Arc<AtomicI64>,
}

impl File {
    fn new() -> Self {
        File {
            bytes: Arc::new(InMemoryBackend::new()),
            left: Arc::new(AtomicI64::new(i64::MAX)),
        }
    }

    fn fail_after(&self, operations: i64) {
        self.left.store(operations, Ordering::SeqCst);
    }

    fn heal(&self) {
        self.fail_after(i64::MAX);
    }

    fn change(&self) -> io::Result<()> {
        match self.left.fetch_sub(1, Ordering::SeqCst) {
            1.. => Ok(()),
            _ => Err(io::ErrorKind::StorageFull.into()),
        }
    }

    fn store(&self) -> Store {
        let file = self.clone();
        let opener = Box::new(move || database::builder().create_with_backend(file.clone()));
        let (disk, contents) = Disk::open_by(PathBuf::from("memory"), opener).unwrap();
        Store::start(Some(disk), contents, History::default()).unwrap()
    }
}

impl StorageBackend for File {
    fn len(&self) -> io::Result<u64> {
        self.bytes.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.bytes.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change()?;
        self.bytes.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.change()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change()?;
        self.bytes.write(offset, data)
    }
}

async fn put(store: &Store, name: &str, number: u64) -> Result<u64, Unwritten> {
    let key = format!("g/things/{name}");
    let value = serde_json::json!({"metadata": {"name": name, "uid": name}, "number": number});
    let put = store.write(move |transaction| transaction.put(&key, value));
    put.await.map(|object| object.version)
}

fn numbers(store: &Store) -> Vec<(String, u64)> {
    let objects = crate::cluster::export::objects(store);
    let row = |object: &super::Object| {
        let number = object.value["number"].as_u64().unwrap();
        (object.meta("name").to_owned(), number)
    };
    objects.iter().map(|object| row(object)).collect()
}

#[tokio::test]
async fn store_writes_again_when_the_disk_does() {
    let file = File::new();
    let store = file.store();
    put(&store, "a", 1).await.unwrap();
    assert_eq!(store.ready().await, Ok(()));
    file.fail_after(0);
    for number in 2..4 {
        let refused = put(&store, "a", number).await;
        assert!(matches!(refused, Err(Unwritten::Disk(_))), "{refused:?}");
    }
    assert!(store.ready().await.is_err());
    assert_eq!(numbers(&store), [("a".to_owned(), 1)]);
    file.heal();
    tokio::time::sleep(Duration::from_millis(300)).await;
    // without a client that writes, the probe of the readiness does
    assert_eq!(store.ready().await, Ok(()));
    put(&store, "a", 5).await.unwrap();
    drop(store);
    let store = file.store();
    assert_eq!(store.report(), &Report::default());
    assert_eq!(numbers(&store), [("a".to_owned(), 5)]);
}

#[tokio::test]
async fn store_loses_nothing_whichever_operation_fails() {
    for operations in (0..24).step_by(2) {
        let file = File::new();
        let store = file.store();
        let mut acknowledged = 0;
        for number in 1..4 {
            acknowledged = number;
            put(&store, "a", number).await.unwrap();
        }
        file.fail_after(operations);
        for number in 4..9 {
            match put(&store, "a", number).await {
                Ok(_) => acknowledged = number,
                Err(_) => break,
            }
        }
        file.heal();
        tokio::time::sleep(Duration::from_millis(260)).await;
        store.ready().await.unwrap();
        let numbers_now = numbers(&store);
        let [(_, now)] = numbers_now.as_slice() else {
            panic!("{numbers_now:?}");
        };
        // a write without a response may have happened
        let possible = acknowledged..=acknowledged + 1;
        assert!(
            possible.contains(now),
            "{operations}: {now}, {acknowledged}"
        );
        put(&store, "b", 1).await.unwrap();
        drop(store);
        let store = file.store();
        assert_eq!(store.report(), &Report::default(), "{operations}");
        let after = [("a".to_owned(), *now), ("b".to_owned(), 1)];
        assert_eq!(numbers(&store), after, "{operations}");
    }
}
