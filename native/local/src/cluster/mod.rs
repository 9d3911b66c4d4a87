//! The ImageCache API server.
