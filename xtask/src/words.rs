//! `cargo xtask words`: counts words that this project does not write in comments and documents.
//!
//! `xtask/words.txt` allows each file the number of such words that it had when the list was made. The check fails if a
//! file has more. `--write` writes the current numbers, and refuses to if their sum is higher than before: the list can
//! only shrink. CONTRIBUTING.md says what to write instead.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail, ensure};
use regex::Regex;
use xshell::{Shell, cmd};

use crate::setup;

/// Words and phrases not to use, as regular expressions between word boundaries.
const WORDS: [&str; 20] = [
    "stands",
    "tells?",
    "told",
    "behind",
    "nobody",
    "whoever",
    "for ever",
    "in vain",
    "so many",
    "so long",
    "no more",
    "dear",
    "is no",
    "judged?",
    "rooms?",
    "doors?",
    "nature",
    "worlds?",
    "doubts?",
    "the wall's",
];

const LIST: &str = "xtask/words.txt";

/// The number of words in each file that has any.
type Counts = BTreeMap<String, usize>;

/// Checks every tracked file against the list, or writes the list.
pub(crate) fn run(sh: &Shell, write: bool) -> Result<()> {
    let list = setup::root()?.join(LIST);
    let (allowed, found) = (read(&fs::read_to_string(&list)?)?, count(sh)?);
    let sum = |counts: &Counts| counts.values().sum::<usize>();
    if write {
        ensure!(
            sum(&found) <= sum(&allowed),
            "{} words, at most {} allowed",
            sum(&found),
            sum(&allowed)
        );
        let lines = found.iter().map(|(file, n)| format!("{n} {file}\n"));
        fs::write(&list, lines.collect::<String>())?;
        println!("{LIST}: {} words, {} before", sum(&found), sum(&allowed));
        return Ok(());
    }
    let mut over = 0_usize;
    for (file, number) in &found {
        let most = allowed.get(file).copied().unwrap_or_default();
        if *number > most {
            over += 1;
            println!("{file}: {number} words not to use, at most {most} allowed:");
            for (line, word) in words(file, &fs::read_to_string(setup::root()?.join(file))?)? {
                println!("  {file}:{line}: {word}");
            }
        }
    }
    ensure!(
        over == 0,
        "{over} files with words not to use; CONTRIBUTING.md says what to write instead"
    );
    println!("words: {} left, {} allowed", sum(&found), sum(&allowed));
    Ok(())
}

fn count(sh: &Shell) -> Result<Counts> {
    let files = cmd!(sh, "git ls-files *.rs *.md").quiet().read()?;
    let root = setup::root()?;
    let mut counts = Counts::new();
    for file in files.lines() {
        // A file that is removed and not committed yet is still listed.
        let Ok(text) = fs::read_to_string(root.join(file)) else {
            continue;
        };
        let number = words(file, &text)?.len();
        if number > 0 {
            counts.insert(file.to_owned(), number);
        }
    }
    Ok(counts)
}

fn read(list: &str) -> Result<Counts> {
    let line = |line: &str| {
        let (number, file) = line.split_once(' ').context("expected `number file`")?;
        Ok((file.to_owned(), number.parse()?))
    };
    list.lines().map(line).collect()
}

/// Returns the words not to use in the comments of a Rust file, or in the text of a document, with their lines.
fn words(file: &str, text: &str) -> Result<Vec<(usize, String)>> {
    let pattern = Regex::new(&format!(r"(?i)\b(?:{})\b", WORDS.join("|")))?;
    let mut found = Vec::new();
    let mut code = false;
    for (number, line) in text.lines().enumerate() {
        let prose = if file.ends_with(".rs") {
            line.trim_start().starts_with("//")
        } else if file.ends_with(".md") {
            code ^= line.trim_start().starts_with("```");
            !code
        } else {
            bail!("{file}: neither Rust nor Markdown");
        };
        if prose {
            // After "there" the phrase is plain English.
            let plain = |start: usize| {
                let before = line.get(..start).unwrap_or_default();
                before.to_lowercase().ends_with("there ")
            };
            let matches = pattern.find_iter(line).filter(|word| !plain(word.start()));
            found.extend(matches.map(|word| (number + 1, word.as_str().to_owned())));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_comments_and_documents_only() {
        let found = |file: &str, text: &str| {
            let found = words(file, text).unwrap();
            let shown = found
                .into_iter()
                .map(|(line, word)| format!("{line} {word}"));
            shown.collect::<Vec<_>>()
        };
        let rust = "let stands = 1; // fine\n/// Nobody\n    // this is no list, dear\nfn told() {}\n// there is no list\n";
        assert_eq!(found("a.rs", rust), ["2 Nobody", "3 is no", "3 dear"]);
        let page = "a door\n```\nbehind\n```\noutdoors, behind\n";
        assert_eq!(found("a.md", page), ["1 door", "5 behind"]);
        assert!(words("a.txt", "a").is_err());
    }

    #[test]
    fn words_list_is_read_by_file() {
        let counts = read("3 a.rs\n1 docs/with blank.md\n").unwrap();
        assert_eq!(counts.get("docs/with blank.md"), Some(&1));
        assert!(read("a.rs 3\n").is_err());
    }
}
