//! Patches: JSON, merge, strategic merge and apply.

use super::error::ApiError;
use super::resource::Resource;

/// A kind of patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchKind {
    /// `application/json-patch+json` (RFC 6902).
    Json,
    /// `application/merge-patch+json` (RFC 7386).
    Merge,
    /// `application/strategic-merge-patch+json`: a merge patch that knows the keys of lists. Built-in kinds only.
    Strategic,
    /// `application/apply-patch+yaml`: server-side apply.
    Apply,
}

impl PatchKind {
    /// The media type of this kind of patch.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            PatchKind::Json => "application/json-patch+json",
            PatchKind::Merge => "application/merge-patch+json",
            PatchKind::Strategic => "application/strategic-merge-patch+json",
            PatchKind::Apply => "application/apply-patch+yaml",
        }
    }

    /// The kind of patch that a `Content-Type` names.
    ///
    /// # Errors
    /// 415 with the kinds that the resource takes.
    pub fn of(resource: &Resource, content_type: Option<&str>) -> Result<Self, ApiError> {
        let media = super::decode::media_type(content_type.unwrap_or_default());
        let accepted = resource.patch_kinds();
        accepted
            .iter()
            .copied()
            .find(|kind| kind.media_type() == media)
            .ok_or_else(|| {
                let types: Vec<&str> = accepted.iter().map(|kind| kind.media_type()).collect();
                ApiError::unsupported_media_type(&types)
            })
    }
}
