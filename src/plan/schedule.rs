//! How often a cron schedule starts, on average.

/// Days of 28 years: after them dates have the same days of the week again.
const DAYS: u32 = 10_227;
/// Months in [`DAYS`].
const MONTHS: u64 = 336;

const MONTH_NAMES: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const DAY_NAMES: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// Returns the thousandths of starts a month of a schedule in cron's form, as Kubernetes reads it. Returns `None` for
/// other text.
pub(super) fn starts_a_month(schedule: &str) -> Option<u64> {
    let schedule = schedule.trim();
    let schedule = match schedule
        .strip_prefix("TZ=")
        .or(schedule.strip_prefix("CRON_TZ="))
    {
        Some(rest) => rest.split_once(' ')?.1.trim(),
        None => schedule,
    };
    let schedule = match schedule {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        other => other,
    };
    let fields: Vec<&str> = schedule.split_whitespace().collect();
    let &[minute, hour, day, month, weekday] = fields.as_slice() else {
        return None;
    };
    let minutes = u64::from(set(minute, 0, 59, &[])?.count_ones());
    let hours = u64::from(set(hour, 0, 23, &[])?.count_ones());
    let days = set(day, 1, 31, &[])?;
    let months = set(month, 1, 12, &MONTH_NAMES)?;
    let weekdays = set(weekday, 0, 7, &DAY_NAMES)?;
    // 7 is Sunday, too.
    let weekdays = weekdays | (weekdays >> 7 & 1);
    let free = |field: &str| field.starts_with(['*', '?']);
    let either = !free(day) && !free(weekday);
    let matches = |date: u32, month: u32, weekday: u32| {
        let (of_month, of_week) = (days >> date & 1 == 1, weekdays >> weekday & 1 == 1);
        // cron: two restricted fields are alternatives.
        let on_day = if either {
            of_month || of_week
        } else {
            of_month && of_week
        };
        on_day && months >> month & 1 == 1
    };
    let mut count = 0_u64;
    let (mut year, mut month, mut date) = (2024_u32, 1_u32, 1_u32);
    for number in 0..DAYS {
        // 2024-01-01 is a Monday.
        count += u64::from(matches(date, month, (number + 1) % 7));
        date += 1;
        if date > length(year, month) {
            (month, date) = (month + 1, 1);
        }
        if month > 12 {
            (year, month) = (year + 1, 1);
        }
    }
    Some((minutes * hours * count * 1_000).div_ceil(MONTHS))
}

fn length(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Reads a field as a set of bits.
fn set(field: &str, least: u32, most: u32, names: &[&str]) -> Option<u64> {
    let number = |text: &str| -> Option<u32> {
        let text = text.to_ascii_lowercase();
        let first = if names.len() == 7 { 0 } else { 1 };
        let named = names.iter().position(|name| *name == text);
        let number = match named {
            Some(index) => u32::try_from(index).ok()?.checked_add(first)?,
            None => text.parse().ok()?,
        };
        (least..=most).contains(&number).then_some(number)
    };
    let mut bits = 0_u64;
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (
                range,
                Some(step.parse::<u32>().ok().filter(|step| *step > 0)?),
            ),
            None => (part, None),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" || range == "?" => (least, most),
            Some((from, to)) => (number(from)?, number(to)?),
            None if step.is_some() => (number(range)?, most),
            None => (number(range)?, number(range)?),
        };
        if from > to {
            return None;
        }
        let step = usize::try_from(step.unwrap_or(1)).ok()?;
        for value in (from..=to).step_by(step) {
            bits |= 1 << value;
        }
    }
    Some(bits)
}

#[cfg(test)]
mod tests {
    use super::starts_a_month;

    #[test]
    fn schedule_counts_starts_of_an_average_month() {
        for (schedule, starts) in [
            ("0 3 * * *", Some(30_438)),
            ("@daily", Some(30_438)),
            ("TZ=Asia/Shanghai 0 3 * * *", Some(30_438)),
            ("*/15 * * * *", Some(2_922_000)),
            ("0 0 1 * *", Some(1_000)),
            ("0 0 29 feb *", Some(21)),
            ("0 9-17/2 * * mon-fri", Some(108_706)),
            ("0 0 13 * 5", Some(5_206)),
            ("0 0 * * 7", Some(4_349)),
            ("@yearly", Some(84)),
            ("0 3 * *", None),
            ("60 3 * * *", None),
            ("5-1 * * * *", None),
            ("*/0 * * * *", None),
            ("@reboot", None),
            ("", None),
        ] {
            assert_eq!(starts_a_month(schedule), starts, "{schedule}");
        }
    }
}
