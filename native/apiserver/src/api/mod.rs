//! What the Kubernetes API says about objects: schemas, metadata, patches, field ownership, selectors, tables, discovery.
//! Pure functions over JSON values; nothing here stores, sends or waits, and time and chance are arguments.
//!
//! A request's way through:
//!
//! 1. [`Resources::find`] names what the path speaks of.
//! 2. [`options`] reads the query, [`decode`] the body; both know what the real server says about bad ones.
//! 3. [`write`] makes the object that is to be stored out of the stored one and the request.
//! 4. [`table`], [`yaml`] and [`error::Status`] make the answer.
//!
//! What differs between resources is data in their [`Resource`], never a branch.

pub mod decode;
pub mod discovery;
pub mod error;
pub mod fields;
pub mod go_fmt;
mod json;
mod kinds;
pub mod meta;
pub mod openapi;
pub mod options;
pub mod patch;
mod protobuf;
pub mod resource;
pub mod schema;
pub mod selector;
pub mod table;
pub mod write;
pub mod yaml;

pub use error::{ApiError, Cause, Status};
pub use kinds::{definition_faults, is_established};
pub use resource::{BUILT_IN_RESOURCES, Resource, Resources};
