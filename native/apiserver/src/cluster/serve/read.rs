//! Get and list.

use super::answer::{self, Answer, ListMeta};
use super::negotiate::Form;
use super::request::{Request, Target};
use crate::api::ApiError;
use crate::api::Cause;
use crate::api::selector::Selector;
use crate::cluster::Cluster;
use crate::cluster::continue_token::Token;
use crate::cluster::place::Place;
use crate::cluster::store::{List, Page};

/// Which moment a list is to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Match {
    /// Not said.
    #[default]
    Unset,
    Exact,
    NotOlderThan,
    Other,
}

/// The options of a list or watch.
pub(super) struct ListOptions {
    pub(super) selector: Selector,
    /// `resourceVersion` as it was said; empty if it was not.
    pub(super) version: String,
    pub(super) version_match: Match,
    pub(super) limit: Option<usize>,
    pub(super) continues: Option<String>,
    pub(super) bookmarks: bool,
    pub(super) initial_events: Option<bool>,
    pub(super) timeout_seconds: Option<u64>,
}

impl ListOptions {
    /// Reads the query of a list or watch.
    ///
    /// # Errors
    /// 400 for an invalid number or selector, 422 for combinations that make no sense.
    pub(super) fn read(request: &Request, place: &Place, watch: bool) -> Result<Self, ApiError> {
        let number = |name: &str| match request.parameter(name) {
            None | Some("") => Ok(None),
            Some(text) => text.parse::<i64>().map(Some).map_err(|_| {
                let why = format!("strconv.ParseInt: parsing {text:?}: invalid syntax");
                ApiError::bad_request(why)
            }),
        };
        let text = |name: &str| request.parameter(name).filter(|text| !text.is_empty());
        let positive = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok());
        let limit = positive(number("limit")?).filter(|limit| *limit > 0);
        let timeout_seconds = positive(number("timeoutSeconds")?).filter(|seconds| *seconds > 0);
        let options = ListOptions {
            selector: Selector::parse(
                &place.resource,
                request.parameter("labelSelector"),
                request.parameter("fieldSelector"),
            )?,
            version: text("resourceVersion").unwrap_or_default().to_owned(),
            version_match: match text("resourceVersionMatch") {
                None => Match::Unset,
                Some("Exact") => Match::Exact,
                Some("NotOlderThan") => Match::NotOlderThan,
                Some(_) => Match::Other,
            },
            limit: limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)),
            continues: text("continue").map(str::to_owned),
            bookmarks: request.switch("allowWatchBookmarks").unwrap_or(false),
            initial_events: request.switch("sendInitialEvents"),
            timeout_seconds,
        };
        let causes = if watch {
            options.watch_faults(request)
        } else {
            options.list_faults(request)
        };
        if causes.is_empty() {
            Ok(options)
        } else {
            Err(ApiError::invalid_options("ListOptions", causes))
        }
    }

    fn list_faults(&self, request: &Request) -> Vec<Cause> {
        let mut causes = Vec::new();
        if self.version_match != Match::Unset {
            let field = "resourceVersionMatch";
            if self.version.is_empty() {
                let why = "resourceVersionMatch is forbidden unless resourceVersion is provided";
                causes.push(Cause::forbidden(field, why));
            }
            if self.continues.is_some() {
                let why = "resourceVersionMatch is forbidden when continue is provided";
                causes.push(Cause::forbidden(field, why));
            }
            if self.version_match == Match::Other {
                causes.push(unsupported_match(request, &["Exact", "NotOlderThan", ""]));
            }
            if self.version_match == Match::Exact && self.version == "0" {
                let why = "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
                causes.push(Cause::forbidden(field, why));
            }
        }
        if self.initial_events.is_some() {
            let why = "sendInitialEvents is forbidden for list";
            causes.push(Cause::forbidden("sendInitialEvents", why));
        }
        causes
    }

    fn watch_faults(&self, request: &Request) -> Vec<Cause> {
        let mut causes = Vec::new();
        let field = "resourceVersionMatch";
        if self.initial_events.is_some() && self.version_match != Match::NotOlderThan {
            let why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
            causes.push(Cause::forbidden(field, why));
        }
        if self.version_match != Match::Unset {
            if self.initial_events.is_none() {
                let why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
                causes.push(Cause::forbidden(field, why));
            }
            if self.version_match != Match::NotOlderThan {
                causes.push(unsupported_match(request, &["NotOlderThan"]));
            }
            if self.continues.is_some() {
                let why = "resourceVersionMatch is forbidden when continue is provided";
                causes.push(Cause::forbidden(field, why));
            }
        }
        causes
    }
}

