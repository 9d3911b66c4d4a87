//! The behaviour of the Kubernetes API as pure functions over JSON values: schemas, metadata, patches, field ownership,
//! selectors, tables, discovery. Time and random values are arguments; nothing here stores or sends.
//!
//! A request passes these steps:
//!
//! 1. [`Resources::find`] returns the resource of the path.
//! 2. [`options`] reads the query and `decode` the body, with the error messages of the real server.
//! 3. [`mod@write`] makes the object to store from the stored object and the request.
//! 4. [`table`], `yaml` and [`Status`] make the response.
//!
//! Resources differ only in the data of their [`Resource`], never by a branch on the kind.

mod cause;
pub(crate) mod decode;
pub(crate) mod discovery;
pub(crate) mod error;
pub(crate) mod fields;
mod go_fmt;
mod json;
mod kinds;
pub(crate) mod meta;
pub(crate) mod openapi;
pub mod options;
pub mod patch;
mod path;
pub(crate) mod protobuf;
pub(crate) mod registry;
pub(crate) mod resource;
pub(crate) mod schema;
pub mod selector;
pub mod table;
pub mod write;
pub(crate) mod yaml;

pub use cause::Cause;
pub use error::{ApiError, Status};
pub use kinds::{definition_faults, is_established};
pub use registry::{BUILT_IN_RESOURCES, Resources};
pub use resource::Resource;
