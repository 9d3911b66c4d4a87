//! Registries that look private: hosts that usually require a login.
//!
//! Source: this project's choice, from the naming of well-known registries. A wrong guess costs one hint. Registries
//! with both public and private images (Docker Hub, ghcr.io, quay.io, gcr.io, registry.gitlab.com) are not reported.

use std::fmt;

use super::messages::define;
use crate::diagnostic::{Code, Quoted, Report};
use crate::path::Path;
use crate::reference::Named;
use crate::resource::annotation::ACR_INSTANCE_IDS;
use core::net::Ipv4Addr;

define! { registry:
    private(registry, look) "{registry} looks like a private registry ({look}), and spec.imagePullSecrets is empty";
}

/// The sign by which a registry looks private.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// An instance of Alibaba's Container Registry, personal or enterprise.
    Acr,
    /// A cloud registry that is private by default.
    Cloud,
    /// An IP address instead of a name.
    Address,
    /// A port.
    Port,
    /// A name that only a private network resolves.
    PrivateName,
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Look::Acr => "an Alibaba Cloud Container Registry instance",
            Look::Cloud => "a cloud registry that is private by default",
            Look::Address => "an IP address",
            Look::Port => "a host with a port",
            Look::PrivateName => "a private network name",
        })
    }
}

/// Public namespaces of Alibaba's personal registries: mirrors and the vendor's own components.
const PUBLIC_NAMESPACES: [&str; 5] = [
    "google_containers",
    "acs",
    "acs-sample",
    "eci_open",
    "aliyun_google_containers",
];

/// Suffixes of the hosts of cloud registries that are private by default.
const CLOUDS: [&str; 8] = [
    ".azurecr.io",
    ".azurecr.cn",
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".pkg.dev",
    ".ocir.io",
    ".tencentcloudcr.com",
    ".cr.volces.com",
];

/// Suffixes of names that only a private network resolves.
const PRIVATE_NAMES: [&str; 7] = [
    ".local",
    ".internal",
    ".lan",
    ".svc",
    ".intranet",
    ".corp",
    ".home.arpa",
];

fn look(domain: &str, path: &str) -> Option<Look> {
    let (host, port) = match domain.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, true),
        _ => (domain, false),
    };
    let ends = |end: &&str| {
        host.len()
            .checked_sub(end.len())
            .and_then(|start| host.split_at_checked(start))
            .is_some_and(|(before, tail)| !before.is_empty() && tail.eq_ignore_ascii_case(end))
    };
    if host.starts_with('[') || host.parse::<Ipv4Addr>().is_ok() {
        return Some(Look::Address);
    }
    if ends(&".aliyuncs.com") {
        // `registry.REGION` and `registry-vpc.REGION` are the personal instances of a region, `*.cr` the enterprise
        // ones and the newer personal ones; `registry.aliyuncs.com` without a region holds public mirrors.
        let personal = host
            .get(..8)
            .is_some_and(|begin| begin.eq_ignore_ascii_case("registry"))
            && host.bytes().filter(|byte| *byte == b'.').count() == 3;
        let namespace = path.split('/').next().unwrap_or_default();
        let closed =
            ends(&".cr.aliyuncs.com") || (personal && !PUBLIC_NAMESPACES.contains(&namespace));
        return closed.then_some(Look::Acr);
    }
    if port {
        return Some(Look::Port);
    }
    if host.eq_ignore_ascii_case("localhost") || PRIVATE_NAMES.iter().any(&ends) {
        return Some(Look::PrivateName);
    }
    CLOUDS.iter().any(ends).then_some(Look::Cloud)
}

/// Reports that an image of a private-looking registry may need a login, and returns true if it did.
///
/// `acr_instances`: the annotation for password-free pulls is set, which covers Alibaba's own registries.
pub(super) fn check(
    named: &Named<'_>,
    acr_instances: bool,
    path: &Path<'_>,
    report: &mut Report<'_>,
) -> bool {
    let look = match look(named.domain(), &named.path()) {
        None => return false,
        Some(Look::Acr) if acr_instances => return false,
        Some(look) => look,
    };
    report.add(
        Code::IC033,
        path,
        private(Quoted(named.domain()), look),
        Login(look),
    );
    true
}

/// The help, which depends on whether the registry offers password-free pulls.
struct Login(Look);

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("If it requires a login, add its secret as `namespace:name`")?;
        if self.0 == Look::Acr {
            write!(
                f,
                " or name the instance in the annotation `{ACR_INSTANCE_IDS}`"
            )?;
        }
        f.write_str(".")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registry_looks_private_only_if_a_login_is_usual() {
        for (image, expected) in [
            ("nginx:1", None),
            ("registry.example.com/a/b:1", None),
            ("ghcr.io/a/b:1", None),
            ("quay.io/a/b:1", None),
            ("public.ecr.aws/a/b:1", None),
            ("mcr.microsoft.com/a/b:1", None),
            ("registry.k8s.io/pause:3.9", None),
            ("registry.aliyuncs.com/google_containers/pause:3.9", None),
            (
                "registry-vpc.cn-hangzhou.aliyuncs.com/acs/pause-amd64:3.0",
                None,
            ),
            (
                "registry.cn-hangzhou.aliyuncs.com/google_containers/pause:3.9",
                None,
            ),
            (
                "registry.cn-shanghai.aliyuncs.com/baz/nginx:1.0",
                Some(Look::Acr),
            ),
            (
                "registry-vpc.cn-shanghai.aliyuncs.com/baz/nginx:1.0",
                Some(Look::Acr),
            ),
            (
                "team-registry.cn-beijing.cr.aliyuncs.com/a/b:1",
                Some(Look::Acr),
            ),
            (
                "team-registry-vpc.cn-beijing.cr.aliyuncs.com/acs/b:1",
                Some(Look::Acr),
            ),
            (
                "crpi-abc.cn-hangzhou.personal.cr.aliyuncs.com/a/b:1",
                Some(Look::Acr),
            ),
            ("team.azurecr.io/b:1", Some(Look::Cloud)),
            (
                "123456789012.dkr.ecr.eu-west-1.amazonaws.com/b:1",
                Some(Look::Cloud),
            ),
            ("europe-docker.pkg.dev/p/r/b:1", Some(Look::Cloud)),
            ("harbor.example.com:5000/a/b:1", Some(Look::Port)),
            ("192.0.2.10/a/b:1", Some(Look::Address)),
            ("192.0.2.10:5000/a/b:1", Some(Look::Address)),
            ("[2001:db8::1]:5000/a/b:1", Some(Look::Address)),
            ("localhost/a/b:1", Some(Look::PrivateName)),
            ("harbor.corp/a/b:1", Some(Look::PrivateName)),
            (
                "registry.build.svc.cluster.local/a/b:1",
                Some(Look::PrivateName),
            ),
        ] {
            let named = Named::parse(image).unwrap();
            assert_eq!(look(named.domain(), &named.path()), expected, "{image}");
        }
    }
}
