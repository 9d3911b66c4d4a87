//! `cargo xtask test`: every test of the project, and one closing line that counts them.

use std::collections::{BTreeSet, VecDeque};
use std::io::{BufRead, BufReader, pipe};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use xshell::{Shell, cmd};

use crate::{clients, deploy, engines, image, pkg, plan, registry, reliability, sdk, setup, www};

pub(crate) fn run(sh: &Shell) -> Result<()> {
    announce(sh)?;
    setup::wasm_target(sh)?;
    setup::kubectl(sh)?;
    setup::valgrind(sh)?;
    let mut count = Count::default();
    count.cargo_test(&["--workspace", "--all-features"])?;
    // The core as hosts without YAML and without the rules' pages link it.
    count.cargo_test(&["--package", "imagecache", "--no-default-features", "--lib"])?;
    pkg::test(sh, &mut count)?;
    www::test(sh, &mut count)?;
    sdk::test(sh, &mut count)?;
    clients::test(sh, &mut count, false)?;
    engines::test(sh, &mut count)?;
    plan::test(sh, &mut count, 300)?;
    deploy::test(sh, &mut count, false)?;
    // Last: it links the command line in another way.
    image::test(sh, &mut count)?;
    let faults = reliability::check(&count.names);
    count.close()?;
    faults
}

/// Compares this many random plans with those of OR-Tools.
pub(crate) fn plan_solver(sh: &Shell, cases: u32) -> Result<()> {
    let mut count = Count::default();
    plan::test(sh, &mut count, cases)?;
    count.close()
}

/// Checks the image of the debug build alone.
pub(crate) fn image(sh: &Shell) -> Result<()> {
    let mut count = Count::default();
    image::test(sh, &mut count)?;
    count.close()
}

/// Tests the command against a registry alone.
pub(crate) fn registry(sh: &Shell) -> Result<()> {
    let mut count = Count::default();
    registry::test(sh, &mut count)?;
    count.close()
}

/// Runs the tests with clients of Kubernetes alone.
pub(crate) fn clients(sh: &Shell, update: bool) -> Result<()> {
    let mut count = Count::default();
    clients::test(sh, &mut count, update)?;
    count.close()
}

/// Runs the tests of what is deployed alone.
pub(crate) fn deploy(sh: &Shell, update: bool) -> Result<()> {
    let mut count = Count::default();
    deploy::test(sh, &mut count, update)?;
    count.close()
}

/// Runs the tests with the checkers of other engines alone.
pub(crate) fn engines(sh: &Shell) -> Result<()> {
    let mut count = Count::default();
    engines::test(sh, &mut count)?;
    count.close()
}

