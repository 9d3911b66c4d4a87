//! The log of commands that run for long: one line for each event, on standard error.
//!
//! Text by default, with colour as everywhere else (`--color`, `NO_COLOR`), or one JSON object a line. Secrets cannot be
//! logged: they are [`imagecache::eci::Secret`]s, which print as nothing. A message and a field is a part of a line,
//! whatever is in it.

use std::io;

use anstream::AutoStream;
use imagecache::foreign::Foreign;
use tracing::Subscriber;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::fmt::{MakeWriter, format};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::usage::usage_error;

/// The environment variable with the log level, if `--log-level` is not set.
const VARIABLE: &str = "RUST_LOG";
/// The default log level.
const USUAL: &str = "info";

/// How to log.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Log")]
pub(crate) struct Log {
    /// Format of log lines
    #[arg(long, value_name = "FORM", default_value = "text")]
    log_format: Form,
    /// Log level: off, error, warn, info, debug, trace, or as `info,kube=debug` [default: RUST_LOG]
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// Text, coloured on a terminal
    Text,
    /// One JSON object a line
    Json,
}

impl Log {
    /// Starts logging to standard error.
    ///
    /// # Errors
    /// Returns a usage error if the log level cannot be parsed.
    pub(crate) fn start(&self) -> anyhow::Result<()> {
        self.start_with(USUAL, io::stderr)
    }

    /// Starts logging to `writer`; `usual` is the default level.
    ///
    /// # Errors
    /// Returns a usage error if the log level cannot be parsed.
    pub(crate) fn start_with<W>(&self, usual: &str, writer: W) -> anyhow::Result<()>
    where
        W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
    {
        let filter = self
            .filter(usual, std::env::var(VARIABLE).ok().as_deref())
            .map_err(usage_error)?;
        let color = AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never;
        // It fails where a log runs already, as in tests that run several verbs.
        let _ = tracing_subscriber::registry()
            .with(filter)
            .with(lines(self.log_format, color, writer))
            .try_init();
        Ok(())
    }

    fn filter(&self, usual: &str, variable: Option<&str>) -> Result<EnvFilter, String> {
        let variable = variable.filter(|text| !text.trim().is_empty());
        let (text, origin) = match (&self.log_level, variable) {
            (Some(text), _) => (text.as_str(), "--log-level"),
            (None, Some(text)) => (text, VARIABLE),
            (None, None) => (usual, "--log-level"),
        };
        EnvFilter::builder().parse(text).map_err(|error| {
            format!("{origin}: invalid log level `{text}`: {error}; expected a level such as debug, or info,kube=debug")
        })
    }
}

fn lines<S, W>(form: Form, color: bool, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = fmt::layer();
    match form {
        Form::Text => {
            let fields = format::debug_fn(|out, field, value| {
                let text = format!("{value:?}");
                match field.name() {
                    "message" => write!(out, "{}", Foreign(&text).line()),
                    name => write!(out, "{name}={}", Foreign(&text).line()),
                }
            });
            layer
                .fmt_fields(fields.delimited(" "))
                .with_writer(writer)
                .with_ansi(color)
                .with_target(false)
                .boxed()
        }
        Form::Json => layer
            .json()
            .flatten_event(true)
            .with_writer(Escaped(writer))
            .boxed(),
    }
}

/// Writes JSON with the characters that steer a terminal as `\uXXXX`. The log writes a whole line at once.
struct Escaped<W>(W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Escaped<W> {
    type Writer = Escaped<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Escaped(self.0.make_writer())
    }
}

impl<W: io::Write> io::Write for Escaped<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let shown = Foreign(&text).json().to_string();
        self.0.write_all(shown.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::{Form, Log, lines};

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(form: Form, color: bool) -> String {
        let sink = Sink::default();
        let writer = sink.clone();
        let subscriber =
            tracing_subscriber::registry().with(lines(form, color, move || writer.clone()));
        tracing::subscriber::with_default(subscriber, || {
            let key = imagecache::eci::Secret::from("LTAI-secret");
            tracing::warn!(cache = "base", key = ?key, "an odd\nline");
        });
        String::from_utf8(sink.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_json_line_is_one_object() {
        let text = logged(Form::Json, false);
        let line: serde_json::Value = serde_json::from_str(text.trim_end()).unwrap();
        assert_eq!(line["level"], "WARN");
        assert_eq!(line["message"], "an odd\nline");
        assert_eq!(line["cache"], "base");
        assert_eq!(text.lines().count(), 1, "{text}");
    }

    #[test]
    fn no_text_steers_the_terminal_or_adds_a_line() {
        use imagecache::foreign::steers;
        for form in [Form::Text, Form::Json] {
            let sink = Sink::default();
            let writer = sink.clone();
            let subscriber =
                tracing_subscriber::registry().with(lines(form, false, move || writer.clone()));
            tracing::subscriber::with_default(subscriber, || {
                let odd = "a\u{9b}31m\u{202e}\n::error::x\u{1b}]0;t\u{7}\r\u{2028}";
                let _span = tracing::info_span!("span", odd, shown = %odd).entered();
                tracing::info!(odd, shown = %odd, debug = ?odd, "{odd}");
                tracing::info!("::error::{}", odd);
            });
            let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
            assert_eq!(text.lines().count(), 2, "{text:?}");
            assert!(!text.contains(|c| steers(c) && c != '\n'), "{text:?}");
        }
    }

    #[test]
    fn colour_is_only_where_it_is_wanted() {
        assert!(!logged(Form::Text, false).contains('\u{1b}'));
        assert!(logged(Form::Text, true).contains('\u{1b}'));
    }

    #[test]
    fn log_no_form_shows_a_secret() {
        for form in [Form::Text, Form::Json] {
            let text = logged(form, false);
            assert!(text.contains("key") && !text.contains("LTAI"), "{text}");
        }
    }

    #[test]
    fn log_level_flag_overrides_environment() {
        let log = |level: Option<&str>| Log {
            log_format: Form::Text,
            log_level: level.map(str::to_owned),
        };
        for (level, variable, filter) in [
            (None, None, "info"),
            (None, Some(""), "info"),
            (None, Some("debug"), "debug"),
            (Some("warn"), Some("debug"), "warn"),
            (Some("off"), None, "off"),
        ] {
            let found = log(level).filter("info", variable).unwrap();
            assert_eq!(found.to_string(), filter);
        }
        let said = log(Some("lou=der")).filter("info", None).unwrap_err();
        assert!(
            said.starts_with("--log-level: invalid log level `lou=der`: "),
            "{said}"
        );
        let said = log(None).filter("info", Some("a=b=c=")).unwrap_err();
        assert!(said.starts_with("RUST_LOG: "), "{said}");
    }
}
