//! Percent-encoding as the signatures want it: RFC 3986, stricter than forms and most libraries.

/// Appends `text`, keeping only `A–Z a–z 0–9 - _ . ~`; every other byte of its UTF-8 becomes `%XX` in upper case.
pub fn encode_into(text: &str, out: &mut String) {
    const HEX: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    let hex = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or('0');
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            out.extend(['%', hex(byte >> 4), hex(byte & 15)]);
        }
    }
}

/// `text` encoded by RFC 3986.
///
/// ```
/// use imagecache::eci::encoding::encode;
/// assert_eq!(encode("p=w ~*+/"), "p%3Dw%20~%2A%2B%2F");
/// assert_eq!(encode("镜"), "%E9%95%9C");
/// ```
#[must_use]
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    encode_into(text, &mut out);
    out
}

/// A piece of a query or a form that cannot be decoded: `%` without two hexadecimal digits, or bytes that are not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a parameter is not percent-encoded UTF-8")]
pub struct BadEncoding;

/// Decodes one name or value of a query or a form: `%XX` is a byte, `+` is a space.
///
/// ```
/// use imagecache::eci::encoding::decode;
/// assert_eq!(decode("a+b%20c%2b*").unwrap(), "a b c+*");
/// assert!(decode("%e9%95").is_err());
/// assert!(decode("100%").is_err());
/// ```
///
/// # Errors
/// When a `%` is not followed by two hexadecimal digits, or the bytes are not UTF-8.
pub fn decode(text: &str) -> Result<String, BadEncoding> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let high = rest.next().and_then(hex_digit).ok_or(BadEncoding)?;
                let low = rest.next().and_then(hex_digit).ok_or(BadEncoding)?;
                high << 4 | low
            }
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| BadEncoding)
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        let _ = write!(out, "{byte:02x}"); // writing to a string cannot fail
    }
    out
}

/// Decodes an even number of hexadecimal digits.
pub(super) fn unhex(text: &str) -> Option<Vec<u8>> {
    let mut digits = text.bytes();
    let mut bytes = Vec::with_capacity(text.len() / 2);
    while let Some(high) = digits.next() {
        bytes.push(hex_digit(high)? << 4 | hex_digit(digits.next()?)?);
    }
    Some(bytes)
}
