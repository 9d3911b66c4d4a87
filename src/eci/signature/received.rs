use super::v3::split_target;
use super::{Scheme, v1, v3};
use crate::eci::Secret;
use crate::eci::error::{ApiError, ErrorCode};
use crate::eci::params::{Params, is_secret};
use crate::time::Timestamp;

/// How far the date of a request may be from the server's clock, either way, in seconds.
pub const CLOCK_WINDOW: i64 = 15 * 60;

/// Parameters that belong to the protocol, not to an operation. The owner parameters are hidden ones of the oldest
/// SDKs and have no effect.
const PROTOCOL: [&str; 14] = [
    "AccessKeyId",
    "Action",
    "Format",
    "OwnerAccount",
    "OwnerId",
    "ResourceOwnerAccount",
    "ResourceOwnerId",
    "SecurityToken",
    "Signature",
    "SignatureMethod",
    "SignatureNonce",
    "SignatureType",
    "SignatureVersion",
    "Timestamp",
];

/// A borrowed HTTP request.
#[derive(Clone)]
pub struct HttpRequest<'a> {
    /// `GET` or `POST`.
    pub method: &'a str,
    /// Path and query, as they stood in the request line.
    pub target: &'a str,
    /// Names (in any case) and values, as they came.
    pub headers: Vec<(&'a str, &'a str)>,
    /// The whole body.
    pub body: &'a [u8],
}

impl<'a> HttpRequest<'a> {
    /// The trimmed values of the header `name` (in any case), in order.
    pub(super) fn header_values(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim_matches([' ', '\t']))
    }

    fn header(&self, name: &str) -> Option<&'a str> {
        self.header_values(name).next()
    }

    fn form(&self) -> Result<Params, ApiError> {
        let form = self.header("content-type").is_some_and(|kind| {
            let kind = kind.split(';').next().unwrap_or(kind);
            kind.trim()
                .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        });
        if !form {
            return Ok(Params::new());
        }
        let text = std::str::from_utf8(self.body).map_err(|_| malformed())?;
        Params::parse(text).map_err(|_| malformed())
    }
}

/// The form of the answer that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ReplyFormat {
    /// JSON.
    #[default]
    Json,
    /// XML.
    Xml,
}

/// A request as a server reads it, before it is believed.
#[derive(Debug, Clone)]
pub struct Received {
    /// Which signature it carries.
    pub scheme: Scheme,
    /// The operation.
    pub action: String,
    /// The version of the API.
    pub version: String,
    /// The form of the answer that is wanted.
    pub format: ReplyFormat,
    /// Who claims to ask.
    pub access_key_id: String,
    /// The token of temporary credentials. A server that issued it must check that it belongs to the key.
    pub security_token: Option<Secret>,
    /// When it was signed, as written; see [`Received::check_clock`].
    pub date: String,
    /// A text that must not come twice.
    pub nonce: String,
    /// The parameters of the operation, from query and form, without those of the protocol.
    pub params: Params,
    string_to_sign: String,
    signature: String,
}

fn malformed() -> ApiError {
    ApiError::new(
        ErrorCode::InvalidParameterFormat,
        "A parameter is not percent-encoded UTF-8.",
    )
}

impl Received {
    /// Reads a request: `Authorization: ACS3-…` makes it a V3 one, else it is V1.
    ///
    /// ```
    /// use imagecache::eci::signature::{HttpRequest, Received};
    /// let unsigned = HttpRequest { method: "GET", target: "/?Action=ListUsage", headers: vec![], body: b"" };
    /// assert_eq!(Received::read(&unsigned).unwrap_err().code.to_string(), "MissingAccessKeyId");
    /// ```
    ///
    /// # Errors
    /// The answer to give: another method than GET and POST, an unsigned or half-signed request, an unknown algorithm,
    /// parameters that cannot be decoded, a body that is not the one that was signed, a V3 signature that leaves out
    /// `host` or an `x-acs-…` header.
    pub fn read(request: &HttpRequest<'_>) -> Result<Self, ApiError> {
        if !matches!(request.method, "GET" | "POST") {
            return Err(ApiError::new(
                ErrorCode::UnsupportedHttpMethod,
                "This http method is not supported.",
            ));
        }
        let (_, query) = split_target(request.target);
        let mut params = Params::parse(query).map_err(|_| malformed())?;
        params.append(request.form()?);
        match request.header("authorization") {
            Some(authorization) if authorization.starts_with("ACS3-") => {
                read_v3(request, authorization, params)
            }
            _ => read_v1(request.method, params),
        }
    }

