//! The built policy, and the two hosts that it runs in.
#![allow(dead_code)] // each test uses a part

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

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
    /// An answer that is not text.
    Bytes(Vec<u8>),
    /// A refusal that is not text.
    Refusal(Vec<u8>),
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

/// The two hosts, which must agree.
pub(crate) struct Hosts {
    node: Node,
    wasmi: in_wasmi::Wasmi,
}

impl Hosts {
    pub(crate) fn start() -> Self {
        Hosts {
            node: Node::start(),
            wasmi: in_wasmi::Wasmi::load(&std::fs::read(module()).unwrap()),
        }
    }

    /// Runs a step in both hosts.
    pub(crate) fn run(&mut self, step: &Step<'_>) -> Outcome {
        let outcome = self.wasmi.run(step);
        assert_eq!(outcome, self.node.run(step), "Node and wasmi disagree");
        outcome
    }

    pub(crate) fn validate(
        &mut self,
        request: &Value,
        settings: &Value,
        caches: Option<Listed>,
    ) -> Outcome {
        let payload = json!({"request": request, "settings": settings}).to_string();
        self.run(&Step {
            op: "validate",
            payload: &payload,
            caches,
        })
    }
}

/// The answer of a guest that gave one.
pub(crate) fn parsed(outcome: &Outcome) -> Value {
    assert!(
        outcome.ok,
        "the guest reported an error: {}",
        outcome.answer
    );
    serde_json::from_str(&outcome.answer).unwrap()
}

/// A verdict of the core on a request, in Kubewarden's words. What is empty is left out.
pub(crate) fn response(request: &Value, verdict: &Value) -> Value {
    let allowed = verdict["allowed"] == true;
    let mut response = Map::from_iter([("accepted".to_owned(), allowed.into())]);
    let names = [
        ("message", "message"),
        ("code", "code"),
        ("warnings", "warnings"),
        ("auditAnnotations", "audit_annotations"),
    ];
    for (ours, theirs) in names {
        let told = match &verdict[ours] {
            Value::Array(items) => !items.is_empty(),
            Value::Object(fields) => !fields.is_empty(),
            // Why it is denied; of what passes there is nothing to say.
            told => !told.is_null() && !allowed,
        };
        if told {
            response.insert(theirs.to_owned(), verdict[ours].clone());
        }
    }
    let patch = verdict["patch"]
        .as_array()
        .filter(|patch| !patch.is_empty());
    if let Some(patch) = patch {
        let mut object = request["object"].clone();
        for op in patch {
            let (parent, name) = op["path"].as_str().unwrap().rsplit_once('/').unwrap();
            let parent = object.pointer_mut(parent).unwrap().as_object_mut().unwrap();
            parent.insert(
                name.replace("~1", "/").replace("~0", "~"),
                op["value"].clone(),
            );
        }
        response.insert("mutated_object".to_owned(), object);
    }
    Value::Object(response)
}

/// The module as users get it, built by the cargo that runs the tests.
pub(crate) fn module() -> &'static PathBuf {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| {
        let built = Command::new(env!("CARGO"))
            .args(["run", "--quiet", "--package", "xtask", "--", "policy"])
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(built.status.success(), "the policy does not build");
        String::from_utf8(built.stdout).unwrap().trim_end().into()
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
