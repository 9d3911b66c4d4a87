//! Hosts that hold the core itself: what each of them is asked, and that it answers in the core's very words.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::case::{Case, Corpus, data, read_json};

/// The list of a host: `data/engines/<name>.json`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Duty {
    /// At least this many cases of each file of the corpus.
    pub judges: BTreeMap<String, usize>,
    /// Files that it is not asked, and why.
    #[serde(default)]
    pub never_asked: BTreeMap<String, String>,
    /// Cases that it is not asked, by file and name, and why.
    #[serde(default)]
    pub passes_over: BTreeMap<String, BTreeMap<String, String>>,
    /// Parts of answers that it does not report, by file and by pointer (`*` matches every item), and why.
    #[serde(default)]
    pub leaves: BTreeMap<String, BTreeMap<String, String>>,
}

/// What became of the cases of one host.
#[derive(Debug, Default)]
pub struct Tally {
    /// Cases that agree with the core, by file.
    pub judged: BTreeMap<String, usize>,
    /// Cases in which the host says something else.
    pub disagreements: Vec<String>,
}

impl Duty {
    /// Reads a list, and holds it to be complete: each file of the corpus is checked or never asked.
    ///
    /// # Errors
    /// If the file is not there or not complete.
    pub fn read(name: &str, corpus: &Corpus) -> Result<Self> {
        let value = read_json(&data().join(format!("engines/{name}.json")))?;
        let duty: Duty = serde_json::from_value(value).context(name.to_owned())?;
        let mut listed: Vec<&String> = duty.judges.keys().chain(duty.never_asked.keys()).collect();
        listed.sort();
        let there: Vec<&String> = corpus.keys().collect();
        ensure!(
            listed == there,
            "{name} lists {listed:?}, there are {there:?}"
        );
        Ok(duty)
    }

    /// Asks a host every case that it is to be asked, and compares with the core's answers in the host's `words`.
    ///
    /// # Errors
    /// If the host fails, or the list names what is not there.
    pub fn compare(
        &self,
        corpus: &Corpus,
        words: &dyn Fn(&Case, Value) -> Value,
        ask: &mut dyn FnMut(&Case) -> Result<Value>,
    ) -> Result<Tally> {
        let mut tally = Tally::default();
        for (file, cases) in corpus
            .iter()
            .filter(|(file, _)| self.judges.contains_key(*file))
        {
            let passed_over = self.passes_over.get(file);
            let mut left = BTreeSet::new();
            for case in cases {
                if passed_over.is_some_and(|names| names.contains_key(&case.case)) {
                    continue;
                }
                let expected = words(case, self.told(file, case, &mut left));
                let told = ask(case).with_context(|| format!("{file} {}", case.case))?;
                if told == expected {
                    *tally.judged.entry(file.clone()).or_default() += 1;
                } else {
                    let name = &case.case;
                    tally
                        .disagreements
                        .push(format!("{file} {name}\n  core {expected}\n  host {told}"));
                }
            }
            for pointer in self.leaves.get(file).into_iter().flat_map(BTreeMap::keys) {
                ensure!(
                    left.contains(pointer),
                    "no answer of {file} has {pointer}, which is said to be left"
                );
            }
            for name in passed_over.into_iter().flat_map(BTreeMap::keys) {
                ensure!(
                    cases.iter().any(|case| &case.case == name),
                    "{file} has no case {name}"
                );
            }
        }
        Ok(tally)
    }

    /// The core's answer without what the host leaves; `left` gains the pointers that took something away.
    fn told<'d>(&'d self, file: &str, case: &Case, left: &mut BTreeSet<&'d String>) -> Value {
        let mut answer = case.answer.clone();
        for pointer in self.leaves.get(file).into_iter().flat_map(BTreeMap::keys) {
            if remove(&mut answer, pointer.trim_start_matches('/')) {
                left.insert(pointer);
            }
        }
        answer
    }
}

impl Tally {
    /// Prints how many cases were checked, and compares that with the list.
    ///
    /// # Errors
    /// Every disagreement, or the files of which too few cases were checked.
    pub fn close(&self, host: &str, duty: &Duty) -> Result<()> {
        println!(
            "{host}: {} cases judged alike {:?}",
            self.judged.values().sum::<usize>(),
            self.judged
        );
        let all = self.disagreements.len();
        ensure!(
            all == 0,
            "{host}: {all} disagreements:\n{}",
            self.disagreements.join("\n")
        );
        for (file, least) in &duty.judges {
            let judged = self.judged.get(file).copied().unwrap_or_default();
            ensure!(
                judged >= *least,
                "{host} judged {judged} cases of {file}, {least} are listed"
            );
        }
        Ok(())
    }
}

/// Takes what a pointer points to out of a value; was it there?
fn remove(value: &mut Value, pointer: &str) -> bool {
    match (value, pointer.split_once('/')) {
        (Value::Array(items), Some(("*", rest))) => {
            let found = items
                .iter_mut()
                .filter_map(|item| remove(item, rest).then_some(()));
            found.count() > 0
        }
        (Value::Object(fields), Some((name, rest))) => fields
            .get_mut(name)
            .is_some_and(|value| remove(value, rest)),
        (Value::Object(fields), None) => fields.remove(pointer).is_some(),
        _ => false,
    }
}
