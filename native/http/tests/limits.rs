//! What the server grants to strangers, and how it ends.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may stop at the first surprise

use std::time::Duration;

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use imagecache_http::{Body, BodyBudget, BodyError, Limits, Visitors, body, hang_up, serve, whole};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

const LIMIT: usize = 100_000;

async fn handle(request: Request<Incoming>, budget: BodyBudget) -> Response<Body> {
    match request.uri().path() {
        "/hang-up" => return hang_up(),
        "/slow" => tokio::time::sleep(Duration::from_millis(300)).await,
        _ => {}
    }
    let time = Duration::from_millis(500);
    let (status, text) = match body(request.into_body(), LIMIT, time, &budget).await {
        Ok(body) => (StatusCode::OK, format!("{} bytes", body.bytes.len())),
        Err(BodyError::Busy) => (StatusCode::TOO_MANY_REQUESTS, "busy".to_owned()),
        Err(BodyError::TooLarge) => (StatusCode::PAYLOAD_TOO_LARGE, "too large".to_owned()),
        Err(BodyError::TooSlow) => (StatusCode::REQUEST_TIMEOUT, "too slow".to_owned()),
        Err(BodyError::Broken) => (StatusCode::BAD_REQUEST, "broken".to_owned()),
    };
    let mut response = Response::new(whole(text));
    *response.status_mut() = status;
    response
}

/// A server of the test, its address and what stops it.
async fn start(limits: Limits) -> (String, CancellationToken, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let stop = CancellationToken::new();
    let budget = BodyBudget::new(2 * LIMIT);
    let visitors = Visitors::of_any_name();
    let served = serve(
        listener,
        None,
        limits,
        visitors,
        stop.clone(),
        move |request, _| handle(request, budget.clone()),
    );
    (address, stop, tokio::spawn(served))
}

/// Sends bytes; everything that comes back until the server closes.
async fn exchange(address: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    tokio::time::timeout(Duration::from_secs(20), read)
        .await
        .unwrap()
        .unwrap();
    String::from_utf8(answer).unwrap()
}

fn post(path: &str, length: usize, sent: usize) -> Vec<u8> {
    let mut bytes = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    )
    .into_bytes();
    bytes.resize(bytes.len() + sent, b'x');
    bytes
}

#[tokio::test]
async fn body_beyond_limit_gets_an_explanation() {
    let (address, ..) = start(Limits::default()).await;
    for (length, expected) in [
        (0, "0 bytes"),
        (LIMIT, "100000 bytes"),
        (LIMIT + 1, "too large"),
        (4 * LIMIT, "too large"),
    ] {
        let answer = exchange(&address, &post("/", length, length)).await;
        assert!(answer.ends_with(expected), "{length}: {answer}");
    }
    let answer = exchange(&address, &post("/", 10, 5)).await;
    assert!(answer.ends_with("too slow"), "{answer}");
}

#[tokio::test]
async fn bodies_beyond_the_budget_are_refused_until_others_end() {
    let (address, ..) = start(Limits::default()).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        // the last byte is missing, so that the server holds the others
        let sent = stream.write_all(&post("/", LIMIT, LIMIT - 1)).await;
        sent.unwrap();
        held.push(stream);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let answer = exchange(&address, &post("/", 10, 10)).await;
    assert!(answer.ends_with("busy"), "{answer}");
    drop(held);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let answer = exchange(&address, &post("/", LIMIT, LIMIT)).await;
    assert!(answer.ends_with("100000 bytes"), "{answer}");
}

#[tokio::test]
async fn a_handler_that_hangs_up_says_nothing() {
    let (address, ..) = start(Limits::default()).await;
    assert_eq!(exchange(&address, &post("/hang-up", 0, 0)).await, "");
}

#[tokio::test]
async fn a_head_that_cannot_be_read_is_refused_with_words() {
    let (address, ..) = start(Limits::default()).await;
    let bad = b"GET /a?b=c>d HTTP/1.1\r\nhost: x\r\n\r\n";
    let answer = exchange(&address, bad).await;
    assert!(
        answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
        "{answer}"
    );
    assert!(answer.ends_with("must be percent-encoded\n"), "{answer}");
    // also after a request that was answered
    let mut both = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_vec();
    both.extend_from_slice(bad);
    let answer = exchange(&address, &both).await;
    assert!(answer.contains("0 bytes"), "{answer}");
    assert!(answer.ends_with("must be percent-encoded\n"), "{answer}");
}

#[tokio::test]
async fn late_or_large_heads_free_their_connection() {
    let limits = Limits {
        head: Duration::from_millis(200),
        head_bytes: 16 << 10,
        connections: 1,
        ..Limits::default()
    };
    let (address, ..) = start(limits).await;
    let slow = exchange(&address, b"GET / HTTP/1.1\r\nhost: x\r\n").await;
    assert!(
        slow.is_empty() || slow.starts_with("HTTP/1.1 408"),
        "{slow}"
    );
    let mut large = b"GET / HTTP/1.1\r\nx: ".to_vec();
    large.resize(100 << 10, b'x');
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let _ = stream.write_all(&large).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer))
        .await
        .unwrap();
    drop(stream);
    // the only place is free again
    assert!(
        exchange(&address, &post("/", 0, 0))
            .await
            .ends_with("0 bytes")
    );
}

#[tokio::test]
async fn shutdown_finishes_requests_and_stops_accepting() {
    let (address, stop, ended) = start(Limits::default()).await;
    let late = tokio::spawn({
        let address = address.clone();
        async move { exchange(&address, &post("/slow", 0, 0)).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    stop.cancel();
    assert!(late.await.unwrap().ends_with("0 bytes"));
    tokio::time::timeout(Duration::from_secs(5), ended)
        .await
        .unwrap()
        .unwrap();
    assert!(TcpStream::connect(&address).await.is_err());
}

#[tokio::test]
async fn idle_connections_do_not_keep_others_out() {
    let limits = Limits {
        connections: 3,
        head: Duration::from_secs(60),
        ..Limits::default()
    };
    let (address, ..) = start(limits).await;
    let mut idle = Vec::new();
    for _ in 0..10 {
        idle.push(TcpStream::connect(&address).await.unwrap());
        let answer = exchange(&address, &post("/", 0, 0)).await;
        assert!(answer.ends_with("0 bytes"), "{answer}");
    }
    // the oldest are closed, the newest are not
    let mut byte = [0];
    let read = tokio::time::timeout(Duration::from_secs(5), idle[0].read(&mut byte)).await;
    assert!(matches!(read, Ok(Ok(0) | Err(_))), "{read:?}");
    let newest = idle.last_mut().unwrap();
    newest.write_all(&post("/", 0, 0)).await.unwrap();
    let mut answer = Vec::new();
    newest.read_to_end(&mut answer).await.unwrap();
    assert!(String::from_utf8(answer).unwrap().contains("\r\ndate: "));
}

#[tokio::test]
async fn requests_in_progress_are_never_closed_for_others() {
    let limits = Limits {
        connections: 2,
        ..Limits::default()
    };
    let (address, ..) = start(limits).await;
    let slow: Vec<_> = (0..2)
        .map(|_| {
            let address = address.clone();
            tokio::spawn(async move { exchange(&address, &post("/slow", 0, 0)).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let third = exchange(&address, &post("/", 0, 0)).await;
    assert!(third.ends_with("0 bytes"), "{third}");
    for slow in slow {
        assert!(slow.await.unwrap().ends_with("0 bytes"));
    }
}
