//! The catalogue of faults, `tests/faults/catalogue.toml`, and the page that is written from it, `docs/reliability.md`.
//!
//! Every entry names one fault, what must hold nevertheless, and the test that injects the fault. `cargo xtask test` fails
//! if such a test did not run or did not pass.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::setup;

const CATALOGUE: &str = "tests/faults/catalogue.toml";
const PAGE: &str = "docs/reliability.md";
/// The table is between this line and the end of the page.
const TABLE: &str = "<!-- Written by `cargo xtask reliability`. -->\n";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    fault: Vec<Fault>,
}

/// One fault and the test that injects it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fault {
    /// The part of the system, a heading of the page.
    area: String,
    /// The fault itself.
    fault: String,
    /// What must hold.
    holds: String,
    /// The test target and the path of the test, `reconcile::trust::budget_of_object_used_says_when_it_frees`; `node::` and
    /// the name for tests of Node.
    test: String,
}

fn catalogue() -> Result<Catalogue> {
    let text = fs::read_to_string(setup::root()?.join(CATALOGUE)).context(CATALOGUE)?;
    let catalogue: Catalogue = toml::from_str(&text).context(CATALOGUE)?;
    let mut seen = BTreeSet::new();
    for Fault { area, fault, .. } in &catalogue.fault {
        ensure!(
            seen.insert((area, fault)),
            "{CATALOGUE}: duplicate fault `{fault}`"
        );
    }
    Ok(catalogue)
}

/// Fails unless the test of every fault is among those that passed.
pub(crate) fn check(passed: &BTreeSet<String>) -> Result<()> {
    let catalogue = catalogue()?;
    let missing = catalogue
        .fault
        .iter()
        .filter(|fault| !passed.contains(&fault.test));
    let missing: Vec<String> = missing
        .map(|fault| format!("  {}: {}", fault.test, fault.fault))
        .collect();
    ensure!(
        missing.is_empty(),
        "{CATALOGUE}: these tests did not pass or did not run:\n{}",
        missing.join("\n")
    );
    println!("{} faults injected, each survived", catalogue.fault.len());
    Ok(())
}

/// Writes the table of the page, or fails if it is not current.
pub(crate) fn page(check: bool) -> Result<()> {
    let path = setup::root()?.join(PAGE);
    let text = fs::read_to_string(&path).context(PAGE)?;
    let (head, _) = text
        .split_once(TABLE)
        .with_context(|| format!("{PAGE}: no line `{TABLE}`"))?;
    let wanted = format!("{head}{TABLE}{}", table(&catalogue()?)?);
    if check {
        ensure!(
            text == wanted,
            "{PAGE} is not current: run `cargo xtask reliability`"
        );
        return Ok(());
    }
    fs::write(path, wanted)?;
    Ok(())
}

fn table(catalogue: &Catalogue) -> Result<String> {
    let mut areas: BTreeMap<&str, Vec<&Fault>> = BTreeMap::new();
    for fault in &catalogue.fault {
        areas.entry(&fault.area).or_default().push(fault);
    }
    let mut text = format!("\n{} faults are injected:\n", catalogue.fault.len());
    for (area, faults) in areas {
        writeln!(
            text,
            "\n## {area}\n\n| fault | what holds | test |\n|---|---|---|"
        )?;
        for Fault {
            fault, holds, test, ..
        } in faults
        {
            writeln!(text, "| {fault} | {holds} | `{test}` |")?;
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_names_faults_whose_test_did_not_pass() {
        let tests = catalogue()
            .unwrap()
            .fault
            .into_iter()
            .map(|fault| fault.test);
        let mut passed: BTreeSet<String> = tests.collect();
        check(&passed).unwrap();
        let gone = passed.pop_first().unwrap();
        let error = check(&passed).unwrap_err().to_string();
        assert!(error.contains(&gone), "{error}");
    }

    #[test]
    fn table_has_a_heading_for_each_area() {
        let fault = |area: &str, fault: &str| Fault {
            area: area.to_owned(),
            fault: fault.to_owned(),
            holds: "nothing is lost".to_owned(),
            test: "store::a".to_owned(),
        };
        let catalogue = Catalogue {
            fault: vec![fault("B", "x"), fault("A", "y"), fault("B", "z")],
        };
        let table = table(&catalogue).unwrap();
        let headings: Vec<&str> = table.lines().filter(|line| line.starts_with('#')).collect();
        assert_eq!(headings, ["## A", "## B"]);
        assert!(
            table.contains("| z | nothing is lost | `store::a` |"),
            "{table}"
        );
    }
}
