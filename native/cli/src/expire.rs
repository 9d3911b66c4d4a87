//! `imagecache expire`: shows when each cache expires, and why.

use anstyle::AnsiColor;
use anyhow::Context;
use clap::ValueEnum;
use imagecache::expiry::{Expiry, ExpiryInventory, ExpiryState, expiry};
use imagecache::time::{DAY, Timestamp};

use crate::clock::Clock;
use crate::console::{self, Console, UNWRITABLE, visible};
use crate::exit::Exit;
use crate::input::Inputs;
use crate::report::count;
use crate::{documents, encode, table};

const EXAMPLES: &str = "\
Examples:
  imagecache expire -f caches.yaml
  kubectl get imagecaches -o json | imagecache expire -f -
  aliyun eci DescribeImageCaches | imagecache expire -f - --within 7d
  imagecache expire -f caches.yaml --now 2026-02-01T00:00:00Z -o json

Rules:
  retention      spec.retentionDays after the creation
  failed         24 hours after the creation failed
  automatic      7 days after the creation, or 30 days after the last use
  no retention   never; the cache is kept, and billed, until it is deleted

Exit codes:
  0  done
  1  with --within: a cache has expired, expires within that time, or has an invalid retention
  2  usage error
  3  an input or a time of a cache could not be read, or the input has no cache";

/// Show when each cache expires, and why
///
/// Caches are ImageCache objects, lists of them, or the reply of DescribeImageCaches. If the
/// recorded expiry differs from the rules, both are shown.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Expire {
    #[command(flatten)]
    inputs: Inputs,
    /// Only caches that expire, or may, within this time (7d, 12h, 30m); if any, exit code 1
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    within: Option<i64>,
    /// Output format
    #[arg(short, long, value_name = "FORM", default_value = "text")]
    output: Form,
    #[command(flatten)]
    clock: Clock,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Form {
    /// A table with a timeline, the next expiry first
    Text,
    /// One JSON array, in the order of the inputs
    Json,
    /// One YAML list, in the order of the inputs
    Yaml,
    /// The name of each cache, or its id if it has none, one a line
    Name,
}

/// `7d`, `12h`, `30m`.
fn seconds(text: &str) -> Result<i64, &'static str> {
    const EXPECTED: &str = "expected a number followed by d, h or m, such as 7d";
    let number = text.trim_end_matches(['d', 'h', 'm']);
    let unit = match text.strip_prefix(number) {
        Some("d") => DAY,
        Some("h") => 3_600,
        Some("m") => 60,
        _ => return Err(EXPECTED),
    };
    let number: u32 = number.parse().map_err(|_| EXPECTED)?;
    Ok(i64::from(number).saturating_mul(unit))
}

impl Expire {
    pub(crate) fn run(&self, console: &mut Console) -> anyhow::Result<Exit> {
        let now = self.clock.now();
        console.outlive_reader();
        let (inventory, incomplete) =
            documents::collect(&self.inputs.list()?, ExpiryInventory::default);
        let missing = inventory.missing_pages();
        missing.iter().for_each(|page| console::complain(page));
        let complete = !incomplete && inventory.unread == 0 && missing.is_empty();
        documents::report(&inventory.conflicts());
        let caches = inventory.caches.iter();
        let mut ends: Vec<Expiry> = caches.map(|cache| expiry(cache, now)).collect();
        let (others, empty_lists) = (inventory.others, inventory.empty_lists);
        if ends.is_empty()
            && let Some(exit) = documents::without_caches(others, empty_lists, complete)
        {
            return Ok(exit);
        }
        if let Some(within) = self.within {
            let waiting = ends.iter().filter(|end| end.start_is_unset()).count();
            if waiting > 0 {
                console::note(&format!(
                    "note: {} without a creation time: no end to compare",
                    count(waiting, "image cache")
                ));
            }
            ends.retain(|end| end.may_end_within(within));
        }
        let text = match self.output {
            Form::Text => text(&mut ends, now, console),
            Form::Json => encode::json(&ends)?,
            Form::Yaml => encode::yaml(&ends)?,
            Form::Name => names(&ends),
        };
        console.document(&text).context(UNWRITABLE)?;
        Ok(if !complete {
            Exit::Failure
        } else if self.within.is_some() && !ends.is_empty() {
            Exit::Findings
        } else {
            Exit::Ok
        })
    }
}

