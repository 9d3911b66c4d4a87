//! The page of imagecache (`www/`) as files inside the binary.
//!
//! The files are those of `www/dist` at the time of the build. A build without them has one page that says how
//! to build it; see [`is_built`].
//!
//! ```
//! let page = imagecache_page::file("/").unwrap();
//! assert_eq!(page.content_type, "text/html; charset=utf-8");
//! assert!(imagecache_page::file("/../Cargo.toml").is_none());
//! ```

/// A file of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File {
    /// Its content.
    pub bytes: &'static [u8],
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The value of `ETag`, quotes included: it changes with the content.
    pub etag: &'static str,
    /// The value of `Cache-Control`. Files whose name holds a hash of their content never change.
    pub cache_control: &'static str,
}

/// Headers of every response with a file of the page: what it may load, connect to, and be framed by.
pub const HEADERS: [(&str, &str); 4] = [
    (
        "content-security-policy",
        concat!(
            include_str!(concat!(env!("OUT_DIR"), "/policy.txt")),
            "; frame-ancestors 'none'"
        ),
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
];

/// Name, content and `ETag` of each file.
const FILES: &[(&str, &[u8], &str)] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The page of a build without `www/dist`.
const PLACEHOLDER: File = File {
    bytes: b"<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>imagecache</title>\n\
        <p>This imagecache was built without its page. To have it, run <code>cargo xtask www</code> and build again.</p>\n",
    content_type: "text/html; charset=utf-8",
    etag: "\"unbuilt\"",
    cache_control: REVALIDATED,
};

/// Browsers keep it and ask each time whether it changed.
const REVALIDATED: &str = "no-cache";
/// Browsers keep it for a year and never ask.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// Reports whether this build includes the page.
#[must_use]
pub fn is_built() -> bool {
    !FILES.is_empty()
}

/// Returns the file at the path of a URL without its query: `/` is the page, `/assets/…` are its parts.
#[must_use]
pub fn file(path: &str) -> Option<File> {
    let name = match path.strip_prefix('/').unwrap_or(path) {
        "" => "index.html",
        name => name,
    };
    if !is_built() {
        return (name == "index.html").then_some(PLACEHOLDER);
    }
    let (name, bytes, etag) = FILES.iter().find(|(known, ..)| *known == name)?;
    Some(File {
        bytes,
        content_type: content_type(name),
        etag,
        cache_control: if name.starts_with("assets/") {
            IMMUTABLE
        } else {
            REVALIDATED
        },
    })
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "wasm" => "application/wasm",
        "json" => "application/json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_html_and_is_asked_for_anew() {
        for path in ["/", "", "/index.html"] {
            let page = file(path).unwrap();
            assert_eq!(page.content_type, "text/html; charset=utf-8");
            assert_eq!(page.cache_control, "no-cache");
            assert!(page.etag.starts_with('"') && page.etag.ends_with('"'));
        }
    }

    #[test]
    fn nothing_but_the_page_is_there() {
        for path in ["/.gitkeep", "/../Cargo.toml", "/assets", "/nowhere", "//"] {
            assert_eq!(file(path), None, "{path}");
        }
    }

    #[test]
    fn every_part_that_the_page_names_is_there() {
        let page = std::str::from_utf8(file("/").unwrap().bytes).unwrap();
        for part in page
            .split(['"', '\''])
            .filter_map(|part| part.strip_prefix("./"))
        {
            let found = file(&format!("/{part}")).unwrap();
            assert_ne!(found.content_type, "application/octet-stream", "{part}");
        }
    }

    #[test]
    fn a_build_without_the_page_says_so() {
        let text = std::str::from_utf8(PLACEHOLDER.bytes).unwrap();
        assert!(text.contains("cargo xtask www"));
    }

    #[test]
    fn the_policy_lets_nothing_leave_this_machine() {
        let (name, policy) = HEADERS[0];
        assert_eq!(name, "content-security-policy");
        assert!(policy.starts_with("default-src 'none'; "));
        assert!(
            !policy.contains('\n')
                && !policy.contains("unsafe-inline")
                && !policy.contains("https:")
        );
    }
}
