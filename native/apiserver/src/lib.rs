//! An embeddable Kubernetes API server: storage, watches, definitions, server-side apply, without scheduler and kubelet.
//!
//! | module | contents |
//! |---|---|
//! | [`cluster`] | The server: store, requests, watches, HTTP |
//! | [`api`] | The behaviour of the Kubernetes API as pure functions over JSON values |
//! | [`database`] | The file of an embedded database |
//! | [`limits`] | Every limit on what a request may cost |

pub mod api;
pub mod cluster;
pub mod database;
pub mod limits;