fn names(ends: &[Expiry]) -> String {
    let mut names = String::new();
    for end in ends {
        let name = end.name.as_deref().or(end.image_cache_id.as_deref());
        names.push_str(&visible(name.unwrap_or("-")));
        names.push('\n');
    }
    names
}

fn text(ends: &mut [Expiry], now: Timestamp, console: &Console) -> String {
    // The next expiry first; caches without one, or without a known one, last.
    ends.sort_by_key(|end| (end.state == ExpiryState::Never, end.at.is_none(), end.at));
    let mut table = table::new(&["CACHE", "ID", "EXPIRES", RULER, ""]);
    for end in &*ends {
        table.add_row([
            end.name.as_deref().unwrap_or("-"),
            end.image_cache_id.as_deref().unwrap_or("-"),
            &at(end),
            &timeline(end),
            &end.to_string(),
        ]);
    }
    let mut text = format!("now is {now}\n");
    text.push_str(&table::lines(&table));
    for end in &*ends {
        if let Some(found) = &end.disagreement {
            let style = console.style(AnsiColor::Yellow.on_default().bold());
            let name = end.name.as_deref().or(end.image_cache_id.as_deref());
            text.push_str(&format!(
                "{style}warning[{}]{style:#}: {}: {}: {}\n  {}\n",
                found.code,
                visible(name.unwrap_or("-")),
                visible(&found.path),
                visible(&found.message),
                found.help
            ));
        }
    }
    text
}

fn at(end: &Expiry) -> String {
    match (end.state, end.at) {
        (ExpiryState::Never, _) => "never".to_owned(),
        (_, Some(at)) => at.to_string(),
        (_, None) => "-".to_owned(),
    }
}

/// Marks of the timeline: name and seconds from now. The scale is linear between two marks.
const MARKS: [(&str, i64); 7] = [
    ("now", 0),
    ("1d", DAY),
    ("7d", 7 * DAY),
    ("30d", 30 * DAY),
    ("90d", 90 * DAY),
    ("1y", 365 * DAY),
    ("10y", 3_650 * DAY),
];
/// Cells from one mark to the next.
const CELLS: i64 = 6;
const RULER: &str = "now   1d    7d    30d   90d   1y    10y";

/// Returns `=======*` up to the expiry; `x` for an expired cache, an arrow for one beyond the last mark.
fn timeline(end: &Expiry) -> String {
    let whole = CELLS.saturating_mul(6);
    match (end.state, end.seconds_left) {
        (ExpiryState::Ended, _) => "x".to_owned(),
        (ExpiryState::Never, _) => line(whole, '>'),
        (_, None) => String::new(),
        (_, Some(left)) => match cell(left) {
            Some(cell) => line(cell, '*'),
            None => line(whole, '>'),
        },
    }
}

fn line(cells: i64, end: char) -> String {
    let mut line = "=".repeat(usize::try_from(cells).unwrap_or_default());
    line.push(end);
    line
}

/// Returns the cell of an instant this many seconds from now; `None` after the last mark.
fn cell(left: i64) -> Option<i64> {
    let mut begin = 0;
    for pair in MARKS.windows(2) {
        let &[(_, from), (_, to)] = pair else {
            continue;
        };
        if left < to {
            return Some(begin + (left - from) * CELLS / (to - from));
        }
        begin += CELLS;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{CELLS, MARKS, RULER, cell, seconds};

    #[test]
    fn the_ruler_has_its_marks_where_the_line_ends() {
        for (number, (name, _)) in MARKS.iter().enumerate() {
            let at = number * usize::try_from(CELLS).unwrap();
            assert!(RULER.get(at..).unwrap().starts_with(name));
        }
    }

    #[test]
    fn ruler_end_is_between_its_marks() {
        let day = 86_400;
        for (left, expected) in [
            (0, Some(0)),
            (day / 2, Some(3)),
            (day, Some(6)),
            (4 * day, Some(9)),
            (30 * day, Some(18)),
            (364 * day, Some(29)),
            (3_649 * day, Some(35)),
            (3_650 * day, None),
        ] {
            assert_eq!(cell(left), expected, "{left}");
        }
    }

    #[test]
    fn times_are_read_in_days_hours_and_minutes() {
        assert_eq!(seconds("7d"), Ok(604_800));
        assert_eq!(seconds("12h"), Ok(43_200));
        assert_eq!(seconds("0m"), Ok(0));
        for wrong in [
            "",
            "7",
            "d",
            "7dd",
            "-1d",
            "1w",
            "1 d",
            "9999999999d",
            "1.5d",
        ] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
