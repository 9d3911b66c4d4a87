//! The forms in which answers are printed.

use std::io;

use anstyle::{AnsiColor, Style};
use anyhow::Context as _;
use imagecache::matching::{CacheName, Decision, Explanation, ImageMatch};

use super::{Form, Match};
use crate::console::{self, Console, UNWRITABLE, visible};
use crate::report::count;
use crate::{encode, table};

/// Prints explanations in order.
pub(super) enum Printer {
    /// A table is as wide as its widest row, so it is printed at the end.
    Table(Box<table::Table>),
    Pages {
        first: bool,
    },
    Json {
        first: bool,
    },
    Yaml,
    Name,
}

impl Printer {
    pub(super) fn new(options: &Match) -> Self {
        match options.output {
            Form::Text if options.explain => Printer::Pages { first: true },
            Form::Text => Printer::Table(Box::new(table::new(&[
                "POD", "KIND", "DECISION", "CACHE", "IMAGES", "NEXT",
            ]))),
            Form::Json => Printer::Json { first: true },
            Form::Yaml => Printer::Yaml,
            Form::Name => Printer::Name,
        }
    }

    pub(super) fn put(&mut self, console: &mut Console, answer: Explanation) -> anyhow::Result<()> {
        match self {
            Printer::Table(table) => {
                table.add_row(row(&answer));
                for warning in &answer.warnings {
                    let pod = visible(&answer.pod);
                    console::note(&format!("warning: {pod}: {}", visible(warning)));
                }
                Ok(())
            }
            Printer::Pages { first } => {
                let text = if std::mem::take(first) { "" } else { "\n" };
                console.document(text).and_then(|()| page(console, &answer))
            }
            Printer::Json { first } => {
                let between = if std::mem::take(first) { "[\n" } else { ",\n" };
                let text = encode::json_elements(&[answer])?;
                console.document(&format!("{between}{text}"))
            }
            Printer::Yaml => console.document(&encode::yaml(&[answer])?),
            Printer::Name => {
                let winner = answer
                    .winner
                    .map(|winner| winner.image_cache_id.unwrap_or(winner.name));
                console.line(format_args!("{}", winner.as_deref().unwrap_or("-")))
            }
        }
        .context(UNWRITABLE)
    }

    pub(super) fn end(self, console: &mut Console) -> anyhow::Result<()> {
        match self {
            Printer::Table(table) => console.document(&table::lines(&table)),
            Printer::Json { first: true } => console.document("[]\n"),
            Printer::Json { first: false } => console.document("\n]\n"),
            Printer::Pages { .. } | Printer::Yaml | Printer::Name => Ok(()),
        }
        .context(UNWRITABLE)
    }
}

/// Returns the id of a cache, and its name if it has one.
fn cache_label(cache: &CacheName) -> String {
    match (&cache.image_cache_id, cache.name.as_str()) {
        (Some(id), "") => id.clone(),
        (Some(id), name) => format!("{id} ({name})"),
        (None, name) => name.to_owned(),
    }
}

fn row(answer: &Explanation) -> [String; 6] {
    let exact = answer
        .images
        .iter()
        .filter(|image| image.found == ImageMatch::Exact);
    let pull = &answer.next.pull;
    let next = match (&answer.error, &answer.next.create) {
        _ if answer.decision == Decision::NotEci => "follows the rules of ACS".to_owned(),
        (Some(error), _) => format!("refused: {}", error.message),
        (None, None) => pulls(pull.len(), pull),
        (None, Some(create)) => {
            format!(
                "{}, creates a cache of {} GiB",
                pulls(pull.len(), pull),
                create.size_gib
            )
        }
    };
    [
        answer.pod.clone(),
        answer.kind.clone(),
        answer.decision.as_str().to_owned(),
        answer.winner.as_ref().map_or("-".to_owned(), cache_label),
        format!("{}/{}", exact.count(), answer.images.len()),
        next,
    ]
}

/// Returns the images to pull for a table: one by name, more by number.
fn pulls(number: usize, images: &[String]) -> String {
    match images {
        [] => "pulls nothing".to_owned(),
        [image] => format!("pulls {image}"),
        _ => format!("pulls {}", count(number, "image")),
    }
}

