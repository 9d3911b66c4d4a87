//! One HTTP/1.1 server loop for every host that listens: plain or TLS, with the limits that keep a stranger from costing
//! anything, and an end that lets requests under way finish.
//!
//! A [`serve`] loop holds at most [`Limits::connections`] connections; one that sends no complete request head within
//! [`Limits::head`] is closed, a body is read by [`body`] with a size and a time, and a client that takes nothing of its
//! answer for [`Limits::stall`] is cut off. What a request means is the handler's business.

mod patient;

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use patient::Patient;

/// The body of an answer: whole ([`whole`]) or a stream.
pub type Body = UnsyncBoxBody<Bytes, Infallible>;

/// What a server grants to those who connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once; further ones wait in the system's queue.
    pub connections: usize,
    /// Longest time for a TLS handshake, and for a request head to arrive, counted from the connection's start or the
    /// end of the answer before.
    pub head: Duration,
    /// Largest request head, in bytes.
    pub head_bytes: usize,
    /// Longest time for which a client may take nothing of what it is sent.
    pub stall: Duration,
    /// Longest time that requests under way get when the server stops.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 1024,
            head: Duration::from_secs(30),
            // A request of the ECI API may carry a megabyte of parameters in its URL.
            head_bytes: (1 << 20) + (64 << 10),
            stall: Duration::from_secs(30),
            drain: Duration::from_secs(10),
        }
    }
}

/// Serves until `stop`, then lets requests under way finish for [`Limits::drain`].
///
/// The handler gets each request and the address it came from. A stream that it answers with should end when `stop`
/// does.
pub async fn serve<H, F>(
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    limits: Limits,
    stop: CancellationToken,
    handler: H,
) where
    H: Fn(Request<Incoming>, SocketAddr) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let tls = tls.map(TlsAcceptor::from);
    let room = u32::try_from(limits.connections).unwrap_or(u32::MAX);
    let permits = Arc::new(Semaphore::new(room as usize));
    loop {
        let permit = tokio::select! {
            () = stop.cancelled() => break,
            permit = Arc::clone(&permits).acquire_owned() => permit,
        };
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
        let _ = stream.set_nodelay(true);
        let (tls, stop, handler) = (tls.clone(), stop.clone(), handler.clone());
        tokio::spawn(async move {
            let _permit = permit;
            match tls {
                None => connection(stream, peer, limits, stop, handler).await,
                Some(tls) => {
                    if let Ok(Ok(stream)) = timeout(limits.head, tls.accept(stream)).await {
                        connection(stream, peer, limits, stop, handler).await;
                    }
                }
            }
        });
    }
    drop(listener);
    let _ = timeout(limits.drain, permits.acquire_many(room)).await;
}

async fn connection<S, H, F>(
    stream: S,
    peer: SocketAddr,
    limits: Limits,
    stop: CancellationToken,
    handler: H,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Fn(Request<Incoming>, SocketAddr) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let service = service_fn(move |request| {
        let answer = handler(request, peer);
        async move {
            let answer = answer.await;
            match answer.extensions().get() {
                Some(HangUp) => Err(HangUp),
                None => Ok(answer),
            }
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(limits.head_bytes)
        .half_close(false)
        .serve_connection(TokioIo::new(Patient::new(stream, limits.stall)), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = timeout(limits.drain, connection).await;
}

/// Marks an answer that is none.
#[derive(Debug, Clone, Copy)]
struct HangUp;

impl std::fmt::Display for HangUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the handler hangs up")
    }
}

impl std::error::Error for HangUp {}

/// No answer: the connection is closed without a word, as when the server dies.
#[must_use]
pub fn hang_up() -> Response<Body> {
    let mut answer = Response::new(whole(Bytes::new()));
    answer.extensions_mut().insert(HangUp);
    answer
}

/// An answer's body that is at hand.
pub fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).boxed_unsync()
}

/// Why a request's body could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoBody {
    /// It is larger than the limit.
    TooLarge,
    /// It took longer than it may.
    TooSlow,
    /// The connection broke before it was whole.
    Broken,
}

/// A body that is too large is read on and thrown away up to so many times its limit, so that the answer reaches a
/// client that first sends everything; a larger one breaks the connection.
const PATIENCE: usize = 4;

/// Reads a request's body, at most `limit` bytes within `time`.
pub async fn body(mut body: Incoming, limit: usize, time: Duration) -> Result<Bytes, NoBody> {
    let read = async {
        let (mut whole, mut length) = (BytesMut::new(), 0_usize);
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else {
                return Err(NoBody::Broken);
            };
            let Some(bytes) = frame.data_ref() else {
                continue;
            };
            length = length.saturating_add(bytes.len());
            if length <= limit {
                whole.extend_from_slice(bytes);
            } else if length > limit.saturating_mul(PATIENCE) {
                return Err(NoBody::TooLarge);
            }
        }
        if length > limit {
            return Err(NoBody::TooLarge);
        }
        Ok(whole.freeze())
    };
    timeout(time, read).await.unwrap_or(Err(NoBody::TooSlow))
}
