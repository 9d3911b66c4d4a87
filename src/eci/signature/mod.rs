//! Signatures of requests: made by clients, checked by servers, from the same canonical forms.
//!
//! There are two. [`v1`] (HMAC-SHA1) signs the parameters; the signature is one more parameter. [`v3`]
//! (ACS3-HMAC-SHA256) signs method, path, query, chosen headers and body; the signature is a header. The date and the
//! nonce are arguments: nothing here asks a clock or a source of randomness.
//!
//! A client fills a [`ApiCall`] and sends what [`ApiCall::sign`] returns. A server hands what it received to
//! [`Received::read`], looks the secret of `access_key_id` up and asks [`Received::verify`].

mod received;
pub mod v1;
pub mod v3;

pub use received::{CLOCK_WINDOW, HttpRequest, Received, ReplyFormat};

use std::fmt;

use super::Secret;
use super::params::Params;
use crate::time::Timestamp;

/// Which signature a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Scheme {
    /// HMAC-SHA1 over the parameters.
    V1,
    /// ACS3-HMAC-SHA256 over the request.
    #[default]
    V3,
}

/// Who signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Names the key; not secret.
    pub access_key_id: String,
    /// The key.
    pub access_key_secret: Secret,
    /// With temporary credentials: the token that goes with the key.
    pub security_token: Option<Secret>,
    /// What kind of source the key came from (`static_ak`, `ecs_ram_role`, …), sent to the server by V3.
    pub provider: &'static str,
}

/// A call to be signed.
#[derive(Debug, Clone, Copy)]
pub struct ApiCall<'a> {
    /// The operation: `CreateImageCache`.
    pub action: &'a str,
    /// Version of the API, mostly [`super::VERSION`].
    pub version: &'a str,
    /// The parameters of the operation.
    pub params: &'a Params,
    /// What the header `Host` will hold, port included.
    pub host: &'a str,
    /// What the header `User-Agent` will hold.
    pub user_agent: &'a str,
    /// When the call is made. Servers refuse a date that is more than 15 minutes off.
    pub date: Timestamp,
    /// A text that was never used before. Another try needs another one.
    pub nonce: &'a str,
}

/// A request that is signed and ready to be sent, always as POST.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignedCall {
    /// Path and query. V3 puts the parameters here, as the official SDKs do.
    pub target: String,
    /// Headers in the order to send them; `Host` is among them, `Content-Length` is not.
    pub headers: Vec<(&'static str, String)>,
    /// The form body. V1 puts all parameters here, V3 nothing.
    pub body: String,
}

impl ApiCall<'_> {
    /// Signs the call.
    ///
    /// ```
    /// use imagecache::eci::params::Params;
    /// use imagecache::eci::signature::{ApiCall, Credential, HttpRequest, Received, Scheme};
    ///
    /// let credential = Credential {
    ///     access_key_id: "testid".to_owned(),
    ///     access_key_secret: "testsecret".into(),
    ///     security_token: None,
    ///     provider: "static_ak",
    /// };
    /// let params = Params::from_iter([("RegionId", "cn-hangzhou")]);
    /// let call = ApiCall {
    ///     action: "ListUsage",
    ///     version: imagecache::eci::VERSION,
    ///     params: &params,
    ///     host: "eci.cn-hangzhou.aliyuncs.com",
    ///     user_agent: "example/1",
    ///     date: "2026-01-02T03:04:05Z".parse().unwrap(),
    ///     nonce: "0001",
    /// };
    /// for scheme in [Scheme::V1, Scheme::V3] {
    ///     let sent = call.sign(scheme, &credential);
    ///     let received = Received::read(&sent.as_http()).unwrap();
    ///     assert_eq!(received.action, "ListUsage");
    ///     assert_eq!(received.params.get("RegionId"), Some("cn-hangzhou"));
    ///     assert!(received.verify(&"testsecret".into()).is_ok());
    ///     assert!(received.verify(&"guessed".into()).is_err());
    /// }
    /// ```
    #[must_use]
    pub fn sign(&self, scheme: Scheme, credential: &Credential) -> SignedCall {
        match scheme {
            Scheme::V1 => v1::prepare(self, credential),
            Scheme::V3 => v3::prepare(self, credential),
        }
    }
}

impl SignedCall {
    /// The request as a server will see it.
    #[must_use]
    pub fn as_http(&self) -> HttpRequest<'_> {
        let headers = self.headers.iter();
        HttpRequest {
            method: "POST",
            target: &self.target,
            headers: headers
                .map(|(name, value)| (*name, value.as_str()))
                .collect(),
            body: self.body.as_bytes(),
        }
    }
}

/// The request as text, to be shown to people: passwords, tokens and the signature are `***`.
impl fmt::Display for SignedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        writeln!(f, "POST {path}")?;
        for (name, value) in &self.headers {
            match (*name, value.split_once("Signature=")) {
                ("x-acs-security-token", _) => writeln!(f, "{name}: ***")?,
                ("authorization", Some((open, _))) => writeln!(f, "{name}: {open}Signature=***")?,
                _ => writeln!(f, "{name}: {value}")?,
            }
        }
        let decoded = |text| Params::parse(text).unwrap_or_default();
        writeln!(f)?;
        for params in [decoded(query), decoded(&self.body)] {
            for (name, value) in params.masked() {
                writeln!(f, "{name}={value}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for SignedCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prepared({})", self.to_string().escape_debug())
    }
}

impl Drop for SignedCall {
    fn drop(&mut self) {
        use zeroize::Zeroize as _;
        self.target.zeroize();
        self.body.zeroize();
        for (_, value) in &mut self.headers {
            value.zeroize();
        }
    }
}
