//! The state on disk: three tables of JSON by key and the time of the last change, in one embedded database.
//!
//! A commit returns after the disk has synced, so a response is never lost when the process ends, and an interrupted
//! commit leaves nothing.

use std::path::Path;

use imagecache::time::Timestamp;
use redb::{Database, DatabaseError, ReadableDatabase as _, ReadableTable as _, TableDefinition};

use super::world::{Change, Saved, Table};

const FILE: &str = "cloud.redb";
/// The form of the records; a folder of another one is refused.
const FORM: i64 = 1;

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
        let database = Database::create(folder.join(FILE)).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => {
                "another process uses this folder; end it, or name another folder".to_owned()
            }
            other => other.to_string(),
        })?;
        let store = Store { database };
        let saved = store.load().map_err(|error| error.to_string())?;
        Ok((store, saved))
    }

    fn load(&self) -> Result<Saved, String> {
        let text = |error: redb::Error| error.to_string();
        let write = self
            .database
            .begin_write()
            .map_err(|error| text(error.into()))?;
        {
            let mut meta = write.open_table(META).map_err(|error| text(error.into()))?;
            let form = meta.get("form").map_err(|error| text(error.into()))?;
            let form = form.map(|form| form.value());
            if form.is_some_and(|form| form != FORM) {
                return Err(
                    "written by another version of this program; name another folder".to_owned(),
                );
            }
            meta.insert("form", FORM)
                .map_err(|error| text(error.into()))?;
            for table in Table::ALL {
                write
                    .open_table(definition(table))
                    .map_err(|error| text(error.into()))?;
            }
        }
        write.commit().map_err(|error| text(error.into()))?;
        self.read().map_err(text)
    }

    fn read(&self) -> Result<Saved, redb::Error> {
        let read = self.database.begin_read()?;
        let now = read
            .open_table(META)?
            .get("now")?
            .map_or(0, |now| now.value());
        let mut records = Vec::new();
        for table in Table::ALL {
            for record in read.open_table(definition(table))?.iter()? {
                let (key, value) = record?;
                records.push((table, key.value().to_owned(), value.value().to_owned()));
            }
        }
        Ok(Saved {
            records,
            now: Timestamp::from_seconds(now),
        })
    }

    /// Makes changes durable, all or none.
    pub(super) fn commit(&mut self, changes: &[Change], now: Timestamp) -> Result<(), redb::Error> {
        if changes.is_empty() {
            return Ok(());
        }
        let write = self.database.begin_write()?;
        {
            write.open_table(META)?.insert("now", now.seconds())?;
            for change in changes {
                let mut table = write.open_table(definition(change.table))?;
                match &change.value {
                    Some(value) => table.insert(change.key.as_str(), value.as_slice())?,
                    None => table.remove(change.key.as_str())?,
                };
            }
        }
        write.commit()?;
        Ok(())
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
