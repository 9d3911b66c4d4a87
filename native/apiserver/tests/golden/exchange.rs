//! One HTTP exchange over its own connection, byte by byte as it is.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

/// What came back.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u64,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) json: Option<Value>,
    /// How long the answer took to end.
    pub(crate) took: Duration,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        let headers = self.headers.iter();
        headers
            .filter(|(own, _)| own == name)
            .map(|(_, value)| value.as_str())
            .collect()
    }
}

/// Sends a request and reads the answer to its end; signals when the answer `begins`.
pub(crate) async fn send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &BTreeMap<String, String>,
    body: Option<Vec<u8>>,
    begins: Option<oneshot::Sender<()>>,
) -> Answer {
    let begun = Instant::now();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    if let Some(body) = &body {
        head += &format!("Content-Length: {}\r\n", body.len());
    }
    head += "\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    // a server may answer before it has read everything
    let _ = stream.write_all(&body.unwrap_or_default()).await;
    let mut bytes = Vec::new();
    let _ = stream.read_buf(&mut bytes).await;
    if let Some(begins) = begins {
        begins.send(()).unwrap();
    }
    let _ = stream.read_to_end(&mut bytes).await;
    let mut answer = parse(&bytes);
    answer.took = begun.elapsed();
    answer
}

fn parse(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    let Some(end) = end else {
        return Answer::default();
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let headers: Vec<(String, String)> = lines
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_lowercase(), value.trim().to_owned())
        })
        .collect();
    let chunked = headers
        .iter()
        .any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    let body = &bytes[end + 4..];
    let body = if chunked {
        unchunked(body)
    } else {
        body.to_vec()
    };
    Answer {
        status: status.parse().unwrap(),
        headers,
        json: serde_json::from_slice(&body).ok(),
        body,
        took: Duration::ZERO,
    }
}

fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = bytes.windows(2).position(|window| window == b"\r\n") {
        let size = std::str::from_utf8(&bytes[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            break;
        }
        let chunk = &bytes[end + 2..];
        body.extend_from_slice(&chunk[..size.min(chunk.len())]);
        bytes = chunk.get(size + 2..).unwrap_or_default();
    }
    body
}
