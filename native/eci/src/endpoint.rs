use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::HeaderValue;
use hyper::{Request, Uri};
use imagecache::eci::region::{self, Network};
use imagecache::eci::signature::SignedCall;

/// The address of a service: scheme, host and port.
///
/// ```
/// use imagecache_eci::Endpoint;
/// let endpoint: Endpoint = "eci-vpc.cn-hangzhou.aliyuncs.com".parse().unwrap();
/// assert_eq!(endpoint.to_string(), "https://eci-vpc.cn-hangzhou.aliyuncs.com");
/// assert!("http://127.0.0.1:8080".parse::<Endpoint>().is_ok());
/// assert!("http://eci.cn-hangzhou.aliyuncs.com".parse::<Endpoint>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    tls: bool,
    authority: String,
}

/// An invalid endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("endpoint `{text}`: {fact}")]
pub struct BadEndpoint {
    text: String,
    fact: &'static str,
}

impl Endpoint {
    /// Returns the endpoint of ECI for a region.
    ///
    /// # Errors
    /// Returns [`BadEndpoint`] if the text cannot be a region.
    pub fn of_region(region: &str, network: Network) -> Result<Self, BadEndpoint> {
        match region::host(region, network) {
            Some(authority) => Ok(Endpoint {
                tls: true,
                authority,
            }),
            None => Err(BadEndpoint {
                text: region.to_owned(),
                fact: "no region; regions are written like cn-hangzhou",
            }),
        }
    }

    /// Returns the endpoint of a valid host.
    pub(crate) fn of_host(authority: String) -> Self {
        Endpoint {
            tls: true,
            authority,
        }
    }

    /// Returns host and port as in the header `Host`.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Returns a signed call as an HTTP request to this endpoint.
    ///
    /// # Errors
    /// Returns a message if a header or the address cannot hold its value.
    pub(crate) fn request(&self, call: &SignedCall) -> Result<Request<Full<Bytes>>, String> {
        let mut request = Request::post(format!("{self}{}", call.target));
        for (name, value) in &call.headers {
            let value = HeaderValue::from_str(value)
                .map_err(|_| format!("the header {name} cannot hold its value"))?;
            request = request.header(*name, value);
        }
        let body = Full::new(Bytes::copy_from_slice(call.body.as_bytes()));
        request.body(body).map_err(|error| error.to_string())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority)
    }
}

impl FromStr for Endpoint {
    type Err = BadEndpoint;

    /// Parses `https://host[:port]`, `host[:port]` (also HTTPS), or `http://` with a loopback host. Plain HTTP to other
    /// hosts would expose signatures and passwords.
    fn from_str(text: &str) -> Result<Self, BadEndpoint> {
        let bad = |fact| BadEndpoint {
            text: text.to_owned(),
            fact,
        };
        let (tls, rest) = match text.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            Some(_) => return Err(bad("must begin with https:// or http://")),
            None => (true, text),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let uri = Uri::try_from(format!("https://{rest}/")).map_err(|_| bad("no host[:port]"))?;
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        if authority != rest || rest.contains('@') {
            return Err(bad("must be a scheme, a host and a port, nothing else"));
        }
        if !tls && !is_loopback(uri.host().unwrap_or_default()) {
            return Err(bad("plain http is for loopback only; use https"));
        }
        Ok(Endpoint {
            tls,
            authority: authority.to_owned(),
        })
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoint_accepts_plain_http_for_loopback_only() {
        for (text, expected) in [
            ("eci.aliyuncs.com", "https://eci.aliyuncs.com"),
            (
                "https://eci.aliyuncs.com:8443/",
                "https://eci.aliyuncs.com:8443",
            ),
            ("http://localhost:1", "http://localhost:1"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("http://127.9.9.9", "http://127.9.9.9"),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!(endpoint.to_string(), expected);
        }
        for text in [
            "",
            "http://192.0.2.1:80",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://127.0.0.1@example.com",
            "https://user:pass@example.com",
            "https://example.com/path",
            "https://example.com?x=1",
            "ftp://example.com",
            "exa mple.com",
        ] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
        assert_eq!(
            "http://example.com"
                .parse::<Endpoint>()
                .unwrap_err()
                .to_string(),
            "endpoint `http://example.com`: plain http is for loopback only; use https"
        );
    }
}
