//! The cloud over HTTP, as clients of the vendor see it.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use imagecache::eci::MAX_REQUEST_BYTES;
use imagecache::eci::error::{ApiError, ErrorCode};
use imagecache::eci::request::Operation;
use imagecache::eci::signature::{HttpRequest, Received, ReplyFormat, Scheme};
use imagecache::eci::xml;
use imagecache_http::{Body, BodyError, Limits, Refusal, Visitors, whole};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::faults::Fault;
use super::gateway::{Turned, throttled};
use super::{Cloud, clock, lock, unknown_action, world};

/// Longest time for a body to arrive.
const BODY_TIME: Duration = Duration::from_secs(30);

/// What was asked and answered, to be logged. It holds no parameter but ids and names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Who asked.
    pub peer: SocketAddr,
    /// The operation, or `-` when the request could not be read.
    pub action: String,
    /// How it was signed.
    pub scheme: Option<Scheme>,
    /// The key that it claims to be signed with.
    pub access_key_id: String,
    /// HTTP status.
    pub status: u16,
    /// The error code, or what was asked about or made.
    pub outcome: String,
    /// Id of the request.
    pub request_id: String,
    /// How long it took.
    pub time: Duration,
}

/// Receives an entry for every request.
#[derive(Clone)]
pub struct Log(Arc<dyn Fn(&Entry) + Send + Sync>);

impl Log {
    /// A log that does this with every entry.
    pub fn new(log: impl Fn(&Entry) + Send + Sync + 'static) -> Self {
        Log(Arc::new(log))
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Log")
    }
}

/// A request on its way through.
struct Asked {
    host: String,
    request_id: String,
    format: ReplyFormat,
    entry: Entry,
}

/// An answer before it is put on the wire.
struct Answer {
    status: u16,
    kind: &'static str,
    body: String,
    retry_after: Option<Duration>,
}

impl Cloud {
    /// Serves until `stop`, then lets requests under way finish.
    pub async fn serve(&self, listener: TcpListener, stop: CancellationToken) {
        let cloud = self.clone();
        let handler = move |request, peer| {
            let cloud = cloud.clone();
            async move { cloud.handle(request, peer).await }
        };
        let Ok(address) = listener.local_addr() else {
            return;
        };
        let allowed = self.inner.allow_hosts.iter().cloned();
        let visitors = Visitors::of_machine(address, allowed)
            .with_schemes()
            .refusing_with(refused);
        imagecache_http::serve(listener, None, Limits::default(), visitors, stop, handler).await;
    }

    async fn handle(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let start = Instant::now();
        let host = request.headers().get("host").map(|host| host.as_bytes());
        let host = String::from_utf8_lossy(host.unwrap_or_default()).into_owned();
        let request_id = uuid::Uuid::new_v4().to_string().to_uppercase();
        let mut asked = Asked {
            entry: Entry {
                peer,
                action: "-".to_owned(),
                scheme: None,
                access_key_id: String::new(),
                status: 0,
                outcome: String::new(),
                request_id: request_id.clone(),
                time: Duration::ZERO,
            },
            host,
            request_id,
            format: ReplyFormat::default(),
        };
        let number = self.inner.requests.fetch_add(1, Ordering::Relaxed);
        let outcome = match self.respond(request, number, &mut asked).await {
            Err(BodyError::TooLarge) => Ok((asked.refused(too_large().into()), Vec::new())),
            Err(BodyError::Busy) => {
                let turned = throttled(Duration::from_secs(1));
                Ok((asked.refused(turned), Vec::new()))
            }
            other => other,
        };
        let (response, what) = match outcome {
            Ok((answer, faults)) => {
                asked.entry.status = answer.status;
                faulty(answer, &asked, &faults)
            }
            Err(_) => (imagecache_http::hang_up(), "no whole request came"),
        };
        if !what.is_empty() {
            asked.entry.outcome = format!("{} [{what}]", asked.entry.outcome)
                .trim_start()
                .to_owned();
        }
        asked.entry.time = start.elapsed();
        if let Some(log) = &self.inner.log {
            (log.0)(&asked.entry);
        }
        response
    }

