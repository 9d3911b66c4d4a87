//! The input end: files, folders and standard input, in an order that never changes.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ignore::overrides::{Override, OverrideBuilder};
use ignore::{Walk, WalkBuilder};
use imagecache::diagnostic::{Code, Diagnostic};
use imagecache::document::{Position, Span, TextFormat, TextLimits};

use crate::console::{self, reason};
use crate::usage::usage_error;

/// Extensions searched for in a directory. Files named explicitly may have any extension.
const EXTENSIONS: [&str; 3] = ["yaml", "yml", "json"];

/// A file of patterns, as in `.gitignore`, for files and directories that are not read.
const IGNORE_FILE: &str = ".imagecacheignore";

/// Limits of one input. The limits of the core are for untrusted text; these files are the user's, and a list of a large
/// cluster is large. Kept values take some ten times their text in memory, one text per core.
pub(crate) const LIMITS: TextLimits = {
    let mut limits = TextLimits::DEFAULT;
    limits.bytes = 256 << 20;
    limits.documents = 1_000_000;
    limits.nodes = 50_000_000;
    limits.yaml_nodes = 10_000_000;
    limits
};

/// What to read.
#[derive(Debug, clap::Args)]
pub(crate) struct Inputs {
    /// Read this file, this directory (*.yaml, *.yml, *.json), or `-` for standard input; repeatable
    #[arg(short = 'f', long = "filename", value_name = "FILE|DIR|-")]
    filenames: Vec<PathBuf>,
    /// Files and directories, as with -f
    #[arg(value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    /// Also read subdirectories, except hidden ones and what .gitignore names
    #[arg(short = 'R', long)]
    recursive: bool,
    /// Leave out files and directories below a directory that match, as in .gitignore; repeatable
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
}

/// One text to read.
#[derive(Debug)]
pub(crate) struct Input {
    /// Its name in messages: the path as given, or `<stdin>`.
    pub(crate) name: String,
    /// It was found in a directory, where other files lie beside manifests.
    pub(crate) found: bool,
    from: From,
}

#[derive(Debug)]
enum From {
    File(PathBuf),
    Stdin,
    /// A text that was read before, or why it could not be.
    Kept(Result<String, Fault>),
    /// Nothing to read, and why; reported in its turn like any other.
    Nowhere(Fault),
}

/// Why an input could not be read.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    message: String,
    help: &'static str,
    at: Option<Position>,
}

impl Fault {
    fn new(message: impl Into<String>, help: &'static str) -> Self {
        Fault {
            message: message.into(),
            help,
            at: None,
        }
    }

    fn io(error: &io::Error) -> Self {
        let help = match error.kind() {
            io::ErrorKind::NotFound => "Check the path.",
            io::ErrorKind::PermissionDenied => "Check the permissions of the file.",
            _ => "",
        };
        Fault::new(format!("cannot be read: {}", reason(error)), help)
    }

    /// Returns the finding. It is always an error, whatever the levels of rules are.
    pub(crate) fn diagnostic(&self) -> Diagnostic {
        let mut found = Diagnostic::new(Code::IC005, self.message.clone());
        found.help = (!self.help.is_empty()).then(|| self.help.to_owned());
        found.span = self.at.map(|at| Span { start: at, end: at });
        found
    }
}

impl Inputs {
    /// Returns whether no input is named.
    pub(crate) fn is_empty(&self) -> bool {
        self.filenames.is_empty() && self.paths.is_empty()
    }

    /// Returns every text to read in the order of the arguments, and the files of a directory sorted by name.
    pub(crate) fn list(&self) -> anyhow::Result<Vec<Input>> {
        let named = || self.filenames.iter().chain(&self.paths);
        if named().next().is_none() {
            return Err(usage_error(
                "no input: name files or directories with -f; `-f -` reads standard input",
            ));
        }
        if named().filter(|path| is_stdin(path)).count() > 1 {
            return Err(usage_error(
                "duplicate `-`: standard input can be read only once",
            ));
        }
        let mut inputs = Vec::new();
        for path in named() {
            self.add(path, &mut inputs)?;
        }
        Ok(inputs)
    }

    fn add(&self, path: &Path, inputs: &mut Vec<Input>) -> anyhow::Result<()> {
        let name = path.display().to_string();
        if is_stdin(path) {
            inputs.push(Input {
                name: "<stdin>".to_owned(),
                found: false,
                from: From::Stdin,
            });
        } else if path.is_dir() {
            self.add_folder(path, name, inputs)?;
        } else {
            inputs.push(Input {
                name,
                found: false,
                from: From::File(path.to_owned()),
            });
        }
        Ok(())
    }

