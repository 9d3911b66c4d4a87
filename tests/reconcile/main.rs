//! The controller as a pure function, checked in small models: a model of the cluster, a model of the cloud and a host that
//! may die between any two acts, lose any answer and see old things.
//!
//! `cases` is the table of single steps, `trust` has those about trust and budgets; `exhaustive` visits every state of small models; `random` walks through larger
//! ones by seed; `altered` has API servers that store something else than they are sent; `mutants` shows that each promise
//! would be broken by a wrong step, and is seen to be.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test fails by panicking

mod altered;
mod cases;
mod cloud;
mod exhaustive;
mod fresh;
mod model;
mod mutants;
mod random;
mod trust;