/// Prints what the tests need and this machine lacks: it is installed on the way.
fn announce(sh: &Shell) -> Result<()> {
    let root = setup::root()?;
    let target = setup::target(sh)?;
    let sysroot = PathBuf::from(cmd!(sh, "rustc --print sysroot").quiet().read()?);
    let works = |program: &Path, arguments: &[&str]| {
        let found = cmd!(sh, "{program} {arguments...}").quiet().ignore_stderr();
        found.ignore_stdout().run().is_ok()
    };
    let tools = root.join("target/tools");
    let kubectl = [Path::new("kubectl"), &tools.join("kubectl/bin/kubectl")];
    let needs = [
        (
            "the Rust target wasm32-unknown-unknown (rustup)",
            sysroot.join("lib/rustlib").join(setup::WASM).is_dir(),
        ),
        (
            "kubectl (Python registry, below target/tools)",
            kubectl
                .iter()
                .any(|program| works(program, &["version", "--client"])),
        ),
        (
            "python3-venv (apt-get)",
            works(Path::new("python3"), &["-c", "import ensurepip, venv"]),
        ),
        (
            "valgrind (apt-get)",
            works(Path::new("valgrind"), &["--version"]),
        ),
        (
            "chromium and chromium-driver (apt-get)",
            Path::new("/usr/bin/chromium").exists() && Path::new("/usr/bin/chromedriver").exists(),
        ),
        (
            "skopeo, umoci, docker-registry, prometheus and lua5.1 (apt-get)",
            ["skopeo", "umoci", "docker-registry", "promtool", "lua5.1"]
                .iter()
                .all(|program| Path::new("/usr/bin").join(program).exists()),
        ),
        (
            "the packages of tests/sdk/python/requirements.txt (Python registry, below target)",
            target.join("sdk-python/installed.txt").exists(),
        ),
        (
            "the packages of tests/plan/requirements.txt (Python registry, below target)",
            root.join("target/tools/plan/installed.txt").exists(),
        ),
        (
            "the packages of tests/sdk/node/package-lock.json (npm)",
            root.join("tests/sdk/node/node_modules").is_dir(),
        ),
        (
            "the packages of tests/clients/requirements.txt (Python registry, below target)",
            root.join("target/tools/clients/installed.txt").exists(),
        ),
        (
            "the packages of tests/clients/node/package-lock.json (npm)",
            root.join("tests/clients/node/node_modules").is_dir(),
        ),
        (
            "the packages of www/package-lock.json (npm)",
            root.join("www/node_modules").is_dir(),
        ),
    ];
    let missing = needs.iter().filter(|(_, present)| !present);
    let missing: Vec<&str> = missing.map(|(name, _)| *name).collect();
    if missing.is_empty() {
        println!("nothing to install");
        return Ok(());
    }
    println!("missing, will be installed on the way:");
    for name in missing {
        println!("  {name}");
    }
    Ok(())
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
    broken: Vec<Broken>,
    /// The target of cargo that runs.
    target: String,
    /// The tests that passed: the target and the path of a test of Rust, `node` and the name of one of Node.
    names: BTreeSet<String>,
}

/// A run that failed.
struct Broken {
    name: String,
    /// The last lines it printed, at most [`TAIL`].
    tail: VecDeque<String>,
}

/// How many lines of a failed run are printed again at the end, where a long log is looked at first.
const TAIL: usize = 40;

impl Count {
    /// Runs `cargo test --no-fail-fast` with these arguments.
    fn cargo_test(&mut self, args: &[&str]) -> Result<()> {
        self.run(
            Command::new("cargo")
                .args(["test", "--no-fail-fast"])
                // The test that counts instructions fails without valgrind; else it is skipped.
                .env("GROWTH_TEST", "required")
                .args(args),
        )
    }

    /// Runs tests; a failing run is noted, and the next ones still go.
    pub(crate) fn run(&mut self, command: &mut Command) -> Result<()> {
        let name = name(command);
        println!("$ {name}");
        let (output, input) = pipe()?;
        let mut child = command
            .stdout(input.try_clone()?)
            .stderr(input)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        // The command holds the writing ends; the pipe ends with the last of them.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut tail = VecDeque::with_capacity(TAIL);
        for line in BufReader::new(output).lines() {
            let line = line?;
            println!("{line}");
            self.test_line(&line);
            self.closing_line(&line);
            if tail.len() == TAIL {
                tail.pop_front();
            }
            tail.push_back(line);
        }
        if !child.wait()?.success() {
            self.broken.push(Broken { name, tail });
        }
        Ok(())
    }

    /// Runs tests inside Node or a browser. Those may fail on their own, on the way up or down, though every test passed;
    /// then once more.
    pub(crate) fn run_in_host(&mut self, command: &mut Command) -> Result<()> {
        let (passed, failed, skipped) = (self.passed, self.failed, self.skipped);
        let broken = self.broken.len();
        self.run(command)?;
        if self.broken.len() > broken && self.failed == failed {
            println!("no test failed, but the run did; once more");
            (self.passed, self.skipped) = (passed, skipped);
            self.broken.truncate(broken);
            self.run(command)?;
        }
        Ok(())
    }

