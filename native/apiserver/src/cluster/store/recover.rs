//! Recovering a file that the database does not open: its records are found by their marks, without the index.
//!
//! The newest record of each key counts. A record of a deletion that is newer than the object says that the object is
//! gone. Pages that the database has freed hold old records, too: an object can come back whose deletion is older than
//! the log of changes, or whose record of the deletion is what is damaged.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{self, Disk, SetAside, Unopened};
use super::object::Object;
use super::record::{Found, Kind, find};

/// What is added to the newest version that was found: no client has seen a version that is given out after it.
const VERSION_GAP: u64 = 1000;

/// What was found in a damaged file.
#[derive(Debug)]
pub struct Salvage {
    /// The objects by their keys.
    pub objects: BTreeMap<Arc<str>, Arc<Object>>,
    /// What is lost, or replaced by an older version.
    pub lost: Vec<SetAside>,
    version: u64,
}

/// What was done about a damaged file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// The number of objects that were found.
    pub objects: usize,
    /// What is lost, or replaced by an older version.
    pub lost: Vec<SetAside>,
    /// Where the damaged file is now.
    pub kept_as: PathBuf,
}

/// What the records say about a key.
#[derive(Default)]
struct Evidence {
    /// The newest text.
    object: Option<Object>,
    /// The newest version in which an object was stored.
    stored: u64,
    /// The newest version in which the object was deleted.
    deleted: u64,
}

/// Finds what can be read of the store of a directory. Changes nothing.
///
/// # Errors
/// Returns [`Unopened`] if the file cannot be read, or no record is in it.
pub fn salvage(directory: &Path) -> Result<Salvage, Unopened> {
    let path = disk::file(directory);
    let file =
        std::fs::read(&path).map_err(|error| Unopened::Disk(path.clone(), error.to_string()))?;
    let mut keys = HashMap::<&str, Evidence>::new();
    let mut damaged = HashMap::<&str, u64>::new();
    for found in find(&file) {
        match found {
            Found::Damaged(None) => {}
            Found::Damaged(Some((version, key))) => {
                let newest = damaged.entry(key).or_default();
                *newest = version.max(*newest);
            }
            Found::Whole(record) => {
                let evidence = keys.entry(record.key).or_default();
                match record.kind {
                    Kind::Deletion => evidence.deleted = evidence.deleted.max(record.version),
                    Kind::Object | Kind::Change => {
                        evidence.stored = evidence.stored.max(record.version);
                    }
                }
                let known = evidence.object.as_ref().map_or(0, |object| object.version);
                if let Ok(object) = Object::read(record.text)
                    && object.version > known
                {
                    evidence.object = Some(object);
                }
            }
        }
    }
    if keys.is_empty() {
        let why = "no record can be read; remove it to start anew".to_owned();
        return Err(Unopened::Disk(path, why));
    }
    let mut salvage = Salvage {
        objects: BTreeMap::new(),
        lost: Vec::new(),
        version: 0,
    };
    let mut lose = |key: &str, why: String| {
        let key = key.to_owned();
        salvage.lost.push(SetAside { key, why });
    };
    for (key, evidence) in keys {
        let Evidence {
            object,
            stored,
            deleted,
        } = evidence;
        salvage.version = salvage.version.max(stored).max(deleted);
        // a damaged record can be of a change or of a deletion
        let newest = damaged.remove(key).unwrap_or(0).max(stored);
        if deleted > stored && deleted >= newest {
            continue;
        }
        match object {
            Some(object) => {
                if object.version < newest {
                    let old = object.version;
                    lose(
                        key,
                        format!("version {newest} cannot be read, version {old} is restored"),
                    );
                }
                salvage.objects.insert(key.into(), Arc::new(object));
            }
            None => lose(key, format!("version {newest} cannot be read")),
        }
    }
    for (key, version) in damaged {
        lose(key, format!("version {version} cannot be read"));
    }
    salvage.lost.sort();
    salvage.lost.dedup();
    Ok(salvage)
}

/// Replaces the file of a directory by one with what can be read of it. The damaged file is kept.
pub(super) fn replace(directory: &Path) -> Result<Recovered, Unopened> {
    let Salvage {
        objects,
        lost,
        version,
    } = salvage(directory)?;
    let path = disk::file(directory);
    let failed = |error: std::io::Error| Unopened::Disk(path.clone(), error.to_string());
    let new = path.with_extension("redb.recovered");
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    Disk::make(&new, &objects, version.saturating_add(VERSION_GAP))?;
    let kept_as = (1_u32..)
        .map(|number| path.with_extension(format!("redb.damaged-{number}")))
        .find(|path| !path.exists())
        .unwrap_or_else(|| path.with_extension("redb.damaged"));
    std::fs::rename(&path, &kept_as).map_err(failed)?;
    std::fs::rename(&new, &path).map_err(failed)?;
    Ok(Recovered {
        objects: objects.len(),
        lost,
        kept_as,
    })
}
