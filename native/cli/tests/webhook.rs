//! `imagecache webhook` as a process: it serves, it says what is wrong, it ends when asked.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panic

mod common;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::Arc;

use common::{run, stderr, stdout};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

struct Webhook {
    child: Child,
    stderr: BufReader<ChildStderr>,
    authority: String,
    address: String,
}

impl Webhook {
    fn start(more: &[&str]) -> Webhook {
        let mut child = Command::new(env!("CARGO_BIN_EXE_imagecache"))
            .args([
                "webhook",
                "--listen",
                "127.0.0.1:0",
                "--self-signed",
                "--no-watch",
            ])
            .args(more)
            .env_remove("RUST_LOG")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut authority = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        while !authority.contains("END CERTIFICATE") {
            assert_ne!(out.read_line(&mut authority).unwrap(), 0, "no authority");
        }
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let address = line
            .split("https://")
            .nth(1)
            .unwrap_or_else(|| panic!("{line}"));
        let address = address.split(';').next().unwrap().to_owned();
        Webhook {
            child,
            stderr,
            authority,
            address,
        }
    }

    fn ask(&self, request: &str) -> String {
        let mut roots = RootCertStore::empty();
        let certificate = CertificateDer::from_pem_slice(self.authority.as_bytes()).unwrap();
        roots.add(certificate).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = StreamOwned::new(connection, TcpStream::connect(&self.address).unwrap());
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    }

    /// Asks it to end, and returns what it logged.
    fn end(mut self, signal: &str) -> String {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &pid])
                .status()
                .unwrap()
                .success()
        );
        let mut log = String::new();
        self.stderr.read_to_string(&mut log).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{log}");
        log
    }
}

const DENIED: &str = r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"1","operation":"CREATE","name":"base","userInfo":{"username":"alice"},"kind":{"group":"eci.alibabacloud.com","version":"v1","kind":"ImageCache"},"object":{"apiVersion":"eci.alibabacloud.com/v1","kind":"ImageCache","metadata":{"name":"base"},"spec":{"images":["nginx:"]}}}}"#;

#[test]
fn webhook_serves_until_sigterm_and_logs_denials() {
    for (signal, format) in [("-TERM", "json"), ("-INT", "text")] {
        let webhook = Webhook::start(&["--log-format", format]);
        let healthy =
            webhook.ask("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        assert!(healthy.starts_with("HTTP/1.1 200 OK\r\n"), "{healthy}");
        let answer = webhook.ask(&format!(
            "POST /validate?timeout=10s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{DENIED}",
            DENIED.len()
        ));
        assert!(answer.contains(r#""allowed":false"#), "{answer}");
        let log = webhook.end(signal);
        if format == "json" {
            let line: serde_json::Value =
                serde_json::from_str(log.lines().next().unwrap()).unwrap();
            assert_eq!(
                (&line["outcome"], &line["user"]),
                (&"denied".into(), &"alice".into())
            );
            assert!(
                line["message"]
                    .as_str()
                    .unwrap()
                    .starts_with("spec.images[0]"),
                "{line}"
            );
        } else {
            assert!(log.contains("denied") && !log.contains('\u{1b}'), "{log}");
        }
    }
}

#[test]
fn webhook_address_in_use_fails_in_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = run(&[
        "webhook",
        "--self-signed",
        "--no-watch",
        "--listen",
        &address,
    ]);
    assert_eq!(output.status.code(), Some(3));
    let said = format!("error: cannot listen on {address}: address already in use\n");
    assert_eq!(stderr(&output), said);
}

#[test]
fn a_certificate_that_was_made_and_the_bundle_belong_together() {
    let output = run(&[
        "webhook",
        "manifests",
        "--make-certificate",
        "--namespace",
        "n",
        "-o",
        "json",
    ]);
    let list: serde_json::Value = serde_json::from_str(stdout(&output)).unwrap();
    let kinds: Vec<&str> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["kind"].as_str().unwrap())
        .collect();
    let place = kinds.iter().position(|kind| *kind == "Secret").unwrap();
    let secret = &list["items"][place];
    assert_eq!(secret["metadata"]["name"], "imagecache-webhook-tls");
    // The last two ask the webhook, and trust who signed the certificate.
    let bundles: Vec<&str> = list["items"].as_array().unwrap()[kinds.len() - 2..]
        .iter()
        .flat_map(|item| item["webhooks"].as_array().unwrap())
        .map(|webhook| webhook["clientConfig"]["caBundle"].as_str().unwrap())
        .collect();
    assert_eq!(bundles.len(), 3);
    assert!(bundles.iter().all(|bundle| *bundle == bundles[0]));
    assert_ne!(secret["data"]["tls.crt"], bundles[0]);
}
