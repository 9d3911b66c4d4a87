//! What strangers may cost: each limit of the loop, met by a client that breaks it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panic

use std::net::SocketAddr;
use std::time::Duration;

use http::{Response, StatusCode};
use imagecache_http::{Body, Limits, NoBody, body, serve, whole};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// Long enough for anything that is going to happen.
const EVER: Duration = Duration::from_secs(20);
const BODY: usize = 1 << 20;

fn strict() -> Limits {
    Limits {
        connections: 4,
        head: Duration::from_millis(300),
        head_bytes: 16 << 10,
        stall: Duration::from_millis(300),
        drain: Duration::from_secs(10),
    }
}

struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// `/large` answers 64 MB, `/slow` after a second, everything else the length of the body.
async fn start(limits: Limits) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let handler = |request: http::Request<hyper::body::Incoming>, _| async move {
        let answer = |code, text: String| {
            let mut answer: Response<Body> = Response::new(whole(text));
            *answer.status_mut() = code;
            answer
        };
        match request.uri().path() {
            "/large" => return answer(StatusCode::OK, "x".repeat(64 << 20)),
            "/slow" => tokio::time::sleep(Duration::from_secs(1)).await,
            _ => {}
        }
        match body(request.into_body(), BODY, Duration::from_millis(500)).await {
            Ok(bytes) => answer(StatusCode::OK, bytes.len().to_string()),
            Err(NoBody::TooLarge) => answer(StatusCode::PAYLOAD_TOO_LARGE, "large".to_owned()),
            Err(NoBody::TooSlow) => answer(StatusCode::REQUEST_TIMEOUT, "slow".to_owned()),
            Err(NoBody::Broken) => answer(StatusCode::BAD_REQUEST, "broken".to_owned()),
        }
    };
    let task = tokio::spawn(serve(listener, None, limits, stop.clone(), handler));
    Server {
        address,
        stop,
        task,
    }
}

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.address).await.unwrap()
}

/// Everything until the server closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = timeout(EVER, stream.read_to_end(&mut bytes)).await;
    let _ = read.expect("the server closes"); // with an end or a reset
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One answer of a connection that stays open.
async fn answer(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = timeout(EVER, stream.read(&mut buffer)).await.unwrap();
        bytes.extend_from_slice(&buffer[..read.unwrap()]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.to_lowercase();
        let length = length.split("content-length: ").nth(1).unwrap();
        let length: usize = length.lines().next().unwrap().parse().unwrap();
        if body.len() >= length {
            return text;
        }
    }
}

async fn ask(server: &Server, request: &str) -> String {
    let mut stream = connect(server).await;
    stream.write_all(request.as_bytes()).await.unwrap();
    answer(&mut stream).await
}

const WELL: &str = "GET / HTTP/1.1\r\nHost: here\r\n\r\n";

