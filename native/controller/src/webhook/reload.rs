//! Values from files that are reloaded when the files change.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Error;
use crate::cluster::reason;

/// Minimum interval between two checks of the files. They are checked only when the value is used.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// Largest file, in bytes.
pub(super) const MAX_FILE_BYTES: u64 = 1 << 20;

/// A value parsed from the contents of files. Its users get the current contents; an error is reported once, and the
/// previous value stays.
///
/// The contents are compared, not their times: Kubernetes swaps a mounted folder by a link, and two files of a pair
/// change one after the other, sometimes within one tick of the clock.
#[derive(Debug)]
pub(super) struct Reload<T> {
    value: Mutex<Arc<T>>,
    looked: Mutex<Looked>,
    source: Option<Source<T>>,
}

#[derive(Debug)]
struct Looked {
    /// The last contents, so that an error is reported once.
    contents: Result<Vec<Vec<u8>>, Error>,
    at: Instant,
}

/// The source of the value.
#[derive(Debug)]
struct Source<T> {
    paths: Vec<PathBuf>,
    make: fn(&[Vec<u8>]) -> Result<T, Error>,
    changed: fn(Result<&T, &Error>),
    pause: Duration,
}

impl<T> Reload<T> {
    /// Loads the files. `changed` is called after every later change, with the new value or its error.
    pub(super) fn open(
        paths: Vec<PathBuf>,
        make: fn(&[Vec<u8>]) -> Result<T, Error>,
        changed: fn(Result<&T, &Error>),
        pause: Duration,
    ) -> Result<Self, Error> {
        let contents = read(&paths)?;
        let mut reload = Self::fixed(make(&contents).map_err(|error| error.of(&paths))?);
        if let Ok(looked) = reload.looked.get_mut() {
            looked.contents = Ok(contents);
        }
        reload.source = Some(Source {
            paths,
            make,
            changed,
            pause,
        });
        Ok(reload)
    }

    /// Returns a value that does not come from a file.
    pub(super) fn fixed(value: T) -> Self {
        Reload {
            value: Mutex::new(Arc::new(value)),
            looked: Mutex::new(Looked {
                contents: Ok(Vec::new()),
                at: Instant::now(),
            }),
            source: None,
        }
    }

    /// Returns the current value; it may be as old as the interval. While one caller reads the files, however long the disk
    /// takes, the others get the old value at once.
    pub(super) fn get(&self) -> Arc<T> {
        if let Some(source) = &self.source
            && let Ok(mut looked) = self.looked.try_lock()
            && looked.at.elapsed() >= source.pause
        {
            looked.at = Instant::now();
            if let Some(value) = source.look(&mut looked) {
                *self.value.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(value);
            }
        }
        Arc::clone(&self.value.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T> Source<T> {
    /// Returns the new value if the files have changed and can be used.
    fn look(&self, looked: &mut Looked) -> Option<T> {
        let contents = read(&self.paths);
        if contents == looked.contents {
            return None;
        }
        let made = contents
            .clone()
            .and_then(|contents| (self.make)(&contents).map_err(|error| error.of(&self.paths)));
        looked.contents = contents;
        (self.changed)(made.as_ref());
        made.ok()
    }
}

fn read(paths: &[PathBuf]) -> Result<Vec<Vec<u8>>, Error> {
    use std::io::Read as _;
    let one = |path: &PathBuf| {
        let unreadable = |why: String| Error {
            paths: vec![path.clone()],
            why,
        };
        let kind = std::fs::metadata(path);
        if kind.is_ok_and(|kind| !kind.is_file()) {
            // a pipe would never end
            return Err(unreadable("is not a regular file".to_owned()));
        }
        let file = std::fs::File::open(path)
            .map_err(|error| unreadable(format!("cannot be read: {}", reason(&error))))?;
        let mut contents = Vec::new();
        let read = file.take(MAX_FILE_BYTES + 1).read_to_end(&mut contents);
        let read =
            read.map_err(|error| unreadable(format!("cannot be read: {}", reason(&error))))?;
        if u64::try_from(read).is_ok_and(|read| read > MAX_FILE_BYTES) {
            return Err(unreadable(format!(
                "larger than {MAX_FILE_BYTES} bytes, which no file of this kind is"
            )));
        }
        Ok(contents)
    };
    paths.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::fs;
    use std::time::Duration;

    use super::{Error, MAX_FILE_BYTES, Reload};

    thread_local! {
        static REPORTED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    fn number(contents: &[Vec<u8>]) -> Result<u32, Error> {
        let text = String::from_utf8_lossy(&contents[0]).into_owned();
        text.parse().map_err(|_| Error::because(text))
    }

    fn report(change: Result<&u32, &Error>) {
        REPORTED.with_borrow_mut(|reported| {
            reported.push(match change {
                Ok(number) => number.to_string(),
                Err(error) => error.to_string(),
            });
        });
    }

    #[test]
    fn reload_sees_change_once_and_keeps_old_on_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("number");
        fs::write(&path, "1").unwrap();
        let reload = Reload::open(vec![path.clone()], number, report, Duration::ZERO).unwrap();
        assert_eq!(*reload.get(), 1);
        fs::write(&path, "2").unwrap();
        assert_eq!((*reload.get(), *reload.get()), (2, 2));
        fs::write(&path, "two").unwrap();
        assert_eq!((*reload.get(), *reload.get()), (2, 2));
        fs::remove_file(&path).unwrap();
        assert_eq!((*reload.get(), *reload.get()), (2, 2));
        fs::write(&path, "3").unwrap();
        assert_eq!(*reload.get(), 3);
        let reported = REPORTED.take();
        assert_eq!(reported.len(), 4, "{reported:?}");
        assert_eq!((reported[0].as_str(), reported[3].as_str()), ("2", "3"));
        assert!(
            reported[1].contains("two") && reported[2].contains("cannot be read"),
            "{reported:?}"
        );
    }

    #[test]
    fn reload_checks_again_only_after_the_pause() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("number");
        fs::write(&path, "1").unwrap();
        let hour = Duration::from_secs(3600);
        let reload = Reload::open(vec![path.clone()], number, report, hour).unwrap();
        fs::write(&path, "2").unwrap();
        assert_eq!(*reload.get(), 1);
    }

    #[test]
    fn reload_that_blocks_leaves_the_old_value_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("number");
        fs::write(&path, "1").unwrap();
        let reload = Reload::open(vec![path], number, report, Duration::ZERO).unwrap();
        let _looking = reload.looked.lock().unwrap();
        assert_eq!(*reload.get(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("number");
        let open = || Reload::open(vec![path.clone()], number, report, Duration::ZERO);
        fs::create_dir(&path).unwrap();
        let said = open().unwrap_err().to_string();
        assert!(said.ends_with("number: is not a regular file"), "{said}");
        fs::remove_dir(&path).unwrap();
        let said = open().unwrap_err().to_string();
        assert!(
            said.ends_with("number: cannot be read: no such file or directory"),
            "{said}"
        );
        fs::write(
            &path,
            vec![b'1'; usize::try_from(MAX_FILE_BYTES).unwrap() + 1],
        )
        .unwrap();
        let said = open().unwrap_err().to_string();
        assert!(said.contains("larger than 1048576 bytes"), "{said}");
    }
}
