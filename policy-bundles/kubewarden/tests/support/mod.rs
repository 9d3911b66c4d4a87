//! The built policy, and the two hosts that it runs in.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

pub(crate) mod in_wasmi;

/// One call of a guest, in an instance of its own.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Step<'a> {
    pub(crate) op: &'a str,
    pub(crate) payload: &'a str,
    /// What the host answers when it is asked for caches; `None`: nothing should be asked, and a call is refused.
    pub(crate) caches: Option<Listed>,
}

/// What the host says about caches.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Listed {
    Ok(String),
    Error(String),
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Outcome {
    /// Whether the guest answered; otherwise it reported an error (or trapped, which fails the test).
    pub(crate) ok: bool,
    pub(crate) answer: String,
    /// Every call of the host: binding, namespace, operation, payload.
    pub(crate) asked: Vec<[String; 4]>,
}

/// The module as users get it, built by the cargo that runs the tests.
pub(crate) fn module() -> &'static PathBuf {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| {
        let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let target = target.parent().unwrap();
        let status = Command::new(env!("CARGO"))
            .args([
                "build",
                "--quiet",
                "--package",
                "imagecache-kubewarden",
                "--profile",
                "wasm",
            ])
            .args(["--target", "wasm32-unknown-unknown", "--target-dir"])
            .arg(target)
            .status()
            .unwrap();
        assert!(status.success(), "the policy does not build");
        target.join("wasm32-unknown-unknown/wasm/imagecache_kubewarden.wasm")
    })
}

/// Plain Node, one process for all steps.
pub(crate) struct Node {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Node {
    pub(crate) fn start() -> Self {
        let mut process = Command::new("node")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/host.mjs"))
            .arg(module())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Node 20 or later must be installed");
        let input = process.stdin.take();
        let output = BufReader::new(process.stdout.take().unwrap());
        Node {
            process,
            input,
            output,
        }
    }

    pub(crate) fn run(&mut self, step: &Step<'_>) -> Outcome {
        let input = self.input.as_mut().unwrap();
        writeln!(input, "{}", serde_json::to_string(step).unwrap()).unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).expect("the guest trapped in Node")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.process.wait();
    }
}
