//! A server that sends a test's answers, and records the requests.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use imagecache::eci::error::ApiError;
use imagecache::eci::signature::{HttpRequest, Received};
use imagecache::time::Timestamp;
use imagecache_eci::Environment;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A request as it came over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub method: String,
    pub target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn received(&self) -> Result<Received, ApiError> {
        let headers = self.headers.iter();
        Received::read(&HttpRequest {
            method: &self.method,
            target: &self.target,
            headers: headers
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect(),
            body: self.body.as_bytes(),
        })
    }
}

/// What the server does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Answer(u16, Vec<(&'static str, String)>, String),
    /// The head of an answer and half of its body.
    Half(String),
    /// Hangs up without a word.
    Close,
    /// Says nothing and keeps the line.
    Silence,
}

pub(crate) fn ok(body: Value) -> Reply {
    Reply::Answer(200, vec![], body.to_string())
}

pub(crate) fn refusal(status: u16, code: &str) -> Reply {
    let body = serde_json::json!({"Code": code, "Message": "no", "RequestId": "R1"});
    Reply::Answer(status, vec![], body.to_string())
}

pub(crate) struct Server {
    pub(crate) address: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    pub(crate) connections: Arc<AtomicUsize>,
}

impl Server {
    /// Answers the n-th request (from 0) with `script(n, request)`.
    pub(crate) async fn start(
        script: impl Fn(usize, &Seen) -> Reply + Send + Sync + 'static,
    ) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let connections = Arc::new(AtomicUsize::new(0));
        let script = Arc::new(script);
        let server = Server {
            address,
            seen: seen.clone(),
            connections: connections.clone(),
        };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, script.clone(), seen.clone()));
            }
        });
        server
    }

    /// Answers every request with the next reply, and repeats the last one.
    pub(crate) async fn script(replies: Vec<Reply>) -> Server {
        Self::start(move |at, _| replies[at.min(replies.len() - 1)].clone()).await
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    script: Arc<impl Fn(usize, &Seen) -> Reply>,
    seen: Arc<Mutex<Vec<Seen>>>,
) -> Option<()> {
    let mut buffer = Vec::new();
    loop {
        let request = read(&mut stream, &mut buffer).await?;
        let at = {
            let mut seen = seen.lock().unwrap();
            seen.push(request.clone());
            seen.len() - 1
        };
        let (status, headers, body, length) = match script(at, &request) {
            Reply::Answer(status, headers, body) => (status, headers, body.clone(), body.len()),
            Reply::Half(body) => (200, vec![], body[..body.len() / 2].to_owned(), body.len()),
            Reply::Close => return None,
            Reply::Silence => {
                tokio::time::sleep(Duration::from_secs(600)).await;
                return None;
            }
        };
        let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        stream
            .write_all(format!("{head}\r\n{body}").as_bytes())
            .await
            .ok()?;
        if body.len() < length {
            return None;
        }
    }
}

async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Seen> {
    loop {
        if let Some((seen, used)) = parse(buffer) {
            buffer.drain(..used);
            return Some(seen);
        }
        let mut chunk = [0; 4096];
        let length = stream.read(&mut chunk).await.ok().filter(|n| *n > 0)?;
        buffer.extend_from_slice(&chunk[..length]);
    }
}

fn parse(bytes: &[u8]) -> Option<(Seen, usize)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let headers: Vec<(String, String)> = lines
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_owned(), value.trim().to_owned())
        })
        .collect();
    let mut seen = Seen {
        method: first.next()?.to_owned(),
        target: first.next()?.to_owned(),
        headers,
        body: String::new(),
    };
    let length: usize = seen
        .header("content-length")
        .map_or(0, |n| n.parse().unwrap());
    let body = bytes.get(end + 4..end + 4 + length)?;
    seen.body = String::from_utf8(body.to_vec()).unwrap();
    Some((seen, end + 4 + length))
}

/// A clock that moves only when somebody sleeps, and chance that is a counter.
#[derive(Debug, Default)]
pub(crate) struct Still {
    slept: Mutex<Vec<Duration>>,
    drawn: AtomicUsize,
    pub date: Mutex<i64>,
}

impl Still {
    pub(crate) fn new() -> Arc<Self> {
        let still = Still::default();
        *still.date.lock().unwrap() = 1_767_323_045;
        Arc::new(still)
    }

    /// Every sleep.
    pub(crate) fn slept(&self) -> Vec<Duration> {
        self.slept.lock().unwrap().clone()
    }

    pub(crate) fn pass(&self, seconds: i64) {
        *self.date.lock().unwrap() += seconds;
    }
}

impl Environment for Still {
    fn now(&self) -> Timestamp {
        let slept = i64::try_from(self.elapsed().as_secs()).unwrap();
        Timestamp::from_seconds(*self.date.lock().unwrap() + slept)
    }

    fn elapsed(&self) -> Duration {
        self.slept.lock().unwrap().iter().sum()
    }

    fn random(&self) -> u128 {
        self.drawn.fetch_add(1, Ordering::SeqCst) as u128
    }

    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.slept.lock().unwrap().push(time);
        Box::pin(async {})
    }
}
