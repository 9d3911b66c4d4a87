//! The descriptions of everything that is served.

use super::resource::Resource;

/// All of them, core group first.
pub(super) fn all() -> Vec<Resource> {
    Vec::new()
}
