//! `cargo xtask words`: finds words that this project does not write: in comments, in documents and in the messages of the
//! crates that ship. CONTRIBUTING.md says what to write instead.

use std::fs;

use anyhow::{Result, ensure};
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

/// Phrases of plain English, or of Kubernetes, that have such a word in them.
const PLAIN: &str = r"(?i)\bthere is no\b|\bno more than\b|\bhello,? world\b";

/// Checks every tracked file of a kind that is read.
pub(crate) fn run(sh: &Shell) -> Result<()> {
    let files = cmd!(sh, "git ls-files *.rs *.md *.ts *.js *.mjs *.css")
        .quiet()
        .read()?;
    let (root, checker) = (setup::root()?, Checker::new()?);
    let (mut found, mut read) = (0_usize, 0_usize);
    for file in files.lines() {
        // A file that is removed and not committed yet is still listed.
        let Ok(text) = fs::read_to_string(root.join(file)) else {
            continue;
        };
        read += 1;
        for (line, word) in checker.words(file, &text) {
            found += 1;
            println!("{file}:{line}: {word}");
        }
    }
    ensure!(
        found == 0,
        "{found} words not to use; CONTRIBUTING.md says what to write instead"
    );
    println!("words: {read} files, nothing found");
    Ok(())
}

struct Checker {
    words: Regex,
    plain: Regex,
    /// Names in back-ticks are code.
    code: Regex,
    /// String literals of one line.
    string: Regex,
}

impl Checker {
    fn new() -> Result<Self> {
        Ok(Self {
            words: Regex::new(&format!(r"(?i)\b(?:{})\b", WORDS.join("|")))?,
            plain: Regex::new(PLAIN)?,
            code: Regex::new("`[^`]*`")?,
            string: Regex::new(r#""(?:[^"\\]|\\.)*"?"#)?,
        })
    }

    /// Returns the words not to use in what a person reads of a file, with their lines.
    fn words(&self, file: &str, text: &str) -> Vec<(usize, String)> {
        let rust = file.ends_with(".rs");
        let messages = rust && ships(file);
        let (mut found, mut fenced) = (Vec::new(), false);
        for (number, line) in text.lines().enumerate() {
            let start = line.trim_start();
            let prose = if file.ends_with(".md") {
                fenced ^= start.starts_with("```");
                !fenced
            } else {
                start.starts_with("//")
                    || (!rust && (start.starts_with("/*") || start.starts_with("* ")))
            };
            let read = if prose {
                line.to_owned()
            } else if messages {
                let strings = self.string.find_iter(line).map(|text| text.as_str());
                strings.collect::<Vec<_>>().join(" ")
            } else {
                continue;
            };
            let read = self.code.replace_all(&read, "``");
            let read = self.plain.replace_all(&read, "");
            let words = self.words.find_iter(&read);
            found.extend(words.map(|word| (number + 1, word.as_str().to_owned())));
        }
        found
    }
}

/// Whether the strings of a Rust file may be messages that users read.
fn ships(file: &str) -> bool {
    let native = file.starts_with("native/") && file.contains("/src/");
    native || file.starts_with("src/") || file.starts_with("pkg/src/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_comments_documents_and_messages() {
        let checker = Checker::new().unwrap();
        let found = |file: &str, text: &str| {
            let found = checker.words(file, text).into_iter();
            let shown = found.map(|(line, word)| format!("{line} {word}"));
            shown.collect::<Vec<_>>()
        };
        let rust = "let stands = \"a door\"; // fine\n/// Nobody\n    // this is no list, dear\nfn told() {}\n// there is no list\n";
        assert_eq!(found("tests/a.rs", rust), ["2 Nobody", "3 is no", "3 dear"]);
        assert_eq!(
            found("src/a.rs", rust),
            ["1 door", "2 Nobody", "3 is no", "3 dear"]
        );
        let page = "a door\n```\nbehind\n```\noutdoors, behind a [`World`]\n";
        assert_eq!(found("a.md", page), ["1 door", "5 behind"]);
        let script = "/** Nobody */\nconst behind = 1;\n * told\n";
        assert_eq!(found("a.ts", script), ["1 Nobody", "3 told"]);
    }
}