    /// Checks that the signature was made with this secret.
    ///
    /// # Errors
    /// `SignatureDoesNotMatch`, with the text that should have been signed (for V3: its hash), so that the author of a
    /// client can compare, as the official SDKs do. V1's text has the parameters in it: if one of them is secret, the
    /// text is returned only up to the first parameter.
    pub fn verify(&self, secret: &Secret) -> Result<(), ApiError> {
        let has_secret =
            self.security_token.is_some() || self.params.iter().any(|(name, _)| is_secret(name));
        let (matches, signed) = match self.scheme {
            Scheme::V1 => (
                v1::verify(secret, &self.string_to_sign, &self.signature),
                match self.string_to_sign.split_once("%26") {
                    Some((first, _)) if has_secret => first,
                    _ => self.string_to_sign.as_str(),
                },
            ),
            Scheme::V3 => (
                v3::verify(secret, &self.string_to_sign, &self.signature),
                self.string_to_sign.as_str(),
            ),
        };
        if matches {
            return Ok(());
        }
        Err(ApiError::new(
            ErrorCode::SignatureMismatch,
            format!(
                "Specified signature is not matched with our calculation. server string to sign is:{signed}"
            ),
        ))
    }

    /// Whether the request is of now.
    ///
    /// # Errors
    /// `InvalidTimeStamp.Format` when the date is not of the form `2026-01-02T03:04:05Z`, `InvalidTimeStamp.Expired`
    /// when it is more than [`CLOCK_WINDOW`] before or after `now`.
    pub fn check_clock(&self, now: Timestamp) -> Result<(), ApiError> {
        let date: Option<Timestamp> = self.date.parse().ok();
        let Some(date) = date.filter(|date| date.to_string() == self.date) else {
            return Err(ApiError::new(
                ErrorCode::TimestampFormat,
                "Specified time stamp or date value is not well formatted.",
            ));
        };
        if now.since(date).saturating_abs() > CLOCK_WINDOW {
            return Err(ApiError::new(
                ErrorCode::TimestampExpired,
                "Specified time stamp or date value is expired.",
            ));
        }
        Ok(())
    }

    /// The text whose signature the request must carry. It can hold passwords: do not show it.
    #[must_use]
    pub fn string_to_sign(&self) -> &str {
        &self.string_to_sign
    }

    /// The signature that the request carries.
    #[must_use]
    pub fn signature(&self) -> &str {
        &self.signature
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.string_to_sign);
    }
}

/// Takes a mandatory value.
fn need(value: Option<&str>, name: &str) -> Result<String, ApiError> {
    match value {
        Some(value) if !value.is_empty() => Ok(value.to_owned()),
        _ => Err(ApiError::missing(name)),
    }
}

