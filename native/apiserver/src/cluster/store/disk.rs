//! The store on disk: one file of an embedded database.
//!
//! | table | key | value |
//! |---|---|---|
//! | `objects` | where it is stored | a [`Record`] with the object as JSON |
//! | `log` | version | where it is stored, and a [`Record`] with the object *before* that change (empty: there was none) |
//! | `aside` | where it was stored | why the record could not be read, and its bytes |
//! | `numbers` | name | `format`, `version` (the newest change), `compacted` (the newest one that is not in `log`) |
//!
//! A log of what was before is enough: read from the newest change backwards, what was after a change is what was before
//! the next change of the same object, or the object itself. A batch of changes is one transaction of the database, on
//! the disk before a client gets its response.
//!
//! The database verifies the checksum of each of its pages when it is opened. A record that cannot be read in a file
//! that is whole, such as one that an earlier version wrote, is set aside; the rest is served. A file that is not whole
//! is opened by [`recover`](super::recover) alone.
//!
//! After an error the database refuses everything until it is opened again, so [`Disk`] does that before the next write.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, TableDefinition};

use super::object::{Change, Object};
use super::record::{Kind, Record};
use super::state::State;
use crate::database::{self, guard, is_damage};

const OBJECTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("objects");
const LOG: TableDefinition<'_, u64, (&str, &[u8])> = TableDefinition::new("log");
const ASIDE: TableDefinition<'_, &str, (&str, &[u8])> = TableDefinition::new("aside");
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");
/// The layout above. Format 1 had texts in place of records; it is read, and written as this one.
const FORMAT: u64 = 2;
const FILE: &str = "cluster.redb";
/// Shortest time between two attempts to open the file again.
const REOPEN_EVERY: Duration = Duration::from_millis(250);

/// The error of opening a store.
#[derive(Debug)]
pub enum Unopened {
    /// Another process has it open.
    InUse(PathBuf),
    /// It is of another layout, from a later version of this program.
    Format(PathBuf, u64),
    /// The file is not what was written.
    Damaged(PathBuf, String),
    /// The operating system refused an operation on the file.
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
                "`{}` is damaged: {what}; `imagecache serve --recover` keeps what can be read of it",
                path.display()
            ),
            Unopened::Disk(path, what) => write!(f, "`{}`: {what}", path.display()),
        }
    }
}

impl std::error::Error for Unopened {}

/// A record that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SetAside {
    /// Where it was stored.
    pub key: String,
    /// What is wrong with it.
    pub why: String,
}

/// What a file holds.
#[derive(Default)]
pub(super) struct Contents {
    pub(super) state: State,
    /// The records that could not be read, now or at an earlier start.
    pub(super) aside: Vec<SetAside>,
    /// The log of changes could not be read.
    pub(super) history_lost: bool,
}

/// Opens the database, at the start and after an error.
pub(super) type Opener = Box<dyn Fn() -> Result<Database, DatabaseError> + Send>;

/// The file, and its database while it works.
pub(super) struct Disk {
    path: PathBuf,
    opener: Opener,
    database: Result<Database, String>,
    /// When the file was last opened.
    opened: Instant,
}

/// Returns where the store of a directory is.
pub(super) fn file(directory: &Path) -> PathBuf {
    directory.join(FILE)
}

impl Disk {
    /// Opens the store of a directory, or makes one.
    pub(super) fn open(directory: &Path) -> Result<(Disk, Contents), Unopened> {
        std::fs::create_dir_all(directory)
            .map_err(|error| Unopened::Disk(directory.to_owned(), error.to_string()))?;
        let path = file(directory);
        let opener = Box::new({
            let path = path.clone();
            move || database::open(&path)
        });
        Disk::open_by(path, opener)
    }

    pub(super) fn open_by(path: PathBuf, opener: Opener) -> Result<(Disk, Contents), Unopened> {
        let (database, contents) = open(&path, &opener)?;
        let disk = Disk {
            path,
            opener,
            database: Ok(database),
            opened: Instant::now(),
        };
        Ok((disk, contents))
    }

    /// Opens the file again if an error closed it. Returns what it holds then.
    pub(super) fn reopen(&mut self) -> Option<Contents> {
        if self.database.is_ok() || self.opened.elapsed() < REOPEN_EVERY {
            return None;
        }
        self.opened = Instant::now();
        match open(&self.path, &self.opener) {
            Ok((database, contents)) => {
                self.database = Ok(database);
                Some(contents)
            }
            Err(error) => {
                self.database = Err(error.to_string());
                None
            }
        }
    }

