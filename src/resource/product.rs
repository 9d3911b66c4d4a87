//! API groups: those that mean this product, and those of other products that have a kind `ImageCache`, too.

use std::fmt;

use super::GROUP;
use crate::diagnostic::{Code, Quoted, Report};
use crate::path::Path;
use crate::spelling::nearest;

/// Returns true when the group can only mean this product: its own, one near it, or another of its vendor.
pub(crate) fn means_this_product(group: &str) -> bool {
    if group.is_empty() {
        return false;
    }
    group == GROUP
        || nearest(group, [GROUP]).is_some()
        || ["aliyun", "alibaba", "eci."]
            .iter()
            .any(|part| group.contains(part))
}

/// Returns true for the group of another product: `kubefledged.io`, `image-cache.scality.com`. The groups of Kubernetes
/// itself that users write by mistake, such as `apps`, have no dot.
pub(crate) fn is_of_another_product(group: &str) -> bool {
    group.contains('.') && !means_this_product(group)
}

/// Reports an `ImageCache` of another product: it is not a cache of ECI.
pub(crate) fn another_product(group: &str, path: &Path<'_>, report: &mut Report<'_>) {
    let message = fmt::from_fn(|f| {
        write!(
            f,
            "an ImageCache of {}, another product: not read",
            Quoted(group)
        )
    });
    report.add(Code::IC019, &path.field("apiVersion"), message, "");
}
