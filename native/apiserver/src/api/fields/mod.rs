//! Who owns which field: `metadata.managedFields`, server-side apply, and what both stand on.

mod managed;
mod set;
mod typed;

pub(crate) use managed::{Writer, apply, record};
