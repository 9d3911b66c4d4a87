//! What the printed forms share, and Markdown.

use imagecache::plan::{Amount, Costs, Plan, PlannedCache, Totals};

use crate::report::count;

/// Writes an amount; `?` where a price is unknown.
pub(super) fn amount(amount: Option<Amount>) -> String {
    amount.map_or_else(|| "?".to_owned(), |amount| amount.to_string())
}

/// Writes the sum of costs: `at least` where one of them is unknown.
pub(super) fn total(costs: &Costs) -> String {
    let known = costs.known();
    match costs.is_complete() {
        true => known.to_string(),
        false if known == Amount::ZERO => "?".to_owned(),
        false => format!("at least {known}"),
    }
}

/// Writes the costs of a cache: none for one that is not there.
pub(super) fn month(cache: &PlannedCache) -> String {
    if cache.is_live() {
        total(&cache.costs)
    } else {
        "-".to_owned()
    }
}

pub(super) fn size(cache: &PlannedCache) -> String {
    match cache.size_gib {
        0 => "-".to_owned(),
        size => format!("{size} GiB"),
    }
}

/// The rows of the table of totals: what, before, after.
pub(super) fn totals(plan: &Plan) -> Vec<[String; 3]> {
    let pods = plan.covered.len() + plan.uncovered.len();
    let both = |name: &str, of: &dyn Fn(&Totals) -> String| {
        [name.to_owned(), of(&plan.before), of(&plan.after)]
    };
    vec![
        both("caches", &|totals| totals.caches.to_string()),
        both("workloads covered", &|totals| {
            format!("{} of {pods}", totals.covered)
        }),
        both("make", &|totals| amount(totals.costs.make)),
        both("keep", &|totals| amount(totals.costs.keep)),
        both("use", &|totals| amount(totals.costs.use_)),
        both("total a month", &|totals| total(&totals.costs)),
        both("seconds saved", &|totals| totals.seconds_saved.to_string()),
    ]
}

/// Says how good the plan is.
pub(super) fn quality(plan: &Plan) -> String {
    if plan.exact {
        return "No plan costs less, by these sizes and prices.".to_owned();
    }
    let gap = plan.gap_per_mille;
    let percent = format!("{}.{} %", gap / 10, gap % 10);
    match plan.bound {
        Some(bound) => format!(
            "At most {percent} above the least cost: no plan for these workloads costs less than {bound}."
        ),
        None => format!("At most {percent} above the fewest GiB-hours."),
    }
}

/// Names the prices that were used.
pub(super) fn prices(plan: &Plan) -> Vec<String> {
    let currency = plan.currency.as_deref().unwrap_or("?");
    let rows = plan.prices.iter();
    rows.map(|row| {
        let region = row.region.as_deref().unwrap_or("every region");
        format!("{currency}, {region}, {}: {}", row.date, row.source)
    })
    .collect()
}

pub(super) fn markdown(plan: &Plan) -> String {
    let mut text = String::from(
        "### Image caches\n\n| action | cache | size | images | workloads | a month | seconds saved |\n|---|---|---:|---|---|---:|---:|\n",
    );
    for cache in &plan.caches {
        let images: Vec<String> = cache
            .images
            .iter()
            .map(|image| code(&image.image))
            .collect();
        let pods: Vec<String> = cache.pods.iter().map(|pod| cell(pod)).collect();
        text.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} | {} |\n",
            cache.action.as_str(),
            code(&cache.name),
            size(cache),
            images.join("<br>"),
            pods.join("<br>"),
            month(cache),
            cache.seconds_saved
        ));
    }
    text.push_str("\n| | before | after |\n|---|---:|---:|\n");
    for [name, before, after] in totals(plan) {
        text.push_str(&format!("| {name} | {before} | {after} |\n"));
    }
    text.push_str(&format!("\n{}\n", quality(plan)));
    if !plan.uncovered.is_empty() {
        text.push_str(&format!(
            "\n{} not covered:\n\n",
            count(plan.uncovered.len(), "workload")
        ));
        for pod in &plan.uncovered {
            text.push_str(&format!("* {}: {}\n", cell(&pod.pod), cell(&pod.reason)));
        }
    }
    let lists = [("Assumed", &plan.assumptions), ("Prices", &prices(plan))];
    for (title, lines) in lists {
        if !lines.is_empty() {
            text.push_str(&format!("\n<details><summary>{title}</summary>\n\n"));
            lines
                .iter()
                .for_each(|line| text.push_str(&format!("* {}\n", cell(line))));
            text.push_str("\n</details>\n");
        }
    }
    text
}

/// Escapes what ends a cell or begins a tag.
fn cell(text: &str) -> String {
    let text = text.replace('|', "\\|").replace('<', "&lt;");
    text.replace(|c: char| c.is_control(), " ")
}

fn code(text: &str) -> String {
    format!("`{}`", cell(&text.replace('`', "'")))
}
