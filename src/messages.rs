//! Messages with names, which the policy bundles repeat.

/// Defines a function for each message of a rule file, and lists the texts for [`messages`].
///
/// ```text
/// define! { images:
///     too_many(count, limit) "{count} images, at most {limit} allowed";
/// }
/// report.add(code, path, too_many(21, 20), "…");
/// ```
macro_rules! define {
    ($file:ident: $($name:ident($($hole:ident),*) $text:literal;)*) => {
        $(
            pub(crate) fn $name($($hole: impl std::fmt::Display),*) -> impl std::fmt::Display {
                std::fmt::from_fn(move |f| write!(f, $text))
            }
        )*

        /// The messages of this file: name and text.
        pub(crate) const MESSAGES: &[(&str, &str)] =
            &[$((concat!(stringify!($file), ".", stringify!($name)), $text)),*];
    };
}
pub(crate) use define;
