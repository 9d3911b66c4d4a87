//! The page, at the address of a cluster on this machine.

use imagecache_apiserver::cluster::PageFile;

/// A file of the page, by the path of its URL.
pub(crate) fn file(path: &str) -> Option<PageFile> {
    let file = imagecache_page::file(path)?;
    Some(PageFile {
        bytes: file.bytes,
        content_type: file.content_type,
        etag: file.etag,
        cache_control: file.cache_control,
        headers: &imagecache_page::HEADERS,
    })
}