    async fn respond(
        &self,
        request: Request<Incoming>,
        number: u64,
        asked: &mut Asked,
    ) -> Result<(Answer, Vec<Fault>), BodyError> {
        let (head, body) = request.into_parts();
        let limit = MAX_REQUEST_BYTES.saturating_sub(head_bytes(&head));
        if limit == 0 {
            return Err(BodyError::TooLarge);
        }
        let body = imagecache_http::body(body, limit, BODY_TIME, &self.inner.bodies).await?;
        let received = match read(&head, &body.bytes) {
            Ok(received) => received,
            Err(refusal) => return Ok((asked.refused(refusal.into()), Vec::new())),
        };
        asked.format = received.format;
        asked.entry.action.clone_from(&received.action);
        asked.entry.scheme = Some(received.scheme);
        asked
            .entry
            .access_key_id
            .clone_from(&received.access_key_id);
        let faults = self.inner.faults.of(&received.action, number);
        for fault in &faults {
            match fault {
                Fault::Delay(time) => tokio::time::sleep(*time).await,
                Fault::Error(code) => {
                    let refusal = ApiError::new(code.clone(), "A fault that was asked for.");
                    return Ok((asked.refused(refusal.into()), faults));
                }
                Fault::Throttle(time) => return Ok((asked.refused(throttled(*time)), faults)),
                Fault::Refuse => return Ok((asked.refused(unknown_action().into()), faults)),
                Fault::LostReply | Fault::HalfBody | Fault::HtmlPage => {}
            }
        }
        let answer = match self.perform(&received).await {
            Ok(reply) => asked.done(reply),
            Err(turned) => asked.refused(turned),
        };
        Ok((answer, faults))
    }

    async fn perform(&self, received: &Received) -> Result<Value, Turned> {
        let elapsed = self.inner.started.elapsed();
        lock(&self.inner.gateway).admit(received, clock::wall(), elapsed)?;
        let read =
            Operation::read(&received.action, &received.params).ok_or_else(unknown_action)?;
        let (operation, _) = read.map_err(ApiError::from)?;
        if !self.inner.durable || world::is_read(&operation) {
            return Ok(self.answer(&operation)?);
        }
        // a thread that may block waits for the disk
        let cloud = self.clone();
        let answered = tokio::task::spawn_blocking(move || cloud.answer(&operation)).await;
        Ok(answered.map_err(|error| super::failed(&error.to_string()))??)
    }
}

/// Request line and headers, in bytes.
fn head_bytes(head: &http::request::Parts) -> usize {
    let headers = head.headers.iter();
    let headers = headers.map(|(name, value)| name.as_str().len().saturating_add(value.len()));
    let target = head
        .uri
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    headers.fold(target, usize::saturating_add)
}

fn read(head: &http::request::Parts, body: &[u8]) -> Result<Received, ApiError> {
    let target = head
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str());
    Received::read(&HttpRequest {
        method: head.method.as_str(),
        target,
        headers: headers(&head.headers)?,
        body,
    })
}

fn headers(headers: &HeaderMap) -> Result<Vec<(&str, &str)>, ApiError> {
    let mut read = Vec::with_capacity(headers.len());
    for (name, value) in headers {
        let value = std::str::from_utf8(value.as_bytes()).map_err(|_| {
            let message = format!("The header {name} is not UTF-8.");
            ApiError::new(ErrorCode::InvalidParameterFormat, message)
        })?;
        read.push((name.as_str(), value));
    }
    Ok(read)
}

fn too_large() -> ApiError {
    ApiError::new(
        ErrorCode::InvalidParameterFormat,
        format!("The request is larger than {MAX_REQUEST_BYTES} bytes."),
    )
}

const JSON: &str = "application/json;charset=utf-8";
const XML: &str = "text/xml;charset=utf-8";

