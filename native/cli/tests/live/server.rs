//! A server of lists that answers as it is set, and processes of the command.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use snapbox::cmd::Command;

use crate::common::imagecache;

/// The answer to a list.
#[derive(Clone)]
pub(crate) enum Answer {
    List(Vec<Value>),
    /// Pages of this many items.
    Pages(Vec<Value>, usize),
    /// The first page, then 410; the whole list without a limit.
    Forgets(Vec<Value>),
    /// The first page, then 500.
    BreaksAfter(Vec<Value>),
    /// The token of the page is the one that was sent.
    SamePage(Vec<Value>),
    Status(u16, &'static str),
    Text(&'static str),
}

#[derive(Default)]
struct State {
    answers: BTreeMap<String, Answer>,
    /// Group and version, kind, plural.
    kinds: Vec<(String, String, String, String)>,
    broken: bool,
    /// Requests that are not GET, with their path.
    changes: Vec<String>,
}

pub(crate) struct ListServer {
    url: String,
    state: Arc<Mutex<State>>,
}

const KINDS: [[&str; 4]; 10] = [
    ["", "v1", "Pod", "pods"],
    ["", "v1", "Node", "nodes"],
    ["", "v1", "Namespace", "namespaces"],
    ["", "v1", "Event", "events"],
    ["apps", "v1", "Deployment", "deployments"],
    ["apps", "v1", "ReplicaSet", "replicasets"],
    ["batch", "v1", "CronJob", "cronjobs"],
    ["batch", "v1", "Job", "jobs"],
    [
        "autoscaling",
        "v2",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
    ],
    ["eci.alibabacloud.com", "v1", "ImageCache", "imagecaches"],
];

impl ListServer {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let kinds = KINDS.map(|[a, b, c, d]| (a.into(), b.into(), c.into(), d.into()));
        let state = Arc::new(Mutex::new(State {
            kinds: kinds.into(),
            ..State::default()
        }));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, shared) = (stream.unwrap(), Arc::clone(&shared));
                std::thread::spawn(move || answer(stream, &shared));
            }
        });
        ListServer { url, state }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn set(&self, plural: &str, answer: Answer) {
        let mut state = self.state.lock().unwrap();
        state.answers.insert(plural.to_owned(), answer);
    }

    pub(crate) fn serve(&self, group: &str, version: &str, kind: &str, plural: &str) {
        let row = (group.into(), version.into(), kind.into(), plural.into());
        self.state.lock().unwrap().kinds.push(row);
    }

    pub(crate) fn without(&self, plural: &str) {
        self.state
            .lock()
            .unwrap()
            .kinds
            .retain(|row| row.3 != plural);
    }

    pub(crate) fn break_discovery(&self) {
        self.state.lock().unwrap().broken = true;
    }

    /// Returns the requests that change something.
    pub(crate) fn changes(&self) -> Vec<String> {
        self.state.lock().unwrap().changes.clone()
    }
}

fn answer(stream: TcpStream, state: &Mutex<State>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut stream = stream;
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first).ok()? == 0 {
            return None;
        }
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let line = line.trim().to_ascii_lowercase();
            if let Some(number) = line.strip_prefix("content-length:") {
                length = number.trim().parse().ok()?;
            }
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let mut words = first.split(' ');
        let (method, target) = (words.next()?, words.next()?);
        let (status, text) = state.lock().unwrap().respond(method, target, &body);
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            text.len()
        );
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(text.as_bytes()).ok()?;
    }
}

fn status(code: u16, reason: &str, message: &str) -> (u16, String) {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
        "message": message});
    (code, status.to_string())
}

impl State {
    fn respond(&mut self, method: &str, target: &str, body: &[u8]) -> (u16, String) {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = path.trim_end_matches('/');
        if method != "GET" {
            let body: Value = serde_json::from_slice(body).unwrap_or_default();
            let of = |name: &str| {
                body["preconditions"][name]
                    .as_str()
                    .unwrap_or("-")
                    .to_owned()
            };
            let (uid, version) = (of("uid"), of("resourceVersion"));
            self.changes.push(format!(
                "{method} {path} uid={uid} resourceVersion={version}"
            ));
            return (
                200,
                json!({"kind": "Status", "status": "Success"}).to_string(),
            );
        }
        if self.broken {
            return status(503, "ServiceUnavailable", "later");
        }
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match parts.as_slice() {
            ["apis"] => (200, self.groups().to_string()),
            ["api", version] => (200, self.resources("", version).to_string()),
            ["apis", group, version] => (200, self.resources(group, version).to_string()),
            ["api", _, plural] | ["apis", _, _, plural] => self.list(plural, query),
            _ => status(404, "NotFound", "not found"),
        }
    }

    fn groups(&self) -> Value {
        let mut groups: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        for (group, version, ..) in self.kinds.iter().filter(|row| !row.0.is_empty()) {
            let version = json!({"groupVersion": format!("{group}/{version}"), "version": version});
            let versions = groups.entry(group).or_default();
            if !versions.contains(&version) {
                versions.push(version);
            }
        }
        let groups: Vec<Value> = groups
            .iter()
            .map(|(name, versions)| json!({"name": name, "versions": versions, "preferredVersion": versions[0]}))
            .collect();
        json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
    }

