//! The ImageCache API server.

pub mod store;
