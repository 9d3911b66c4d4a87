//! One call of a webhook over HTTPS.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::ConfigBuilderExt as _;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::hook::Hook;
use super::service::Address;
use super::text;
use crate::api::ApiError;
use crate::limits::WEBHOOK_ANSWER_BYTES;

/// The answer of a webhook.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// The refusal of a request that it denies.
    pub denied: Option<ApiError>,
    /// A JSON patch.
    pub patch: Option<Value>,
    pub warnings: Vec<String>,
}

/// Sends a request to a webhook, and reads its answer.
///
/// # Errors
/// Says why there is none.
pub(super) async fn call(
    hook: &Hook,
    address: &Address,
    request: &Value,
) -> Result<Answer, String> {
    let url = &address.url;
    let failed = |why: String| format!("failed to call webhook: Post {url:?}: {why}");
    let bytes = tokio::time::timeout(hook.timeout, exchange(hook, address, request)).await;
    let bytes = bytes
        .unwrap_or_else(|_| Err("context deadline exceeded".to_owned()))
        .map_err(failed)?;
    read(hook, &text(request, "uid"), &bytes)
}

async fn exchange(hook: &Hook, address: &Address, request: &Value) -> Result<Bytes, String> {
    let review = json!({
        "kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request,
    });
    let uri: http::Uri = address.url.parse().map_err(|error| format!("{error}"))?;
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    let tls = TlsConnector::from(Arc::new(tls(&text(&hook.client, "caBundle"))?));
    let at = format!("{}:{}", address.host, address.port);
    let stream = TcpStream::connect((address.host.as_str(), address.port)).await;
    let stream = stream.map_err(|error| match error.kind() {
        std::io::ErrorKind::ConnectionRefused => {
            format!("dial tcp {at}: connect: connection refused")
        }
        _ => format!("dial tcp {at}: {error}"),
    })?;
    let stream = tls.connect(name, stream).await;
    let stream = stream.map_err(|error| format!("tls: {error}"))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    let connection = tokio::spawn(connection);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let request = http::Request::post(path)
        .header(HOST, authority)
        .header(CONTENT_TYPE, "application/json")
        .header(ACCEPT, "application/json")
        .body(Full::new(Bytes::from(review.to_string())))
        .map_err(|error| error.to_string())?;
    let answered = async {
        let response = sender.send_request(request).await;
        let (head, body) = response.map_err(|error| error.to_string())?.into_parts();
        let body = Limited::new(body, WEBHOOK_ANSWER_BYTES).collect().await;
        let bytes = body.map_err(|error| error.to_string())?.to_bytes();
        if head.status.is_success() {
            Ok(bytes)
        } else {
            Err(format!("the webhook responded with {}", head.status))
        }
    };
    let answered = answered.await;
    connection.abort();
    answered
}

/// TLS that trusts the authorities of a bundle, or without a bundle those of the machine.
fn tls(bundle: &str) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    if bundle.is_empty() {
        let builder = match builder.clone().with_native_roots() {
            Ok(builder) => builder,
            Err(_) => builder.with_webpki_roots(),
        };
        return Ok(builder.with_no_client_auth());
    }
    let pem = STANDARD
        .decode(bundle)
        .map_err(|error| format!("caBundle: {error}"))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| format!("caBundle: {error}"))?;
        roots
            .add(certificate)
            .map_err(|error| format!("caBundle: {error}"))?;
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn read(hook: &Hook, uid: &str, bytes: &[u8]) -> Result<Answer, String> {
    let review: Value = serde_json::from_slice(bytes)
        .map_err(|error| format!("the answer is not JSON: {error}"))?;
    let (version, kind) = (text(&review, "apiVersion"), text(&review, "kind"));
    if (version.as_str(), kind.as_str()) != ("admission.k8s.io/v1", "AdmissionReview") {
        return Err(format!(
            "expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got {version}, Kind={kind}"
        ));
    }
    let response = review
        .get("response")
        .filter(|response| response.is_object())
        .ok_or("webhook response was absent")?;
    let found = text(response, "uid");
    if found != uid {
        return Err(format!("expected response.uid={uid:?}, got {found:?}"));
    }
    let warnings = response.get("warnings").and_then(Value::as_array);
    let warnings = warnings.into_iter().flatten().filter_map(Value::as_str);
    let warnings = warnings.map(str::to_owned).collect();
    if response.get("allowed") != Some(&Value::Bool(true)) {
        return Ok(Answer {
            denied: Some(denied(hook, response.get("status").unwrap_or(&Value::Null))),
            patch: None,
            warnings,
        });
    }
    let patch = match (
        text(response, "patch").as_str(),
        text(response, "patchType").as_str(),
    ) {
        ("", "") => None,
        (_, "") => {
            return Err("webhook returned response.patch but not response.patchType".to_owned());
        }
        ("", _) => {
            return Err("webhook returned response.patchType but not response.patch".to_owned());
        }
        (patch, "JSONPatch") => {
            let patch = STANDARD
                .decode(patch)
                .map_err(|error| format!("response.patch: {error}"))?;
            let patch = serde_json::from_slice(&patch);
            Some(patch.map_err(|error| format!("response.patch: {error}"))?)
        }
        (_, other) => return Err(format!("invalid response.patchType {other:?}")),
    };
    Ok(Answer {
        denied: None,
        patch,
        warnings,
    })
}

/// The refusal of a request that a webhook denies.
fn denied(hook: &Hook, status: &Value) -> ApiError {
    let by = format!("admission webhook {:?} denied the request", hook.name);
    let (message, reason) = (text(status, "message"), text(status, "reason"));
    let message = match (message.as_str(), reason.as_str()) {
        ("", "") => format!("{by} without explanation"),
        ("", reason) => format!("{by}: {reason}"),
        (message, _) => format!("{by}: {message}"),
    };
    let code = status.get("code").and_then(Value::as_u64);
    let code = code.and_then(|code| u16::try_from(code).ok());
    ApiError::new(
        code.filter(|code| (400..600).contains(code)).unwrap_or(400),
        known_reason(&reason),
        message,
    )
}

/// The reason of a Status; an unknown one is left out.
fn known_reason(reason: &str) -> &'static str {
    const KNOWN: [&str; 10] = [
        "AlreadyExists",
        "BadRequest",
        "Conflict",
        "Forbidden",
        "InternalError",
        "Invalid",
        "NotFound",
        "ServiceUnavailable",
        "TooManyRequests",
        "Unauthorized",
    ];
    let mut known = KNOWN.into_iter();
    known.find(|known| *known == reason).unwrap_or_default()
}