    /// The closing line of it all.
    pub(crate) fn close(&self) -> Result<()> {
        for Broken { name, tail } in &self.broken {
            println!("\nThis run failed, and ended with:\n$ {name}");
            for line in tail {
                println!("  {line}");
            }
        }
        println!(
            "\n{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        );
        ensure!(
            self.broken.is_empty(),
            "{} of the runs failed",
            self.broken.len()
        );
        ensure!(self.passed > 0, "no test ran");
        Ok(())
    }

    /// `Running tests/eci.rs (target/debug/deps/eci-0123)` and `test calls::waits ... ok` of Rust, `ok 12 - a name` of Node.
    fn test_line(&mut self, line: &str) {
        let line = line.trim_start();
        if let Some(running) = line.strip_prefix("Running ") {
            let program = running.rsplit(['/', '\\']).next().unwrap_or_default();
            let target = program.rsplit_once('-').unwrap_or_default().0;
            target.clone_into(&mut self.target);
        }
        let rust = line
            .strip_prefix("test ")
            .and_then(|rest| rest.strip_suffix(" ... ok"));
        if let Some(name) = rust {
            self.names.insert(format!("{}::{name}", self.target));
        }
        let node = line
            .strip_prefix("ok ")
            .and_then(|rest| rest.split_once(" - "));
        if let Some((_, name)) = node {
            self.names.insert(format!("node::{name}"));
        }
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

/// What a shell would be given to run this.
fn name(command: &Command) -> String {
    let set = command.get_envs().filter_map(|(key, value)| {
        Some(format!(
            "{}={}",
            key.to_string_lossy(),
            value?.to_string_lossy()
        ))
    });
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words = words.map(|word| word.to_string_lossy().into_owned());
    set.chain(words).collect::<Vec<_>>().join(" ")
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

    #[test]
    fn count_notes_the_names_of_passed_tests() {
        let mut count = Count::default();
        for line in [
            "     Running unittests src/lib.rs (target/debug/deps/imagecache_http-53ab)",
            "test limits::edge ... ok",
            "     Running tests/eci/main.rs (/a/deps/eci-9)",
            "test calls::one ... FAILED",
            "test calls::two ... ok",
            "test calls::three ... ignored",
            "    ok 3 - a page - loads",
            "not ok 4 - another",
        ] {
            count.test_line(line);
        }
        let names: Vec<&str> = count.names.iter().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "eci::calls::two",
                "imagecache_http::limits::edge",
                "node::a page - loads"
            ]
        );
    }

    #[test]
    fn count_repeats_failed_run_with_last_lines() {
        let mut count = Count::default();
        let mut command = Command::new("sh");
        command.args(["-c", "seq 100; echo why >&2; exit 1"]);
        count.run(command.env("A", "b")).unwrap();
        let broken = count.broken.first().unwrap();
        assert_eq!(broken.name, "A=b sh -c seq 100; echo why >&2; exit 1");
        assert_eq!(broken.tail.len(), TAIL);
        assert_eq!(broken.tail.back().unwrap(), "why");
    }

    #[test]
    fn a_host_gets_a_second_try_and_a_failed_test_gets_none() {
        let folder = Shell::new().unwrap().create_temp_dir().unwrap();
        let run = |script: &str| {
            let mut count = Count::default();
            let mut command = Command::new("sh");
            command.args(["-c", script]).current_dir(folder.path());
            count.run_in_host(&mut command).unwrap();
            (count.passed, count.failed, count.broken.len())
        };
        assert_eq!(
            run("echo '# pass 3'; mkdir once && exit 1; exit 0"),
            (3, 0, 0)
        );
        assert_eq!(run("echo '# pass 3'; exit 1"), (3, 0, 1));
        assert_eq!(
            run("echo '# pass 3'; echo '# fail 1'; mkdir twice && exit 1; exit 0"),
            (3, 1, 1)
        );
    }
}
