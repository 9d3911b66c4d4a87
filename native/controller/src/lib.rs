//! Makes a Kubernetes cluster and the ECI cloud agree.
//!
//! The core decides (`imagecache::reconcile`, `imagecache::admission`); this crate observes and performs.
//!
//! | what | module |
//! |---|---|
//! | A client of the cluster | [`cluster`] |
//! | The controller | [`controller`] |
//! | The admission webhook | [`webhook`] |

pub mod cluster;
pub mod controller;
pub mod webhook;
