use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::matching::{DEFAULT_ARCH, DEFAULT_OS};

/// A platform that an image is made for, or that a pod runs on: `linux/amd64`, `linux/arm64/v8`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct ImagePlatform {
    /// The operating system, as in Go: `linux`.
    pub os: String,
    /// The architecture, as in Go: `amd64`.
    pub architecture: String,
    /// The variant of the architecture, such as `v7` of `arm`.
    pub variant: Option<String>,
}

/// A text that is not `os/architecture` or `os/architecture/variant`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a platform, such as linux/amd64 or linux/arm64/v8")]
pub struct BadPlatform(
    /// The text.
    pub String,
);

impl ImagePlatform {
    /// Returns the platform of an operating system and an architecture; without one, that of the default.
    #[must_use]
    pub fn of(os: Option<&str>, architecture: Option<&str>) -> Self {
        ImagePlatform {
            os: os.unwrap_or(DEFAULT_OS).to_ascii_lowercase(),
            architecture: architecture.unwrap_or(DEFAULT_ARCH).to_ascii_lowercase(),
            variant: None,
        }
    }

    /// Returns the platform with a variant.
    #[must_use]
    pub fn with_variant(mut self, variant: Option<&str>) -> Self {
        self.variant = variant
            .filter(|variant| !variant.is_empty())
            .map(str::to_ascii_lowercase);
        self
    }

    /// Returns the variant, or the one that runtimes assume: `v8` of `arm64`, `v7` of `arm`.
    fn effective_variant(&self) -> &str {
        match (self.variant.as_deref(), &*self.architecture) {
            (Some(variant), _) => variant,
            (None, "arm64") => "v8",
            (None, "arm") => "v7",
            (None, _) => "",
        }
    }

    /// Returns the index of the image that runs on this platform among images for these platforms. The variant has to be
    /// equal if this platform has one; else the default variant wins, then the first in the list.
    ///
    /// ```
    /// use imagecache::registry::ImagePlatform;
    /// let read = |text: &str| text.parse::<ImagePlatform>().unwrap();
    /// let index = [read("linux/amd64"), read("linux/arm/v6"), read("linux/arm/v7"), read("linux/arm64/v8")];
    /// assert_eq!(read("linux/arm64").choose(&index), Some(3));
    /// assert_eq!(read("linux/arm").choose(&index), Some(2));
    /// assert_eq!(read("linux/arm/v6").choose(&index), Some(1));
    /// assert_eq!(read("windows/amd64").choose(&index), None);
    /// ```
    #[must_use]
    pub fn choose<'a>(
        &self,
        platforms: impl IntoIterator<Item = &'a ImagePlatform>,
    ) -> Option<usize> {
        let fitting = platforms.into_iter().enumerate().filter(|(_, platform)| {
            let (os, architecture) = (&platform.os, &platform.architecture);
            (os, architecture) == (&self.os, &self.architecture)
        });
        let same =
            |platform: &ImagePlatform| platform.effective_variant() == self.effective_variant();
        if self.variant.is_some() {
            return fitting
                .filter(|(_, platform)| same(platform))
                .map(|(index, _)| index)
                .next();
        }
        let best = fitting.min_by_key(|(index, platform)| (!same(platform), *index));
        best.map(|(index, _)| index)
    }
}

impl fmt::Display for ImagePlatform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

impl FromStr for ImagePlatform {
    type Err = BadPlatform;

    fn from_str(text: &str) -> Result<Self, BadPlatform> {
        let bad = || BadPlatform(text.to_owned());
        let mut parts = text.split('/');
        let mut part = || parts.next().filter(|part| !part.is_empty());
        let (os, architecture) = part().zip(part()).ok_or_else(bad)?;
        let variant = parts.next();
        if parts.next().is_some() || variant.is_some_and(str::is_empty) {
            return Err(bad());
        }
        Ok(ImagePlatform::of(Some(os), Some(architecture)).with_variant(variant))
    }
}

impl Serialize for ImagePlatform {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ImagePlatform {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}
