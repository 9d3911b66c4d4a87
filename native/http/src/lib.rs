//! HTTP for the hosts: the client of every host that calls others ([`client`]), and the
//! HTTP/1.1 server loop of every host that listens: plain or TLS, with limits for untrusted clients and a graceful
//! shutdown.
//!
//! A [`serve`] loop holds at most [`Limits::connections`] connections, and [`Limits::per_address`] of one address; at a
//! limit the connection that has been idle for longest is closed. One that sends no complete request head within
//! [`Limits::head`] is closed, a body is read by [`body`] with a size, a time and a budget for all bodies, and a client
//! that reads nothing of its response for [`Limits::stall`] is disconnected. [`Visitors`] refuses what web pages of other
//! servers send, and words the refusal of a head that cannot be read.

pub mod client;
mod explained;
mod patient;
mod seats;
mod visitors;

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderValue};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use explained::Explained;
use patient::Patient;
use seats::{Busy, Seat, Seats, Taken};
pub use visitors::{Authority, BadAuthority, Refusal, Visitors};

/// The body of a response: whole ([`whole`]) or a stream.
pub type Body = UnsyncBoxBody<Bytes, Infallible>;

/// The limits of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Maximum number of connections. For a further one the connection that has been idle for longest is closed; if none
    /// is idle, it waits in the queue of the operating system.
    pub connections: usize,
    /// Maximum number of connections of one address (an IPv6 network of 64 bits; the loopback interface has no limit of its
    /// own). For a further one its oldest idle connection is closed; if none is idle, the new one is.
    pub per_address: usize,
    /// Longest time for a TLS handshake, and for a request head to arrive, counted from the start of the connection
    /// or the end of the previous response.
    pub head: Duration,
    /// Largest request head, in bytes.
    pub head_bytes: usize,
    /// Longest time in which a client may read nothing of a response.
    pub stall: Duration,
    /// Time that requests in progress have when the server stops.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 1024,
            per_address: 256,
            head: Duration::from_secs(30),
            // A request of the ECI API may carry a megabyte of parameters in its URL.
            head_bytes: (1 << 20) + (64 << 10),
            stall: Duration::from_secs(30),
            drain: Duration::from_secs(10),
        }
    }
}

/// Serves until `stop`, then lets requests in progress finish for [`Limits::drain`].
///
/// The handler gets each request that `visitors` admits and its remote address. A response that is a stream should end at
/// `stop`.
pub async fn serve<H, F>(
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    limits: Limits,
    visitors: Visitors,
    stop: CancellationToken,
    handler: H,
) where
    H: Fn(Request<Incoming>, SocketAddr) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let tls = tls.map(TlsAcceptor::from);
    let seats = Seats::new(limits.connections, limits.per_address);
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(_) => {
                // out of file descriptors, or a client that is gone already: neither is a reason to stop
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        let seat = loop {
            match seats.take(peer.ip()) {
                Taken::Seat(seat) => break Some(Arc::new(seat)),
                Taken::AddressFull => break None,
                Taken::Full => tokio::select! {
                    () = stop.cancelled() => break None,
                    () = seats.freed() => {}
                },
            }
        };
        let Some(seat) = seat else {
            continue;
        };
        let _ = stream.set_nodelay(true);
        let connection = Connection {
            seat: Arc::clone(&seat),
            peer,
            limits,
            visitors: visitors.clone(),
            stop: stop.clone(),
            scheme: if tls.is_some() { "https" } else { "http" },
        };
        let (tls, handler) = (tls.clone(), handler.clone());
        tokio::spawn(async move {
            let served = async {
                match tls {
                    None => connection.serve(stream, handler).await,
                    Some(tls) => {
                        if let Ok(Ok(stream)) = timeout(limits.head, tls.accept(stream)).await {
                            connection.serve(stream, handler).await;
                        }
                    }
                }
            };
            tokio::select! {
                () = seat.close.cancelled() => {}
                () = served => {}
            }
        });
    }
    drop(listener);
    let _ = timeout(limits.drain, seats.empty()).await;
}

/// The facts about one connection.
struct Connection {
    seat: Arc<Seat>,
    peer: SocketAddr,
    limits: Limits,
    visitors: Visitors,
    stop: CancellationToken,
    scheme: &'static str,
}

