//! Caches as people and programs read them.

use anyhow::Context as _;
use clap::ValueEnum;
use imagecache::eci::reply::{EventEntry, ImageCacheEntry};
use imagecache::resource::human_duration;
use imagecache::time::Timestamp;

use crate::console::{Console, UNWRITABLE, visible};
use crate::{encode, table};

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Form {
    /// A table
    Text,
    /// One JSON array with the fields of the API
    Json,
    /// One YAML list with the fields of the API
    Yaml,
    /// The id of each cache, one a line
    Name,
}

impl Form {
    /// Prints caches; `text` makes them readable.
    pub(crate) fn print(
        self,
        caches: &[ImageCacheEntry],
        text: impl FnOnce(&[ImageCacheEntry]) -> String,
        console: &mut Console,
    ) -> anyhow::Result<()> {
        let text = match self {
            Form::Text => text(caches),
            Form::Json => encode::json(&caches)?,
            Form::Yaml => encode::yaml(&caches)?,
            Form::Name => caches
                .iter()
                .map(|cache| format!("{}\n", visible(&cache.image_cache_id)))
                .collect(),
        };
        console.document(&text).context(UNWRITABLE)
    }
}

fn or_dash(text: Option<&str>) -> String {
    match text {
        None | Some("") => "-".to_owned(),
        Some(text) => text.to_owned(),
    }
}

/// Returns an age such as `3d`, or `-` if the time is not known.
fn age(time: Option<&str>, now: Timestamp) -> String {
    let time: Option<Timestamp> = time.and_then(|time| time.parse().ok());
    time.map_or_else(|| "-".to_owned(), |time| human_duration(now.since(time)))
}

/// A line a cache.
pub(crate) fn rows(caches: &[ImageCacheEntry], now: Timestamp) -> String {
    let mut table = table::new(&[
        "NAME", "ID", "STATUS", "PROGRESS", "SIZE", "IMAGES", "AGE", "EXPIRES",
    ]);
    for cache in caches {
        let size = cache.image_cache_size.map(|size| format!("{size} GiB"));
        table.add_row([
            or_dash(Some(&cache.image_cache_name)),
            or_dash(Some(&cache.image_cache_id)),
            or_dash(Some(cache.status.as_str())),
            or_dash(cache.progress.as_deref()),
            or_dash(size.as_deref()),
            cache.images.len().to_string(),
            age(cache.creation_time.as_deref(), now),
            match cache.expire_date_time.as_deref() {
                None | Some("") => "never".to_owned(),
                ends => or_dash(ends),
            },
        ]);
    }
    table::lines(&table)
}

/// Everything about each cache.
pub(crate) fn details(caches: &[ImageCacheEntry], now: Timestamp) -> String {
    let whole: Vec<String> = caches.iter().map(|cache| one(cache, now)).collect();
    whole.join("\n")
}

fn one(cache: &ImageCacheEntry, now: Timestamp) -> String {
    let mut table = table::new(&[]);
    let mut row = |name: &str, value: Option<&str>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            table.add_row([name, value]);
        }
    };
    let since = |time: &Option<String>| {
        let time = time.as_deref()?;
        Some(format!("{time}, {} ago", age(Some(time), now)))
    };
    row("name", Some(&cache.image_cache_name));
    row("id", Some(&cache.image_cache_id));
    row("status", Some(cache.status.as_str()));
    row("progress", cache.progress.as_deref());
    row("region", cache.region_id.as_deref());
    row("resource group", cache.resource_group_id.as_deref());
    let size = cache.image_cache_size.map(|size| format!("{size} GiB"));
    row("size", size.as_deref());
    row("snapshot", cache.snapshot_id.as_deref());
    row("flash snapshot", cache.flash_snapshot_id.as_deref());
    row("builder", cache.container_group_id.as_deref());
    row("created", since(&cache.creation_time).as_deref());
    row("last used", since(&cache.last_matched_time).as_deref());
    row("ends", cache.expire_date_time.as_deref().or(Some("never")));
    row("elimination", cache.elimination_strategy.as_deref());
    for (at, tag) in cache.tags.iter().enumerate() {
        let name = if at == 0 { "tags" } else { "" };
        row(name, Some(&format!("{}={}", tag.key, tag.value)));
    }
    for (at, image) in cache.images.iter().enumerate() {
        row(if at == 0 { "images" } else { "" }, Some(image));
    }
    let mut text = table::lines(&table);
    if !cache.events.is_empty() {
        text.push_str(&events(&cache.events, now));
    }
    text
}

/// A line an event.
pub(crate) fn events<'a>(
    events: impl IntoIterator<Item = &'a EventEntry>,
    now: Timestamp,
) -> String {
    let mut table = table::new(&["AGE", "TYPE", "REASON", "MESSAGE"]);
    for event in events {
        table.add_row([
            age(event.last_timestamp.as_deref(), now),
            or_dash(event.r#type.as_deref()),
            or_dash(event.reason.as_deref()),
            or_dash(event.message.as_deref()),
        ]);
    }
    table::lines(&table)
}
