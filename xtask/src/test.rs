//! `cargo xtask test`: every test of the project, and one closing line that counts them.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use xshell::Shell;

use crate::{pkg, sdk, setup, www};

pub(crate) fn run(sh: &Shell) -> Result<()> {
    setup::wasm_target(sh)?;
    setup::kubectl(sh)?;
    let mut count = Count::default();
    count.cargo_test(&["--workspace", "--all-features"])?;
    // The core as hosts without YAML and without the rules' pages link it.
    count.cargo_test(&["--package", "imagecache", "--no-default-features", "--lib"])?;
    pkg::test(sh, &mut count)?;
    www::test(sh, &mut count)?;
    sdk::test(sh, &mut count)?;
    count.close()
}

/// The tests with the cloud's official SDKs alone.
pub(crate) fn sdk(sh: &Shell) -> Result<()> {
    let mut count = Count::default();
    sdk::test(sh, &mut count)?;
    count.close()
}

/// The tests of the npm package alone.
pub(crate) fn pkg(sh: &Shell) -> Result<()> {
    let mut count = Count::default();
    pkg::test(sh, &mut count)?;
    count.close()
}

/// The tests of the page alone.
pub(crate) fn www(sh: &Shell) -> Result<()> {
    let mut count = Count::default();
    www::test(sh, &mut count)?;
    count.close()
}

/// What the test runners said in their closing lines.
#[derive(Default)]
pub(crate) struct Count {
    passed: u64,
    failed: u64,
    skipped: u64,
    broken: Vec<String>,
}

impl Count {
    /// Runs `cargo test --no-fail-fast` with these arguments.
    fn cargo_test(&mut self, args: &[&str]) -> Result<()> {
        self.run(
            Command::new("cargo")
                .args(["test", "--no-fail-fast"])
                .args(args),
        )
    }

    /// Runs tests; a failing run is noted, and the next ones still go.
    pub(crate) fn run(&mut self, command: &mut Command) -> Result<()> {
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
        let name = words.join(" ");
        println!("$ {name}");
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let stdout = child.stdout.take().context("no output")?;
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            println!("{line}");
            self.closing_line(&line);
        }
        if !child.wait()?.success() {
            self.broken.push(name);
        }
        Ok(())
    }

    /// The closing line of it all.
    fn close(&self) -> Result<()> {
        println!(
            "\n{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        );
        ensure!(
            self.broken.is_empty(),
            "these runs failed: {}",
            self.broken.join("; ")
        );
        ensure!(self.passed > 0, "no test ran");
        Ok(())
    }

    /// `test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s` of Rust, and
    /// `# pass 12` of Node.
    fn closing_line(&mut self, line: &str) {
        for (word, sum) in [
            ("# pass ", &mut self.passed),
            ("# fail ", &mut self.failed),
            ("# skipped ", &mut self.skipped),
        ] {
            *sum += line
                .strip_prefix(word)
                .and_then(|n| n.parse().ok())
                .unwrap_or(0);
        }
        let Some(result) = line.strip_prefix("test result: ") else {
            return;
        };
        let number = |word: &str| -> u64 {
            let before = result.split(word).next().unwrap_or_default();
            before
                .rsplit([' ', ';', '.'])
                .find(|part| !part.is_empty())
                .and_then(|n| n.parse().ok())
                .unwrap_or(0)
        };
        self.passed += number(" passed");
        self.failed += number(" failed");
        self.skipped += number(" ignored");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_added_up() {
        let mut count = Count::default();
        count.closing_line("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s");
        count.closing_line("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 7 filtered out; finished in 1s");
        count.closing_line("running 3 tests");
        count.closing_line("# pass 4");
        assert_eq!((count.passed, count.failed, count.skipped), (19, 2, 1));
    }
}
