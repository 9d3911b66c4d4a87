//! The order in which containerd lists references: the most specific first.

use super::any::AnyReference;

/// Sorts references, Go's `Sort`: names with tag and digest, with a tag, with a digest, bare names, digests alone; the
/// canonical texts ascending within each. Invalid texts come last, ascending and unchanged.
///
/// ```
/// use imagecache::reference::sort;
/// assert_eq!(sort(&["b", "a:1", "?"]), ["docker.io/library/a:1", "docker.io/library/b", "?"]);
/// ```
#[must_use]
pub fn sort(references: &[&str]) -> Vec<String> {
    let mut ranked: Vec<(u8, String)> = references
        .iter()
        .map(|text| match AnyReference::parse(text) {
            Ok(reference) => (rank(&reference), reference.to_string()),
            Err(_) => (6, (*text).to_owned()),
        })
        .collect();
    ranked.sort();
    ranked.into_iter().map(|(_, text)| text).collect()
}

fn rank(reference: &AnyReference<'_>) -> u8 {
    match reference {
        AnyReference::Named(named) => match (named.tag(), named.digest()) {
            (Some(_), Some(_)) => 1,
            (Some(_), None) => 2,
            (None, Some(_)) => 3,
            (None, None) => 4,
        },
        AnyReference::Digest(_) => 5,
    }
}
