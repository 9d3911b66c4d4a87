//! The images that the simulator's registries have: a table of patterns, of which the first match applies.

use imagecache::eci::Secret;
use imagecache::eci::request::{AcrRegistryInfo, ImageRegistryCredential};
use imagecache::matching::storage_bytes;
use imagecache::reference::{AnyReference, BadPattern, Named, familiar_match};
use serde::Deserialize;

/// Most rows of a table. A lookup walks it.
pub const MAX_ROWS: usize = 10_000;

const DEFAULT: &str = include_str!("images.yaml");

/// A table of images.
#[derive(Debug, Clone)]
pub struct Images {
    rows: Vec<Row>,
    rest: Rest,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct File {
    #[serde(default)]
    images: Vec<RowFile>,
    #[serde(default)]
    others: Others,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RowFile {
    image: String,
    #[serde(default)]
    size: Option<String>,
    #[serde(default)]
    missing: bool,
    #[serde(default)]
    login: Option<Login>,
    #[serde(default)]
    acr_instance: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Login {
    user_name: String,
    password: Secret,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Others {
    #[serde(default = "default_size")]
    size: String,
    #[serde(default)]
    missing: bool,
}

impl Default for Others {
    fn default() -> Self {
        Others {
            size: default_size(),
            missing: false,
        }
    }
}

fn default_size() -> String {
    "200Mi".to_owned()
}

#[derive(Debug, Clone)]
struct Row {
    pattern: String,
    missing: bool,
    bytes: u64,
    login: Option<Login>,
    acr_instance: Option<String>,
}

#[derive(Debug, Clone)]
struct Rest {
    bytes: u64,
    missing: bool,
}

/// A table that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadTable(
    /// Where and why.
    pub String,
);

/// How to get at images: what a call brings along, or an earlier call did.
#[derive(Debug, Clone, Copy)]
pub struct Access<'a> {
    /// Logins of the call.
    pub credentials: &'a [ImageRegistryCredential],
    /// Enterprise registry instances of the call.
    pub registries: &'a [AcrRegistryInfo],
    /// Images that an earlier call had access to.
    pub granted: &'a [String],
}

/// What a pull comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pull {
    /// The size in bytes.
    Bytes(u64),
    /// It fails for this reason.
    Refused(String),
}

impl Default for Images {
    fn default() -> Self {
        // the file is part of the program, and a test reads it
        Images::read(DEFAULT).unwrap_or(Images {
            rows: Vec::new(),
            rest: Rest {
                bytes: 0,
                missing: false,
            },
        })
    }
}

impl Images {
    /// The text of the table that is used when none is given: an example to start from.
    #[must_use]
    pub fn example() -> &'static str {
        DEFAULT
    }

    /// Reads a table in YAML or JSON.
    ///
    /// ```
    /// use imagecache_simulator::cloud::images::{Access, Images, Pull};
    /// let images = Images::read("images: [{image: 'nginx:1.*', size: 70Mi}]\nothers: {missing: true}").unwrap();
    /// let access = Access { credentials: &[], registries: &[], granted: &[] };
    /// assert_eq!(images.pull("nginx:1.27", &access), Pull::Bytes(70 << 20));
    /// assert!(matches!(images.pull("redis:7", &access), Pull::Refused(_)));
    /// ```
    ///
    /// # Errors
    /// Returns [`BadTable`] if the text is not such a table, or a size or pattern in it is invalid.
    pub fn read(text: &str) -> Result<Self, BadTable> {
        // the parser's own message may quote a password
        let file: File =
            serde_saphyr::from_str(text).map_err(|error| BadTable(first_line(&error)))?;
        if file.images.len() > MAX_ROWS {
            let count = file.images.len();
            return Err(BadTable(format!(
                "images: {count} rows, at most {MAX_ROWS} allowed"
            )));
        }
        let size = |path: String, text: &str| {
            let bytes = storage_bytes(text).and_then(|bytes| u64::try_from(bytes).ok());
            bytes.ok_or_else(|| {
                BadTable(format!("{path}: `{text}` is not a quantity such as 200Mi"))
            })
        };
        let rest = Rest {
            bytes: size("others.size".to_owned(), &file.others.size)?,
            missing: file.others.missing,
        };
        let mut rows = Vec::with_capacity(file.images.len());
        for (index, row) in file.images.into_iter().enumerate() {
            let path = format!("images[{index}]");
            if let Ok(example) = AnyReference::parse("nginx")
                && familiar_match(&row.image, &example) == Err(BadPattern::Malformed)
            {
                return Err(BadTable(format!(
                    "{path}.image: `{}` is not a valid pattern",
                    row.image
                )));
            }
            rows.push(Row {
                bytes: match &row.size {
                    Some(text) => size(format!("{path}.size"), text)?,
                    None => rest.bytes,
                },
                pattern: row.image,
                missing: row.missing,
                login: row.login,
                acr_instance: row.acr_instance,
            });
        }
        Ok(Images { rows, rest })
    }

    /// What pulling an image comes to.
    #[must_use]
    pub fn pull(&self, image: &str, access: &Access<'_>) -> Pull {
        let Ok(named) = Named::parse(image) else {
            return Pull::Refused(format!(
                "failed to pull image {image}: invalid reference format"
            ));
        };
        let missing = || Pull::Refused(format!("failed to pull image {image}: not found"));
        let reference = AnyReference::parse(image);
        let fits = |row: &&Row| {
            reference
                .as_ref()
                .is_ok_and(|reference| familiar_match(&row.pattern, reference) == Ok(true))
        };
        match self.rows.iter().find(fits) {
            None if self.rest.missing => missing(),
            None => Pull::Bytes(self.rest.bytes),
            Some(row) if row.missing => missing(),
            Some(row) if row.admits(named.domain(), image, access) => Pull::Bytes(row.bytes),
            Some(_) => Pull::Refused(format!(
                "failed to pull image {image}: pull access denied, authorization failed"
            )),
        }
    }
}

impl Row {
    fn admits(&self, domain: &str, image: &str, access: &Access<'_>) -> bool {
        if self.login.is_none() && self.acr_instance.is_none() {
            return true;
        }
        let login = self.login.as_ref().is_some_and(|login| {
            access.credentials.iter().any(|given| {
                let server = given.server.as_deref().unwrap_or_default();
                server.eq_ignore_ascii_case(domain)
                    && given.user_name.as_deref() == Some(&login.user_name)
                    && given.password.as_ref() == Some(&login.password)
            })
        });
        let instance = self.acr_instance.as_deref().is_some_and(|instance| {
            let mut registries = access.registries.iter();
            registries.any(|registry| registry.instance_id == instance)
        });
        login || instance || access.granted.iter().any(|known| known == image)
    }
}

fn first_line(error: &impl std::fmt::Display) -> String {
    error
        .to_string()
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}
