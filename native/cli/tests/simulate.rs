//! `imagecache eci simulate` as a user runs it: started, asked by the other verbs, killed, started again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panic

mod common;

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{imagecache, run, stderr, stdout};
use snapbox::str;
use snapbox::{assert_data_eq, cmd::Command as Verb};

/// A simulator in a process of its own.
struct Simulator {
    child: Child,
    url: String,
    greeting: String,
}

impl Simulator {
    fn start(options: &[&str]) -> Simulator {
        let mut command = Command::new(env!("CARGO_BIN_EXE_imagecache"));
        command
            .args(["eci", "simulate", "--listen", "127.0.0.1:0"])
            .args(options);
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Simulator {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().expect("no word").unwrap();
        let url = first.rsplit(' ').next().unwrap().to_owned();
        let rest: Vec<_> = lines.by_ref().take(5).map(Result::unwrap).collect();
        Simulator {
            child,
            greeting: format!("{first}\n{}\n", rest.join("\n")).replace(&url, "http://[SERVER]"),
            url,
        }
    }

    fn verb(&self, args: &[&str]) -> Verb {
        let mut all = vec!["eci"];
        all.extend(args);
        all.extend(["--endpoint", &self.url]);
        imagecache(&all)
            .env_clear()
            .env("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid")
            .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "testsecret")
            .env("ALIBABA_CLOUD_REGION_ID", "cn-beijing")
    }

    fn run(&self, args: &[&str]) -> Output {
        self.verb(args).output().unwrap()
    }

    /// Sends it a signal and waits for its end; its exit code and what it has logged.
    fn end(mut self, signal: &str) -> (Option<i32>, String) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(sent.success());
        let status = self.child.wait().unwrap();
        let mut log = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut log)
            .unwrap();
        (status.code(), log)
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ids made of chance, and times, in place of which anything may stand.
fn still(text: &str) -> String {
    let word = |word: &str| {
        for prefix in ["imc-", "eci-", "s-"] {
            if let Some(rest) = word.strip_prefix(prefix)
                && rest.len() == 20
                && rest.chars().all(|c| c.is_ascii_alphanumeric())
            {
                return format!("{prefix}…");
            }
        }
        word.to_owned()
    };
    let line = |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ") + "\n";
    text.lines().map(line).collect()
}

