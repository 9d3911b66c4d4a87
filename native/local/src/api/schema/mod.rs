//! Structural schemas.

/// The shape of an object.
pub struct Schema {}