impl Connection {
    async fn serve<S, H, F>(self, stream: S, handler: H)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        H: Fn(Request<Incoming>, SocketAddr) -> F + Clone + Send + 'static,
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        let Connection {
            seat,
            peer,
            limits,
            visitors,
            stop,
            scheme,
        } = self;
        let stream = Explained::new(Patient::new(stream, limits.stall), visitors.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let busy = seat.busy();
            let (head, body) = request.into_parts();
            let refused = visitors.refuse(&head, scheme);
            let answer = match refused {
                Some(refused) => Err(refused),
                None => Ok(handler(Request::from_parts(head, body), peer)),
            };
            async move {
                // another connection has got the seat
                let busy = busy.ok_or(HangUp)?;
                let answer = match answer {
                    Ok(answer) => answer.await,
                    Err(refused) => refused,
                };
                match answer.extensions().get() {
                    Some(HangUp) => Err(HangUp),
                    None => {
                        let mut answer = answer;
                        if let Some(date) = date() {
                            answer.headers_mut().insert(header::DATE, date);
                        }
                        Ok(answer.map(|body| InProgress { body, _busy: busy }))
                    }
                }
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head)
            .max_buf_size(limits.head_bytes)
            .half_close(false)
            .auto_date_header(false)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            _ = connection.as_mut() => return,
            () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        let _ = timeout(limits.drain, connection).await;
    }
}

/// Returns the `Date` of a response; none while the clock is before 1970 or after 9999, of which there is no `Date`.
fn date() -> Option<HeaderValue> {
    let now = SystemTime::now();
    let seconds = now.duration_since(UNIX_EPOCH).ok()?.as_secs();
    if seconds >= YEAR_10000 {
        return None;
    }
    HeaderValue::from_str(&httpdate::fmt_http_date(now)).ok()
}

/// The first second of the year 10000.
const YEAR_10000: u64 = 253_402_300_800;

/// The body of a response. Until its end the connection is not idle.
struct InProgress {
    body: Body,
    _busy: Busy,
}

impl hyper::body::Body for InProgress {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The error of [`hang_up`].
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the handler hangs up")]
struct HangUp;

/// Returns a response that closes the connection without an answer, as a crash of the server does.
#[must_use]
pub fn hang_up() -> Response<Body> {
    let mut answer = Response::new(whole(Bytes::new()));
    answer.extensions_mut().insert(HangUp);
    answer
}

/// Returns a whole body.
pub fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).boxed_unsync()
}

/// A budget of bytes for all request bodies that a server holds at once. Clones share it.
///
/// ```
/// # use imagecache_http::BodyBudget;
/// let budget = BodyBudget::new(64 << 20);
/// assert_eq!(budget.bytes(), 64 << 20);
/// ```
#[derive(Debug, Clone)]
pub struct BodyBudget {
    bytes: usize,
    free: Arc<Semaphore>,
}

impl BodyBudget {
    /// Creates a budget of this many bytes, up to 512 MiB.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        let bytes = bytes.min(512 << 20);
        BodyBudget {
            bytes,
            free: Arc::new(Semaphore::new(bytes)),
        }
    }

    /// Returns the size of the whole budget, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// A request body. Its bytes count against the budget until it is dropped.
#[derive(Debug)]
pub struct ReadBody {
    /// The bytes.
    pub bytes: Bytes,
    _share: Option<OwnedSemaphorePermit>,
}

/// The error of reading a request body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// The bodies that the server holds exhaust the [`BodyBudget`].
    Busy,
    /// It is larger than the limit.
    TooLarge,
    /// The time limit was exceeded.
    TooSlow,
    /// The connection failed before the end of the body.
    Broken,
}

/// Factor of the limit up to which a body that is too large is read and discarded, so that the response reaches a
/// client that sends the whole body first. A larger one closes the connection.
const PATIENCE: usize = 4;

/// Reads a request body, at most `limit` bytes within `time`. Bytes are charged to the budget as they arrive.
///
/// # Errors
/// Returns [`BodyError`] if the body exceeds a limit or does not arrive.
pub async fn body(
    mut body: Incoming,
    limit: usize,
    time: Duration,
    budget: &BodyBudget,
) -> Result<ReadBody, BodyError> {
    let read = async {
        let (mut whole, mut length) = (BytesMut::new(), 0_usize);
        let mut share: Option<OwnedSemaphorePermit> = None;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else {
                return Err(BodyError::Broken);
            };
            let Some(bytes) = frame.data_ref() else {
                continue;
            };
            length = length.saturating_add(bytes.len());
            if length <= limit {
                let count = u32::try_from(bytes.len()).map_err(|_| BodyError::TooLarge)?;
                let more = Arc::clone(&budget.free).try_acquire_many_owned(count);
                let more = more.map_err(|_| BodyError::Busy)?;
                match &mut share {
                    Some(share) => share.merge(more),
                    None => share = Some(more),
                }
                whole.extend_from_slice(bytes);
            } else if length > limit.saturating_mul(PATIENCE) {
                return Err(BodyError::TooLarge);
            }
        }
        if length > limit {
            return Err(BodyError::TooLarge);
        }
        Ok(ReadBody {
            bytes: whole.freeze(),
            _share: share,
        })
    };
    timeout(time, read).await.unwrap_or(Err(BodyError::TooSlow))
}
