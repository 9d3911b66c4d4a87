//! One machine as cluster and cloud, on loopback: nobody needs an account or a cluster to try, test or develop.
//!
//! | what | module |
//! |---|---|
//! | The ECI simulator: calls, caches that live, container groups | [`cloud`] |
//! | Pods of a cluster, run as container groups of the simulator | [`node`] |
//! | The ImageCache API server: storage, requests, watches | [`cluster`] |
//! | What the Kubernetes API says about objects, as pure functions | [`api`] |

pub mod api;
pub mod cloud;
pub mod cluster;
pub mod node;
