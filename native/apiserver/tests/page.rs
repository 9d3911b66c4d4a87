//! Files for browsers, served next to the API.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

mod support;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use imagecache_apiserver::cluster::{Cluster, Config, PageFile};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

fn file(path: &str) -> Option<PageFile> {
    let (bytes, content_type): (&[u8], _) = match path {
        "/" => (b"<!doctype html>", "text/html; charset=utf-8"),
        "/assets/a.js" => (b"let a", "text/javascript; charset=utf-8"),
        _ => return None,
    };
    Some(PageFile {
        bytes,
        content_type,
        etag: "\"1\"",
        cache_control: "no-cache",
        headers: &[("content-security-policy", "default-src 'none'")],
    })
}

fn ask(address: SocketAddr, request: &str, more: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "{request} HTTP/1.1\r\nConnection: close\r\n{more}\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.to_lowercase()
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_get_the_page_and_clients_the_api() {
    let config = Config {
        page: Some(file),
        ..support::config()
    };
    let cluster = Cluster::open(config).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let serving = tokio::spawn({
        let stop = stop.clone();
        async move { cluster.serve(listener, stop).await }
    });
    let asked = tokio::task::spawn_blocking(move || {
        let here = "Host: localhost\r\n";
        let browser = "Host: localhost\r\nAccept: text/html,*/*\r\n";
        [
            (ask(address, "GET /", browser), "200 ok", "<!doctype html>"),
            (
                ask(address, "GET /", browser),
                "200 ok",
                "content-security-policy: default-src 'none'",
            ),
            (ask(address, "GET /", here), "200 ok", "\"paths\""),
            (ask(address, "GET /assets/a.js", here), "200 ok", "let a"),
            (
                ask(
                    address,
                    "GET /assets/a.js",
                    "Host: localhost\r\nIf-None-Match: \"0\", \"1\"\r\n",
                ),
                "304 not modified",
                "etag: \"1\"",
            ),
            (
                ask(address, "HEAD /assets/a.js", here),
                "200 ok",
                "content-length: 5",
            ),
            (ask(address, "POST /", browser), "404 not found", ""),
            (
                ask(address, "GET /assets/b.js", browser),
                "404 not found",
                "",
            ),
            (
                ask(
                    address,
                    "GET /apis/eci.alibabacloud.com/v1/imagecaches",
                    browser,
                ),
                "200 ok",
                "imagecachelist",
            ),
            (
                ask(
                    address,
                    "GET /",
                    "Host: example.com\r\nAccept: text/html\r\n",
                ),
                "403 forbidden",
                "is not a name of this server",
            ),
        ]
    });
    for (answer, status, part) in asked.await.unwrap() {
        assert!(
            answer.starts_with(&format!("http/1.1 {status}")),
            "{status}: {answer}"
        );
        assert!(answer.contains(part), "{part}: {answer}");
        assert!(
            !answer.starts_with("http/1.1 304") || !answer.contains("let a"),
            "{answer}"
        );
    }
    stop.cancel();
    serving.await.unwrap();
}
