//! Responds to the HTTP requests of the webhook.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use imagecache::admission::{self, CacheSource as Known};
use imagecache::foreign::Foreign;
use imagecache_http::{Body, BodyError, body, whole};
use serde_json::{Value, json};

use super::Webhook;
use super::certificate::Validity;
use super::metrics::Labels;

/// Largest review, in bytes: an object and the old object, 3 MiB each, the limit of the API server, and the rest of a
/// review.
const MAX_REVIEW_BYTES: usize = 7 << 20;

/// Default timeout of a webhook configuration.
const USUAL_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest timeout of a webhook configuration.
const MAX_TIMEOUT: Duration = Duration::from_secs(30);

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// The two admission endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    Validate,
    Mutate,
}

impl Endpoint {
    fn as_str(self) -> &'static str {
        match self {
            Endpoint::Validate => "validate",
            Endpoint::Mutate => "mutate",
        }
    }
}

/// The reason why a review has no decision.
#[derive(Debug, PartialEq, Eq)]
struct Refusal {
    code: StatusCode,
    reason: &'static str,
    message: String,
}

impl Refusal {
    fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Refusal {
            code,
            reason,
            message: message.into(),
        }
    }

    fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    fn outcome(&self) -> &'static str {
        if self.code == StatusCode::GATEWAY_TIMEOUT {
            "late"
        } else {
            "unreadable"
        }
    }
}

/// Responds to one request.
pub(super) async fn answer(webhook: Arc<Webhook>, request: Request<Incoming>) -> Response<Body> {
    let endpoint = match (request.method(), request.uri().path()) {
        (&Method::POST, "/validate") => Endpoint::Validate,
        (&Method::POST, "/mutate") => Endpoint::Mutate,
        (&Method::GET | &Method::HEAD, path) => return look(&webhook, path),
        (_, "/validate" | "/mutate") => return wrong_method("POST"),
        (_, "/healthz" | "/livez" | "/readyz" | "/metrics") => return wrong_method("GET, HEAD"),
        (_, path) => return nothing_at(path),
    };
    let start = Instant::now();
    let time = deadline(request.uri().query());
    let counted = Arc::clone(&webhook);
    let late = || {
        let half = time.as_secs_f64();
        Refusal::new(
            StatusCode::GATEWAY_TIMEOUT,
            "Timeout",
            format!("no answer within {half} s, half of the time that the API server gives"),
        )
    };
    let answered = tokio::time::timeout(time, review(webhook, endpoint, time, request)).await;
    let (outcome, response) = match answered.unwrap_or_else(|_| Err(late())) {
        Ok(review) => (
            outcome(&review),
            respond(StatusCode::OK, JSON, review.to_string()),
        ),
        Err(refusal) => {
            let (code, message) = (refusal.code.as_u16(), &refusal.message);
            tracing::warn!(
                webhook = endpoint.as_str(),
                code,
                message,
                "a request has no answer"
            );
            (refusal.outcome(), refuse(&refusal))
        }
    };
    let labels = Labels {
        webhook: endpoint.as_str(),
        outcome,
    };
    counted.metrics.count(labels, start.elapsed());
    response
}

/// Decides a review. Parsing and deciding need CPU time, so they run on a thread that blocks no other connection.
async fn review(
    webhook: Arc<Webhook>,
    endpoint: Endpoint,
    time: Duration,
    request: Request<Incoming>,
) -> Result<Value, Refusal> {
    is_json(request.headers().get(CONTENT_TYPE))?;
    let read = body(request.into_body(), MAX_REVIEW_BYTES, time, &webhook.bodies).await;
    let body = read.map_err(|why| match why {
        BodyError::Busy => Refusal::new(
            StatusCode::TOO_MANY_REQUESTS,
            "TooManyRequests",
            format!(
                "the bodies of all requests together exceed {} bytes",
                webhook.bodies.bytes()
            ),
        ),
        BodyError::TooLarge => Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLarge",
            format!("the body is larger than {MAX_REVIEW_BYTES} bytes, which no review is"),
        ),
        BodyError::TooSlow => Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "Timeout",
            "the body did not arrive in time",
        ),
        BodyError::Broken => Refusal::bad("the connection broke before the body was whole"),
    })?;
    let Ok(permit) = Arc::clone(&webhook.reviews).acquire_owned().await else {
        return Err(Refusal::bad("the webhook has ended"));
    };
    let decided = tokio::task::spawn_blocking(move || {
        let answer = decide(&webhook, endpoint, &body.bytes);
        drop(permit);
        answer
    });
    let fault = |_| {
        Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalError",
            "no answer",
        )
    };
    decided.await.map_err(fault)?
}

fn decide(webhook: &Webhook, endpoint: Endpoint, bytes: &[u8]) -> Result<Value, Refusal> {
    let asked: Value = serde_json::from_slice(bytes)
        .map_err(|error| Refusal::bad(format!("the body is not valid JSON: {error}")))?;
    let policy = webhook.policy.get();
    let now = Some((webhook.now)());
    let answered = match endpoint {
        Endpoint::Validate => admission::review(&asked, &policy.validate, || Err("".into()), now),
        Endpoint::Mutate => {
            let caches = webhook.caches.read();
            admission::review(
                &asked,
                &policy.mutate,
                || caches.index().map(Known::Index),
                now,
            )
        }
    };
    let answer =
        answered.map_err(|fault| Refusal::bad(format!("not an AdmissionReview: {fault}")))?;
    log(endpoint, &asked, &answer);
    Ok(answer)
}