    fn add_folder(
        &self,
        folder: &Path,
        name: String,
        inputs: &mut Vec<Input>,
    ) -> anyhow::Result<()> {
        let before = inputs.len();
        let mut folders_inside = false;
        let mut add = |path: &Path, from: From| {
            let name = path.display().to_string();
            let found = true;
            inputs.push(Input { name, found, from });
        };
        for entry in self.walk(folder)? {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    let (path, fault) = unwalkable(&error);
                    add(path.unwrap_or(folder), From::Nowhere(fault));
                    continue;
                }
            };
            if let Some(error) = entry.error() {
                console::note(&format!("warning: {error}"));
            }
            let is =
                |test: fn(&std::fs::FileType) -> bool| entry.file_type().as_ref().is_some_and(test);
            if is(std::fs::FileType::is_dir) {
                folders_inside |= entry.depth() > 0;
            } else if !is_manifest(entry.path()) {
                continue;
            } else if is(std::fs::FileType::is_file) {
                add(entry.path(), From::File(entry.path().to_owned()));
            } else {
                let help = "Name it with -f to read it all the same.";
                let fault = Fault::new("not a regular file, so it is not read", help);
                add(entry.path(), From::Nowhere(fault));
            }
        }
        if inputs.len() == before {
            let help = if folders_inside && !self.recursive {
                "Add -R to read its subdirectories too."
            } else {
                "Name a file, or a directory that holds manifests; --exclude and ignore files leave files out."
            };
            let fault = Fault::new("no *.yaml, *.yml or *.json file in this directory", help);
            inputs.push(Input {
                name,
                found: true,
                from: From::Nowhere(fault),
            });
        }
        Ok(())
    }

    /// Returns the walk over a directory: what ignore files and `--exclude` leave out is not in it. The answer does not
    /// depend on the user's own settings of git, nor on whether the directory is a checkout.
    fn walk(&self, folder: &Path) -> anyhow::Result<Walk> {
        let depth = if self.recursive { None } else { Some(1) };
        let walk = WalkBuilder::new(folder)
            .standard_filters(false)
            .hidden(true)
            .parents(true)
            .git_ignore(self.recursive)
            .require_git(false)
            .add_custom_ignore_filename(IGNORE_FILE)
            .overrides(self.overrides(folder)?)
            .follow_links(true)
            .max_depth(depth)
            .sort_by_file_name(OsStr::cmp)
            .build();
        Ok(walk)
    }

    /// Returns the patterns of `--exclude`, relative to the directory.
    fn overrides(&self, folder: &Path) -> anyhow::Result<Override> {
        let mut overrides = OverrideBuilder::new(folder);
        let wrong = |glob: &str, why: &dyn std::fmt::Display| {
            usage_error(format!("--exclude: `{glob}` is not a pattern: {why}"))
        };
        for glob in &self.exclude {
            if glob.is_empty() || glob.starts_with('!') {
                return Err(wrong(glob, &"it must name what is left out"));
            }
            // Here a leading `!` leaves out.
            let added = overrides.add(&format!("!{glob}"));
            added.map_err(|error| match &error {
                ignore::Error::Glob { err, .. } => wrong(glob, err),
                other => wrong(glob, other),
            })?;
        }
        Ok(overrides.build()?)
    }
}