/// Prints the page of one pod.
fn page(console: &mut Console, answer: &Explanation) -> io::Result<()> {
    head(console, answer)?;
    let on_eci = answer.decision != Decision::NotEci;
    if answer.error.is_none() && on_eci {
        images(console, answer)?;
    }
    if on_eci {
        candidates(console, answer)?;
    }
    match (&answer.error, answer.next.pull.as_slice()) {
        _ if !on_eci => {}
        (Some(error), _) => {
            console.line(format_args!(
                "  ECI refuses the pod: {} (HTTP {})",
                error.code, error.http
            ))?;
            console.line(format_args!("    {}", error.message))?;
        }
        (None, []) => console.line(format_args!("  ECI pulls nothing"))?,
        (None, images) => console.line(format_args!("  ECI pulls {}", images.join(", ")))?,
    }
    if let Some(create) = &answer.next.create {
        let (name, size) = (&create.name, create.size_gib);
        console.line(format_args!(
            "  ECI creates a cache of {size} GiB for later pods: {}",
            name
        ))?;
    }
    if let (Some(bytes), Some(seconds)) = (answer.bytes_saved, answer.seconds_saved) {
        let bytes = indicatif::BinaryBytes(bytes);
        console.line(format_args!(
            "  the cache saves pulling {bytes}, about {seconds} s"
        ))?;
    }
    if let Some(pin) = &answer.pin {
        let place = if answer.kind == "Pod" {
            "pod"
        } else {
            "pod template"
        };
        console.line(format_args!("  to pin this cache, annotate the {place}:"))?;
        console.line(format_args!("    {}: {}", pin.annotation, pin.value))?;
    }
    for note in &answer.notes {
        console.line(format_args!("  note: {note}"))?;
    }
    for warning in &answer.warnings {
        let style = AnsiColor::Yellow.on_default().bold();
        let plain = Style::new();
        console.styled(&[
            (plain, "  "),
            (style, "warning:"),
            (plain, " "),
            (plain, warning),
        ])?;
    }
    Ok(())
}

fn head(console: &mut Console, answer: &Explanation) -> io::Result<()> {
    let color = match answer.decision {
        Decision::Hit => AnsiColor::Green,
        Decision::Partial | Decision::Miss | Decision::NotEci => AnsiColor::Yellow,
        _ => AnsiColor::Red,
    };
    let object = format!("{} {}", answer.kind, answer.pod);
    let winner = answer.winner.as_ref().map(cache_label);
    let winner = winner.map_or(String::new(), |winner| format!(" {winner}"));
    console.styled(&[
        (Style::new().bold(), &object),
        (Style::new(), ": "),
        (color.on_default().bold(), answer.decision.as_str()),
        (Style::new(), &winner),
    ])
}

fn images(console: &mut Console, answer: &Explanation) -> io::Result<()> {
    console.line(format_args!("  images"))?;
    let mut rows = table::new(&[]);
    for image in &answer.images {
        let cached = image.cached.as_deref().unwrap_or_default();
        let found = match image.found {
            ImageMatch::Exact => "cached".to_owned(),
            ImageMatch::RepositoryOnly => format!("cached in another version: {cached}"),
            ImageMatch::Nothing => "not cached".to_owned(),
            _ => "not an image reference".to_owned(),
        };
        rows.add_row([&image.image, &found]);
    }
    indented(console, &rows)
}

fn candidates(console: &mut Console, answer: &Explanation) -> io::Result<()> {
    let unrelated = count(answer.unrelated, "cache");
    if answer.candidates.is_empty() {
        return console.line(format_args!(
            "  caches: {unrelated}, none with an image of these repositories"
        ));
    }
    console.line(format_args!("  caches"))?;
    let mut rows = table::new(&[]);
    for candidate in &answer.candidates {
        let mark = if candidate.reason.is_none() { "*" } else { "-" };
        let label = cache_label(&candidate.cache);
        rows.add_row([mark, &label, &candidate.why]);
    }
    indented(console, &rows)?;
    if answer.omitted > 0 {
        let omitted = count(answer.omitted, "cache");
        console.line(format_args!(
            "    and {omitted} that rank lower (--candidates)"
        ))?;
    }
    if answer.unrelated > 0 {
        console.line(format_args!(
            "    and {unrelated} without an image of these repositories"
        ))?;
    }
    Ok(())
}

fn indented(console: &mut Console, rows: &table::Table) -> io::Result<()> {
    for line in table::lines(rows).lines() {
        console.line(format_args!("    {line}"))?;
    }
    Ok(())
}
