//! The verdicts as tables.

use anstyle::{AnsiColor, Style};
use imagecache::tidy::{QuotaForecast, Tidy, TidyCache, TidyVerdict};

use crate::console::Console;
use crate::report::count;
use crate::table;

pub(super) fn tidy(tidy: &Tidy, console: &Console) -> String {
    let mut text = String::new();
    if !tidy.caches.is_empty() {
        let mut table = table::new(&["VERDICT", "CACHE", "ID", "SIZE", "LAST USED", "REASON"]);
        for cache in &tidy.caches {
            table.add_row([
                cache.verdict.as_str(),
                &cache.name,
                cache.image_cache_id.as_deref().unwrap_or("-"),
                &format!("{} GiB", cache.size_gib),
                &cache
                    .last_matched
                    .map_or_else(|| "-".to_owned(), |used| used.to_string()),
                &reason(cache),
            ]);
        }
        text.push_str(&table::lines(&table));
        text.push('\n');
    }
    let removable = tidy.removable().count();
    let gib: u64 = tidy.removable().map(|cache| cache.size_gib).sum();
    let of = |verdict| {
        let caches = tidy.caches.iter();
        caches.filter(|cache| cache.verdict == verdict).count()
    };
    let color = if removable > 0 {
        AnsiColor::Yellow.on_default()
    } else {
        Style::new()
    };
    let color = console.style(color);
    text.push_str(&format!(
        "{color}{} may be deleted, {gib} GiB{color:#}; {} blocked, {} kept\n\n",
        count(removable, "image cache"),
        of(TidyVerdict::Blocked),
        of(TidyVerdict::Keep)
    ));
    let mut table = table::new(&[
        "QUOTA", "USED", "AT MOST", "MAY GO", "MADE", "ENDING", "FULL IN",
    ]);
    table.add_row(row("manual", &tidy.manual));
    table.add_row(row("automatic", &tidy.automatic));
    text.push_str(&table::lines(&table));
    text
}

/// The reason, and for a blocked cache the verdict that it would have.
fn reason(cache: &TidyCache) -> String {
    match cache.otherwise {
        Some(verdict) => format!("{} (else {verdict})", cache.reason),
        None => cache.reason.clone(),
    }
}

/// Made and ending caches are those of 30 days.
fn row(name: &str, quota: &QuotaForecast) -> [String; 7] {
    let known = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |n| n.to_string());
    [
        name.to_owned(),
        quota.used.to_string(),
        known(quota.most),
        quota.removable.to_string(),
        quota.made.to_string(),
        quota.ending.to_string(),
        quota
            .full_in_days
            .map_or_else(|| "-".to_owned(), |days| format!("{days} days")),
    ]
}
