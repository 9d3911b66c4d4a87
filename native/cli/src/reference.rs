//! `imagecache reference`: what image references mean, name by name.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use anyhow::Context;
use imagecache::reference::{self, Named, describe};

use crate::console::{self, Console, UNWRITABLE, visible};
use crate::encode;
use crate::exit::Exit;
use crate::usage::usage_error;

/// Maximum length of a line in bytes. A longer line is not a name.
const LINE_MAX: u64 = 1 << 20;

const EXAMPLES: &str = "\
Examples:
  imagecache reference nginx                         what the name stands for
  imagecache reference nginx Docker.io/nginx -o json one line of JSON for each name
  imagecache reference -o name nginx                 only docker.io/library/nginx:latest
  kubectl get pods -A -o jsonpath='{..image}' | xargs -n1 | imagecache reference -f -

A line of a file is a name, as it is: blanks and carriage returns are not cut off, and an empty line
is an empty name. Exit code 1 says that some name is no reference.";

/// Parse image references, and show errors in them
///
/// The grammar and the errors are those of Docker's distribution/reference, which containerd and the kubelet use. A name
/// without a host is on docker.io; without a path, in library/; without tag and digest, it has the tag latest.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Reference {
    /// Names of images
    #[arg(value_name = "NAME")]
    names: Vec<OsString>,
    /// A file with one name a line, or `-` for standard input; may be repeated
    #[arg(short = 'f', long = "filename", value_name = "FILE|-")]
    filenames: Vec<PathBuf>,
    /// Output format
    #[arg(short, long, value_name = "FORM", default_value = "text")]
    output: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// The parts of each name, or its error underlined
    Text,
    /// One line of JSON for each name
    Json,
    /// The canonical name of each valid name
    Name,
}

impl Reference {
    pub(crate) fn run(&self, console: &mut Console) -> anyhow::Result<Exit> {
        if self.names.is_empty() && self.filenames.is_empty() {
            return Err(usage_error(
                "no input: give names, or a file of names with -f; `-f -` reads standard input",
            ));
        }
        console.outlive_reader();
        let mut printer = Printer::new(self.output, console);
        for name in &self.names {
            printer.print(console, name.as_encoded_bytes())?;
        }
        let mut failed = false;
        for path in &self.filenames {
            let ended = if path.as_os_str() == "-" {
                each_line(io::stdin().lock(), |name| printer.print(console, name))?
            } else {
                match File::open(path) {
                    Ok(file) => {
                        each_line(BufReader::new(file), |name| printer.print(console, name))?
                    }
                    Err(error) => Err(error),
                }
            };
            if let Err(error) = ended {
                failed = true;
                console::complain(&format!("{}: {}", path.display(), console::reason(&error)));
            }
        }
        Ok(match (failed, printer.invalid) {
            (true, _) => Exit::Failure,
            (false, true) => Exit::Findings,
            (false, false) => Exit::Ok,
        })
    }
}

/// Hands over line after line, without its `\n`. The outer error is one of writing, the inner one of reading.
fn each_line(
    mut from: impl BufRead,
    mut line: impl FnMut(&[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<io::Result<()>> {
    let mut bytes = Vec::new();
    for number in 1_u64.. {
        bytes.clear();
        match (&mut from).take(LINE_MAX).read_until(b'\n', &mut bytes) {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) => return Ok(Err(error)),
        }
        if let Some(whole) = bytes.strip_suffix(b"\n") {
            line(whole)?;
        } else if u64::try_from(bytes.len()) == Ok(LINE_MAX) {
            let message =
                format!("line {number} is longer than {LINE_MAX} bytes; is it a list of names?");
            return Ok(Err(io::Error::other(message)));
        } else {
            line(&bytes)?;
        }
    }
    Ok(Ok(()))
}

/// Prints one name after the other and remembers whether all were references.
struct Printer {
    form: Form,
    renderer: Renderer,
    first: bool,
    invalid: bool,
}

impl Printer {
    fn new(form: Form, console: &Console) -> Self {
        let renderer = if console.color() {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        Printer {
            form,
            renderer,
            first: true,
            invalid: false,
        }
    }

    fn print(&mut self, console: &mut Console, name: &[u8]) -> anyhow::Result<()> {
        let name = String::from_utf8_lossy(name);
        let description = describe(&name);
        self.invalid |= !description.valid;
        let between = !std::mem::take(&mut self.first);
        match self.form {
            Form::Text if between => console
                .document("\n")
                .and_then(|()| self.text(console, &description)),
            Form::Text => self.text(console, &description),
            Form::Json => encode::json_line(&description)
                .map_err(io::Error::from)
                .and_then(|text| console.document(&format!("{text}\n"))),
            Form::Name => match &description.normalized {
                Some(normalized) => console.line(format_args!("{normalized}")),
                None => Ok(()),
            },
        }
        .context(UNWRITABLE)
    }

    fn text(&self, console: &mut Console, described: &reference::Reference) -> io::Result<()> {
        let Some(fault) = &described.error else {
            console.styled(&[(anstyle::Style::new().bold(), &described.input)])?;
            for (part, value) in parts(described) {
                console.line(format_args!("  {part:<10}  {value}"))?;
            }
            return Ok(());
        };
        let title = Level::ERROR.primary_title(fault.message.as_str());
        let mut group = Group::with_title(title.id(fault.class.as_str()));
        if let Err(error) = Named::parse(&described.input)
            && !described.input.is_empty()
            && visible(&described.input) == described.input
        {
            let mark = AnnotationKind::Primary.span(error.at());
            let snippet = Snippet::source(described.input.as_str()).line_numbering(false);
            group = group.element(snippet.annotation(mark.label(error.rule())));
        }
        console.document(&format!("{}\n", self.renderer.render(&[group])))
    }
}

/// The parts of a valid name, as a person reads them.
fn parts(described: &reference::Reference) -> [(&'static str, &str); 6] {
    [
        ("domain", &described.domain),
        ("path", &described.path),
        ("tag", &described.tag),
        ("digest", &described.digest),
        ("normalized", &described.normalized),
        ("familiar", &described.familiar),
    ]
    .map(|(part, value)| (part, value.as_deref().unwrap_or("-")))
}
