//! A simulator of ECI on loopback: image caches and container groups without an Alibaba Cloud account.
//!
//! | module | contents |
//! |---|---|
//! | [`cloud`] | The simulated OpenAPI: signed calls, image caches that are created and expire, container groups |
//! | [`cluster`] | An API server that serves `ImageCache` with the admission of the core |
//! | [`node`] | Runs the pods of a cluster as container groups of the simulator |

pub mod cloud;
pub mod cluster;
pub mod node;
