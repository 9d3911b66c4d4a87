//! Makes a Kubernetes cluster and the ECI cloud agree.
//!
//! The core decides (`imagecache::reconcile`, `imagecache::admission`); this crate observes and performs.