fn read_v1(method: &str, mut params: Params) -> Result<Received, ApiError> {
    let access_key_id = need(params.get("AccessKeyId"), "AccessKeyId")?;
    let signature = need(params.get("Signature"), "Signature")?;
    let algorithm = need(params.get("SignatureMethod"), "SignatureMethod")?;
    let version = need(params.get("SignatureVersion"), "SignatureVersion")?;
    if algorithm != "HMAC-SHA1" || version != "1.0" {
        return Err(unknown_algorithm());
    }
    let string_to_sign = v1::string_to_sign(method, &params);
    let protocol = params.extract(|name| PROTOCOL.contains(&name) || name == "Version");
    let xml = protocol
        .get("Format")
        .is_some_and(|format| format.eq_ignore_ascii_case("xml"));
    Ok(Received {
        scheme: Scheme::V1,
        action: need(protocol.get("Action"), "Action")?,
        version: need(protocol.get("Version"), "Version")?,
        format: if xml {
            ReplyFormat::Xml
        } else {
            ReplyFormat::Json
        },
        access_key_id,
        security_token: protocol.get("SecurityToken").map(Secret::from),
        date: need(protocol.get("Timestamp"), "Timestamp")?,
        nonce: need(protocol.get("SignatureNonce"), "SignatureNonce")?,
        params,
        string_to_sign,
        signature,
    })
}

fn read_v3(
    request: &HttpRequest<'_>,
    authorization: &str,
    mut params: Params,
) -> Result<Received, ApiError> {
    let (algorithm, rest) = authorization.split_once(' ').unwrap_or_default();
    if algorithm != v3::ALGORITHM {
        return Err(unknown_algorithm());
    }
    let part = |name: &str| {
        rest.split(',')
            .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
    };
    let access_key_id = need(part("Credential"), "AccessKeyId")?;
    let signature = need(part("Signature"), "Signature")?;
    let signed = need(part("SignedHeaders"), "SignedHeaders")?;
    let signed: Vec<&str> = signed.split(';').collect();
    check_signed(request, &signed)?;
    let digest = need(
        request.header("x-acs-content-sha256"),
        "x-acs-content-sha256",
    )?;
    if digest != v3::content_sha256(request.body) {
        return Err(ApiError::new(
            ErrorCode::SignatureMismatch,
            "The body is not the one that was signed.",
        ));
    }
    let canonical = v3::canonical_request(request, &signed).map_err(|_| malformed())?;
    let canonical = zeroize::Zeroizing::new(canonical);
    let protocol = params.extract(|name| PROTOCOL.contains(&name));
    let accept = request.header("accept").unwrap_or_default();
    let xml = match protocol.get("Format") {
        Some(format) => format.eq_ignore_ascii_case("xml"),
        None => accept.contains("xml") && !accept.contains("json"),
    };
    Ok(Received {
        scheme: Scheme::V3,
        action: need(request.header("x-acs-action"), "Action")?,
        version: need(request.header("x-acs-version"), "Version")?,
        format: if xml {
            ReplyFormat::Xml
        } else {
            ReplyFormat::Json
        },
        access_key_id,
        security_token: request.header("x-acs-security-token").map(Secret::from),
        date: need(request.header("x-acs-date"), "Timestamp")?,
        nonce: need(request.header("x-acs-signature-nonce"), "SignatureNonce")?,
        params,
        string_to_sign: v3::string_to_sign(&canonical),
        signature,
    })
}

fn unknown_algorithm() -> ApiError {
    ApiError::new(
        ErrorCode::InvalidSignatureMethod,
        "Only HMAC-SHA1 in version 1.0 and ACS3-HMAC-SHA256 are supported.",
    )
}

/// The host and every `x-acs-…` header must be signed, else somebody on the way could change the operation; and a
/// header that is signed must be there.
fn check_signed(request: &HttpRequest<'_>, signed: &[&str]) -> Result<(), ApiError> {
    let unsigned = request.headers.iter().map(|(name, _)| *name).find(|name| {
        let name = name.to_ascii_lowercase();
        (name == "host" || name.starts_with("x-acs-")) && !signed.contains(&name.as_str())
    });
    let absent = signed.iter().find(|name| request.header(name).is_none());
    match unsigned.or(absent.copied()) {
        Some(name) => Err(ApiError::new(
            ErrorCode::SignatureMismatch,
            format!("The header {name} must be there and be signed."),
        )),
        None => Ok(()),
    }
}
