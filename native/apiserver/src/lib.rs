//! An embeddable Kubernetes API server: storage, watches, definitions, server-side apply, without scheduler and kubelet.
//!
//! | module | contents |
//! |---|---|
//! | [`cluster`] | The server: store, requests, watches, HTTP |
//! | [`api`] | The behaviour of the Kubernetes API as pure functions over JSON values |

pub mod api;
pub mod cluster;
