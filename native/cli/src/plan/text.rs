//! The plan as tables for a terminal.

use anstyle::{AnsiColor, Style};
use imagecache::plan::{Action, Plan};

use super::forms::{month, prices, quality, size, totals};
use crate::console::{Console, visible};
use crate::table;

pub(super) fn plan(plan: &Plan, explain: bool, console: &Console) -> String {
    let mut text = String::new();
    let currency = plan
        .currency
        .as_deref()
        .map(|currency| format!("{currency} A MONTH"));
    let month_head = currency.unwrap_or_else(|| "A MONTH".to_owned());
    if explain {
        for cache in &plan.caches {
            let bold = console.style(Style::new().bold());
            let color = console.style(color(cache.action).on_default().bold());
            text.push_str(&format!(
                "{color}{}{color:#} {bold}{}{bold:#}: {}, {}\n",
                cache.action.as_str(),
                visible(&cache.name),
                size(cache),
                month(cache)
            ));
            for image in &cache.images {
                let bytes = image.bytes.map_or_else(
                    || "unknown size".to_owned(),
                    |bytes| indicatif::BinaryBytes(bytes).to_string(),
                );
                let source = image
                    .source
                    .as_deref()
                    .map(|source| format!(", {source}"))
                    .unwrap_or_default();
                text.push_str(&format!(
                    "  {}  {}\n",
                    visible(&image.image),
                    visible(&format!("{bytes}{source}"))
                ));
            }
            for line in &cache.reasons {
                text.push_str(&format!("  * {}\n", visible(line)));
            }
            for pod in &cache.pods {
                text.push_str(&format!("  for {}\n", visible(pod)));
            }
            text.push('\n');
        }
    } else if !plan.caches.is_empty() {
        let mut table = table::new(&[
            "ACTION",
            "CACHE",
            "SIZE",
            "IMAGES",
            "WORKLOADS",
            &month_head,
            "SECONDS SAVED",
        ]);
        for cache in &plan.caches {
            table.add_row([
                cache.action.as_str(),
                &visible(&cache.name),
                &size(cache),
                &cache.images.len().to_string(),
                &cache.pods.len().to_string(),
                &month(cache),
                &cache.seconds_saved.to_string(),
            ]);
        }
        text.push_str(&table::lines(&table));
        text.push('\n');
    }
    let mut table = table::new(&["", "BEFORE", "AFTER"]);
    for row in totals(plan) {
        table.add_row(row);
    }
    text.push_str(&table::lines(&table));
    text.push_str(&format!("\n{}\n", quality(plan)));
    let uncovered = plan.uncovered.iter().map(|pod| match &pod.uses {
        Some(cache) => format!("{}: {}; uses `{cache}` in part", pod.pod, pod.reason),
        None => format!("{}: {}", pod.pod, pod.reason),
    });
    let lists: [(&str, Vec<String>); 3] = [
        ("not covered", uncovered.collect()),
        ("assumed", plan.assumptions.clone()),
        ("prices", prices(plan)),
    ];
    for (title, lines) in lists {
        if !lines.is_empty() {
            text.push_str(&format!("\n{title}\n"));
            lines
                .iter()
                .for_each(|line| text.push_str(&format!("  {}\n", visible(line))));
        }
    }
    text
}

fn color(action: Action) -> AnsiColor {
    match action {
        Action::Keep => AnsiColor::Green,
        Action::Create | Action::Grow | Action::Replace => AnsiColor::Yellow,
        _ => AnsiColor::Red,
    }
}
