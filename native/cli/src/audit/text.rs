//! The audit as tables.

use anstyle::AnsiColor;
use imagecache::audit::{Audit, AuditCause};
use imagecache::matching::MatchRules;

use crate::console::{Console, visible};
use crate::table;

pub(super) fn audit(audit: &Audit, rules: &MatchRules, console: &Console) -> String {
    let mut text = String::new();
    if !audit.workloads.is_empty() {
        let mut table = table::new(&[
            "WORKLOAD",
            "STARTS",
            "HITS",
            "FULL",
            "MISSED",
            "REFUSED",
            "UNKNOWN",
            "HIT RATE",
            "SECONDS LOST",
        ]);
        for row in &audit.workloads {
            let rate = row.hit_per_mille.map_or_else(
                || "-".to_owned(),
                |rate| format!("{}.{} %", rate / 10, rate % 10),
            );
            let lost = row.seconds_lost;
            table.add_row([
                row.workload.clone(),
                row.starts.to_string(),
                row.hits.to_string(),
                row.full.to_string(),
                row.missed.to_string(),
                row.refused.to_string(),
                row.unknown.to_string(),
                rate,
                lost.map_or_else(|| "?".to_owned(), |lost| lost.to_string()),
            ]);
        }
        text.push_str(&table::lines(&table));
        text.push('\n');
    }
    let wrong = audit.disagreements.len();
    let color = if wrong > 0 {
        AnsiColor::Yellow
    } else {
        AnsiColor::Green
    };
    let color = console.style(color.on_default());
    text.push_str(&format!(
        "{color}starts that agree with the prediction: {} of {}{color:#}\n",
        audit.agreed, audit.compared
    ));
    if wrong > 0 {
        let mut table = table::new(&["POD", "CREATED", "PREDICTED", "HAPPENED", "EXPLAINED BY"]);
        for row in &audit.disagreements {
            let causes: Vec<String> = row.causes.iter().map(cause).collect();
            table.add_row([
                row.pod.clone(),
                row.created
                    .map_or_else(|| "-".to_owned(), |time| time.to_string()),
                row.predicted.to_string(),
                row.observed.to_string(),
                if causes.is_empty() {
                    "nothing known".to_owned()
                } else {
                    causes.join("; ")
                },
            ]);
        }
        text.push_str(&format!("\n{}", table::lines(&table)));
    }
    let suspects = audit
        .rules
        .iter()
        .filter(|evidence| audit.suspects.contains(&evidence.rule));
    for evidence in suspects {
        text.push_str(&format!(
            "\nexplains {} of {wrong}, contradicts no start: {}: {}\n",
            evidence.explains,
            evidence.rule,
            evidence.rule.sentence(rules)
        ));
    }
    let answers = audit.vendor.iter().filter(|check| !check.agrees);
    for check in answers {
        let first = check.answered.first().map_or("no cache", String::as_str);
        text.push_str(&visible(&format!(
            "ECI answers {first} for {}, predicted is {}",
            check.images.join(", "),
            check.predicted.as_deref().unwrap_or("no cache")
        )));
        text.push('\n');
    }
    text
}

fn cause(cause: &AuditCause) -> String {
    match cause {
        AuditCause::Rule(rule) => format!("rule {rule}"),
        AuditCause::Gone(id) => format!("{id} does not exist any more"),
        AuditCause::MaybeNotReady(id) => format!("{id} may not have been ready"),
        other => format!("{other:?}"),
    }
}
