//! Signature V3, ACS3-HMAC-SHA256: over method, path, query, chosen headers and body.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use super::{ApiCall, Credential, HttpRequest, SignedCall};
use crate::eci::encoding::{BadEncoding, hex, unhex};
use crate::eci::params::Params;
use crate::eci::secret::Secret;

/// Name of the algorithm, as it opens the header `Authorization`.
pub const ALGORITHM: &str = "ACS3-HMAC-SHA256";

/// Hash of a body, in hexadecimal, as the header `x-acs-content-sha256` holds it.
///
/// ```
/// use imagecache::eci::signature::v3::content_sha256;
/// assert_eq!(
///     content_sha256(b""),
///     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
/// );
/// ```
#[must_use]
pub fn content_sha256(body: &[u8]) -> String {
    hex(&Sha256::digest(body))
}

/// The canonical form of a request, with exactly the headers of `signed` (lower-case names, in the order given).
///
/// Header values are trimmed; a header that is there more than once has its values sorted and joined with `,`. The
/// query is decoded and encoded anew, so `+` and `%20`, `*` and `%2A` come out alike. `Host` is used unchanged.
///
/// # Errors
/// When the query cannot be decoded.
pub fn canonical_request(
    request: &HttpRequest<'_>,
    signed: &[&str],
) -> Result<String, BadEncoding> {
    let (path, query) = split_target(request.target);
    let query = Params::parse(query)?.canonical();
    let mut out = format!("{}\n{path}\n{query}\n", request.method);
    for name in signed {
        let mut values: Vec<&str> = request.header_values(name).collect();
        values.sort_unstable();
        out.push_str(&format!("{name}:{}\n", values.join(",")));
    }
    let (names, body) = (signed.join(";"), content_sha256(request.body));
    out.push_str(&format!("\n{names}\n{body}"));
    Ok(out)
}

pub(super) fn split_target(target: &str) -> (&str, &str) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    (if path.is_empty() { "/" } else { path }, query)
}

/// The text that is signed: the algorithm and the hash of the canonical request.
#[must_use]
pub fn string_to_sign(canonical_request: &str) -> String {
    format!(
        "{ALGORITHM}\n{}",
        content_sha256(canonical_request.as_bytes())
    )
}

fn mac(secret: &Secret, text: &str) -> Option<Hmac<Sha256>> {
    // keys of any length are accepted, so this is never `None`
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).ok()?;
    mac.update(text.as_bytes());
    Some(mac)
}

/// The signature of a text, in lower-case hexadecimal.
///
/// The vendor's published example:
///
/// ```
/// use imagecache::eci::signature::v3;
/// let text = "ACS3-HMAC-SHA256\n7ea06492da5221eba5297e897ce16e55f964061054b7695beedaac1145b1e259";
/// assert_eq!(
///     v3::signature(&"YourAccessKeySecret".into(), text),
///     "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
/// );
/// ```
#[must_use]
pub fn signature(secret: &Secret, text: &str) -> String {
    mac(secret, text).map_or_else(String::new, |mac| hex(&mac.finalize().into_bytes()))
}

/// Whether `signature` (hexadecimal) is the one of `text`. Takes the same time wherever they differ.
#[must_use]
pub fn verify(secret: &Secret, text: &str, signature: &str) -> bool {
    let given = unhex(signature).unwrap_or_default();
    mac(secret, text).is_some_and(|mac| mac.verify_slice(&given).is_ok())
}

/// Signs a call. The parameters go into the query and the body stays empty, as with the official SDKs.
pub(super) fn prepare(call: &ApiCall<'_>, credential: &Credential) -> SignedCall {
    let mut headers = vec![
        ("accept", "application/json".to_owned()),
        ("host", call.host.to_owned()),
        ("user-agent", call.user_agent.to_owned()),
        ("x-acs-action", call.action.to_owned()),
        ("x-acs-content-sha256", content_sha256(b"")),
        ("x-acs-credentials-provider", credential.provider.to_owned()),
        ("x-acs-date", call.date.to_string()),
        ("x-acs-signature-nonce", call.nonce.to_owned()),
        ("x-acs-version", call.version.to_owned()),
    ];
    if let Some(token) = &credential.security_token {
        headers.push(("x-acs-accesskey-id", credential.access_key_id.clone()));
        headers.push(("x-acs-security-token", token.expose().to_owned()));
        headers.sort_unstable();
    }
    let mut prepared = SignedCall {
        target: if call.params.is_empty() {
            "/".to_owned()
        } else {
            format!("/?{}", call.params.canonical())
        },
        headers,
        body: String::new(),
    };
    let signed: Vec<&str> = prepared.headers.iter().map(|(name, _)| *name).collect();
    // what was encoded here can be decoded
    let canonical = canonical_request(&prepared.as_http(), &signed).unwrap_or_default();
    let text = string_to_sign(&zeroize::Zeroizing::new(canonical));
    let authorization = format!(
        "{ALGORITHM} Credential={},SignedHeaders={},Signature={}",
        credential.access_key_id,
        signed.join(";"),
        signature(&credential.access_key_secret, &text)
    );
    prepared.headers.push(("authorization", authorization));
    prepared
}