/// Returns the path at which a walk failed, and why.
fn unwalkable(error: &ignore::Error) -> (Option<&Path>, Fault) {
    match error {
        ignore::Error::WithPath { path, err } => (Some(path), unwalkable(err).1),
        ignore::Error::WithDepth { err, .. } => unwalkable(err),
        ignore::Error::Loop { child, .. } => {
            let help = "Remove the link, or name the directories one by one.";
            let fault = Fault::new("the link leads to a directory above it", help);
            (Some(child), fault)
        }
        ignore::Error::Io(error) => (None, Fault::io(error)),
        other => (None, Fault::new(format!("cannot be read: {other}"), "")),
    }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn is_manifest(path: &Path) -> bool {
    path.extension()
        .and_then(OsStr::to_str)
        .is_some_and(|found| {
            EXTENSIONS
                .iter()
                .any(|known| known.eq_ignore_ascii_case(found))
        })
}

impl Input {
    /// Reads standard input into memory, so that [`Input::read`] can be called again.
    pub(crate) fn keep(&mut self) {
        if matches!(self.from, From::Stdin) {
            self.from = From::Kept(self.read());
        }
    }

    /// Reads the text. A text over the byte limit is cut just above the limit, so that the core reports the limit.
    pub(crate) fn read(&self) -> Result<String, Fault> {
        let bytes = match &self.from {
            From::Nowhere(fault) => return Err(fault.clone()),
            From::Kept(text) => return text.clone(),
            From::Stdin => read_up_to(io::stdin().lock(), LIMITS.bytes),
            From::File(path) => match File::open(path) {
                Ok(file) => read_up_to(file, LIMITS.bytes),
                Err(_) if is_url(path) => {
                    return Err(Fault::new(
                        "URLs are not supported, only files",
                        "Download the URL and pipe the text: `curl … | imagecache … -f -`.",
                    ));
                }
                Err(error) => Err(error),
            },
        };
        let (bytes, cut) = bytes.map_err(|error| Fault::io(&error))?;
        String::from_utf8(bytes).or_else(|error| not_utf8(error, cut))
    }
}

fn is_url(path: &Path) -> bool {
    path.to_str()
        .is_some_and(|path| path.starts_with("https://") || path.starts_with("http://"))
}

/// At most `limit` bytes and a few more, and whether that is where the reading stopped.
fn read_up_to(from: impl Read, limit: usize) -> io::Result<(Vec<u8>, bool)> {
    // The longest character of UTF-8 has four bytes: a cut leaves more than `limit` whole ones.
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(8);
    let mut bytes = Vec::new();
    let read = from.take(most).read_to_end(&mut bytes)?;
    Ok((bytes, u64::try_from(read) == Ok(most)))
}

/// Returns the text before a character that was cut at the limit, or the position of the first invalid byte.
fn not_utf8(error: std::string::FromUtf8Error, cut: bool) -> Result<String, Fault> {
    let fault = error.utf8_error();
    let valid_up_to = fault.valid_up_to();
    let mut bytes = error.into_bytes();
    let byte = bytes.get(valid_up_to).copied().unwrap_or_default();
    let wide = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    bytes.truncate(valid_up_to);
    let text = String::from_utf8(bytes).unwrap_or_default();
    if cut && fault.error_len().is_none() {
        return Ok(text);
    }
    let help = if wide {
        "The file looks like UTF-16; save it as UTF-8."
    } else {
        "Save the file as UTF-8 text, or leave it out."
    };
    let message = format!("byte 0x{byte:02x} at offset {valid_up_to} is not UTF-8");
    let mut fault = Fault::new(message, help);
    fault.at = Some(end_of(&text));
    Err(fault)
}

/// Returns the position after the last character of `text`.
fn end_of(text: &str) -> Position {
    let line = text.bytes().filter(|byte| *byte == b'\n').count();
    let last = text.rsplit('\n').next().unwrap_or_default();
    Position {
        offset: text.len(),
        line: line.saturating_add(1),
        column: last.encode_utf16().count().saturating_add(1),
    }
}

/// Returns the format of a file. `*.json` is read as JSON, so that its errors are reported as errors of JSON.
pub(crate) fn format_of(name: &str) -> TextFormat {
    let extension = Path::new(name).extension();
    if extension.is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
        TextFormat::Json
    } else {
        TextFormat::Auto
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::{end_of, not_utf8, read_up_to};

    fn read(bytes: &[u8], limit: usize) -> Result<String, String> {
        let (bytes, cut) = read_up_to(Cursor::new(bytes), limit).unwrap();
        String::from_utf8(bytes)
            .or_else(|error| not_utf8(error, cut))
            .map_err(|fault| fault.diagnostic().to_string())
    }

    #[test]
    fn input_beyond_limit_is_cut_between_characters() {
        for limit in 0..40 {
            let text = read("ä€😀".repeat(20).as_bytes(), limit).unwrap();
            assert!(
                text.len() > limit && text.len() <= limit + 8,
                "{limit}: {}",
                text.len()
            );
        }
        assert_eq!(read(b"abc", 3).unwrap(), "abc");
    }

    #[test]
    fn input_truncated_character_is_an_error() {
        let said = read(&"a€".as_bytes()[..3], 100).unwrap_err();
        assert_eq!(said, "byte 0xe2 at offset 1 is not UTF-8");
    }

    #[test]
    fn the_end_of_a_text_counts_lines_and_utf_16_units() {
        let end = end_of("a\nb😀");
        assert_eq!((end.offset, end.line, end.column), (7, 2, 4));
    }
}
