//! Answers AdmissionReviews over plain HTTP: `cargo run --example admission_server -- 127.0.0.1:8080`.
//!
//! A real API server wants HTTPS, limits and timeouts: `imagecache webhook` has them.

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use imagecache::admission::{AdmissionSettings, CacheSource, review};
use serde_json::Value;

/// Reads one HTTP request and answers it: 200 with the review, or 400 with the reason.
fn answer(stream: &TcpStream) -> Result<(), Box<dyn Error>> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0_u64);
    while reader.read_line(&mut line)? > 2 {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse()?;
        }
        line.clear();
    }
    let mut body = Vec::new();
    reader.take(length.min(8 << 20)).read_to_end(&mut body)?;
    let settings = AdmissionSettings::default();
    let request: Result<Value, _> = serde_json::from_slice(&body);
    let no_caches = || Ok(CacheSource::Objects(&[]));
    let reply = match request {
        Ok(request) => {
            review(&request, &settings, no_caches, None).map_err(|error| error.to_string())
        }
        Err(error) => Err(error.to_string()),
    };
    let (status, text) = match reply {
        Ok(reply) => ("200 OK", reply.to_string()),
        Err(reason) => ("400 Bad Request", Value::from(reason).to_string()),
    };
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n");
    let mut stream = stream;
    write!(stream, "{head}content-length: {}\r\n\r\n{text}", text.len())?;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or("127.0.0.1:8080".to_owned());
    let listener = TcpListener::bind(address)?;
    println!("listening on http://{}", listener.local_addr()?);
    for stream in listener.incoming() {
        if let Err(error) = stream
            .map_err(Into::into)
            .and_then(|stream| answer(&stream))
        {
            eprintln!("{error}");
        }
    }
    Ok(())
}

#[test]
fn admission_server_denies_a_cache_without_images() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = std::thread::spawn(move || {
        for stream in listener.incoming().take(2) {
            answer(&stream.map_err(|error| error.to_string())?)
                .map_err(|error| error.to_string())?;
        }
        Ok::<(), String>(())
    });
    let ask = |body: &str| -> Result<String, Box<dyn Error>> {
        let mut stream = TcpStream::connect(address)?;
        write!(
            stream,
            "POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut reply = String::new();
        stream.read_to_string(&mut reply)?;
        Ok(reply)
    };
    let denied = ask(
        r#"{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "1", "operation": "CREATE",
        "kind": {"group": "eci.alibabacloud.com", "version": "v1", "kind": "ImageCache"},
        "object": {"apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache",
            "metadata": {"name": "web"}, "spec": {"images": []}}}}"#,
    )?;
    assert!(denied.starts_with("HTTP/1.1 200"), "{denied}");
    assert!(
        denied.contains(r#""allowed":false"#) && denied.contains("IC021"),
        "{denied}"
    );
    assert!(ask("not JSON")?.starts_with("HTTP/1.1 400"));
    server.join().map_err(|_| "the server panicked")??;
    Ok(())
}