    fn resources(&self, group: &str, version: &str) -> Value {
        let rows = self
            .kinds
            .iter()
            .filter(|row| row.0 == group && row.1 == version);
        let resources: Vec<Value> = rows
            .map(|(_, _, kind, plural)| {
                json!({"name": plural, "kind": kind, "singularName": "", "namespaced": true,
                "verbs": ["get", "list", "watch"]})
            })
            .collect();
        json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources})
    }

    fn list(&self, plural: &str, query: &str) -> (u16, String) {
        let empty = Answer::List(Vec::new());
        let token = query
            .split('&')
            .find_map(|part| part.strip_prefix("continue="));
        let limited = query.contains("limit=");
        match self.answers.get(plural).unwrap_or(&empty) {
            Answer::List(items) => page(items, None),
            Answer::Pages(items, size) => {
                let from = token.map_or(0, |token| token.parse().unwrap());
                let to = items.len().min(from + size);
                page(&items[from..to], (to < items.len()).then(|| to.to_string()))
            }
            Answer::Forgets(items) => match (token, limited) {
                (None, true) => page(&items[..1], Some("old".to_owned())),
                (None, false) => page(items, None),
                _ => status(410, "Expired", "the token is too old"),
            },
            Answer::BreaksAfter(items) => match token {
                None => page(items, Some("next".to_owned())),
                Some(_) => status(500, "InternalError", "page lost"),
            },
            Answer::SamePage(items) => page(items, Some("same".to_owned())),
            Answer::Status(code, message) => status(*code, "Forbidden", message),
            Answer::Text(text) => (200, (*text).to_owned()),
        }
    }
}

fn page(items: &[Value], next: Option<String>) -> (u16, String) {
    // Items of a list have no type of their own.
    let items: Vec<Value> = items
        .iter()
        .map(|item| {
            let mut item = item.clone();
            let fields = item.as_object_mut().unwrap();
            fields.remove("apiVersion");
            fields.remove("kind");
            item
        })
        .collect();
    let list = json!({"kind": "XList", "apiVersion": "v1", "metadata": {"continue": next}, "items": items});
    (200, list.to_string())
}

/// An object with a uid.
pub(crate) fn object(api_version: &str, kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "uid": format!("uid-{name}"),
        "resourceVersion": "7", "creationTimestamp": "2026-01-01T00:00:00Z"}, "spec": spec})
}

/// A kubeconfig without authentication.
pub(crate) fn kubeconfig(url: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: here\n\
         clusters: [{{name: here, cluster: {{server: \"{url}\"}}}}]\n\
         users: [{{name: here, user: {{}}}}]\n\
         contexts: [{{name: here, context: {{cluster: here, user: here}}}}]\n"
    );
    file.write_all(text.as_bytes()).unwrap();
    file
}

/// A process that is killed when the test ends.
pub(crate) struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Process {
    pub(crate) fn start(args: &[&str]) -> Self {
        let child = std::process::Command::new(env!("CARGO_BIN_EXE_imagecache"))
            .args(args)
            .env_remove("KUBECONFIG")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Process(child)
    }

    /// What follows `http://` in the first line that has it.
    pub(crate) fn address(&mut self) -> String {
        let out = BufReader::new(self.0.stdout.take().unwrap());
        let mut lines = out.lines().map(Result::unwrap);
        let line = lines.find(|line| line.contains("http://")).unwrap();
        let mut words = line.split_whitespace();
        let url = words.find(|word| word.starts_with("http://")).unwrap();
        let url = url.trim_end_matches(['.', ',', ';']).to_owned();
        // nothing else reads the pipe, and a full one would stop the process
        std::thread::spawn(move || lines.for_each(drop));
        url
    }
}

/// A simulated ECI, this many times as fast as the real one, and its address.
pub(crate) fn simulate(speed: &str) -> (Process, String) {
    let args = ["eci", "simulate", "--listen", "127.0.0.1:0", "--quiet"];
    let mut process = Process::start(&[&args[..], &["--speed", speed]].concat());
    let address = process.address();
    (process, address)
}

/// A command with a key of the simulated ECI.
pub(crate) fn with_key(command: Command) -> Command {
    command
        .env("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid")
        .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "testsecret")
}

/// The command with these arguments, a key, and the address of ECI, where ECI is asked.
pub(crate) fn on_cloud(args: &[&str], cloud: &str) -> Command {
    with_key(imagecache(&with_cloud(args, cloud)))
}

/// Returns arguments with the address of ECI, where ECI is asked.
pub(crate) fn with_cloud<'a>(args: &[&'a str], cloud: &'a str) -> Vec<&'a str> {
    let mut all = args.to_vec();
    if args.contains(&"--cloud") || args.first() == Some(&"eci") {
        all.extend(["--endpoint", cloud]);
    }
    all.extend(["--region", "cn-beijing"]);
    all
}

/// Sends an object to an API server.
pub(crate) fn post(url: &str, path: &str, object: &Value) {
    let host = url.strip_prefix("http://").unwrap().trim_end_matches('/');
    let mut stream = TcpStream::connect(host).unwrap();
    let body = object.to_string();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}