#[test]
fn simulate_prints_examples_and_create_watches_until_ready() {
    let simulator = Simulator::start(&["--speed", "100"]);
    assert_data_eq!(
        &simulator.greeting,
        str![[r#"
ECI is simulated on http://[SERVER]

  export ALIBABA_CLOUD_ACCESS_KEY_ID=testid ALIBABA_CLOUD_ACCESS_KEY_SECRET=testsecret
  imagecache eci create --endpoint http://[SERVER] --region cn-hangzhou --name base --image nginx:1.27 --watch
  imagecache eci list --endpoint http://[SERVER] --region cn-hangzhou


"#]]
    );
    let create = [
        "create",
        "-f",
        "tests/data/eci/cache.yaml",
        "--watch",
        "--poll",
        "0.02",
    ];
    let output = simulator.run(&create);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    // how often it was looked at is the machine's affair; every line is one of a cache on its way
    let told = still(stderr(&output));
    let mut statuses: Vec<_> = told
        .lines()
        .map(|line| line.split("  ").nth(2).unwrap())
        .collect();
    statuses.dedup();
    assert_eq!(statuses.last(), Some(&"Ready"), "{told}");
    assert!(
        statuses
            .iter()
            .all(|status| ["Preparing", "Creating", "Ready"].contains(status)),
        "{told}"
    );
    // a flash cache is ready before its snapshot is
    let last = told.lines().last().unwrap();
    assert!(last.starts_with("trainer  imc-…  Ready  "), "{told}");
    let name = simulator.run(&["list", "-o", "name"]);
    assert_data_eq!(still(stdout(&name)), "imc-…\n");

    let failing = [
        "create",
        "--name",
        "denied",
        "--image",
        "registry.example.com/private/app:1",
        "--watch",
        "--poll",
        "0.02",
    ];
    let output = simulator.run(&failing);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("pull access denied, authorization failed"),
        "{}",
        stderr(&output)
    );

    let (code, log) = simulator.end("-TERM");
    assert_eq!(code, Some(0), "{log}");
    let created = log
        .lines()
        .find(|line| line.contains("CreateImageCache"))
        .unwrap();
    let words: Vec<_> = created.split(' ').collect();
    assert_eq!(
        (words[1], words[2], words[3], words[4]),
        ("CreateImageCache", "v3", "testid", "200"),
        "{created}"
    );
    assert!(words[5].starts_with("imc-"), "{created}");
    for secret in ["testsecret", "hunter2", "Signature"] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[test]
fn our_own_verbs_run_the_whole_script_in_both_signatures() {
    let simulator = Simulator::start(&["--speed", "300", "--quiet"]);
    for signature in ["v1", "v3"] {
        let ok = |args: &[&str]| {
            let mut all = args.to_vec();
            all.extend(["--signature", signature]);
            let output = simulator.run(&all);
            assert_eq!(
                output.status.code(),
                Some(0),
                "{args:?}: {}",
                stderr(&output)
            );
            still(stdout(&output))
        };
        let watch = ["--watch", "--poll", "0.02", "-o", "name"];
        let made = ok(&[
            &["create", "--name", "base", "--image", "busybox"][..],
            &watch,
        ]
        .concat());
        assert_eq!(made, "imc-…\n");
        let updated = ok(&[
            &["update", "--cache", "base", "--image", "nginx:1.27"][..],
            &watch,
        ]
        .concat());
        assert_eq!(updated, "imc-…\n");
        assert!(ok(&["get", "base"]).contains("nginx:1.27"));
        assert_eq!(
            ok(&[
                "list",
                "--match-image",
                "nginx:1.27",
                "--full-match",
                "-o",
                "name"
            ]),
            "imc-…\n"
        );
        assert_eq!(ok(&["list", "--match-image", "redis:7", "-o", "name"]), "");
        assert!(ok(&["usage", "-o", "json"]).contains("\"UsedImageCacheCount\": 1"));
        assert_eq!(
            ok(&["delete", "base", "--watch", "--poll", "0.02"]),
            "imc-… deleted\n"
        );
        assert_eq!(ok(&["list", "-o", "name"]), "");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn simulate_on_a_full_disk_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    // a file beyond its limit is an error, not a signal
    let script = "trap '' XFSZ; exec \"$0\" eci simulate --listen 127.0.0.1:0 --data \"$1\"";
    let mut shell = Command::new("sh");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_imagecache"), data]);
    let simulator = Simulator::spawn(shell);
    let create = |name| simulator.run(&["create", "--name", name, "--image", "busybox"]);
    assert_eq!(create("before").status.code(), Some(0));
    let pid = simulator.child.id().to_string();
    let limit = |bytes: &str| {
        let limit = format!("--fsize={bytes}:unlimited");
        let set = Command::new("prlimit")
            .args(["--pid", &pid, &limit])
            .status();
        assert!(set.unwrap().success());
    };
    limit("4096");
    let during = std::thread::scope(|scope| {
        // the client repeats the call until it succeeds
        let during = scope.spawn(|| create("during"));
        std::thread::sleep(Duration::from_millis(700));
        assert!(!during.is_finished(), "a change was kept on a full disk");
        limit("unlimited");
        during.join().unwrap()
    });
    assert_eq!(during.status.code(), Some(0), "{}", stderr(&during));
    let (_, log) = simulator.end("-KILL");
    assert!(
        log.contains("the change could not be kept: I/O error: "),
        "{log}"
    );
    let simulator = Simulator::start(&["--data", data, "--quiet"]);
    let list = simulator.run(&["list", "-o", "json"]);
    for name in ["before", "during"] {
        assert!(stdout(&list).contains(name), "{}", stdout(&list));
    }
}

#[test]
fn simulate_on_a_damaged_state_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let simulator = Simulator::start(&["--data", data, "--quiet"]);
    let create = ["create", "--name", "base", "--image", "busybox"];
    assert_eq!(simulator.run(&create).status.code(), Some(0));
    assert_eq!(simulator.end("-TERM").0, Some(0));
    let file = folder.path().join("cloud.redb");
    let mut bytes = std::fs::read(&file).unwrap();
    for at in 0..bytes.len() {
        if bytes[at..].starts_with(b"busybox") {
            bytes[at] ^= 1;
        }
    }
    std::fs::write(&file, bytes).unwrap();
    let args = ["eci", "simulate", "--listen", "127.0.0.1:0", "--data", data];
    let output = run(&args);
    assert_eq!(output.status.code(), Some(3));
    let message = stderr(&output);
    assert!(message.contains("`cloud.redb` is damaged: "), "{message}");
    assert!(
        message.contains("remove it to start with an empty cloud"),
        "{message}"
    );
    assert_eq!(message.lines().count(), 1, "{message}");
}

/// Makes one cache after the other until it is stopped; the names of those that were acknowledged.
fn make_caches(url: &str, prefix: &str, stop: &AtomicBool) -> Vec<String> {
    let mut made = Vec::new();
    for number in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let name = format!("{prefix}-{number}");
        let mut child = Command::new(env!("CARGO_BIN_EXE_imagecache"))
            .args(["eci", "create", "--name", &name, "--image", "busybox"])
            .args([
                "--client-token",
                &name,
                "--endpoint",
                url,
                "--region",
                "cn-beijing",
            ])
            .env("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid")
            .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "testsecret")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let acknowledged = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status.success(),
                // a client whose server is gone would try for a minute
                None if stop.load(Ordering::SeqCst) => {
                    let _ = child.kill();
                    let _ = child.wait();
                    break false;
                }
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        };
        if acknowledged {
            made.push(name);
        }
    }
    made
}

