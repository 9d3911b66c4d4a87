//! Starting, stopping, and what can be wrong with the command line.

use std::net::TcpListener;
use std::process::Command;

use serde_json::json;

use super::server::{CACHES, Server, command, get, post, request, watch};

#[test]
fn serve_prints_address_and_first_commands() {
    let server = Server::start(&[]);
    let said = server.said.replace(&server.address.to_string(), "ADDRESS");
    assert_eq!(
        said,
        "listening on http://ADDRESS, state in memory; Ctrl-C stops

Try:
  kubectl --server http://ADDRESS get imagecaches --watch
  curl http://ADDRESS/apis/eci.alibabacloud.com/v1/imagecaches
"
    );
    assert_eq!(get(server.address, "/readyz"), (200, "ok".into()));
}

#[cfg(unix)]
#[test]
fn it_ends_cleanly_when_it_is_asked_to() {
    for signal in ["-INT", "-TERM"] {
        let directory = tempfile::tempdir().unwrap();
        let mut server = Server::on(directory.path());
        let address = server.address;
        let cache = json!({
            "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache",
            "metadata": {"name": "kept"}, "spec": {"images": ["nginx:1.25"]},
        });
        assert_eq!(post(address, CACHES, &cache).unwrap().0, 201);
        // a watch does not hold up the end
        let mut events = watch(address, "");
        assert_eq!(events.next().unwrap()["type"], "ADDED");
        assert_eq!(server.end(signal).code(), Some(0), "{signal}");
        assert_eq!(events.next(), None);
        let again = Server::on(directory.path());
        assert_eq!(get(again.address, &format!("{CACHES}/kept")).0, 200);
    }
}

/// Runs it with arguments that are wrong; returns the exit code and what it said.
fn refused(args: &[&str]) -> (Option<i32>, String) {
    let output = command(args).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), said.trim_end().to_owned())
}

#[test]
fn serve_address_in_use_fails() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, said) = refused(&["--listen", &address]);
    assert_eq!(code, Some(3));
    let wanted = format!("error: {address}: address in use; choose another address with --listen");
    assert_eq!(said, wanted);
    assert_eq!(refused(&["--listen", "nowhere"]).0, Some(2));
}

#[test]
fn serve_unusable_data_directory_fails() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let _server = Server::on(directory.path());
    let (code, said) = refused(&["--listen", "127.0.0.1:0", "--data", path]);
    assert_eq!(code, Some(3));
    assert!(said.contains("is open in another process"), "{said}");
    let file = directory.path().join("cluster.redb");
    let (code, said) = refused(&["--listen", "127.0.0.1:0", "--data", file.to_str().unwrap()]);
    assert_eq!(code, Some(3));
    assert!(said.contains("cluster.redb"), "{said}");
}

#[test]
fn a_kubeconfig_is_written_and_only_its_own_is_written_over() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config");
    let file = path.to_str().unwrap();
    for _ in 0..2 {
        let server = Server::start(&["--kubeconfig-out", file]);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(&format!("server: http://{}\n", server.address)));
        assert!(
            server
                .said
                .contains(&format!("kubectl --kubeconfig {file} get"))
        );
    }
    std::fs::write(&path, "somebody's own").unwrap();
    let (code, said) = refused(&["--listen", "127.0.0.1:0", "--kubeconfig-out", file]);
    assert_eq!(code, Some(3));
    assert!(said.contains("was not written by this command"), "{said}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "somebody's own");
}

#[test]
fn serve_crd_from_a_file_reports_errors_with_their_place() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("crd.yaml");
    let file = path.to_str().unwrap();
    let own = command(&[]).get_program().to_owned();
    let own = Command::new(own).arg("crd").output().unwrap();
    let own = String::from_utf8(own.stdout).unwrap();
    let (before, _) = own.split_once("maximum: 65536").unwrap();
    let (line, indent) = (before.lines().count(), before.rsplit('\n').next().unwrap());
    std::fs::write(&path, own.replace("maximum: 65536", "maximum: 30")).unwrap();
    let server = Server::start(&["--crd", file]);
    let cache = json!({
        "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache",
        "metadata": {"name": "a"}, "spec": {"images": ["nginx:1.25"], "retentionDays": 31},
    });
    let (code, status) = post(server.address, CACHES, &cache).unwrap();
    assert_eq!(code, 422, "{status}");
    for (text, wanted) in [
        (
            own.replace(
                "maximum: 65536",
                &format!("maximum: 65536\n{indent}dependencies: {{}}"),
            ),
            &*format!(
                "/crd.yaml:{}:{}: spec.versions[0].schema.openAPIV3Schema.properties[spec].properties[retentionDays].dependencies: \
                 Forbidden: is not understood by this server",
                line + 1,
                indent.len() + 1
            ),
        ),
        (
            own.replace("scope: Cluster", "scope: Region"),
            "spec.scope: Unsupported value: \"Region\": supported values: \"Cluster\", \"Namespaced\"",
        ),
        (
            own.replace("/v1\n", "/v1beta1\n"),
            "/crd.yaml:1:13: apiVersion: ",
        ),
        ("a: [1".to_owned(), "/crd.yaml:1:"),
        (
            "a: 1\n---\nb: 2\n".to_owned(),
            "/crd.yaml: 2 documents; one is wanted",
        ),
        (String::new(), "/crd.yaml: 0 documents; one is wanted"),
    ] {
        std::fs::write(&path, text).unwrap();
        let (code, said) = refused(&["--listen", "127.0.0.1:0", "--crd", file]);
        assert_eq!(code, Some(3));
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    let (code, said) = refused(&["--listen", "127.0.0.1:0", "--crd", "nowhere.yaml"]);
    assert_eq!(code, Some(3));
    assert!(said.contains("nowhere.yaml: cannot be read"), "{said}");
}

