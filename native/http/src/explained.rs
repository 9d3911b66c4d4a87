//! A stream that gives a body to the refusals of the HTTP parser.
//!
//! hyper itself refuses a head that it cannot read, before any handler, with a status and no body. All responses of
//! handlers have a `Date`; these have none, and by this they are recognized.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use http::StatusCode;
use http_body_util::BodyExt as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{Refusal, Visitors};

/// A refusal of the parser is written with the body of a refusal of `visitors`.
pub(crate) struct Explained<S> {
    stream: S,
    visitors: Visitors,
    /// The rest of a refusal.
    rest: Vec<u8>,
    /// The bytes of the refusal that `rest` replaces.
    taken: usize,
}

impl<S> Explained<S> {
    pub(crate) fn new(stream: S, visitors: Visitors) -> Self {
        Explained {
            stream,
            visitors,
            rest: Vec::new(),
            taken: 0,
        }
    }
}

/// Returns the status of a refusal of the parser, if these bytes are one.
fn refused(bytes: &[u8]) -> Option<StatusCode> {
    let text = std::str::from_utf8(bytes).ok()?;
    let head = text.strip_prefix("HTTP/1.1 ")?.strip_suffix("\r\n\r\n")?;
    let (status, _) = head.split_once(' ')?;
    let mut headers = head.split("\r\n").skip(1);
    let mut empty = false;
    if headers.any(|header| {
        empty |= header == "content-length: 0";
        header.starts_with("date:")
    }) {
        return None;
    }
    let status: StatusCode = status.parse().ok()?;
    (status.is_client_error() && empty).then_some(status)
}

/// Returns the whole response to what the parser refuses.
fn response(status: StatusCode, visitors: &Visitors) -> Vec<u8> {
    let message = match status {
        StatusCode::BAD_REQUEST => {
            "the head of the request is invalid; in a URL `<`, `>`, `\"` and spaces must be percent-encoded"
        }
        StatusCode::URI_TOO_LONG | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            "the head of the request is too large"
        }
        _ => "the head of the request cannot be read",
    };
    let (head, body) = visitors.response(&Refusal { status, message }).into_parts();
    // the body of a refusal is whole, so it is there at once
    let mut collected = std::pin::pin!(body.collect());
    let body = match collected
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(Ok(body)) => body.to_bytes(),
        Poll::Ready(Err(never)) => match never {},
        Poll::Pending => bytes::Bytes::new(),
    };
    let mut bytes = format!("HTTP/1.1 {status}\r\n").into_bytes();
    for (name, value) in &head.headers {
        if name != http::header::CONTENT_LENGTH {
            bytes.extend_from_slice(name.as_str().as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
    }
    let length = body.len();
    bytes.extend_from_slice(
        format!("content-length: {length}\r\nconnection: close\r\n\r\n").as_bytes(),
    );
    bytes.extend_from_slice(&body);
    bytes
}

impl<S: AsyncWrite + Unpin> Explained<S> {
    /// Writes what is left of a refusal, and returns the bytes that it replaces.
    fn finish(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        while !self.rest.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, &self.rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.rest.drain(..written.min(self.rest.len()));
        }
        Poll::Ready(Ok(std::mem::take(&mut self.taken)))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Explained<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Explained<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.taken == 0 {
            let Some(status) = refused(bytes) else {
                return Pin::new(&mut self.stream).poll_write(context, bytes);
            };
            self.rest = response(status, &self.visitors);
            self.taken = bytes.len();
        }
        self.finish(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut parts = bytes.iter().filter(|part| !part.is_empty());
        match (parts.next(), parts.next()) {
            // a refusal is one part
            (Some(only), None) => self.poll_write(context, only),
            _ => Pin::new(&mut self.stream).poll_write_vectored(context, bytes),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
