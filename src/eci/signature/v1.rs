//! Signature V1: HMAC-SHA1 over the sorted parameters of query and form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

use super::{ApiCall, Credential, SignedCall};
use crate::eci::encoding::encode_into;
use crate::eci::params::Params;
use crate::eci::secret::Secret;

/// The text that is signed: method, path `/` and canonical parameters, each encoded. `Signature` itself is left out.
///
/// The vendor's published example:
///
/// ```
/// use imagecache::eci::params::Params;
/// use imagecache::eci::signature::v1;
/// let params = Params::parse(
///     "AccessKeyId=testid&Action=DescribeRegions&Format=XML&SignatureMethod=HMAC-SHA1\
///      &SignatureNonce=3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf&SignatureVersion=1.0\
///      &Timestamp=2016-02-23T12%3A46%3A24Z&Version=2014-05-26",
/// ).unwrap();
/// let text = v1::string_to_sign("GET", &params);
/// assert!(text.starts_with("GET&%2F&AccessKeyId%3Dtestid%26Action%3DDescribeRegions%26"));
/// assert_eq!(v1::signature(&"testsecret".into(), &text), "OLeaidS1JvxuMvnyHOwuJ+uX5qY=");
/// ```
#[must_use]
pub fn string_to_sign(method: &str, params: &Params) -> String {
    let signed: Params = params
        .iter()
        .filter(|(name, _)| *name != "Signature")
        .collect();
    let mut text = format!("{method}&%2F&");
    encode_into(&signed.canonical_set(), &mut text);
    text
}

fn mac(secret: &Secret, text: &str) -> Option<Hmac<Sha1>> {
    // the key is the secret and an ampersand; keys of any length are accepted, so this is never `None`
    let key = zeroize::Zeroizing::new(format!("{}&", secret.expose()));
    let mut mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).ok()?;
    mac.update(text.as_bytes());
    Some(mac)
}

/// The signature of a text, in base64.
#[must_use]
pub fn signature(secret: &Secret, text: &str) -> String {
    mac(secret, text).map_or_else(String::new, |mac| {
        STANDARD.encode(mac.finalize().into_bytes())
    })
}

/// Whether `signature` (base64) is the one of `text`. Takes the same time wherever they differ.
#[must_use]
pub fn verify(secret: &Secret, text: &str, signature: &str) -> bool {
    let given = STANDARD.decode(signature).unwrap_or_default();
    mac(secret, text).is_some_and(|mac| mac.verify_slice(&given).is_ok())
}

/// Signs a call. Everything, the signature included, goes into a form body: secrets stay out of URLs.
pub(super) fn prepare(call: &ApiCall<'_>, credential: &Credential) -> SignedCall {
    let mut params = call.params.clone();
    for (name, value) in [
        ("Action", call.action),
        ("Version", call.version),
        ("Format", "JSON"),
        ("AccessKeyId", &credential.access_key_id),
        ("SignatureMethod", "HMAC-SHA1"),
        ("SignatureVersion", "1.0"),
        ("SignatureNonce", call.nonce),
        ("Timestamp", &call.date.to_string()),
    ] {
        params.push(name, value);
    }
    if let Some(token) = &credential.security_token {
        params.push("SecurityToken", token.expose());
    }
    let text = zeroize::Zeroizing::new(string_to_sign("POST", &params));
    params.push("Signature", signature(&credential.access_key_secret, &text));
    SignedCall {
        target: "/".to_owned(),
        headers: vec![
            ("host", call.host.to_owned()),
            ("accept", "application/json".to_owned()),
            ("user-agent", call.user_agent.to_owned()),
            ("x-acs-action", call.action.to_owned()),
            ("x-acs-version", call.version.to_owned()),
            (
                "content-type",
                "application/x-www-form-urlencoded".to_owned(),
            ),
        ],
        body: params.canonical(),
    }
}
