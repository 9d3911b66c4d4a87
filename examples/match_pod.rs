//! Shows which cache each pod uses: `cargo run --example match_pod -- FILE...`.
//!
//! The files hold pods, workloads and image caches in any order.

use std::error::Error;

use imagecache::diagnostic::{Levels, Report};
use imagecache::document::{TextFormat, read};
use imagecache::matching::{Index, Inventory, MatchRules};

/// Returns one line for each pod of the texts.
fn decisions(texts: &[String]) -> Vec<String> {
    let levels = Levels::default();
    let mut inventory = Inventory::default();
    let mut findings = Vec::new();
    for text in texts {
        let (documents, unreadable) = read(text, TextFormat::Auto, &levels);
        findings.extend(unreadable);
        for document in &documents {
            let mut report = Report::on(document, &levels);
            inventory.add(document.value(), &mut report);
            findings.extend(report.finish());
        }
    }
    let index: Index = inventory.caches.into_iter().collect();
    let mut lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    for pod in &inventory.pods {
        let answer = index.explain(pod, &MatchRules::default());
        let cache = answer.winner.map_or("-".to_owned(), |winner| winner.name);
        lines.push(format!(
            "{}: {} {cache}",
            answer.pod,
            answer.decision.as_str()
        ));
        let lost = answer
            .candidates
            .iter()
            .filter(|candidate| candidate.reason.is_some());
        lines.extend(lost.map(|lost| format!("  {}: {}", lost.cache.name, lost.why)));
    }
    lines
}

fn main() -> Result<(), Box<dyn Error>> {
    let texts = std::env::args().skip(1).map(std::fs::read_to_string);
    let texts = texts.collect::<Result<Vec<_>, _>>()?;
    decisions(&texts).iter().for_each(|line| println!("{line}"));
    Ok(())
}

#[test]
fn match_pod_shows_the_winner_and_why_others_lost() {
    let caches = "\
ImageCaches:
- {ImageCacheId: imc-1, ImageCacheName: both, Images: [nginx:1.27, redis:7], Status: Ready}
- {ImageCacheId: imc-2, ImageCacheName: one, Images: [nginx:1.27], Status: Ready}
";
    let pod = "\
kind: Pod
metadata: {name: web}
spec: {containers: [{image: nginx:1.27}, {image: redis:7}]}
";
    let lines = decisions(&[caches.to_owned(), pod.to_owned()]);
    assert_eq!(lines.first().map(String::as_str), Some("web: Hit both"));
    assert!(
        lines.iter().any(|line| line.starts_with("  one: ")),
        "{lines:?}"
    );
}
