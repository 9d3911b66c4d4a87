//! `cargo xtask mutants`: changes the core in one place at a time, and sees that its tests notice.
//!
//! `.cargo/mutants.toml` says what is changed and which tests run. `tests/mutants/accepted.toml` lists the changes that no
//! test notices, each with the reason. The chore fails if another one survives, if an entry of the list does not survive
//! any longer, or if less than [`LEAST`] percent are caught.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use xshell::{Shell, cmd};

use crate::setup;

const CARGO_MUTANTS: &str = "27.1.0";
const ACCEPTED: &str = "tests/mutants/accepted.toml";
const OUTPUT: &str = "target/mutants";
/// Least share of mutants that tests must catch, in percent.
const LEAST: usize = 90;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default)]
    mutant: Vec<Accepted>,
}

/// A change that no test notices.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Accepted {
    /// The file, below the root.
    file: String,
    /// The change without its place, as cargo-mutants names it: lines move.
    change: String,
    /// Why that is right.
    reason: String,
}

#[derive(Deserialize)]
struct Outcomes {
    outcomes: Vec<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    scenario: Scenario,
    summary: String,
}

#[derive(Deserialize)]
enum Scenario {
    Baseline,
    Mutant(Mutant),
}

#[derive(Deserialize)]
struct Mutant {
    name: String,
    file: String,
}

/// A change without its place: `replace f -> bool with true`.
fn change(name: &str) -> &str {
    name.split_once(": ").map_or(name, |(_, change)| change)
}

pub(crate) fn run(sh: &Shell, files: &[String], shard: Option<&str>) -> Result<()> {
    let cargo_mutants = setup::cargo_tool(sh, "cargo-mutants", CARGO_MUTANTS)?;
    let files = files.iter().flat_map(|file| ["--file", file]);
    let shard = shard.into_iter().flat_map(|shard| ["--shard", shard]);
    sh.create_dir(OUTPUT)?;
    // it exits with 2 when mutants survive, which is looked at below
    cmd!(
        sh,
        "{cargo_mutants} mutants --package imagecache --output {OUTPUT} {files...} {shard...}"
    )
    .ignore_status()
    .run()?;
    let path = setup::root()?
        .join(OUTPUT)
        .join("mutants.out/outcomes.json");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let outcomes: Outcomes = serde_json::from_str(&text).context("outcomes.json")?;
    let list = fs::read_to_string(setup::root()?.join(ACCEPTED)).context(ACCEPTED)?;
    let list: List = toml::from_str(&list).context(ACCEPTED)?;
    let summary = report(&outcomes, &list)?;
    println!("{summary}");
    Ok(())
}

/// Says how many were caught; fails as the module says.
fn report(outcomes: &Outcomes, list: &List) -> Result<String> {
    let mut accepted: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for Accepted {
        file,
        change,
        reason,
    } in &list.mutant
    {
        ensure!(
            !reason.trim().is_empty(),
            "{ACCEPTED}: `{change}` has no reason"
        );
        *accepted.entry((file, change)).or_default() += 1;
    }
    let (mut caught, mut known, mut new, mut stale) = (0, 0, Vec::new(), Vec::new());
    for Outcome { scenario, summary } in &outcomes.outcomes {
        let Scenario::Mutant(mutant) = scenario else {
            ensure!(summary == "Success", "the tests fail without any change");
            continue;
        };
        let left = accepted.get_mut(&(mutant.file.as_str(), change(&mutant.name)));
        match (summary.as_str(), left) {
            ("CaughtMutant" | "Timeout", _) => caught += 1,
            ("MissedMutant", Some(left)) if *left > 0 => {
                *left -= 1;
                known += 1;
            }
            ("MissedMutant", _) => new.push(mutant.name.as_str()),
            // it does not compile
            _ => {}
        }
    }
    let files: Vec<&str> = outcomes
        .outcomes
        .iter()
        .filter_map(|one| one.scenario.file())
        .collect();
    for ((file, change), left) in &accepted {
        // a run of some files or of a shard says nothing about the others
        if *left > 0 && files.contains(file) && caught_in(outcomes, file, change) {
            stale.push(*change);
        }
    }
    let viable = caught + known + new.len();
    let percent = (caught * 100).checked_div(viable);
    let percent = percent.context("no mutant was tried")?;
    let summary = format!(
        "{viable} mutants: {caught} caught ({percent} %), {known} survive and are accepted, {} survive",
        new.len()
    );
    ensure!(new.is_empty(), "{summary}:\n  {}", new.join("\n  "));
    ensure!(
        stale.is_empty(),
        "{summary}; these of {ACCEPTED} are caught now, take them out:\n  {}",
        stale.join("\n  ")
    );
    ensure!(percent >= LEAST, "{summary}; at least {LEAST} % are needed");
    Ok(summary)
}

/// Whether every mutant of this name was caught.
fn caught_in(outcomes: &Outcomes, file: &str, wanted: &str) -> bool {
    let mut of_name = outcomes.outcomes.iter().filter(|one| match &one.scenario {
        Scenario::Mutant(mutant) => mutant.file == file && change(&mutant.name) == wanted,
        Scenario::Baseline => false,
    });
    let mut any = false;
    of_name.all(|one| {
        any = true;
        one.summary == "CaughtMutant"
    }) && any
}

impl Scenario {
    fn file(&self) -> Option<&str> {
        match self {
            Scenario::Mutant(mutant) => Some(&mutant.file),
            Scenario::Baseline => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(mutants: &[(&str, &str)]) -> Outcomes {
        let outcome = |(name, summary): &(&str, &str)| Outcome {
            scenario: Scenario::Mutant(Mutant {
                name: format!("src/a.rs:1:2: {name}"),
                file: "src/a.rs".to_owned(),
            }),
            summary: (*summary).to_owned(),
        };
        Outcomes {
            outcomes: mutants.iter().map(outcome).collect(),
        }
    }

    fn accepting(changes: &[&str]) -> List {
        let accepted = |change: &&str| Accepted {
            file: "src/a.rs".to_owned(),
            change: (*change).to_owned(),
            reason: "the same".to_owned(),
        };
        List {
            mutant: changes.iter().map(accepted).collect(),
        }
    }

    #[test]
    fn report_names_what_survives_and_is_not_accepted() {
        let ten: Vec<(&str, &str)> = [("caught", "CaughtMutant"); 10].to_vec();
        let with = |one| [ten.clone(), vec![one]].concat();
        let summary = report(
            &outcomes(&with(("known", "MissedMutant"))),
            &accepting(&["known"]),
        );
        assert_eq!(
            summary.unwrap(),
            "11 mutants: 10 caught (90 %), 1 survive and are accepted, 0 survive"
        );
        for (mutants, list, words) in [
            (with(("new", "MissedMutant")), accepting(&["known"]), "new"),
            (
                with(("known", "CaughtMutant")),
                accepting(&["known"]),
                "take them out",
            ),
            (
                vec![("known", "MissedMutant")],
                accepting(&["known"]),
                "at least 90 %",
            ),
        ] {
            let error = report(&outcomes(&mutants), &list).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn report_passes_over_what_does_not_compile() {
        let some = outcomes(&[("odd", "Unviable"), ("even", "CaughtMutant")]);
        let summary = report(&some, &accepting(&["elsewhere"])).unwrap();
        assert!(summary.starts_with("1 mutants"), "{summary}");
    }

    #[test]
    fn report_without_any_mutant_is_an_error() {
        let none = report(&outcomes(&[("odd", "Unviable")]), &accepting(&[]));
        assert_eq!(none.unwrap_err().to_string(), "no mutant was tried");
    }
}
