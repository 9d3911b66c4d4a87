//! Image caches of Alibaba Cloud Elastic Container Instance (ECI): is this `ImageCache` valid, which cache will this
//! pod hit and why, and when does it end?
//!
//! This crate is the core: values in, values out. It reads no file, no socket, no clock and no random number; `now`
//! is always an argument. So the same input gives the same answer, byte for byte, in a policy engine, in a browser,
//! in Node, on the command line and in a controller.
//!
//! | question | module |
//! |---|---|
//! | Is this image reference right, and what does it mean? | [`mod@reference`] |
//! | What is an `ImageCache`? | [`resource`], [`resource::annotation`] |
//! | Where in the text does this value stand? | [`document`], [`path`] |
//! | What is wrong with this manifest? | [`validate`] → [`diagnostic`] |
//! | Which pods does this object describe, and what do they ask for? | [`pod`] |
//! | Which cache does this pod hit, and why? | [`matching`] |
//! | When does this cache end? | [`expiry`] |
//! | Does a release start from caches, and which must be made first? | `cover` (feature `plan`) |
//! | Which caches should exist, and what do they cost? | `plan` (feature `plan`) |
//! | Which caches may be deleted, and why? | [`tidy`] |
//! | Did ECI do what was predicted, and which rule explains it if not? | [`mod@audit`] |
//! | What do registries say about images, and what follows? | `registry` (feature `registry`) |
//! | Does a cached tag still mean what it meant? | `freshness` (feature `registry`) |
//! | How is text that somebody else wrote shown safely? | [`foreign`] |
//! | May this object pass, and what is written on it before it does? | [`admission`] |
//! | Which functions does a foreign host call, with JSON? | `ffi` |
//! | What must be done so that cluster and cloud agree? | `reconcile` (feature `eci`) |
//! | What does the ECI OpenAPI say, and how is a call signed? | `eci` (feature `eci`) |

pub mod admission;
pub mod audit;
#[cfg(feature = "plan")]
pub mod cover;
pub mod diagnostic;
pub mod document;
#[cfg(feature = "eci")]
pub mod eci;
pub mod expiry;
#[cfg(feature = "ffi")]
pub mod ffi;
pub mod foreign;
#[cfg(feature = "registry")]
pub mod freshness;
mod image;
pub mod matching;
mod messages;
pub mod path;
#[cfg(feature = "plan")]
pub mod plan;
pub mod pod;
#[cfg(feature = "eci")]
pub mod reconcile;
pub mod reference;
#[cfg(feature = "registry")]
pub mod registry;
pub mod resource;
pub mod settings;
mod spelling;
pub mod tidy;
pub mod time;
mod type_error;
pub mod validate;

/// The example of the README runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
