//! Refuses requests that a web page sends through a browser: DNS rebinding, cross-site writes, and requests of pages at
//! another port of this machine.
//!
//! `Host` and `Origin` are parsed as authorities and compared as values. A request has exactly one `Host`, which must be
//! a name of this server; an `Origin`, where there is one, must be this server at the same host and port. Browsers cannot
//! be made to send another `Host`, `Origin` or `Sec-Fetch-Site`; other programs can, and are not what this is for.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use http::{HeaderMap, Method, Response, StatusCode, header, request};

use crate::{Body, whole};

/// A host and an optional port, as in `Host`. Names are in lower case.
///
/// ```
/// use imagecache_http::Authority;
/// let parse = |text: &str| text.parse::<Authority>();
/// assert_eq!(parse("LOCALHOST:8001").unwrap().to_string(), "localhost:8001");
/// assert_eq!(parse("[::1]:80").unwrap().to_string(), "[::1]:80");
/// for wrong in ["", "a b", "evil.com#.localhost", "user@localhost", "a:b", "a:99999", "::1", "1.2.3", "ü.localhost"] {
///     assert!(parse(wrong).is_err(), "{wrong}");
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    host: Name,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Name {
    Ip(IpAddr),
    Domain(String),
}

/// The error of parsing an [`Authority`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadAuthority;

impl fmt::Display for BadAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "expected a host name or an IP address (IPv6 in brackets), with or without a port",
        )
    }
}

impl std::error::Error for BadAuthority {}

impl FromStr for Authority {
    type Err = BadAuthority;

    fn from_str(text: &str) -> Result<Self, BadAuthority> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, rest) = rest.split_once(']').ok_or(BadAuthority)?;
                let address: Ipv6Addr = address.parse().map_err(|_| BadAuthority)?;
                let port = match rest {
                    "" => None,
                    rest => Some(rest.strip_prefix(':').ok_or(BadAuthority)?),
                };
                (Name::Ip(IpAddr::V6(address).to_canonical()), port)
            }
            None => {
                let (host, port) = match text.split_once(':') {
                    Some((host, port)) => (host, Some(port)),
                    None => (text, None),
                };
                (name(host)?, port)
            }
        };
        let port = port.map(|port| {
            let digits = port.bytes().all(|byte| byte.is_ascii_digit());
            let number = port.parse().ok().filter(|_| digits);
            number.ok_or(BadAuthority)
        });
        Ok(Authority {
            host,
            port: port.transpose()?,
        })
    }
}

/// Parses a domain name or an address of IPv4. A name whose last label is a number would be read as an address by browsers,
/// so it must be one.
fn name(text: &str) -> Result<Name, BadAuthority> {
    let last = text.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x") {
        let address: Ipv4Addr = text.parse().map_err(|_| BadAuthority)?;
        return Ok(Name::Ip(address.into()));
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if text.len() > 253 || !text.split('.').all(is_label) {
        return Err(BadAuthority);
    }
    Ok(Name::Domain(text.to_ascii_lowercase()))
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Name::Ip(IpAddr::V6(address)) => write!(f, "[{address}]")?,
            Name::Ip(address) => write!(f, "{address}")?,
            Name::Domain(name) => f.write_str(name)?,
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

/// Which `Host` and which `Origin` a server answers.
#[derive(Debug, Clone)]
pub struct Visitors {
    names: Names,
    allowed: Arc<[Authority]>,
    /// Whether `Host` may begin with a scheme.
    schemes: bool,
    refuse: fn(&Refusal) -> Response<Body>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    /// `localhost` and addresses of the loopback interface.
    Loopback,
    /// `localhost` and every address.
    Addresses,
    /// Every name.
    All,
}

/// The reason why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The status of the response: 400, 403, 414, 415 or 431.
    pub status: StatusCode,
    /// One line for people. It holds no text of the request.
    pub message: &'static str,
}

impl Visitors {
    /// Returns the rules of a server without authentication that listens on this address. On the loopback interface, it
    /// answers `localhost`, names below it, and loopback addresses. On other addresses, it answers these and every IP
    /// address: DNS rebinding needs a name. All answer `allowed` too: a name with a port, or with any port.
    #[must_use]
    pub fn of_machine(listen: SocketAddr, allowed: impl IntoIterator<Item = Authority>) -> Self {
        Visitors {
            names: if listen.ip().is_loopback() {
                Names::Loopback
            } else {
                Names::Addresses
            },
            allowed: allowed.into_iter().collect(),
            schemes: false,
            refuse: plain,
        }
    }

