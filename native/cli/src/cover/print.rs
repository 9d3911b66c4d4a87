//! What a release has, for people and programs.

use std::collections::BTreeMap;

use anyhow::Context as _;
use clap::ValueEnum;
use imagecache::cover::{CoverNeed, CoverState, Coverage};
use imagecache::resource::ImageCache;
use serde::Serialize;

use super::places::Place;
use crate::console::{self, Console, UNWRITABLE, visible};
use crate::{encode, table};

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Form {
    /// A table
    Text,
    /// One JSON object with all details
    Json,
    /// The ImageCaches that are missing, ready to apply
    Yaml,
}

/// What was found and done.
#[derive(Default, Serialize)]
pub(super) struct Done {
    #[serde(flatten)]
    pub(super) coverage: Coverage,
    /// The caches that were made.
    pub(super) made: Vec<String>,
    /// The caches of earlier releases that were deleted.
    pub(super) deleted: Vec<String>,
    /// Something could not be read or done.
    pub(super) incomplete: bool,
    #[serde(skip)]
    shown: BTreeMap<String, String>,
}

impl Done {
    /// Takes what the last look found; prints on standard error what has changed.
    pub(super) fn follow(&mut self, coverage: Coverage, prints: bool) {
        for need in coverage.needs.iter().filter(|_| prints) {
            let line = format!("{}  {}", name(need), state(need));
            let shown = self.shown.entry(name(need)).or_default();
            if *shown != line && !matches!(need.state, CoverState::Missing) {
                console::note(&visible(&line));
                *shown = line;
            }
        }
        self.coverage = coverage;
    }

    pub(super) fn missing(&self) -> impl Iterator<Item = &ImageCache> {
        let needs = self.coverage.needs.iter();
        needs.filter_map(|need| need.manifest.as_ref())
    }

    /// Prints why caches failed, on standard error.
    pub(super) fn explain(&mut self, place: &Place<'_>) {
        for need in &self.coverage.needs {
            let CoverState::Failed { cache, message } = &need.state else {
                continue;
            };
            console::complain(&visible(&format!("{}: {message}", cache.name)));
            match place.events(cache) {
                Ok(lines) => lines
                    .iter()
                    .for_each(|line| console::note(&visible(&format!("  {line}")))),
                Err(error) => {
                    console::complain(&visible(&format!(
                        "{}: its events were not read: {error:#}",
                        cache.name
                    )));
                    self.incomplete = true;
                }
            }
        }
    }
}

fn name(need: &CoverNeed) -> String {
    let made = need
        .manifest
        .as_ref()
        .and_then(|cache| cache.metadata.name.clone());
    match &need.state {
        CoverState::Covered { cache }
        | CoverState::Waiting { cache, .. }
        | CoverState::Failed { cache, .. } => {
            if cache.name.is_empty() {
                cache.image_cache_id.clone().unwrap_or_default()
            } else {
                cache.name.clone()
            }
        }
        _ => made.unwrap_or_else(|| "-".to_owned()),
    }
}

fn state(need: &CoverNeed) -> String {
    match &need.state {
        CoverState::Covered { .. } => "covered".to_owned(),
        CoverState::Waiting { phase, .. } => phase.clone().unwrap_or_else(|| "Pending".to_owned()),
        CoverState::Failed { .. } => "failed".to_owned(),
        CoverState::Blocked { .. } => "blocked".to_owned(),
        _ => "missing".to_owned(),
    }
}

/// The pods of a need in a cell.
fn pods(need: &CoverNeed) -> String {
    match need.pods.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [first, others @ ..] => format!("{first} and {} more", others.len()),
    }
}

pub(super) fn print(done: &Done, form: Form, console: &mut Console) -> anyhow::Result<()> {
    let warnings = done.coverage.warnings.iter();
    warnings.for_each(|warning| console::note(&visible(&format!("warning: {warning}"))));
    let text = match form {
        Form::Text => text(done),
        Form::Json => encode::json(done)?,
        Form::Yaml => {
            let mut text = String::new();
            for cache in done.missing() {
                text.push_str("---\n");
                text.push_str(&encode::yaml(cache)?);
            }
            return console.manifests(&text).context(UNWRITABLE);
        }
    };
    console.document(&text).context(UNWRITABLE)
}

fn text(done: &Done) -> String {
    let mut table = table::new(&["STATE", "CACHE", "IMAGES", "PODS"]);
    for need in &done.coverage.needs {
        table.add_row([
            state(need),
            name(need),
            need.images.len().to_string(),
            pods(need),
        ]);
    }
    let mut text = if done.coverage.needs.is_empty() {
        String::new()
    } else {
        table::lines(&table)
    };
    for need in &done.coverage.needs {
        if let CoverState::Blocked { message } = &need.state {
            text.push_str(&format!("{}: {}\n", visible(&pods(need)), visible(message)));
        }
    }
    for skipped in &done.coverage.skipped {
        text.push_str(&format!(
            "{}: needs no cache: {}\n",
            visible(&skipped.pod),
            visible(&skipped.reason)
        ));
    }
    text
}
