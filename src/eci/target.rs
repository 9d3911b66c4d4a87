//! Caches as people name them: by id, or by a name that several may share.

use super::request::DescribeImageCaches;

/// Begin of every cache's id.
pub const ID_PREFIX: &str = "imc-";

/// What a text names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target<'a> {
    /// One cache, whether it exists or not.
    Id(&'a str),
    /// Every cache of this name.
    Name(&'a str),
}

impl<'a> Target<'a> {
    /// A text that begins like an id is one; a cache whose name does is reached by its id only.
    ///
    /// ```
    /// use imagecache::eci::target::Target;
    /// assert_eq!(Target::read("imc-2ze1"), Target::Id("imc-2ze1"));
    /// assert_eq!(Target::read("base"), Target::Name("base"));
    /// ```
    #[must_use]
    pub fn read(text: &'a str) -> Self {
        if text.starts_with(ID_PREFIX) {
            Target::Id(text)
        } else {
            Target::Name(text)
        }
    }

    /// The call that lists what is named.
    #[must_use]
    pub fn describe(self, region_id: &str) -> DescribeImageCaches {
        let (id, name) = match self {
            Target::Id(id) => (Some(id.to_owned()), None),
            Target::Name(name) => (None, Some(name.to_owned())),
        };
        DescribeImageCaches {
            region_id: region_id.to_owned(),
            image_cache_id: id,
            image_cache_name: name,
            ..DescribeImageCaches::default()
        }
    }
}
