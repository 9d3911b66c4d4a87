//! The plan as manifests.

use super::report::{Action, Plan, PlannedCache};
use crate::foreign::Foreign;
use crate::matching::{DEFAULT_ARCH, DEFAULT_OS};
use crate::resource::annotation::{CPU_ARCH, OS_TYPE};
use crate::resource::{ImageCache, Spec};

impl PlannedCache {
    /// Returns the `ImageCache` to apply; `None` for a cache that is dropped or blocked, and for one that exists in ECI
    /// without an object.
    #[must_use]
    pub fn manifest(&self) -> Option<ImageCache> {
        if !self.is_live() || !self.is_object {
            return None;
        }
        let spec = Spec {
            images: self
                .images
                .iter()
                .map(|image| image.image.clone())
                .collect(),
            image_pull_secrets: (!self.secrets.is_empty()).then(|| self.secrets.clone()),
            image_cache_size: i64::try_from(self.size_gib).ok(),
            retention_days: self
                .retention_days
                .and_then(|days| i64::try_from(days).ok()),
            ..Spec::default()
        };
        let mut cache = ImageCache::new(&self.name, spec);
        let given = [
            (CPU_ARCH, &self.arch, DEFAULT_ARCH),
            (OS_TYPE, &self.os, DEFAULT_OS),
        ];
        for (name, value, default) in given {
            if value != default {
                let annotations = cache.metadata.annotations.get_or_insert_default();
                annotations.insert(name.to_owned(), value.clone());
            }
        }
        Some(cache)
    }
}

impl Plan {
    /// Returns the manifests of the plan as YAML, ready to apply, with the reasons as comments. Caches to delete are
    /// comments.
    ///
    /// ```
    /// use imagecache::plan::{PlanInput, PlanOptions, PriceTable, plan};
    /// let plan = plan(&PlanInput::default(), &PriceTable::default(), &PlanOptions::default());
    /// assert_eq!(plan.yaml(), "# nothing to plan\n");
    /// ```
    #[must_use]
    pub fn yaml(&self) -> String {
        let mut text = String::new();
        for cache in &self.caches {
            let manifest = cache.manifest();
            if manifest.is_some() {
                text.push_str("---\n");
            }
            comment(
                &mut text,
                &format!("{}: {}", cache.action.as_str(), cache.name),
            );
            for reason in &cache.reasons {
                comment(&mut text, &format!("  {reason}"));
            }
            if !cache.pods.is_empty() {
                comment(&mut text, &format!("  for {}", cache.pods.join(", ")));
            }
            match (cache.action, cache.is_object) {
                (Action::Drop, true) => comment(
                    &mut text,
                    &format!("  kubectl delete imagecache {}", cache.name),
                ),
                (Action::Drop | Action::Grow | Action::Keep, false) => {
                    let id = cache.image_cache_id.as_deref().unwrap_or(&cache.name);
                    comment(
                        &mut text,
                        &format!("  not an object of the cluster: `{id}` in ECI"),
                    );
                }
                _ => {}
            }
            if let Some(replaced) = &cache.replaces {
                let name = replaced.image_cache_id.as_deref().unwrap_or(&replaced.name);
                comment(
                    &mut text,
                    &format!("  delete `{name}` when this cache is Ready"),
                );
            }
            if let Some(manifest) = manifest {
                write(&mut text, &manifest);
            }
        }
        if text.is_empty() {
            text.push_str("# nothing to plan\n");
        }
        text
    }
}

/// Adds a comment of one line, whatever the text holds.
fn comment(out: &mut String, text: &str) {
    out.push_str(&format!("# {}", Foreign(text).line()));
    out.push('\n');
}

/// Adds a string, in quotes as JSON has them: YAML reads them alike.
fn quoted(out: &mut String, text: &str) {
    let json = serde_json::Value::from(text).to_string();
    out.push_str(&Foreign(&json).json().to_string());
}

fn write(out: &mut String, cache: &ImageCache) {
    out.push_str("apiVersion: ");
    out.push_str(cache.api_version.as_deref().unwrap_or_default());
    out.push_str("\nkind: ImageCache\nmetadata:\n  name: ");
    quoted(out, cache.metadata.name.as_deref().unwrap_or_default());
    out.push('\n');
    if let Some(annotations) = &cache.metadata.annotations {
        out.push_str("  annotations:\n");
        for (name, value) in annotations {
            out.push_str(&format!("    {name}: "));
            quoted(out, value);
            out.push('\n');
        }
    }
    out.push_str("spec:\n  images:\n");
    for image in &cache.spec.images {
        out.push_str("  - ");
        quoted(out, image);
        out.push('\n');
    }
    if !cache.spec.secrets().is_empty() {
        out.push_str("  imagePullSecrets:\n");
    }
    for secret in cache.spec.secrets() {
        out.push_str("  - ");
        quoted(out, secret);
        out.push('\n');
    }
    out.push_str(&format!("  imageCacheSize: {}\n", cache.spec.size_gib()));
    if let Some(days) = cache.spec.retention_days {
        out.push_str(&format!("  retentionDays: {days}\n"));
    }
}
