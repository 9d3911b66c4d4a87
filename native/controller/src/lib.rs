//! Reconciles the ImageCaches of a Kubernetes cluster with ECI, and serves the admission webhook.
//!
//! The core decides (`imagecache::reconcile`, `imagecache::admission`); this crate observes and performs.
//!
//! | contents | module |
//! |---|---|
//! | A client of the cluster | [`cluster`] |
//! | The controller | [`controller`] |
//! | The admission webhook | [`webhook`] |

pub mod cluster;
pub mod controller;
pub mod webhook;
