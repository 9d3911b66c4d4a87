//! The plan as one page, without a script.

use imagecache::plan::{Amount, Plan, PlannedCache};

use super::forms::{month, prices, quality, size, totals};

const STYLE: &str = "body{font:14px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}\
table{border-collapse:collapse;width:100%;margin:1rem 0}th,td{text-align:left;padding:.3rem .6rem;\
border-bottom:1px solid #ccc;vertical-align:top}td.n,th.n{text-align:right;white-space:nowrap}\
.bar{display:flex;height:1rem;min-width:12rem;background:#eee}.make{background:#b0563b}.keep{background:#c9a227}\
.use{background:#2f6f9f}.key{display:inline-block;width:.8rem;height:.8rem;margin:0 .3rem 0 1rem}\
code{overflow-wrap:anywhere}@media(prefers-color-scheme:dark){body{background:#16181c;color:#e6e6e6}\
.bar{background:#2a2d33}th,td{border-color:#444}}";

pub(super) fn plan(plan: &Plan) -> String {
    let most = plan
        .caches
        .iter()
        .map(|cache| cache.costs.known().micros())
        .max()
        .unwrap_or_default()
        .max(1);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Image caches</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body>\n<h1>Image caches</h1>\n"
    );
    page.push_str("<table><tr><th></th><th class=n>before</th><th class=n>after</th></tr>\n");
    for [name, before, after] in totals(plan) {
        page.push_str(&format!(
            "<tr><td>{name}</td><td class=n>{}</td><td class=n>{}</td></tr>\n",
            escaped(&before),
            escaped(&after)
        ));
    }
    page.push_str(&format!("</table>\n<p>{}</p>\n", escaped(&quality(plan))));
    page.push_str(
        "<p><span class=\"key make\"></span>make<span class=\"key keep\"></span>keep\
         <span class=\"key use\"></span>use</p>\n<table><tr><th>action</th><th>cache</th><th class=n>size</th>\
         <th class=n>a month</th><th></th></tr>\n",
    );
    for cache in &plan.caches {
        page.push_str(&row(cache, most));
    }
    page.push_str("</table>\n");
    let uncovered = plan
        .uncovered
        .iter()
        .map(|pod| format!("{}: {}", pod.pod, pod.reason));
    let lists = [
        ("Not covered", uncovered.collect()),
        ("Assumed", plan.assumptions.clone()),
        ("Prices", prices(plan)),
    ];
    for (title, lines) in lists {
        let lines: Vec<String> = lines;
        if !lines.is_empty() {
            page.push_str(&format!("<h2>{title}</h2>\n<ul>\n"));
            lines
                .iter()
                .for_each(|line| page.push_str(&format!("<li>{}</li>\n", escaped(line))));
            page.push_str("</ul>\n");
        }
    }
    page.push_str("</body></html>\n");
    page
}

fn row(cache: &PlannedCache, most: u64) -> String {
    let width = |amount: Option<Amount>| {
        let micros = u128::from(amount.unwrap_or_default().micros());
        format!("{:.1}", (micros * 1_000 / u128::from(most)) as f64 / 10.0)
    };
    let costs = &cache.costs;
    let bars = [
        ("make", costs.make),
        ("keep", costs.keep),
        ("use", costs.use_),
    ]
    .map(|(name, amount)| {
        format!(
            "<div class={name} style=\"width:{}%\"></div>",
            width(amount)
        )
    });
    let images: Vec<String> = cache
        .images
        .iter()
        .map(|image| format!("<code>{}</code>", escaped(&image.image)))
        .collect();
    let lines: Vec<String> = cache
        .reasons
        .iter()
        .chain(&cache.pods)
        .map(|line| escaped(line))
        .collect();
    format!(
        "<tr><td>{}</td><td><b>{}</b><br>{}<details><summary>why, and for which workloads</summary>{}</details></td>\
         <td class=n>{}</td><td class=n>{}</td><td><div class=bar title=\"{}\">{}</div></td></tr>\n",
        cache.action.as_str(),
        escaped(&cache.name),
        images.join("<br>"),
        lines.join("<br>"),
        size(cache),
        escaped(&month(cache)),
        escaped(&month(cache)),
        bars.concat()
    )
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
