//! The state on disk: three tables of records by key and the time of the last change, in one embedded database.
//!
//! A commit returns after the disk has synced, so a response is never lost when the process ends, and an interrupted
//! commit leaves nothing. A record holds JSON and its checksum.

use std::path::Path;

use imagecache::time::Timestamp;
use imagecache_apiserver::cluster::store::record::{Kind, Record};
use imagecache_apiserver::database::{self, guard, is_damage};
use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};

use super::world::{Change, Saved, Table};

const FILE: &str = "cloud.redb";
/// The form of the records; a folder of a later one is refused. Form 1 had JSON without checksums.
const FORM: i64 = 2;

const META: TableDefinition<'_, &str, i64> = TableDefinition::new("meta");

fn definition(table: Table) -> TableDefinition<'static, &'static str, &'static [u8]> {
    TableDefinition::new(match table {
        Table::Caches => "caches",
        Table::Groups => "groups",
        Table::Tokens => "tokens",
    })
}

#[derive(Debug)]
pub(super) struct Store {
    database: Database,
}

impl Store {
    pub(super) fn open(folder: &Path) -> Result<(Self, Saved), String> {
        make_private(folder).map_err(|error| error.to_string())?;
        let opened = guard(|| {
            let database = database::open(&folder.join(FILE))?;
            let saved = prepare(&database)?.then(|| read(&database)).transpose()?;
            Ok((Store { database }, saved))
        });
        match opened {
            Ok((store, Some(saved))) => Ok((store, saved)),
            Ok((_, None)) => {
                Err("written by another version of this program; name another folder".to_owned())
            }
            Err(redb::Error::DatabaseAlreadyOpen) => {
                Err("another process uses this folder; end it, or name another folder".to_owned())
            }
            Err(error) if is_damage(&error) => Err(format!(
                "`{FILE}` is damaged: {error}; remove it to start with an empty cloud"
            )),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Makes changes durable, all or none.
    pub(super) fn commit(&mut self, changes: &[Change], now: Timestamp) -> Result<(), redb::Error> {
        if changes.is_empty() {
            return Ok(());
        }
        guard(|| {
            let write = self.database.begin_write()?;
            {
                write.open_table(META)?.insert("now", now.seconds())?;
                for change in changes {
                    let mut table = write.open_table(definition(change.table))?;
                    let key = change.key.as_str();
                    match &change.value {
                        Some(text) => {
                            let record = Record {
                                kind: Kind::Object,
                                version: 0,
                                key,
                                text,
                            };
                            table.insert(key, record.write().as_slice())?
                        }
                        None => table.remove(key)?,
                    };
                }
            }
            write.commit()?;
            Ok(())
        })
    }
}

/// Makes the folder and the file that are missing, readable by their owner only.
fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut directory = std::fs::DirBuilder::new();
    let mut file = std::fs::OpenOptions::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
        directory.mode(0o700);
        file.mode(0o600);
    }
    directory.recursive(true).create(folder)?;
    let made = file.write(true).create_new(true).open(folder.join(FILE));
    match made {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Makes the tables; false if a later version of this program wrote them.
fn prepare(database: &Database) -> Result<bool, redb::Error> {
    let write = database.begin_write()?;
    let form = write
        .open_table(META)?
        .get("form")?
        .map_or(FORM, |form| form.value());
    if form > FORM {
        write.abort()?;
        return Ok(false);
    }
    write.open_table(META)?.insert("form", FORM)?;
    for table in Table::ALL {
        write.open_table(definition(table))?;
    }
    write.commit()?;
    Ok(true)
}

/// Reads all records. One that is not what was written is skipped with a log line.
fn read(database: &Database) -> Result<Saved, redb::Error> {
    let read = database.begin_read()?;
    let now = read.open_table(META)?.get("now")?;
    let now = now.map_or(0, |now| now.value());
    let mut records = Vec::new();
    for table in Table::ALL {
        for row in read.open_table(definition(table))?.iter()? {
            let (key, bytes) = row?;
            let key = key.value();
            match Record::text_of(bytes.value(), key) {
                Ok(text) => records.push((table, key.to_owned(), text.to_owned())),
                Err(why) => tracing::error!(?table, key, why, "a record cannot be read"),
            }
        }
    }
    Ok(Saved {
        records,
        now: Timestamp::from_seconds(now),
    })
}