    /// Writes changes and forgets those up to `compacted`. When this returns they are on the disk, all or none.
    ///
    /// # Errors
    /// Returns the reason. The file is closed then.
    pub(super) fn write(&mut self, changes: &[Arc<Change>], compacted: u64) -> Result<(), String> {
        let database = self.database.as_ref().map_err(String::clone)?;
        let written =
            guard(|| write(database, changes, compacted)).map_err(|error| error.to_string());
        if let Err(why) = &written {
            self.close(why);
        }
        written
    }

    /// Closes the file until [`Disk::reopen`].
    pub(super) fn close(&mut self, why: &str) {
        let closed = std::mem::replace(&mut self.database, Err(why.to_owned()));
        let _ = guard(|| {
            drop(closed);
            Ok(())
        });
    }

    /// Makes a file of objects that were read from another one.
    pub(super) fn make(
        path: &Path,
        objects: &BTreeMap<Arc<str>, Arc<Object>>,
        version: u64,
    ) -> Result<(), Unopened> {
        let made = guard(|| {
            let database = database::open(path)?;
            prepare(&database)?;
            let write = database.begin_write()?;
            {
                let mut table = write.open_table(OBJECTS)?;
                for (key, object) in objects {
                    table.insert(&**key, &*object_record(key, object))?;
                }
                let mut numbers = write.open_table(NUMBERS)?;
                numbers.insert("version", version)?;
                numbers.insert("compacted", version)?;
            }
            write.commit()?;
            Ok(())
        });
        made.map_err(|error| unopened(path, error))
    }
}

fn unopened(path: &Path, error: redb::Error) -> Unopened {
    match error {
        redb::Error::DatabaseAlreadyOpen => Unopened::InUse(path.to_owned()),
        error if !is_damage(&error) => Unopened::Disk(path.to_owned(), error.to_string()),
        redb::Error::Io(_) => {
            Unopened::Damaged(path.to_owned(), "it is not a whole database".to_owned())
        }
        error => Unopened::Damaged(path.to_owned(), error.to_string()),
    }
}

fn open(path: &Path, opener: &Opener) -> Result<(Database, Contents), Unopened> {
    let opened = guard(|| {
        let database = opener()?;
        let format = prepare(&database)?;
        let tables = (format <= FORMAT).then(|| read(&database)).transpose()?;
        Ok((database, format, tables))
    });
    let (database, format, tables) = opened.map_err(|error| unopened(path, error))?;
    let Some(tables) = tables else {
        return Err(Unopened::Format(path.to_owned(), format));
    };
    let (contents, bad) = tables.contents();
    if !bad.is_empty() || contents.history_lost {
        let kept = guard(|| set_aside(&database, &bad, contents.state.version()));
        kept.map_err(|error| unopened(path, error))?;
    }
    Ok((database, contents))
}

/// Makes the tables of a new file. Returns its format as it was.
fn prepare(database: &Database) -> Result<u64, redb::Error> {
    let write = database.begin_write()?;
    let format = {
        let mut numbers = write.open_table(NUMBERS)?;
        let format = numbers.get("format")?.map(|format| format.value());
        if format.is_none_or(|format| format < FORMAT) {
            numbers.insert("format", FORMAT)?;
        }
        format.unwrap_or(FORMAT)
    };
    if format > FORMAT {
        write.abort()?;
        return Ok(format);
    }
    write.open_table(OBJECTS)?;
    write.open_table(LOG)?;
    write.open_table(ASIDE)?;
    write.commit()?;
    Ok(format)
}

/// The rows of a file.
struct Tables {
    numbers: HashMap<String, u64>,
    objects: Vec<(String, Vec<u8>)>,
    log: BTreeMap<u64, (String, Vec<u8>)>,
    aside: Vec<SetAside>,
}

fn read(database: &Database) -> Result<Tables, redb::Error> {
    let read = database.begin_read()?;
    let mut tables = Tables {
        numbers: HashMap::new(),
        objects: Vec::new(),
        log: BTreeMap::new(),
        aside: Vec::new(),
    };
    for row in read.open_table(NUMBERS)?.iter()? {
        let (name, number) = row?;
        tables
            .numbers
            .insert(name.value().to_owned(), number.value());
    }
    for row in read.open_table(OBJECTS)?.iter()? {
        let (key, bytes) = row?;
        tables
            .objects
            .push((key.value().to_owned(), bytes.value().to_vec()));
    }
    for row in read.open_table(LOG)?.iter()? {
        let (version, record) = row?;
        let (key, bytes) = record.value();
        tables
            .log
            .insert(version.value(), (key.to_owned(), bytes.to_vec()));
    }
    for row in read.open_table(ASIDE)?.iter()? {
        let (key, record) = row?;
        tables.aside.push(SetAside {
            key: key.value().to_owned(),
            why: record.value().0.to_owned(),
        });
    }
    Ok(tables)
}

