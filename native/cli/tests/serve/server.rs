//! The process, and requests to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;

pub(crate) const CACHES: &str = "/apis/eci.alibabacloud.com/v1/imagecaches";

/// A running `imagecache serve`; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// What it said before it said where it listens and after.
    pub(crate) said: String,
}

pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_imagecache"));
    command
        .arg("serve")
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

impl Server {
    /// Starts it on a free port.
    pub(crate) fn start(args: &[&str]) -> Server {
        Self::start_on("127.0.0.1:0", args)
    }

    pub(crate) fn start_on(address: &str, args: &[&str]) -> Server {
        Self::spawn(command(&[&["--listen", address], args].concat()))
    }

    /// Starts it on a directory so that a file that grows beyond its limit is an error, not a signal.
    pub(crate) fn without_signal_xfsz(directory: &Path) -> Server {
        let mut shell = Command::new("sh");
        let script = "trap '' XFSZ; exec \"$0\" serve --listen 127.0.0.1:0 --data \"$1\"";
        shell
            .args(["-c", script, env!("CARGO_BIN_EXE_imagecache")])
            .arg(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        Self::spawn(shell)
    }

    pub(crate) fn id(&self) -> String {
        self.child.id().to_string()
    }

    fn spawn(mut command: Command) -> Server {
        let mut child = command.stderr(Stdio::inherit()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said = String::new();
        for line in lines.by_ref() {
            said += &line.unwrap();
            said.push('\n');
            if said.contains("  curl ") {
                break;
            }
        }
        let address = said.strip_prefix("listening on http://").unwrap();
        let address = address.split(',').next().unwrap().parse().unwrap();
        Server {
            child,
            address,
            said,
        }
    }

    pub(crate) fn on(directory: &Path) -> Server {
        Self::start(&["--data", directory.to_str().unwrap()])
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal and waits for the end.
    pub(crate) fn end(&mut self, signal: &str) -> ExitStatus {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(sent.success());
        self.child.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One request over its own connection: status and body; `None` if the connection breaks.
pub(crate) fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    content_type: &str,
    body: &str,
) -> Option<(u16, Value)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .ok()?;
    let mut text = Vec::new();
    stream.read_to_end(&mut text).ok()?;
    let text = String::from_utf8(text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    // an answer that breaks off is none
    let json = serde_json::from_str(body);
    if head.contains("application/json") {
        return Some((status, json.ok()?));
    }
    Some((status, json.unwrap_or_else(|_| body.into())))
}

pub(crate) fn get(address: SocketAddr, path: &str) -> (u16, Value) {
    request(address, "GET", path, "application/json", "").unwrap()
}

pub(crate) fn post(address: SocketAddr, path: &str, object: &Value) -> Option<(u16, Value)> {
    request(
        address,
        "POST",
        path,
        "application/json",
        &object.to_string(),
    )
}

pub(crate) fn merge(address: SocketAddr, path: &str, patch: &Value) -> Option<(u16, Value)> {
    let content_type = "application/merge-patch+json";
    request(address, "PATCH", path, content_type, &patch.to_string())
}

/// The lines of a watch until it breaks off.
pub(crate) fn watch(address: SocketAddr, query: &str) -> impl Iterator<Item = Value> + use<> {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {CACHES}?watch=1&{query} HTTP/1.0\r\nHost: {address}\r\n\r\n"
    )
    .unwrap();
    BufReader::new(stream)
        .lines()
        .map_while(Result::ok)
        .skip_while(|line| !line.is_empty())
        .skip(1)
        .map_while(|line| serde_json::from_str(&line).ok())
}
