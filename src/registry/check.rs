//! What follows from the facts of registries for manifests.

use super::facts::{FailureReason, RegistryAnswer, RegistryFacts};
use super::needs::{RegistryNeeds, Wanted, each_image, not_made_for};
use crate::diagnostic::{Code, Diagnostic, Quoted, Report, sort_by_place};
use crate::document::{TextFormat, TextLimits, read_within};
use crate::matching::each_object;
use crate::path::Path;
use crate::pod::GIB;
use crate::resource::view::CacheView;
use crate::resource::walk::Met;
use crate::resource::workload::PodPaths;
use crate::validate::ValidateOptions;

/// Size of a cache that ECI needs, in compressed sizes of its images: ECI unpacks them in the cache.
pub const SIZE_FACTOR: u64 = 2;

/// Checks the images of every document of a text against facts of registries. Other rules are not applied: see
/// [`validate`](crate::validate). Text that cannot be read is left to them.
#[must_use]
pub fn check_text(
    text: &str,
    format: TextFormat,
    options: &ValidateOptions,
    limits: &TextLimits,
    needs: &RegistryNeeds,
    facts: &RegistryFacts,
) -> Vec<Diagnostic> {
    let (documents, _) = read_within(text, format, &options.levels, limits);
    let mut found = Vec::new();
    for document in &documents {
        let mut report = Report::on(document, &options.levels);
        let check = Check {
            needs,
            facts,
            paths: &options.pod_paths,
        };
        // What the walk cannot open is a finding of `validate`.
        let levels = crate::diagnostic::Levels::default();
        each_object(document.value(), &mut Report::new(&levels), |met, _| {
            check.object(met, &mut report);
        });
        found.extend(report.finish());
    }
    sort_by_place(&mut found);
    found
}

struct Check<'a> {
    needs: &'a RegistryNeeds,
    facts: &'a RegistryFacts,
    paths: &'a PodPaths,
}

impl Check<'_> {
    fn object(&self, met: &Met<'_>, report: &mut Report<'_>) {
        let (mut bytes, mut complete) = (0_u64, true);
        each_image(
            met,
            self.paths,
            &mut |path, wanted| match self.image(path, wanted, report) {
                Some(size) => bytes = bytes.saturating_add(size),
                None => complete = false,
            },
        );
        if met.is_cache()
            && let Some(view) = CacheView::of(met.value)
        {
            size(&view, bytes, complete, met, report);
        }
    }

    /// Reports what the registry says about one image. Returns its compressed size.
    fn image(&self, path: &Path<'_>, wanted: Wanted<'_>, report: &mut Report<'_>) -> Option<u64> {
        let image = Quoted(wanted.text);
        let ask = self.needs.with_known_secrets(wanted.ask);
        let failure = match self.facts.get(&ask) {
            None => {
                let message = format_args!("{image} is not checked: no registry was asked");
                report.add(Code::IC094, path, message, ASK_AGAIN);
                return None;
            }
            Some((_, RegistryAnswer::Failed(failure))) => failure,
            Some((_, RegistryAnswer::Image(record))) => {
                let platforms = record.platforms.as_deref().unwrap_or_default();
                let names: Vec<_> = platforms.iter().map(|one| &one.platform).collect();
                if ask.platform.choose(names.iter().copied()).is_none() {
                    let why = not_made_for(&ask.platform, &names);
                    report.add(
                        Code::IC092,
                        path,
                        format_args!("{image} is {why}"),
                        BUILD_IT,
                    );
                    return None;
                }
                return record.bytes;
            }
        };
        let why = &failure.message;
        match failure.reason {
            FailureReason::NotFound => {
                let message = format_args!("{image}: the registry does not have this image");
                report.add(Code::IC090, path, message, CHECK_NAME);
            }
            FailureReason::Unauthorized => {
                report.add(Code::IC091, path, format_args!("{image}: {why}"), LOG_IN);
            }
            FailureReason::NotAnImage => {
                let message = format_args!("{image} is not an image: {why}");
                report.add(Code::IC095, path, message, NAME_AN_IMAGE);
            }
            FailureReason::Moved | FailureReason::Unreachable | FailureReason::TooManyRequests => {
                let message = format_args!("{image} is not checked: {why}");
                report.add(Code::IC094, path, message, ASK_AGAIN);
            }
        }
        None
    }
}

const CHECK_NAME: &str = "Check name and tag, or push the image first.";
const LOG_IN: &str =
    "Give a login: a Secret that the object names in the input, or a docker config.";
const ASK_AGAIN: &str = "Check that this machine reaches the registry, then run it again.";
const NAME_AN_IMAGE: &str = "Name an image: a chart or a signature cannot run.";
const BUILD_IT: &str = "Build the image for this platform, or change the architecture.";

/// Reports a cache that is smaller than its images need.
fn size(view: &CacheView<'_>, bytes: u64, complete: bool, met: &Met<'_>, report: &mut Report<'_>) {
    let gib = u64::try_from(GIB).unwrap_or(u64::MAX);
    let needed = bytes.saturating_mul(SIZE_FACTOR).div_ceil(gib);
    let size = view.size_gib();
    if size >= needed {
        return;
    }
    let help = format_args!("Use at least {needed} GiB: ECI unpacks the images in the cache.");
    let least = if complete { "" } else { "at least " };
    let mut add = |path: &Path<'_>| {
        let message = format_args!(
            "{size} GiB, but twice the compressed size of the images is {least}{needed} GiB"
        );
        report.add(Code::IC093, path, message, help);
    };
    let spec = met.path.field("spec");
    match view.written_size_gib() {
        Some(_) if met.value.get("spec").is_some() => add(&spec.field("imageCacheSize")),
        _ => view.with_images_path(met.path, add),
    }
}
