//! `leases.coordination.k8s.io`: who leads.

use serde_json::{Value, json};

use super::{age_column, builtin, column, name_column, text};
use crate::api::go_fmt;
use crate::api::resource::{Cell, Resource};

pub(super) fn leases() -> Resource {
    Resource {
        unconditional_update: false,
        columns: vec![
            name_column(),
            column(
                "Holder",
                "string",
                "holderIdentity contains the identity of the holder of a current lease.",
                Cell::path(&["spec", "holderIdentity"]),
            ),
            age_column(),
        ],
        blank: json!({"spec": {}}),
        prepare: |object| {
            for time in ["/spec/acquireTime", "/spec/renewTime"] {
                micro_time(text(object, time))?;
            }
            Ok(())
        },
        validate: |object, _| {
            let number = |name: &str| {
                object
                    .pointer(&format!("/spec/{name}"))
                    .and_then(Value::as_i64)
            };
            let mut causes = Vec::new();
            if number("leaseDurationSeconds").is_some_and(|seconds| seconds <= 0) {
                causes.push(crate::api::cause::Cause::invalid(
                    "spec.leaseDurationSeconds",
                    &number("leaseDurationSeconds").into(),
                    "must be greater than 0",
                ));
            }
            if number("leaseTransitions").is_some_and(|count| count < 0) {
                causes.push(crate::api::cause::Cause::invalid(
                    "spec.leaseTransitions",
                    &number("leaseTransitions").into(),
                    "must be greater than or equal to 0",
                ));
            }
            causes
        },
        ..builtin("coordination.k8s.io", "Lease", "leases", "lease")
    }
}

/// A time with exactly six digits of a second, the only form that the server's type reads.
pub(super) fn micro_time(text: &str) -> Result<(), String> {
    const LAYOUT: &str = "2006-01-02T15:04:05.000000Z07:00";
    let refuse = |rest: &str, wanted: &str| {
        Err(format!(
            "parsing time {} as {}: cannot parse {} as {}",
            go_fmt::quote(text),
            go_fmt::quote(LAYOUT),
            go_fmt::quote(rest),
            go_fmt::quote(wanted)
        ))
    };
    if text.is_empty() {
        return Ok(());
    }
    if text.parse::<imagecache::time::Timestamp>().is_err() {
        return refuse(text, "2006");
    }
    let rest = text.get(19..).unwrap_or_default();
    let digits = rest.strip_prefix('.').map_or(0, |rest| {
        rest.bytes().take_while(u8::is_ascii_digit).count()
    });
    match digits {
        0 => refuse(rest, ".000000"),
        6 => Ok(()),
        _ => refuse(rest, ".000000"),
    }
}