fn unsupported_match(request: &Request, supported: &[&str]) -> Cause {
    let text = request
        .parameter("resourceVersionMatch")
        .unwrap_or_default();
    Cause::not_supported("resourceVersionMatch", &format!("{text:?}"), supported)
}

/// Reads a resource version; the error is what Go says.
pub(super) fn version(text: &str) -> Result<u64, String> {
    if text.is_empty() {
        return Ok(0);
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().map_err(|_| {
        let why = if digits {
            "value out of range"
        } else {
            "invalid syntax"
        };
        format!(
            "resourceVersion: Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: {why}"
        )
    })
}

/// `GET` of one object, or of its status.
pub(super) fn get(cluster: &Cluster, request: &Request, target: &Target, form: Form) -> Answer {
    let wanted = request.parameter("resourceVersion").unwrap_or_default();
    let wanted = version(wanted).map_err(ApiError::internal)?;
    let current = cluster.store().version();
    if wanted > current {
        return Err(ApiError::version_too_large(wanted, current));
    }
    let object = cluster.get(&target.place)?;
    answer::stored(&object, request, &target.place, form)
}

/// `GET` of a collection.
pub(super) fn list(cluster: &Cluster, request: &Request, target: &Target, form: Form) -> Answer {
    let options = ListOptions::read(request, &target.place, false)?;
    let (page, meta) = page(cluster, &target.place, &options)?;
    answer::list(&page.items, &meta, request, &target.place, form)
}

const TOO_OLD: &str = "The resourceVersion for the provided list is too old.";
const TOO_OLD_TO_CONTINUE: &str = "The provided continue parameter is too old to display a consistent list result. \
    You can start a new list without the continue parameter, or use the continue token in this response to retrieve the \
    remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were \
    created, modified, or deleted between the time the first chunk was returned and now may show up in the list.";

/// Returns one page of a list, and its metadata.
pub(super) fn page(
    cluster: &Cluster,
    place: &Place,
    options: &ListOptions,
) -> Result<(Page, ListMeta), ApiError> {
    let prefix = place.prefix();
    let wanted = version(&options.version)
        .map_err(|why| ApiError::bad_request(format!("invalid resource version: {why}")))?;
    let (mut at, mut start, mut limit) = (None, None, options.limit);
    if let Some(token) = &options.continues {
        let token = Token::decode(token)?;
        if wanted > 0 {
            let why = "specifying resource version is not allowed when using continue";
            return Err(ApiError::bad_request(why));
        }
        let current = cluster.store().version();
        if token.version.is_some_and(|version| version > current) {
            // not a token of this server, or one from before its state was replaced
            let on = Token {
                version: None,
                start: token.start,
            };
            return Err(ApiError::expired_page(TOO_OLD_TO_CONTINUE, on.encode()));
        }
        at = token.version;
        start = Some(token.start);
    } else if wanted > 0 {
        let current = cluster.store().version();
        if wanted > current {
            return Err(ApiError::version_too_large(wanted, current));
        }
        // A limit without a word on the match means exactly this moment, as it did before there was the word.
        let is_exact = match options.version_match {
            Match::Exact => true,
            Match::Unset => options.limit.is_some(),
            Match::NotOlderThan | Match::Other => false,
        };
        at = is_exact.then_some(wanted);
    }
    if wanted == 0 && !options.version.is_empty() {
        // `resourceVersion=0` is answered whole, from what is at hand
        limit = None;
    }
    let from = start.as_ref().map(|start| format!("{prefix}{start}"));
    let page = cluster.store().list(&List {
        prefix: &prefix,
        at,
        from: from.as_deref(),
        limit,
        keep: &|object| cluster.selects(place, &options.selector, object),
    });
    let page = page.map_err(|_| match start {
        Some(start) => {
            let version = None;
            ApiError::expired_page(TOO_OLD_TO_CONTINUE, Token { version, start }.encode())
        }
        None => ApiError::expired(TOO_OLD),
    })?;
    let meta = ListMeta {
        version: page.version,
        continues: page.more_after.as_deref().map(|last| {
            let last = last.strip_prefix(&*prefix).unwrap_or_default();
            // a list that lost its moment goes on without one
            let version = (from.is_none() || at.is_some()).then_some(page.version);
            Token::after(last, version).encode()
        }),
        following: (page.more_after.is_some() && options.selector.is_everything())
            .then_some(page.following),
    };
    Ok((page, meta))
}