    /// Returns the rules of a server in a cluster, which has names that it does not know: every `Host` that can be parsed
    /// is answered. The other rules hold.
    #[must_use]
    pub fn of_any_name() -> Self {
        Visitors {
            names: Names::All,
            allowed: Arc::default(),
            schemes: false,
            refuse: plain,
        }
    }

    /// Accepts `http://` and `https://` before the name in `Host`. The SDKs of Alibaba Cloud send it there if their endpoint
    /// is configured with it.
    #[must_use]
    pub fn with_schemes(mut self) -> Self {
        self.schemes = true;
        self
    }

    /// Replaces the form of a refusal, which is plain text by default.
    #[must_use]
    pub fn refusing_with(mut self, refuse: fn(&Refusal) -> Response<Body>) -> Self {
        self.refuse = refuse;
        self
    }

    /// Returns the response to a request that is not admitted.
    pub(crate) fn refuse(&self, head: &request::Parts, scheme: &str) -> Option<Response<Body>> {
        let refusal = self.admit(head, scheme).err()?;
        Some(self.response(&refusal))
    }

    /// Returns the response of a refusal.
    pub(crate) fn response(&self, refusal: &Refusal) -> Response<Body> {
        (self.refuse)(refusal)
    }

    fn admit(&self, head: &request::Parts, scheme: &str) -> Result<(), Refusal> {
        let host = self.host(head)?;
        if !self.answers(&host) {
            return Err(forbidden(NOT_A_NAME));
        }
        let origins: Vec<_> = head.headers.get_all(header::ORIGIN).iter().collect();
        for origin in &origins {
            let text = origin.to_str().ok().and_then(|text| text.split_once("://"));
            let (named, authority) = text.ok_or_else(|| forbidden(FOREIGN_ORIGIN))?;
            let authority = authority.parse::<Authority>();
            let authority = authority.map_err(|BadAuthority| forbidden(FOREIGN_ORIGIN))?;
            if named != scheme || !authority.equals(&host, scheme) {
                return Err(forbidden(FOREIGN_ORIGIN));
            }
        }
        if origins.len() > 1 {
            return Err(forbidden(FOREIGN_ORIGIN));
        }
        let read = matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS);
        let fetch = |name| head.headers.get(name).map(http::HeaderValue::as_bytes);
        let site = fetch("sec-fetch-site");
        // a person may follow a link to this server, but no other page may load a part of it or write
        let link = read && fetch("sec-fetch-mode") == Some(b"navigate");
        if !link && !matches!(site, None | Some(b"same-origin" | b"none")) {
            return Err(forbidden(OTHER_SITE));
        }
        let by_browser = !origins.is_empty() || site.is_some();
        if by_browser && has_body(&head.headers) && !head.headers.contains_key(header::CONTENT_TYPE)
        {
            return Err(Refusal {
                status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
                message: NO_TYPE,
            });
        }
        Ok(())
    }

    /// Returns the one host of a request. A target with a host of its own must have the same.
    fn host(&self, head: &request::Parts) -> Result<Authority, Refusal> {
        let bad = || Refusal {
            status: StatusCode::BAD_REQUEST,
            message: BAD_HOST,
        };
        let mut values = head.headers.get_all(header::HOST).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return Err(bad());
        };
        let text = value.to_str().map_err(|_| bad())?;
        let mut schemes = ["http://", "https://"].iter().filter(|_| self.schemes);
        let name = schemes.find_map(|scheme| text.strip_prefix(scheme));
        let name = name.unwrap_or(text);
        let host: Authority = name.parse().map_err(|BadAuthority| bad())?;
        match head.uri.authority() {
            Some(target) if target.as_str().parse() != Ok(host.clone()) => Err(bad()),
            _ => Ok(host),
        }
    }

    fn answers(&self, host: &Authority) -> bool {
        let known = match (&host.host, self.names) {
            (_, Names::All) | (Name::Ip(_), Names::Addresses) => true,
            (Name::Ip(address), Names::Loopback) => address.is_loopback(),
            (Name::Domain(name), _) => name.rsplit('.').next() == Some("localhost"),
        };
        let allowed = |one: &Authority| {
            one.host == host.host && one.port.is_none_or(|port| Some(port) == host.port)
        };
        known || self.allowed.iter().any(allowed)
    }
}

