//! The output end: one locked, buffered writer to standard output, and one line at a time to standard error.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, BufWriter, StdoutLock, Write};

use anstream::AutoStream;
use anyhow::Context;
use imagecache::validate::OtherDocument;

/// What went wrong when a write to [`Console`] fails.
pub(crate) const UNWRITABLE: &str = "cannot write standard output";

/// Standard output of one run.
///
/// Whether to colour is decided once, here; what is printed is then made with or without escape codes, so that a
/// large plain output is not searched for codes to strip.
pub(crate) struct Console {
    out: BufWriter<AutoStream<StdoutLock<'static>>>,
    color: bool,
    reader: Reader,
}

/// The reader of standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    /// When it closes the pipe, the run ends.
    Needed,
    /// When it closes the pipe, the run goes on: the exit code is an answer too.
    Optional,
    /// It closed the pipe; nothing more is written.
    Gone,
}

impl Console {
    pub(crate) fn stdout() -> Self {
        let stdout = io::stdout();
        let color = AutoStream::choice(&stdout) != anstream::ColorChoice::Never;
        Console {
            out: BufWriter::with_capacity(1 << 16, AutoStream::always(stdout.lock())),
            color,
            reader: Reader::Needed,
        }
    }

    /// Lets the run go on, and end with its exit code, after a reader such as `head` closed the pipe.
    pub(crate) fn outlive_reader(&mut self) {
        self.reader = Reader::Optional;
    }

    /// Handles the end of a write: `done` is what to return when the reader went away and is not needed.
    fn unless_gone<T>(&mut self, written: io::Result<T>, done: T) -> io::Result<T> {
        match written {
            Err(error)
                if error.kind() == io::ErrorKind::BrokenPipe && self.reader != Reader::Needed =>
            {
                self.reader = Reader::Gone;
                Ok(done)
            }
            other => other,
        }
    }

    /// Whether to write escape codes.
    pub(crate) fn color(&self) -> bool {
        self.color
    }

    /// A style for this output: the one given, or none.
    pub(crate) fn style(&self, style: anstyle::Style) -> anstyle::Style {
        if self.color {
            style
        } else {
            anstyle::Style::new()
        }
    }

    /// Writes out what is still buffered.
    pub(crate) fn finish(&mut self) -> anyhow::Result<()> {
        self.flush().context(UNWRITABLE)
    }
}

impl Write for Console {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.reader == Reader::Gone {
            return Ok(bytes.len());
        }
        let written = self.out.write(bytes);
        self.unless_gone(written, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.reader == Reader::Gone {
            return Ok(());
        }
        let flushed = self.out.flush();
        self.unless_gone(flushed, ())
    }
}

/// The columns of the terminal that standard output is, if it is one.
pub(crate) fn width() -> Option<usize> {
    terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0))
}

/// Sets `--color` for this run, standard error and the variables of the environment included.
pub(crate) fn choose_color(choice: clap::ColorChoice) {
    match choice {
        clap::ColorChoice::Auto => anstream::ColorChoice::Auto,
        clap::ColorChoice::Always => anstream::ColorChoice::Always,
        clap::ColorChoice::Never => anstream::ColorChoice::Never,
    }
    .write_global();
}

/// Writes one `error:` line to standard error, and ignores it if that fails.
pub(crate) fn complain(message: &str) {
    let style = anstyle::AnsiColor::Red.on_default().bold();
    let _ = writeln!(
        anstream::stderr(),
        "{style}error:{style:#} {}",
        visible_lines(message)
    );
}

/// Writes a note to standard error.
pub(crate) fn note(message: &str) {
    let _ = writeln!(anstream::stderr(), "{message}");
}

/// Writes how the manifests behind skipped documents are validated, once for each advice.
pub(crate) fn advise(skipped: &BTreeSet<OtherDocument>) {
    let advice: BTreeSet<&str> = skipped.iter().map(|what| what.advice()).collect();
    for advice in advice.iter().filter(|advice| !advice.is_empty()) {
        note(&format!("note: files were skipped. {advice}"));
    }
}

/// Escapes the characters of the input that could steer a terminal or end a line: `\n`, `\u{1b}`.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, |_| false)
}

/// As [`visible`], for text of several lines: line ends and tabs are kept.
pub(crate) fn visible_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| matches!(c, '\n' | '\t'))
}

fn escaped(text: &str, kept: impl Fn(char) -> bool) -> Cow<'_, str> {
    let steers = |c: char| {
        let ends_line = matches!(c, '\u{2028}' | '\u{2029}');
        let turns_text = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        (c.is_control() || ends_line || turns_text) && !kept(c)
    };
    if !text.contains(steers) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if steers(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown.into()
}

/// Returns the message of the operating system, without `(os error 2)`.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => "unknown reason".to_owned(),
    }
}