async fn is_well(server: &Server) {
    assert!(ask(server, WELL).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn who_says_nothing_is_cut_off() {
    let server = start(strict()).await;
    let mut silent = connect(&server).await;
    assert_eq!(rest(&mut silent).await, "");
    is_well(&server).await;
}

#[tokio::test]
async fn a_head_that_trickles_is_cut_off() {
    let server = start(strict()).await;
    let mut slow = connect(&server).await;
    let begun = Instant::now();
    let mut sent = 0;
    slow.write_all(b"GET / HTTP/1.1\r\nX: ").await.unwrap();
    while begun.elapsed() < EVER && slow.write_all(b"x").await.is_ok() {
        sent += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(sent < 500, "cut off long before the {sent}th byte");
    is_well(&server).await;
}

#[tokio::test]
async fn who_stays_after_an_answer_and_says_nothing_is_cut_off() {
    let server = start(strict()).await;
    let mut idle = connect(&server).await;
    idle.write_all(WELL.as_bytes()).await.unwrap();
    assert!(answer(&mut idle).await.starts_with("HTTP/1.1 200"));
    assert_eq!(rest(&mut idle).await, "");
}

#[tokio::test]
async fn who_leaves_in_the_middle_of_a_request_leaves_nothing_behind() {
    let server = start(strict()).await;
    for _ in 0..20 {
        let mut gone = connect(&server).await;
        let part = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n\r\n12345";
        gone.write_all(part).await.unwrap();
        drop(gone);
    }
    is_well(&server).await;
}

#[tokio::test]
async fn a_body_that_is_too_large_is_told_so() {
    let server = start(strict()).await;
    for length in [BODY + 1, 4 * BODY] {
        let mut large = connect(&server).await;
        let head = format!("POST / HTTP/1.1\r\nHost: here\r\nContent-Length: {length}\r\n\r\n");
        large.write_all(head.as_bytes()).await.unwrap();
        // the server may have closed before everything was sent
        let _ = large.write_all(&vec![b'x'; length]).await;
        let answer = rest(&mut large).await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{length}: {answer:?}");
    }
    let all = format!("POST / HTTP/1.1\r\nHost: here\r\nContent-Length: {BODY}\r\n\r\n");
    let all = ask(&server, &(all + &"x".repeat(BODY))).await;
    assert!(all.ends_with(&BODY.to_string()), "{all}");
}

#[tokio::test]
async fn a_body_that_trickles_is_told_so() {
    let server = start(strict()).await;
    let mut slow = connect(&server).await;
    let part = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n\r\n12345";
    slow.write_all(part).await.unwrap();
    assert!(answer(&mut slow).await.starts_with("HTTP/1.1 408"));
    is_well(&server).await;
}

#[tokio::test]
async fn who_takes_nothing_of_an_answer_is_cut_off() {
    let server = start(strict()).await;
    let mut stalled = Vec::new();
    for _ in 0..4 {
        let mut stream = connect(&server).await;
        let ask = b"GET /large HTTP/1.1\r\nHost: here\r\n\r\n";
        stream.write_all(ask).await.unwrap();
        stalled.push(stream);
    }
    // all places are taken until the stalled ones are cut off
    is_well(&server).await;
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let server = start(strict()).await;
    let mut large = connect(&server).await;
    let head = format!(
        "GET / HTTP/1.1\r\nHost: here\r\nX: {}\r\n\r\n",
        "x".repeat(64 << 10)
    );
    let _ = large.write_all(head.as_bytes()).await;
    let answer = rest(&mut large).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
        "{answer}"
    );
    is_well(&server).await;
}

#[tokio::test]
async fn one_connection_too_many_waits_for_a_place() {
    let server = start(Limits {
        head: EVER,
        ..strict()
    })
    .await;
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(connect(&server).await);
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut waiting = connect(&server).await;
    waiting.write_all(WELL.as_bytes()).await.unwrap();
    let mut byte = [0];
    let nothing = timeout(Duration::from_millis(300), waiting.read(&mut byte)).await;
    assert!(nothing.is_err(), "there is no place for it");
    held.pop();
    assert!(answer(&mut waiting).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_request_under_way_is_answered_when_the_server_stops() {
    let server = start(strict()).await;
    let mut slow = connect(&server).await;
    let ask = b"GET /slow HTTP/1.1\r\nHost: here\r\n\r\n";
    slow.write_all(ask).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.stop.cancel();
    assert!(rest(&mut slow).await.starts_with("HTTP/1.1 200"));
    timeout(EVER, server.task).await.unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn a_request_that_does_not_end_holds_up_the_end_no_longer_than_it_may() {
    let limits = Limits {
        drain: Duration::from_millis(200),
        head: EVER,
        ..strict()
    };
    let server = start(limits).await;
    let mut slow = connect(&server).await;
    slow.write_all(b"GET /slow HTTP/1.1\r\nHost: here\r\n\r\n")
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.stop.cancel();
    timeout(EVER, server.task).await.unwrap().unwrap();
}