/// Kills the process while it is asked without pause, again and again: whatever was acknowledged is there after the
/// next start, and nothing is there twice.
#[test]
fn simulate_acknowledged_call_survives_kill() {
    let folder = tempfile::tempdir().unwrap();
    let options = ["--quiet", "--data", folder.path().to_str().unwrap()];
    let mut acknowledged = 0;
    for round in 0..6 {
        let (simulator, stop) = (Simulator::start(&options), AtomicBool::new(false));
        let names: Vec<String> = std::thread::scope(|scope| {
            let (url, stop) = (&simulator.url, &stop);
            let maker = |maker| move || make_caches(url, &format!("r{round}-m{maker}"), stop);
            let makers = [0, 1].map(|number| scope.spawn(maker(number)));
            std::thread::sleep(Duration::from_millis(300 + 170 * round));
            let pid = simulator.child.id().to_string();
            let killed = Command::new("kill").args(["-KILL", &pid]).status();
            assert!(killed.unwrap().success());
            stop.store(true, Ordering::SeqCst);
            let made = makers.map(|maker| maker.join().unwrap());
            made.into_iter().flatten().collect()
        });
        drop(simulator);
        let again = Simulator::start(&options);
        let listed = again.run(&["list", "-o", "json", "--page-size", "100"]);
        let listed: Vec<serde_json::Value> = serde_json::from_str(stdout(&listed)).unwrap();
        let name = |cache: &serde_json::Value| cache["ImageCacheName"].as_str().unwrap().to_owned();
        let mut there: Vec<_> = listed.iter().map(name).collect();
        there.sort_unstable();
        let count = there.len();
        there.dedup();
        assert_eq!(there.len(), count, "a cache is there twice");
        for name in &names {
            assert!(there.contains(name), "{name} was acknowledged and is lost");
        }
        acknowledged += names.len();
        assert_eq!(again.end("-INT").0, Some(0));
    }
    assert!(acknowledged > 0, "no call was acknowledged before a kill");
}

#[test]
fn simulate_invalid_file_has_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (images, faults) = (
        file("i.yaml", "images: [{image: a, size: big}]"),
        file("f.yaml", "faults: [{fault: delay, chance: 2}]"),
    );
    let blocked = file("blocked", "");
    for (args, code, expected) in [
        (
            vec!["--listen", "0.0.0.0:0"],
            2,
            "set --access-key and --secret",
        ),
        (vec!["--access-key", "me"], 2, "--secret"),
        (vec!["--rate", "0"], 2, "--rate: must be greater than 0"),
        (vec!["--speed", "0"], 2, "0 is not in 1..=100000"),
        (
            vec!["--images", &images],
            3,
            "images[0].size: `big` is not a quantity such as 200Mi",
        ),
        (
            vec!["--images", "none.yaml"],
            3,
            "none.yaml: no such file or directory",
        ),
        (
            vec!["--faults", &faults],
            3,
            "faults[0].chance: 2, 0 to 1 allowed",
        ),
        (vec!["--data", &blocked], 3, "blocked: "),
    ] {
        let mut all = vec!["eci", "simulate", "--listen", "127.0.0.1:0"];
        if args[0] == "--listen" {
            all.truncate(2);
        }
        all.extend(&args);
        let output = run(&all);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{args:?} {}",
            stderr(&output)
        );
        assert!(
            stderr(&output).contains(expected),
            "{args:?} {}",
            stderr(&output)
        );
    }
    let table = run(&["eci", "simulate", "--print-images"]);
    assert!(stdout(&table).contains("registry.example.com/missing/*"));
}