/// A record that cannot be read, with its bytes.
type Bad = (SetAside, Vec<u8>);

fn read_object(key: &str, bytes: &[u8]) -> Result<Arc<Object>, String> {
    let text = Record::text_of(bytes, key)?;
    Object::read(text).map(Arc::new)
}

impl Tables {
    /// Returns what the rows mean, and the records among them that cannot be read.
    fn contents(self) -> (Contents, Vec<Bad>) {
        let (mut objects, mut bad) = (BTreeMap::new(), Vec::new());
        for (key, bytes) in self.objects {
            match read_object(&key, &bytes) {
                Ok(object) => {
                    objects.insert(Arc::from(key), object);
                }
                Err(why) => bad.push((SetAside { key, why }, bytes)),
            }
        }
        let number = |name: &str| self.numbers.get(name).copied().unwrap_or_default();
        let newest = objects.values().map(|object| object.version).max();
        let logged = self.log.last_key_value().map(|(version, _)| *version);
        let version = number("version")
            .max(newest.unwrap_or(0))
            .max(logged.unwrap_or(0));
        let compacted = number("compacted");
        let log = restore_log(self.log, &objects, compacted, version);
        let history_lost = log.is_none();
        let state = match log {
            Some(log) if bad.is_empty() => State::restore(objects, compacted, log, version),
            // A watcher must not go on as if nothing had happened: the past begins after the newest version it can know.
            _ => State::restore(objects, version + 1, VecDeque::new(), version + 1),
        };
        let mut aside = self.aside;
        aside.extend(bad.iter().map(|(aside, _)| aside.clone()));
        aside.sort();
        aside.dedup();
        let contents = Contents {
            state,
            aside,
            history_lost,
        };
        (contents, bad)
    }
}

/// Returns the log of changes; `None` if it does not lead to the objects.
fn restore_log(
    records: BTreeMap<u64, (String, Vec<u8>)>,
    objects: &BTreeMap<Arc<str>, Arc<Object>>,
    compacted: u64,
    version: u64,
) -> Option<VecDeque<Arc<Change>>> {
    if records.keys().copied().ne(compacted + 1..=version) {
        return None;
    }
    let mut log = VecDeque::with_capacity(records.len());
    let mut after: HashMap<Arc<str>, Option<Arc<Object>>> = HashMap::new();
    for (version, (key, bytes)) in records.into_iter().rev() {
        let old = match Record::text_of(&bytes, &key).ok()? {
            [] => None,
            text => Some(Arc::new(Object::read(text).ok()?)),
        };
        let key: Arc<str> = key.into();
        let new = match after.insert(key.clone(), old.clone()) {
            Some(new) => new,
            None => objects.get(&key).cloned(),
        };
        let deleted = new.is_none();
        let last = || old.as_ref().map(|old| Arc::new(old.at(version)));
        let object = new.or_else(last)?;
        if object.version != version {
            return None;
        }
        log.push_front(Arc::new(Change {
            version,
            key,
            old,
            object,
            deleted,
        }));
    }
    Some(log)
}

/// Moves records that cannot be read to a table of their own, and ends the log at `version`.
fn set_aside(database: &Database, bad: &[Bad], version: u64) -> Result<(), redb::Error> {
    let write = database.begin_write()?;
    {
        let mut objects = write.open_table(OBJECTS)?;
        let mut aside = write.open_table(ASIDE)?;
        for (SetAside { key, why }, bytes) in bad {
            aside.insert(&**key, (&**why, &**bytes))?;
            objects.remove(&**key)?;
        }
        write.open_table(LOG)?.retain(|_, _| false)?;
        let mut numbers = write.open_table(NUMBERS)?;
        numbers.insert("version", version)?;
        numbers.insert("compacted", version)?;
    }
    write.commit()?;
    Ok(())
}

fn object_record(key: &str, object: &Object) -> Vec<u8> {
    let record = Record {
        kind: Kind::Object,
        version: object.version,
        key,
        text: &object.text,
    };
    record.write()
}

fn write(database: &Database, changes: &[Arc<Change>], compacted: u64) -> Result<(), redb::Error> {
    let write = database.begin_write()?;
    {
        let mut objects = write.open_table(OBJECTS)?;
        let mut log = write.open_table(LOG)?;
        let mut numbers = write.open_table(NUMBERS)?;
        for change in changes {
            let old = Record {
                kind: if change.deleted {
                    Kind::Deletion
                } else {
                    Kind::Change
                },
                version: change.version,
                key: &change.key,
                text: change.old.as_ref().map_or(&[][..], |old| &old.text),
            };
            log.insert(change.version, (&*change.key, &*old.write()))?;
            match change.new_object() {
                Some(object) => {
                    objects.insert(&*change.key, &*object_record(&change.key, object))?
                }
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
