//! The store on disk: one file of an embedded database.
//!
//! | table | key | value |
//! |---|---|---|
//! | `objects` | where it is stored | the object as JSON |
//! | `log` | version | where it is stored, and the object *before* that change (empty: there was none) |
//! | `numbers` | name | `format`, `version` (the newest change), `compacted` (the newest one that is not in `log`) |
//!
//! A log of what was before is enough: read from the newest change backwards, what was after a change is what was before
//! the next change of the same object, or the object itself. A batch of changes is one transaction of the database, on the
//! disk before anybody hears of it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition};

use super::object::{Change, Object};
use super::state::State;

const OBJECTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("objects");
const LOG: TableDefinition<'_, u64, (&str, &[u8])> = TableDefinition::new("log");
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");
/// The layout above.
const FORMAT: u64 = 1;
const FILE: &str = "cluster.redb";
/// The database's own cache; every object is in memory anyway.
const CACHE_BYTES: usize = 16 << 20;

/// Why a store could not be opened.
#[derive(Debug)]
pub enum Unopened {
    /// Another process has it open.
    InUse(PathBuf),
    /// It is of another layout, from a later version of this program.
    Format(PathBuf, u64),
    /// What it holds is not what was written.
    Damaged(PathBuf, String),
    /// The disk says no.
    Disk(PathBuf, String),
}

impl fmt::Display for Unopened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unopened::InUse(path) => write!(
                f,
                "`{}` is open in another process; stop that one, or name another directory",
                path.display()
            ),
            Unopened::Format(path, format) => write!(
                f,
                "`{}` has format {format}, this version reads {FORMAT}; use the version that wrote it",
                path.display()
            ),
            Unopened::Damaged(path, what) => write!(
                f,
                "`{}` is damaged: {what}; remove it to start anew",
                path.display()
            ),
            Unopened::Disk(path, what) => write!(f, "`{}`: {what}", path.display()),
        }
    }
}

impl std::error::Error for Unopened {}

pub(super) struct Disk {
    database: Database,
}

impl Disk {
    /// Opens the store of a directory, or makes one; returns what it holds.
    pub(super) fn open(directory: &Path) -> Result<(Disk, State), Unopened> {
        let path = directory.join(FILE);
        let disk_error = |error: &dyn fmt::Display| Unopened::Disk(path.clone(), error.to_string());
        std::fs::create_dir_all(directory)
            .map_err(|error| Unopened::Disk(directory.to_owned(), error.to_string()))?;
        let database = Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create(&path)
            .map_err(|error| match error {
                DatabaseError::DatabaseAlreadyOpen => Unopened::InUse(path.clone()),
                error => disk_error(&error),
            })?;
        // The secrets of people lie in it.
        restrict(&path).map_err(|error| disk_error(&error))?;
        let disk = Disk { database };
        disk.prepare().map_err(|error| disk_error(&error))?;
        let state = disk.read(&path)?;
        Ok((disk, state))
    }

    fn prepare(&self) -> Result<(), redb::Error> {
        let write = self.database.begin_write()?;
        write.open_table(OBJECTS)?;
        write.open_table(LOG)?;
        let mut numbers = write.open_table(NUMBERS)?;
        if numbers.get("format")?.is_none() {
            numbers.insert("format", FORMAT)?;
        }
        drop(numbers);
        write.commit()?;
        Ok(())
    }

    fn read(&self, path: &Path) -> Result<State, Unopened> {
        let damaged = |what: String| Unopened::Damaged(path.to_owned(), what);
        let parse = |key: &str, text: &[u8]| {
            let object = Object::read(text);
            object.map(Arc::new).ok_or_else(|| {
                Unopened::Damaged(path.to_owned(), format!("`{key}` is not an object"))
            })
        };
        let (numbers, texts, records) = self
            .read_tables()
            .map_err(|error| Unopened::Disk(path.to_owned(), error.to_string()))?;
        let number = |name: &str| numbers.get(name).copied().unwrap_or_default();
        if number("format") != FORMAT {
            return Err(Unopened::Format(path.to_owned(), number("format")));
        }
        let mut objects = BTreeMap::new();
        for (key, text) in texts {
            let object = parse(&key, &text)?;
            objects.insert(Arc::from(key), object);
        }
        let (version, compacted) = (number("version"), number("compacted"));
        if records.keys().copied().ne(compacted + 1..=version) {
            return Err(damaged("its log has a gap".to_owned()));
        }
        let mut log = VecDeque::with_capacity(records.len());
        let mut after: HashMap<Arc<str>, Option<Arc<Object>>> = HashMap::new();
        for (version, (key, text)) in records.into_iter().rev() {
            let old = match text.as_slice() {
                [] => None,
                text => Some(parse(&key, text)?),
            };
            let key: Arc<str> = key.into();
            let new = match after.insert(key.clone(), old.clone()) {
                Some(new) => new,
                None => objects.get(&key).cloned(),
            };
            let deleted = new.is_none();
            let last = || old.as_ref().map(|old| Arc::new(old.at(version)));
            let Some(object) = new.or_else(last) else {
                return Err(damaged(format!(
                    "change {version} of `{key}` is of nothing"
                )));
            };
            if object.version != version {
                return Err(damaged(format!("change {version} is not in `{key}`")));
            }
            log.push_front(Arc::new(Change {
                version,
                key,
                old,
                object,
                deleted,
            }));
        }
        Ok(State::restore(objects, compacted, log, version))
    }

    #[expect(clippy::type_complexity, reason = "three tables, read in one place")]
    fn read_tables(
        &self,
    ) -> Result<
        (
            HashMap<String, u64>,
            Vec<(String, Vec<u8>)>,
            BTreeMap<u64, (String, Vec<u8>)>,
        ),
        redb::Error,
    > {
        let read = self.database.begin_read()?;
        let mut numbers = HashMap::new();
        for row in read.open_table(NUMBERS)?.iter()? {
            let (name, number) = row?;
            numbers.insert(name.value().to_owned(), number.value());
        }
        let mut objects = Vec::new();
        for row in read.open_table(OBJECTS)?.iter()? {
            let (key, text) = row?;
            objects.push((key.value().to_owned(), text.value().to_vec()));
        }
        let mut log = BTreeMap::new();
        for row in read.open_table(LOG)?.iter()? {
            let (version, record) = row?;
            let (key, text) = record.value();
            log.insert(version.value(), (key.to_owned(), text.to_vec()));
        }
        Ok((numbers, objects, log))
    }

    /// Writes changes and forgets those up to `compacted`. When this returns they are on the disk, all or none.
    pub(super) fn write(&self, changes: &[Arc<Change>], compacted: u64) -> Result<(), redb::Error> {
        let write = self.database.begin_write()?;
        {
            let mut objects = write.open_table(OBJECTS)?;
            let mut log = write.open_table(LOG)?;
            let mut numbers = write.open_table(NUMBERS)?;
            for change in changes {
                let old = change.old.as_ref().map_or(&[][..], |old| &old.text);
                log.insert(change.version, (&*change.key, old))?;
                match change.new_object() {
                    Some(object) => objects.insert(&*change.key, &*object.text)?,
                    None => objects.remove(&*change.key)?,
                };
            }
            if let Some(last) = changes.last() {
                numbers.insert("version", last.version)?;
            }
            numbers.insert("compacted", compacted)?;
            while log
                .first()?
                .is_some_and(|(version, _)| version.value() <= compacted)
            {
                log.pop_first()?;
            }
        }
        write.commit()?;
        Ok(())
    }
}

#[cfg(unix)]
fn restrict(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn restrict(_: &Path) -> std::io::Result<()> {
    Ok(())
}
