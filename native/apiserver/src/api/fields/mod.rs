//! Who owns which field: `metadata.managedFields`, server-side apply, and what both stand on.

mod managed;
mod set;
mod typed;

pub use managed::{LAST_APPLIED, Writer, apply, record};
pub use set::Set;
pub use typed::{Comparison, compare, merge};
