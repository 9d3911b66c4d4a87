//! The API server: its store and what its writes compute, with the time and the uids of the simulation.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use imagecache::resource::{GROUP, PLURAL, VERSION};
use imagecache::time::Timestamp;
use imagecache_apiserver::api::options::{DeleteOptions, WriteOptions};
use imagecache_apiserver::api::patch::PatchKind;
use imagecache_apiserver::api::write::{self, Context, Effect, Outcome, Subresource};
use imagecache_apiserver::api::{ApiError, Resource};
use imagecache_apiserver::cluster::Cluster;
use imagecache_apiserver::cluster::store::{self, Compacted, History, Store, Unwritten, Watch};
use imagecache_simulator::cluster;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// Changes that the store remembers: few, so that watches expire.
const HISTORY: usize = 40;

pub(crate) struct Server {
    store: Store,
    /// Where the store is, unless it is in memory.
    folder: Option<TempDir>,
    runtime: Runtime,
    resource: Arc<Resource>,
    uids: u64,
    /// Every object as its last write was acknowledged.
    acknowledged: BTreeMap<String, Value>,
}

/// The resource of ImageCaches, from the definition that `imagecache serve` has.
fn resource(runtime: &Runtime) -> Arc<Resource> {
    static RESOURCE: OnceLock<Arc<Resource>> = OnceLock::new();
    let of_server = || {
        let cluster = runtime.block_on(Cluster::open(cluster::config(None, None)));
        let place = cluster.unwrap().place((GROUP, VERSION, PLURAL), None, None);
        place.unwrap().resource
    };
    Arc::clone(RESOURCE.get_or_init(of_server))
}

fn history() -> History {
    History {
        changes: HISTORY,
        ..History::default()
    }
}

fn key(name: &str) -> String {
    store::key(GROUP, PLURAL, None, name)
}

pub(crate) fn name_of(key: &str) -> &str {
    key.rsplit('/').next().unwrap()
}

impl Server {
    pub(crate) fn new(on_disk: bool) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let folder = on_disk.then(|| tempfile::tempdir().unwrap());
        Server {
            store: Store::open(folder.as_ref().map(TempDir::path), history()).unwrap(),
            folder,
            resource: resource(&runtime),
            runtime,
            uids: 0,
            acknowledged: BTreeMap::new(),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<Value> {
        Some(self.store.get(&key(name))?.value.clone())
    }

    /// Every object, and the version from which a watch goes on.
    pub(crate) fn list(&self) -> (Vec<Value>, u64) {
        let page = self.store.list(&store::List {
            prefix: &store::prefix(GROUP, PLURAL, None),
            at: None,
            from: None,
            limit: None,
            keep: &|_| true,
        });
        let page = page.unwrap();
        let objects = page.items.iter().map(|object| object.value.clone());
        (objects.collect(), page.version)
    }

    pub(crate) fn watch(&self, version: u64) -> Watch {
        self.store
            .watch(&store::prefix(GROUP, PLURAL, None), version)
    }

    pub(crate) fn create(&mut self, object: &Value, now: Timestamp) -> Result<Value, ApiError> {
        let name = object["metadata"]["name"].as_str().unwrap();
        if self.get(name).is_some() {
            return Err(ApiError::already_exists(&self.resource, name, false));
        }
        let body = object.to_string();
        self.write(
            name,
            Subresource::None,
            "author",
            now,
            |resource, _, context| {
                write::create(resource, body.as_bytes(), Some("application/json"), context)
            },
        )
    }

    /// A JSON merge patch, as controllers and people send it.
    pub(crate) fn patch(
        &mut self,
        name: &str,
        part: Subresource,
        patch: &Value,
        now: Timestamp,
    ) -> Result<Value, ApiError> {
        let body = patch.to_string();
        self.write(name, part, "soak", now, |resource, live, context| {
            write::patch(resource, live, PatchKind::Merge, body.as_bytes(), context)
        })
    }

    pub(crate) fn delete(&mut self, name: &str, now: Timestamp) -> Result<Value, ApiError> {
        self.write(
            name,
            Subresource::None,
            "author",
            now,
            |resource, live, _| {
                let live = live.ok_or_else(|| ApiError::not_found(resource, name))?;
                write::delete(resource, live, &DeleteOptions::default(), now)
            },
        )
    }

    fn write(
        &mut self,
        name: &str,
        subresource: Subresource,
        manager: &str,
        now: Timestamp,
        verb: impl FnOnce(&Resource, Option<&Value>, &Context<'_>) -> Result<Outcome, ApiError>,
    ) -> Result<Value, ApiError> {
        self.uids += 1;
        let live = self.get(name);
        let outcome = verb(
            &self.resource,
            live.as_ref(),
            &Context {
                now,
                uid: &format!("00000000-0000-4000-8000-{:012}", self.uids),
                suffix: "",
                namespace: None,
                name: Some(name),
                subresource,
                manager,
                options: &WriteOptions::default(),
                admit: None,
                approve: None,
            },
        )?;
        let Outcome { object, effect, .. } = outcome;
        let key = key(name);
        let committed = self.store.write(move |transaction| {
            Ok::<_, Unwritten>(match effect {
                Effect::Create | Effect::Update => {
                    Some(transaction.put(&key, object)?.value.clone())
                }
                Effect::Keep => Some(object),
                Effect::Remove => {
                    transaction.delete(&key);
                    None
                }
            })
        });
        let stored = self.runtime.block_on(committed).unwrap();
        match &stored {
            Some(stored) => drop(self.acknowledged.insert(name.to_owned(), stored.clone())),
            None => drop(self.acknowledged.remove(name)),
        }
        // who removes an object is answered as one who finds none
        stored.ok_or_else(|| ApiError::not_found(&self.resource, name))
    }

    /// The past is forgotten: watches from before expire.
    pub(crate) fn compact(&self) {
        self.runtime.block_on(self.store.compact()).unwrap();
    }

    /// The server is killed and starts again: only what is in its file at this moment is left.
    pub(crate) fn kill(&mut self) {
        let Some(folder) = &self.folder else { return };
        let left = tempfile::tempdir().unwrap();
        copy(folder.path(), left.path());
        self.store = Store::open(Some(left.path()), history()).unwrap();
        self.folder = Some(left);
    }

    pub(crate) fn is_on_disk(&self) -> bool {
        self.folder.is_some()
    }

    /// The first object that is not as its last write was acknowledged.
    pub(crate) fn lost(&self) -> Option<String> {
        let (objects, _) = self.list();
        let stored: BTreeMap<_, _> = objects
            .into_iter()
            .map(|object| {
                (
                    object["metadata"]["name"].as_str().unwrap().to_owned(),
                    object,
                )
            })
            .collect();
        let names = self.acknowledged.keys().chain(stored.keys());
        let mut lost = names.filter(|name| stored.get(*name) != self.acknowledged.get(*name));
        lost.next().cloned()
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// The watch expired: the objects are to be listed again.
pub(crate) type Expired = Compacted;