#[test]
fn serve_admission_validates_and_patches() {
    let server = Server::start(&["--admission"]);
    let cache = |name: &str, image: &str| {
        json!({
            "apiVersion": "eci.alibabacloud.com/v1", "kind": "ImageCache",
            "metadata": {"name": name}, "spec": {"images": [image]},
        })
    };
    let (code, status) = post(server.address, CACHES, &cache("bad", "UPPER/Case:tag")).unwrap();
    assert_eq!(
        (code, &status["reason"]),
        (422, &json!("Invalid")),
        "{status}"
    );
    let message = status["message"].as_str().unwrap();
    assert!(
        message.starts_with("admission denied the request: spec.images[0]"),
        "{message}"
    );
    let (code, _) = post(server.address, CACHES, &cache("good", "nginx:1.25")).unwrap();
    assert_eq!(code, 201);
    let status = json!({"status": {"phase": "Ready", "imageCacheId": "imc-1"}}).to_string();
    let merge = "application/merge-patch+json";
    let path = format!("{CACHES}/good/status");
    request(server.address, "PATCH", &path, merge, &status).unwrap();
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web", "labels": {"alibabacloud.com/eci": "true"}},
        "spec": {"containers": [{"name": "web", "image": "nginx:1.25"}]},
    });
    let pods = "/api/v1/namespaces/default/pods";
    let (code, pod) = post(server.address, pods, &pod).unwrap();
    assert_eq!(code, 201, "{pod}");
    assert_eq!(
        pod["metadata"]["annotations"]["k8s.aliyun.com/eci-imc-id"], "imc-1",
        "{pod}"
    );
}

#[test]
fn serve_on_loopback_refuses_foreign_host_names() {
    let server = Server::start(&[]);
    let ask = |header: &str| ask_at(server.address, header);
    assert!(ask("Host: rebound.example.com:8001").starts_with("HTTP/1.1 403"));
    assert!(ask("Host: localhost\r\nOrigin: https://example.com").starts_with("HTTP/1.1 403"));
    let other_port = ask("Host: localhost:8001\r\nOrigin: http://localhost:3000");
    assert!(other_port.starts_with("HTTP/1.1 403"), "{other_port}");
    assert!(other_port.contains("\"kind\":\"Status\""), "{other_port}");
    let own = "Host: localhost:8001\r\nOrigin: http://localhost:8001";
    assert!(ask(own).starts_with("HTTP/1.1 200"));
    for bad in [
        "Host: localhost\r\nHost: localhost",
        "Host: evil.com#.localhost",
        "Accept: */*",
    ] {
        assert!(ask(bad).starts_with("HTTP/1.1 400"), "{bad}");
    }
    let picture = "Host: localhost:8001\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors";
    assert!(ask(picture).starts_with("HTTP/1.1 403"));
}

#[test]
fn serve_on_all_addresses_refuses_foreign_names() {
    let server = Server::start_on("0.0.0.0:0", &["--allow-host", "dev.example.com"]);
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], server.address.port()));
    let ask = |header: &str| ask_at(address, header);
    assert!(ask("Host: 192.0.2.1:8001").starts_with("HTTP/1.1 200"));
    assert!(ask("Host: dev.example.com:8001").starts_with("HTTP/1.1 200"));
    assert!(ask("Host: rebound.example.com:8001").starts_with("HTTP/1.1 403"));
}

/// Asks for the caches with these headers.
fn ask_at(address: std::net::SocketAddr, headers: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {CACHES} HTTP/1.1\r\n{headers}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}
