//! Replies as XML, for requests with `Format=XML`.

use serde_json::Value;

/// Writes a reply as XML. A list repeats the element of its name; null values are left out.
///
/// ```
/// let reply = serde_json::json!({"RequestId": "1", "ImageCaches": [{"ImageCacheId": "a"}, {"ImageCacheId": "b"}]});
/// let xml = imagecache::eci::xml::reply("DescribeImageCaches", &reply);
/// assert_eq!(
///     xml,
///     "<?xml version='1.0' encoding='UTF-8'?><DescribeImageCachesResponse>\
///      <ImageCaches><ImageCacheId>a</ImageCacheId></ImageCaches>\
///      <ImageCaches><ImageCacheId>b</ImageCacheId></ImageCaches>\
///      <RequestId>1</RequestId></DescribeImageCachesResponse>"
/// );
/// ```
#[must_use]
pub fn reply(action: &str, reply: &Value) -> String {
    let mut out = "<?xml version='1.0' encoding='UTF-8'?>".to_owned();
    element(&format!("{action}Response"), reply, &mut out);
    out
}

fn element(name: &str, value: &Value, out: &mut String) {
    if let Value::Array(items) = value {
        return items.iter().for_each(|item| element(name, item, out));
    }
    if value.is_null() {
        return;
    }
    out.push_str(&format!("<{name}>"));
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            for (name, value) in fields {
                element(name, value, out);
            }
        }
        Value::String(text) => out.push_str(&escape(text)),
        other => out.push_str(&other.to_string()),
    }
    out.push_str(&format!("</{name}>"));
}

/// Escapes a text. XML cannot hold most control characters: they become U+FFFD.
pub(super) fn escape(text: &str) -> String {
    text.replace(|c: char| c.is_control() && !c.is_whitespace(), "\u{fffd}")
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
