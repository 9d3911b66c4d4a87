//! Which form of answer a client accepts.

use super::request::Request;
use crate::api::{ApiError, protobuf};

/// How bytes are made of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Media {
    #[default]
    Json,
    Yaml,
    /// For built-in kinds, for metadata and for errors.
    Protobuf,
}

impl Media {
    pub(super) fn name(self) -> &'static str {
        match self {
            Media::Json => "application/json",
            Media::Yaml => "application/yaml",
            Media::Protobuf => protobuf::MEDIA_TYPE,
        }
    }
}

/// What an answer shows of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum View {
    /// All of them.
    #[default]
    Whole,
    /// Rows of a Table of a version of `meta.k8s.io`.
    Table(&'static str),
    /// Their metadata alone, of a version of `meta.k8s.io`.
    Metadata(&'static str),
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Form {
    pub(super) media: Media,
    pub(super) view: View,
    /// With line breaks, for people.
    pub(super) pretty: bool,
}

impl Form {
    /// The first form that the client accepts and the server makes. Whole objects have one in protobuf if `protobuf`.
    ///
    /// # Errors
    /// 406.
    pub(super) fn of(request: &Request, protobuf: bool) -> Result<Form, ApiError> {
        let pretty = pretty(request);
        let accept: Vec<&str> = request.headers("accept").collect();
        let accept = accept.join(",");
        let Some(clauses) = clauses(&accept) else {
            return Ok(Form {
                pretty,
                ..Form::default()
            });
        };
        let made = |(media, view): &(Media, View)| match (media, view) {
            (Media::Protobuf, View::Whole) => protobuf,
            (Media::Protobuf, View::Table(_)) => false,
            _ => true,
        };
        for clause in &clauses {
            if let Some((media, view)) = clause.form().filter(made) {
                return Ok(Form {
                    media,
                    view,
                    pretty: pretty || clause.parameter("pretty") == Some("1"),
                });
            }
        }
        Err(ApiError::not_acceptable())
    }

    /// The form of an error: the first that the client accepts whole, else JSON.
    pub(super) fn of_error(request: &Request) -> Form {
        let pretty = pretty(request);
        let accept: Vec<&str> = request.headers("accept").collect();
        let accept = accept.join(",");
        let clauses = clauses(&accept).unwrap_or_default();
        let found = clauses.iter().find_map(|clause| {
            let (media, view) = clause.form()?;
            let pretty = pretty || clause.parameter("pretty") == Some("1");
            (view == View::Whole).then_some(Form {
                media,
                view,
                pretty,
            })
        });
        found.unwrap_or(Form {
            pretty,
            ..Form::default()
        })
    }

    /// The kinds that `Accept` asks for by `as`, most wanted first, with group and version; for what is not made of
    /// objects.
    pub(super) fn kinds(request: &Request) -> Vec<(String, String, String)> {
        let accept: Vec<&str> = request.headers("accept").collect();
        let accept = accept.join(",");
        let clauses = clauses(&accept).unwrap_or_default();
        let named = |clause: &Clause<'_>| {
            let text = |name| clause.parameter(name).unwrap_or_default().to_owned();
            (text("as"), text("g"), text("v"))
        };
        clauses
            .iter()
            .filter(|clause| clause.media == "application/json")
            .map(named)
            .collect()
    }
}

/// The media types that a client accepts, most wanted first; any if it does not say.
pub(super) fn media_types(request: &Request) -> Vec<String> {
    let accept: Vec<&str> = request.headers("accept").collect();
    match clauses(&accept.join(",")) {
        Some(clauses) => clauses.into_iter().map(|clause| clause.media).collect(),
        None => vec!["*/*".to_owned()],
    }
}

/// People read with curl, wget and browsers; programs say what they want.
fn pretty(request: &Request) -> bool {
    if let Some(pretty) = request.switch("pretty") {
        return pretty;
    }
    let agent = request.header("user-agent").unwrap_or_default();
    ["curl", "Wget", "Mozilla/5.0"]
        .iter()
        .any(|people| agent.starts_with(people))
}

struct Clause<'a> {
    media: String,
    parameters: Vec<(&'a str, &'a str)>,
    /// In thousandths.
    quality: u32,
}

/// The clauses of an `Accept` header, most wanted first; `None` if there are none, and anything will do.
fn clauses(accept: &str) -> Option<Vec<Clause<'_>>> {
    let mut clauses: Vec<Clause<'_>> = accept
        .split(',')
        .filter_map(|clause| {
            let mut parts = clause.split(';').map(str::trim);
            let media = parts.next().filter(|media| !media.is_empty())?;
            let parameters: Vec<_> = parts.filter_map(|part| part.split_once('=')).collect();
            let quality = parameters.iter().find(|(name, _)| *name == "q");
            let quality = quality.map_or(1000, |(_, quality)| thousandths(quality));
            Some(Clause {
                media: media.to_ascii_lowercase(),
                parameters,
                quality,
            })
        })
        .filter(|clause| clause.quality > 0)
        .collect();
    clauses.sort_by_key(|clause| std::cmp::Reverse(clause.quality));
    (!clauses.is_empty()).then_some(clauses)
}

fn thousandths(quality: &str) -> u32 {
    let digits = match quality.split_once('.') {
        Some((whole, part)) => format!("{whole}{part:0<3.3}"),
        None => format!("{quality}000"),
    };
    digits.parse().unwrap_or(1000).min(1000)
}

impl Clause<'_> {
    fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(own, _)| *own == name);
        found.map(|(_, value)| *value)
    }

    fn form(&self) -> Option<(Media, View)> {
        let media = match self.media.as_str() {
            "*/*" | "application/*" | "application/json" => Media::Json,
            "application/yaml" => Media::Yaml,
            protobuf::MEDIA_TYPE => Media::Protobuf,
            _ => return None,
        };
        let view = match self.parameter("as") {
            None => View::Whole,
            Some(kind) => {
                let version = match self.parameter("v") {
                    Some("v1") => "v1",
                    Some("v1beta1") => "v1beta1",
                    _ => return None,
                };
                match (self.parameter("g"), kind) {
                    (Some("meta.k8s.io"), "Table") => View::Table(version),
                    (
                        Some("meta.k8s.io"),
                        "PartialObjectMetadata" | "PartialObjectMetadataList",
                    ) => View::Metadata(version),
                    _ => return None,
                }
            }
        };
        Some((media, view))
    }
}
