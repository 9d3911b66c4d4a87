//! For any text of pods and caches, the fast answer and the explained one agree.
#![no_main]

use imagecache::diagnostic::{Levels, Report};
use imagecache::expiry;
use imagecache::matching::{Index, Inventory, MatchRules, SearchBuffers};
use imagecache::document::{TextFormat, read};
use imagecache::time::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let levels = Levels::default();
    let now = Timestamp::from_seconds(1_800_000_000);
    let (documents, _) = read(text, TextFormat::Auto, &levels);
    let mut inventory = Inventory::default();
    let mut report = Report::new(&levels);
    for document in &documents {
        inventory.add(document.value(), &mut report);
        for facts in expiry::facts(document.value()) {
            let _ = expiry::expiry(&facts, now).to_string();
        }
    }
    let index: Index = inventory.caches.into_iter().collect();
    let (mut rules, mut scratch) = (MatchRules::default(), SearchBuffers::default());
    rules.now = Some(now);
    for pod in &inventory.pods {
        let explained = index.explain_with(pod, &rules, &mut scratch);
        let verdict = index.winner_with(pod, &rules, &mut scratch);
        assert_eq!(verdict.decision, explained.decision);
        assert_eq!(verdict.winner.map(|cache| cache.named()), explained.winner);
    }
});
