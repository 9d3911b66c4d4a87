//! The output end: one locked, buffered writer to standard output, and one line at a time to standard error.

use std::io::{self, BufWriter, StdoutLock, Write};

use anstream::AutoStream;
use anyhow::Context;

/// What went wrong when a write to [`Console`] fails.
pub(crate) const UNWRITABLE: &str = "cannot write standard output";

/// Standard output of one run.
///
/// Whether to colour is decided once, here; what is printed is then made with or without escape codes, so that a
/// large plain output is not searched for codes to strip.
pub(crate) struct Console {
    out: BufWriter<AutoStream<StdoutLock<'static>>>,
    color: bool,
}

impl Console {
    pub(crate) fn stdout() -> Self {
        let stdout = io::stdout();
        let color = AutoStream::choice(&stdout) != anstream::ColorChoice::Never;
        Console {
            out: BufWriter::with_capacity(1 << 16, AutoStream::always(stdout.lock())),
            color,
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
        self.out.flush().context(UNWRITABLE)
    }
}

impl Write for Console {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
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

/// One `error:` line to standard error. If even that cannot be written, there is nobody to tell.
pub(crate) fn complain(message: &str) {
    let style = anstyle::AnsiColor::Red.on_default().bold();
    let _ = writeln!(
        anstream::stderr(),
        "{style}error:{style:#} {}",
        visible(message)
    );
}

/// Something worth knowing, to standard error.
pub(crate) fn note(message: &str) {
    let _ = writeln!(anstream::stderr(), "{message}");
}

/// Text for a terminal: control characters of the input, which could steer the terminal, become `\u{1b}`.
pub(crate) fn visible(text: &str) -> std::borrow::Cow<'_, str> {
    let steers = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
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

/// What the system says, without `(os error 2)`.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => "unknown reason".to_owned(),
    }
}