impl Asked {
    fn done(&mut self, mut reply: Value) -> Answer {
        self.entry.outcome = ["ImageCacheId", "ContainerGroupId", "TotalCount"]
            .iter()
            .find_map(|name| reply.get(*name))
            .map_or_else(String::new, |value| match value {
                Value::String(text) => text.clone(),
                other => format!("{other} found"),
            });
        if let Some(fields) = reply.as_object_mut() {
            fields.insert("RequestId".to_owned(), self.request_id.clone().into());
        }
        let (kind, body) = match self.format {
            ReplyFormat::Xml => (XML, xml::reply(&self.entry.action, &reply)),
            _ => (JSON, reply.to_string()),
        };
        Answer {
            status: 200,
            kind,
            body,
            retry_after: None,
        }
    }

    fn refused(&mut self, turned: Turned) -> Answer {
        let status = turned.refusal.status();
        self.entry.outcome = turned.refusal.code.to_string();
        if turned.refusal.code == ErrorCode::InternalError {
            // a fault of this machine, such as a full disk, and not of the client
            self.entry.outcome += &format!(": {}", turned.refusal.message);
        }
        let reply = turned.refusal.reply(&self.request_id, &self.host);
        let (kind, body) = match self.format {
            ReplyFormat::Xml => (XML, reply.to_xml()),
            _ => (JSON, serde_json::to_string(&reply).unwrap_or_default()),
        };
        Answer {
            status,
            kind,
            body,
            retry_after: turned.retry_after,
        }
    }
}

/// The answer as it goes out, and what is wrong with it on purpose.
fn faulty(answer: Answer, asked: &Asked, faults: &[Fault]) -> (Response<Body>, &'static str) {
    let has = |fault: Fault| faults.contains(&fault);
    if has(Fault::LostReply) {
        return (imagecache_http::hang_up(), "the answer is lost");
    }
    if has(Fault::Refuse) {
        return (imagecache_http::hang_up(), "the request is lost");
    }
    if has(Fault::HtmlPage) {
        let page = Answer {
            status: 502,
            kind: "text/html",
            body: "<html><body><h1>502 Bad Gateway</h1></body></html>".to_owned(),
            retry_after: None,
        };
        return (
            response(page, asked),
            "a page in HTML instead of the answer",
        );
    }
    if has(Fault::HalfBody) {
        let length = answer.body.len();
        let half = answer.body.as_bytes().get(..length / 2).unwrap_or_default();
        let half = Frame::data(Bytes::copy_from_slice(half));
        let half = stream::iter([Ok(half)]);
        let mut response = response(answer, asked);
        response
            .headers_mut()
            .insert("content-length", length.into());
        *response.body_mut() = StreamBody::new(half).boxed_unsync();
        return (response, "half of the answer");
    }
    let what = match faults.first() {
        Some(Fault::Delay(_)) => "late",
        Some(_) => "a fault that was asked for",
        None => "",
    };
    (response(answer, asked), what)
}

/// The answer to a request of a web page, in the form of an error of the vendor.
fn refused(refusal: &Refusal) -> Response<Body> {
    let code = ErrorCode::Other("Forbidden.Visitor".to_owned());
    let reply = ApiError::new(code, refusal.message).reply("", "");
    let mut answer = Response::new(whole(serde_json::to_string(&reply).unwrap_or_default()));
    *answer.status_mut() = refusal.status;
    let kind = http::HeaderValue::from_static("application/json;charset=utf-8");
    answer.headers_mut().insert("content-type", kind);
    answer
}

fn response(answer: Answer, asked: &Asked) -> Response<Body> {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = Response::new(whole(answer.body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert("content-type", http::HeaderValue::from_static(answer.kind));
    if let Ok(id) = http::HeaderValue::from_str(&asked.request_id) {
        headers.insert("x-acs-request-id", id);
    }
    if let Some(wait) = answer.retry_after {
        let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        headers.insert("x-acs-retry-after", millis.max(1).into());
    }
    response
}
