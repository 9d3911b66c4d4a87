//! Digests: the algorithms and their numbers of hexadecimal digits.

use super::error::{ReferenceError, ReferenceFaultClass};
use super::grammar;

/// The valid algorithms of a digest, and their numbers of hexadecimal digits.
const ALGORITHMS: [(&str, usize); 3] = [("sha256", 64), ("sha384", 96), ("sha512", 128)];

const DIGITS: &str = "a digest must have 64 digits after sha256, 96 after sha384, 128 after sha512";
const SUPPORTED: &str = "the algorithm of a digest must be sha256, sha384 or sha512";
const LOWER: &str = "a digest must be lowercase";

/// Checks a digest that follows the grammar, as go-digest's `Validate` does. `at` offsets are into `digest`.
pub(super) fn check(digest: &str) -> Result<(), ReferenceError<'static>> {
    let (algorithm, encoded) = digest.split_once(':').unwrap_or((digest, ""));
    let all = algorithm.len() + 1..digest.len();
    let Some((_, length)) = ALGORITHMS.iter().find(|(name, _)| *name == algorithm) else {
        let range = 0..algorithm.len();
        return Err(if algorithm.bytes().any(|byte| byte.is_ascii_uppercase()) {
            ReferenceError::bad_digest(ReferenceFaultClass::DigestFormat, range, LOWER)
        } else {
            ReferenceError::bad_digest(ReferenceFaultClass::DigestUnsupported, range, SUPPORTED)
        });
    };
    if encoded.len() != *length {
        return Err(ReferenceError::bad_digest(
            ReferenceFaultClass::DigestLength,
            all,
            DIGITS,
        ));
    }
    // A loop without an early exit can be vectorised.
    if encoded
        .bytes()
        .fold(true, |all, byte| all & grammar::lower_hex(byte))
    {
        return Ok(());
    }
    let upper = encoded.bytes().position(|byte| !grammar::lower_hex(byte));
    let at = all.start + upper.unwrap_or_default();
    Err(ReferenceError::bad_digest(
        ReferenceFaultClass::DigestFormat,
        at..at + 1,
        LOWER,
    ))
}