/// Logs a decision: a denial with its reason, everything else at the level `debug`.
fn log(endpoint: Endpoint, asked: &Value, answer: &Value) {
    let text = |path: &str| {
        asked
            .pointer(path)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let message = answer
        .pointer("/response/status/message")
        .and_then(Value::as_str);
    let (webhook, outcome) = (endpoint.as_str(), outcome(answer));
    let (kind, namespace, name) = (
        text("/request/kind/kind"),
        text("/request/namespace"),
        text("/request/name"),
    );
    let (uid, user) = (text("/request/uid"), text("/request/userInfo/username"));
    match message {
        Some(message) => {
            tracing::info!(
                webhook, outcome, kind, namespace, name, uid, user, message, "review"
            );
        }
        None => tracing::debug!(webhook, outcome, kind, namespace, name, uid, user, "review"),
    }
}

fn outcome(review: &Value) -> &'static str {
    let of = |name: &str| {
        review
            .get("response")
            .and_then(|response| response.get(name))
    };
    match (of("allowed").and_then(Value::as_bool), of("patch")) {
        (Some(true), None) => "allowed",
        (Some(true), Some(_)) => "patched",
        _ => "denied",
    }
}

fn is_json(content_type: Option<&HeaderValue>) -> Result<(), Refusal> {
    let given = content_type.map(|value| value.to_str().unwrap_or("not UTF-8"));
    let media = given.map(|text| text.split(';').next().unwrap_or_default().trim());
    match media {
        Some(media) if media.eq_ignore_ascii_case("application/json") => Ok(()),
        _ => Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UnsupportedMediaType",
            format!(
                "the content type is {}, application/json is needed",
                given.map_or("missing".to_owned(), |given| format!("`{given}`"))
            ),
        )),
    }
}

/// Returns half of the timeout of the API server: `timeout=10s` in the query, as Go formats whole seconds.
fn deadline(query: Option<&str>) -> Duration {
    let pairs = query.unwrap_or_default().split('&');
    let timeout = pairs
        .filter_map(|pair| pair.strip_prefix("timeout="))
        .next();
    let seconds = timeout.and_then(|timeout| match timeout.strip_suffix("ms") {
        Some(milliseconds) => Some(Duration::from_millis(milliseconds.parse().ok()?)),
        None => Some(Duration::from_secs(
            timeout.strip_suffix('s')?.parse().ok()?,
        )),
    });
    let given = seconds.filter(|given| !given.is_zero());
    given.unwrap_or(USUAL_TIMEOUT).min(MAX_TIMEOUT) / 2
}

fn look(webhook: &Webhook, path: &str) -> Response<Body> {
    match path {
        "/healthz" | "/livez" => respond(StatusCode::OK, TEXT, "ok\n".to_owned()),
        "/readyz" => {
            if let Validity::Invalid(what) = webhook.certificate.validity((webhook.now)()) {
                return respond(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("{what}\n"));
            }
            let caches = webhook.caches.read();
            match caches.index() {
                Ok(index) => {
                    let text = format!("ok: {} image caches are known\n", index.len());
                    respond(StatusCode::OK, TEXT, text)
                }
                // waiting for caches that never arrive would stop every pod, whatever the settings say
                Err(why) if caches.asked() => {
                    let why = why.to_string();
                    let why = Foreign(&why).line();
                    let text = format!("ok, without image caches: {why}\n");
                    respond(StatusCode::OK, TEXT, text)
                }
                Err(why) => {
                    let why = why.to_string();
                    let text = format!("{}\n", Foreign(&why).line());
                    respond(StatusCode::SERVICE_UNAVAILABLE, TEXT, text)
                }
            }
        }
        "/metrics" => {
            let ends = webhook.certificate.ends().seconds();
            webhook.metrics.certificate_end.set(ends);
            respond(StatusCode::OK, OPEN_METRICS, webhook.metrics.text())
        }
        "/validate" | "/mutate" => wrong_method("POST"),
        path => nothing_at(path),
    }
}

fn wrong_method(allowed: &'static str) -> Response<Body> {
    let message = format!("only {allowed} is answered here");
    let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message);
    let mut response = refuse(&refusal);
    let allowed = HeaderValue::from_static(allowed);
    response.headers_mut().insert(ALLOW, allowed);
    response
}

fn nothing_at(path: &str) -> Response<Body> {
    let message = format!(
        "nothing is at `{path}`; there are /validate, /mutate, /healthz, /readyz and /metrics"
    );
    refuse(&Refusal::new(StatusCode::NOT_FOUND, "NotFound", message))
}

/// Returns a Kubernetes Status. An API server reports its message to its own client.
fn refuse(refusal: &Refusal) -> Response<Body> {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": refusal.message, "reason": refusal.reason, "code": refusal.code.as_u16(),
    });
    respond(refusal.code, JSON, status.to_string())
}

fn respond(code: StatusCode, content_type: HeaderValue, text: String) -> Response<Body> {
    let mut response = Response::new(whole(text));
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::deadline;

    #[test]
    fn an_answer_comes_in_half_of_the_time_given() {
        for (query, milliseconds) in [
            (Some("timeout=10s"), 5000),
            (Some("timeout=1s"), 500),
            (Some("a=b&timeout=3s"), 1500),
            (Some("timeout=100ms"), 50),
            (Some("timeout=3600s"), 15_000),
            (Some("timeout=0s"), 5000),
            (Some("timeout=-1s"), 5000),
            (Some("timeout=99999999999999999999s"), 5000),
            (Some("timeout="), 5000),
            (Some("other=1s"), 5000),
            (None, 5000),
        ] {
            let found = deadline(query);
            assert_eq!(found, Duration::from_millis(milliseconds), "{query:?}");
        }
    }
}