const NOT_A_NAME: &str =
    "the Host header is not a name of this server; name further ones with --allow-host";
const FOREIGN_ORIGIN: &str =
    "the Origin header is not this server: pages of other servers get no answer";
const OTHER_SITE: &str = "the request comes from a page of another server (Sec-Fetch-Site)";
const NO_TYPE: &str = "a page must send a Content-Type with a body";
const BAD_HOST: &str = "exactly one valid Host header is required";

fn forbidden(message: &'static str) -> Refusal {
    Refusal {
        status: StatusCode::FORBIDDEN,
        message,
    }
}

fn has_body(headers: &HeaderMap) -> bool {
    let length = headers.get(header::CONTENT_LENGTH);
    headers.contains_key(header::TRANSFER_ENCODING)
        || length.is_some_and(|length| length.as_bytes() != b"0")
}

impl Authority {
    /// Reports whether both are the same host and port; without a port it is that of the scheme.
    fn equals(&self, other: &Authority, scheme: &str) -> bool {
        let usual = if scheme == "https" { 443 } else { 80 };
        self.host == other.host && self.port.unwrap_or(usual) == other.port.unwrap_or(usual)
    }
}

/// A refusal as plain text.
fn plain(refusal: &Refusal) -> Response<Body> {
    let mut answer = Response::new(whole(format!("{}\n", refusal.message)));
    *answer.status_mut() = refusal.status;
    let kind = header::HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(listen: &str, headers: &[(&str, &str)]) -> Result<(), u16> {
        let post = headers.iter().any(|(name, _)| *name == "post");
        let mut request = http::Request::builder()
            .method(if post { "POST" } else { "GET" })
            .uri("/");
        for (name, value) in headers.iter().filter(|(name, _)| *name != "post") {
            let value = http::HeaderValue::from_bytes(value.as_bytes()).unwrap();
            request = request.header(*name, value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let allowed = ["dev.example.com:8001", "any.example.com"].map(|name| name.parse().unwrap());
        let visitors = Visitors::of_machine(listen.parse().unwrap(), allowed);
        visitors
            .admit(&head, "http")
            .map_err(|refusal| refusal.status.as_u16())
    }

    #[test]
    fn host_must_be_a_name_of_this_machine() {
        for (host, narrow, wide) in [
            ("127.0.0.1:8001", Ok(()), Ok(())),
            ("127.0.0.1", Ok(()), Ok(())),
            ("localhost:1", Ok(()), Ok(())),
            ("LOCALHOST", Ok(()), Ok(())),
            ("api.localhost:80", Ok(()), Ok(())),
            ("[::1]:8001", Ok(()), Ok(())),
            ("[::ffff:127.0.0.1]", Ok(()), Ok(())),
            ("dev.example.com:8001", Ok(()), Ok(())),
            ("any.example.com:9", Ok(()), Ok(())),
            ("any.example.com", Ok(()), Ok(())),
            ("10.0.0.1:8001", Err(403), Ok(())),
            ("0.0.0.0:8001", Err(403), Ok(())),
            ("dev.example.com", Err(403), Err(403)),
            ("example.com:8001", Err(403), Err(403)),
            ("127.0.0.1.example.com", Err(403), Err(403)),
            ("localhost.example.com", Err(403), Err(403)),
            ("xlocalhost", Err(403), Err(403)),
            ("null", Err(403), Err(403)),
            ("", Err(400), Err(400)),
            ("::1", Err(400), Err(400)),
            ("evil.com#.localhost", Err(400), Err(400)),
            ("evil.com/.localhost", Err(400), Err(400)),
            ("evil.com?.localhost", Err(400), Err(400)),
            ("evil.com\\.localhost", Err(400), Err(400)),
            ("user@localhost", Err(400), Err(400)),
            ("localhost:", Err(400), Err(400)),
            ("localhost:+1", Err(400), Err(400)),
            ("localhost:99999", Err(400), Err(400)),
            (".localhost", Err(400), Err(400)),
            ("evil.localhost.", Err(400), Err(400)),
            ("ĺocalhost", Err(400), Err(400)),
            ("localhost, evil.com", Err(400), Err(400)),
            ("127.1", Err(400), Err(400)),
            ("0x7f.0x1", Err(400), Err(400)),
            ("2130706433", Err(400), Err(400)),
        ] {
            assert_eq!(admit("127.0.0.1:8001", &[("host", host)]), narrow, "{host}");
            assert_eq!(admit("0.0.0.0:8001", &[("host", host)]), wide, "{host}");
        }
        assert_eq!(admit("127.0.0.1:1", &[]), Err(400));
        let two = [("host", "localhost"), ("host", "localhost")];
        assert_eq!(admit("127.0.0.1:1", &two), Err(400));
    }

    #[test]
    fn host_has_a_scheme_only_where_clients_send_one() {
        let plain = Visitors::of_machine("127.0.0.1:8001".parse().unwrap(), []);
        for (host, strict, with_schemes) in [
            ("http://localhost:8001", false, true),
            ("https://127.0.0.1:8001", false, true),
            ("localhost:8001", true, true),
            ("http://evil.com", false, false),
            ("http://http://localhost", false, false),
            ("http://", false, false),
            ("ftp://localhost", false, false),
        ] {
            let request = http::Request::get("/").header("host", host);
            let (head, ()) = request.body(()).unwrap().into_parts();
            let admits = |visitors: &Visitors| visitors.admit(&head, "http").is_ok();
            assert_eq!(admits(&plain), strict, "{host}");
            assert_eq!(
                admits(&plain.clone().with_schemes()),
                with_schemes,
                "{host}"
            );
        }
    }

    #[test]
    fn origin_must_be_this_server() {
        for (host, origin, is) in [
            ("127.0.0.1:8001", "http://127.0.0.1:8001", true),
            ("localhost:8001", "http://LOCALHOST:8001", true),
            ("localhost", "http://localhost:80", true),
            ("10.1.2.3:8001", "http://10.1.2.3:8001", true),
            ("127.0.0.1:8001", "http://127.0.0.1:3000", false),
            ("127.0.0.1:8001", "http://localhost:8001", false),
            ("127.0.0.1:8001", "https://127.0.0.1:8001", false),
            ("127.0.0.1:8001", "null", false),
            ("127.0.0.1:8001", "", false),
            ("127.0.0.1:8001", "http://127.0.0.1:8001/", false),
            ("localhost:8001", "https://evil.com/.localhost", false),
            ("localhost:8001", "http://evil.com#.localhost:8001", false),
            ("10.1.2.3:8001", "http://evil.com", false),
        ] {
            for listen in ["127.0.0.1:8001", "0.0.0.0:8001"] {
                if listen.starts_with("127") && host.starts_with("10") {
                    continue;
                }
                let expected = if is { Ok(()) } else { Err(403) };
                let found = admit(listen, &[("host", host), ("origin", origin)]);
                assert_eq!(found, expected, "{listen} {host} {origin}");
            }
        }
        let own = ("origin", "http://localhost");
        assert_eq!(
            admit("127.0.0.1:1", &[("host", "localhost"), own, own]),
            Err(403)
        );
    }

    #[test]
    fn other_sites_may_only_link() {
        let host = ("host", "localhost:8001");
        let post = ("post", "");
        for (site, get, written) in [
            ("none", Ok(()), Ok(())),
            ("same-origin", Ok(()), Ok(())),
            ("same-site", Err(403), Err(403)),
            ("cross-site", Err(403), Err(403)),
            ("unheard-of", Err(403), Err(403)),
        ] {
            let site = ("sec-fetch-site", site);
            assert_eq!(admit("127.0.0.1:1", &[host, site]), get, "{site:?}");
            assert_eq!(
                admit("127.0.0.1:1", &[host, site, post]),
                written,
                "{site:?}"
            );
            let link = ("sec-fetch-mode", "navigate");
            assert_eq!(
                admit("127.0.0.1:1", &[host, site, link]),
                Ok(()),
                "{site:?}"
            );
            assert_eq!(
                admit("127.0.0.1:1", &[host, site, link, post]),
                written,
                "{site:?}"
            );
        }
    }

    #[test]
    fn body_of_a_page_needs_a_type() {
        let own = [
            ("post", ""),
            ("host", "localhost"),
            ("origin", "http://localhost"),
            ("content-length", "2"),
        ];
        assert_eq!(admit("127.0.0.1:1", &own), Err(415));
        let mut typed = own.to_vec();
        typed.push(("content-type", "application/json"));
        assert_eq!(admit("127.0.0.1:1", &typed), Ok(()));
        let curl = [("post", ""), ("host", "localhost"), ("content-length", "2")];
        assert_eq!(admit("127.0.0.1:1", &curl), Ok(()));
    }
}
