//! The part of a Pod that matching reads.

use serde::Serialize;

use crate::resource::annotation;

/// A part of a JSON value. As JSON: `"whole"`, `{"members": [["name", "whole"]]}` or `{"items": "whole"}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Part {
    /// The whole value.
    Whole,
    /// These members of an object; the whole value if it is not an object.
    Members(&'static [(&'static str, Part)]),
    /// This part of each item of a list; the whole value if it is not a list.
    Items(&'static Part),
}

const STORAGE: Part = Part::Members(&[("ephemeral-storage", Part::Whole)]);

const CONTAINERS: Part = Part::Items(&Part::Members(&[
    ("image", Part::Whole),
    ("restartPolicy", Part::Whole),
    (
        "resources",
        Part::Members(&[("requests", STORAGE), ("limits", STORAGE)]),
    ),
]));

/// The part of a Pod that [`CacheIndex::select`] and [`CacheIndex::explain`] read. A host whose pods are objects of its
/// own language copies only this part: a pod of a cluster is several kilobytes of JSON, the part is often below 300
/// bytes. The answers are the same. It is for objects with `kind: Pod` whose `apiVersion` is `v1` or missing.
///
/// [`CacheIndex::select`]: super::CacheIndex::select
/// [`CacheIndex::explain`]: super::CacheIndex::explain
pub const POD: Part = Part::Members(&[
    ("apiVersion", Part::Whole),
    ("kind", Part::Whole),
    (
        "metadata",
        Part::Members(&[
            ("name", Part::Whole),
            ("generateName", Part::Whole),
            ("namespace", Part::Whole),
            (
                "annotations",
                Part::Members(&[
                    (annotation::POD_CACHE_ID, Part::Whole),
                    (annotation::POD_CACHE_ID_OLD, Part::Whole),
                    (annotation::POD_AUTO, Part::Whole),
                    (annotation::POD_AUTO_OLD, Part::Whole),
                    (annotation::POD_PERFECT_MATCH, Part::Whole),
                    (annotation::POD_MATCH_COUNT, Part::Whole),
                    (annotation::POD_EXTRA_STORAGE, Part::Whole),
                    (annotation::ECI_BURST, Part::Whole),
                    (annotation::ECI_INSTANCE_ID, Part::Whole),
                ]),
            ),
            (
                "labels",
                Part::Members(&[
                    (annotation::ECI_LABEL, Part::Whole),
                    (annotation::ECI_BURST, Part::Whole),
                    (annotation::ACS_LABEL, Part::Whole),
                    (annotation::ACS_COMPUTE_CLASS, Part::Whole),
                ]),
            ),
        ]),
    ),
    (
        "spec",
        Part::Members(&[
            ("containers", CONTAINERS),
            ("initContainers", CONTAINERS),
            ("os", Part::Members(&[("name", Part::Whole)])),
            ("nodeName", Part::Whole),
            ("nodeSelector", Part::Whole),
            ("affinity", Part::Members(&[("nodeAffinity", Part::Whole)])),
            (
                "tolerations",
                Part::Items(&Part::Members(&[("key", Part::Whole)])),
            ),
        ]),
    ),
]);
