//! The limits of single values.

use imagecache::eci::error::{ApiError, ErrorCode};
use imagecache::eci::region::{Network, host};
use imagecache::reference::Named;
use imagecache::resource::{
    DEFAULT_SIZE_GIB, MAX_RETENTION_DAYS, MIN_RETENTION_DAYS, MIN_SIZE_GIB,
};

use super::settings::Settings;

/// Longest `ClientToken`, in ASCII characters. Source: the vendor's parameter table.
const MAX_TOKEN: usize = 64;
/// Longest name of a cache, in characters. No rule is published; this is this project's.
const MAX_NAME: usize = 128;

pub(super) fn bad(name: &str, fact: impl std::fmt::Display) -> ApiError {
    ApiError::new(ErrorCode::InvalidParameterFormat, format!("{name}: {fact}"))
}

pub(super) fn region(text: &str) -> Result<(), ApiError> {
    match host(text, Network::Public) {
        Some(_) => Ok(()),
        None => Err(bad(
            "RegionId",
            "no region; regions are written like cn-hangzhou",
        )),
    }
}

pub(super) fn client_token(text: &str) -> Result<(), ApiError> {
    if text.is_ascii() && text.len() <= MAX_TOKEN {
        return Ok(());
    }
    Err(bad(
        "ClientToken",
        format_args!("at most {MAX_TOKEN} ASCII characters allowed"),
    ))
}

pub(super) fn cache_name(text: &str) -> Result<(), ApiError> {
    match text.chars().count() {
        1..=MAX_NAME => Ok(()),
        count => Err(bad(
            "ImageCacheName",
            format_args!("{count} characters, 1 to {MAX_NAME} allowed"),
        )),
    }
}

pub(super) fn images(images: &[String]) -> Result<(), ApiError> {
    for (number, image) in (1..).zip(images) {
        if let Err(error) = Named::parse(image) {
            return Err(bad(
                &format!("Image.{number}"),
                format_args!("`{image}`: {error}"),
            ));
        }
    }
    Ok(())
}

/// The size that a wish is given, and whether it was raised.
pub(super) fn size(wish: Option<i32>, settings: &Settings) -> Result<(i64, bool), ApiError> {
    let size = wish.map_or(DEFAULT_SIZE_GIB, i64::from);
    let most = settings.max_size_gib;
    if size > most || size < MIN_SIZE_GIB && (size < 1 || !settings.raise_small) {
        let fact = format!("{size} GiB, {MIN_SIZE_GIB} to {most} allowed");
        return Err(bad("ImageCacheSize", fact));
    }
    Ok((size.max(MIN_SIZE_GIB), size < MIN_SIZE_GIB))
}

pub(super) fn retention(days: Option<i32>) -> Result<Option<i64>, ApiError> {
    let allowed = MIN_RETENTION_DAYS..=MAX_RETENTION_DAYS;
    match days.map(i64::from) {
        Some(days) if !allowed.contains(&days) => Err(bad(
            "RetentionDays",
            format_args!("{days} days, {MIN_RETENTION_DAYS} to {MAX_RETENTION_DAYS} allowed"),
        )),
        days => Ok(days),
    }
}

pub(super) fn elimination(strategy: Option<&str>) -> Result<(), ApiError> {
    match strategy {
        None | Some("" | "LRU") => Ok(()),
        Some(_) => Err(bad("EliminationStrategy", "must be LRU or empty")),
    }
}

pub(super) fn copies(name: &str, count: Option<i32>) -> Result<(), ApiError> {
    match count {
        Some(count) if count < 1 => Err(bad(name, format_args!("{count}, at least 1 needed"))),
        _ => Ok(()),
    }
}
