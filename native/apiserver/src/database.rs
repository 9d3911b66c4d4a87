//! The file of an embedded database: opened with a verification of all pages, readable by its owner only, and without a
//! panic.

use std::panic::AssertUnwindSafe;
use std::path::Path;

use redb::{Builder, Database, DatabaseError};

/// The database's own cache: what is stored is in memory anyway.
const CACHE_BYTES: usize = 16 << 20;

/// Returns what opens a database and verifies the checksum of each of its pages.
#[must_use]
pub fn builder() -> Builder {
    let mut builder = Database::builder();
    builder
        .set_cache_size(CACHE_BYTES)
        .set_check_integrity_on_open(true);
    builder
}

/// Opens a file, or makes it.
///
/// # Errors
/// Returns the error of the database or of the operating system.
pub fn open(path: &Path) -> Result<Database, DatabaseError> {
    let database = builder().create(path)?;
    // it holds Secrets
    restrict(path)?;
    Ok(database)
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

/// Runs an operation of a database. A panic in it, which a damaged file can cause, is an error.
///
/// # Errors
/// Returns the error of the operation.
pub fn guard<T>(act: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, redb::Error> {
    std::panic::catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(redb::Error::Corrupted(text.unwrap_or_default()))
    })
}

/// Reports whether an error says that a file is not what was written, unlike an error of the operating system.
#[must_use]
pub fn is_damage(error: &redb::Error) -> bool {
    use std::io::ErrorKind::{InvalidData, UnexpectedEof};
    match error {
        redb::Error::Io(error) => matches!(error.kind(), InvalidData | UnexpectedEof),
        redb::Error::DatabaseAlreadyOpen => false,
        _ => true,
    }
}
