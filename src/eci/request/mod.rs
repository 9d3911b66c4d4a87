//! The calls as typed values, and their way to flat parameters and back.
//!
//! Lists are flattened from 1: `Image.1`, `Tag.1.Key`, `AcrRegistryInfo.1.Domain.2`. On the way back the order of the
//! numbers counts, gaps close, `True` is `true`, and what no field knows is kept apart. The oldest Python SDK forgets
//! a dot (`AcrRegistryInfo.1Domain.1`); that is understood.
//!
//! ```
//! use imagecache::eci::request::{CreateImageCache, Request as _};
//! let call = CreateImageCache {
//!     region_id: "cn-hangzhou".into(),
//!     image_cache_name: "demo".into(),
//!     image: vec!["nginx:1".into(), "node:22".into()],
//!     flash: Some(true),
//!     ..Default::default()
//! };
//! let params = call.to_params();
//! assert_eq!(params.get("Image.2"), Some("node:22"));
//! let (back, unknown) = CreateImageCache::from_params(&params).unwrap();
//! assert_eq!(back, call);
//! assert!(unknown.is_empty());
//! ```

mod calls;
mod field;
mod tree;

pub use calls::*;
pub use field::{BadParameter, JsonList};

use super::params::Params;

/// A call of the API.
pub trait Request: Sized {
    /// The operation's name.
    const ACTION: &'static str;
    /// The names of its parameters; of lists without the number.
    const PARAMETERS: &[&str];
    /// What a success answers.
    type Reply;

    /// The parameters of the call, in the order of the fields; absent fields leave nothing.
    #[must_use]
    fn to_params(&self) -> Params;

    /// Reads the parameters of a call, and returns those that no field knows.
    ///
    /// # Errors
    /// When a mandatory parameter is missing, a value has the wrong form, a name is there twice with different
    /// values, or a list is longer than its limit.
    fn from_params(params: &Params) -> Result<(Self, Params), BadParameter>;
}

macro_rules! operations {
    ($($name:ident,)*) => {
        /// Any call that is known here.
        #[derive(Debug, Clone, PartialEq)]
        #[allow(clippy::large_enum_variant)] // lives for one request
        pub enum Operation {
            $(
                #[doc = concat!("[`", stringify!($name), "`]")]
                $name($name),
            )*
        }

        impl Operation {
            /// Reads the call of the operation `action`; `None` when no such operation is known. The second value
            /// holds the parameters that no field knows.
            ///
            /// # Errors
            /// As [`Request::from_params`].
            pub fn read(
                action: &str,
                params: &Params,
            ) -> Option<Result<(Self, Params), BadParameter>> {
                match action {
                    $($name::ACTION => Some(
                        $name::from_params(params)
                            .map(|(call, unknown)| (Operation::$name(call), unknown)),
                    ),)*
                    _ => None,
                }
            }

            /// The operation's name.
            #[must_use]
            pub fn action(&self) -> &'static str {
                match self {
                    $(Operation::$name(_) => $name::ACTION,)*
                }
            }

            /// The parameters of the call.
            #[must_use]
            pub fn to_params(&self) -> Params {
                match self {
                    $(Operation::$name(call) => call.to_params(),)*
                }
            }
        }
    };
}

operations! {
    CreateImageCache,
    UpdateImageCache,
    DeleteImageCache,
    DescribeImageCaches,
    CreateContainerGroup,
    DeleteContainerGroup,
    DescribeContainerGroups,
    ListUsage,
}
