//! The output end: one locked, buffered writer to standard output, and one line at a time to standard error.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, BufWriter, StdoutLock, Write};

use anstream::AutoStream;
use anyhow::Context;
use imagecache::foreign::{Foreign, steers};
use imagecache::validate::OtherDocument;

/// What went wrong when a write to [`Console`] fails.
pub(crate) const UNWRITABLE: &str = "cannot write standard output";

/// Standard output of one run.
///
/// Whether to colour is decided once, here. Nothing is written but by [`Console::line`], [`Console::styled`],
/// [`Console::document`] and [`Console::manifests`], so that no text of a manifest or of a server steers the terminal or adds a line.
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

impl Console {
    /// Prints one line. Whatever is in it, it is one line.
    pub(crate) fn line(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
        let text = text.to_string();
        self.put(format_args!("{}\n", Foreign(&text).line()))
    }

    /// Prints one line of parts, each in its style.
    pub(crate) fn styled(&mut self, parts: &[(anstyle::Style, &str)]) -> io::Result<()> {
        for (style, text) in parts {
            let style = self.style(*style);
            self.put(format_args!("{style}{}{style:#}", Foreign(text).line()))?;
        }
        self.put(format_args!("\n"))
    }

    /// Prints a text of several lines whose parts have the escapes of their places, such as a table or JSON. A character
    /// that steers the terminal is escaped, except the codes of colours where colours are wanted.
    pub(crate) fn document(&mut self, text: &str) -> io::Result<()> {
        let code = if self.color { Some('\u{1b}') } else { None };
        let odd = |c: char| steers(c) && !matches!(c, '\n' | '\t') && Some(c) != code;
        if text.contains(odd) {
            let shown: String = text.chars().fold(String::new(), |mut shown, c| {
                if odd(c) {
                    shown.extend(c.escape_default());
                } else {
                    shown.push(c);
                }
                shown
            });
            return self.put(format_args!("{shown}"));
        }
        self.put(format_args!("{text}"))
    }

    /// Prints manifests that are to be read back as they are. On a terminal they are shown as a document.
    pub(crate) fn manifests(&mut self, text: &str) -> io::Result<()> {
        use io::IsTerminal as _;
        if io::stdout().is_terminal() {
            return self.document(text);
        }
        self.put(format_args!("{text}"))
    }

    fn put(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
        if self.reader == Reader::Gone {
            return Ok(());
        }
        let written = self.out.write_fmt(text);
        self.unless_gone(written, ())
    }

    /// Writes out what is still buffered.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
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

/// Writes one `error:` line to standard error, and ignores it if that fails. Further lines of the message are indented.
pub(crate) fn complain(message: &str) {
    let style = anstyle::AnsiColor::Red.on_default().bold();
    let message = message.replace("\n  ", "\n").replace('\n', "\n  ");
    let message = Foreign(&message).lines();
    let _ = writeln!(anstream::stderr(), "{style}error:{style:#} {message}");
}

/// Writes a note to standard error.
pub(crate) fn note(message: &str) {
    let _ = writeln!(anstream::stderr(), "{}", Foreign(message).lines());
}

/// Asks a question on standard error, and reads the answer from standard input. Only `y` and `yes` agree.
pub(crate) fn ask(question: &str) -> anyhow::Result<bool> {
    let mut stderr = io::stderr();
    let asked = write!(stderr, "{}", Foreign(question).line()).and_then(|()| stderr.flush());
    asked.context("cannot ask")?;
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer);
    read.context("cannot read the answer")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Writes how the manifests that are made of skipped documents are validated, once for each advice.
pub(crate) fn advise(skipped: &BTreeSet<OtherDocument>) {
    let advice: BTreeSet<&str> = skipped.iter().map(|what| what.advice()).collect();
    for advice in advice.iter().filter(|advice| !advice.is_empty()) {
        note(&format!("note: files were skipped. {advice}"));
    }
}

/// Writes a text that was rendered for standard error, with its codes of colours.
pub(crate) fn note_rendered(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Returns a text of somebody else for a part of a line; see [`Foreign::line`].
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    Foreign(text).line().to_string().into()
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
