//! Addresses and URLs in rules: Kubernetes' libraries `ip`, `cidr` and `url` of CEL.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use cel::extractors::This;
use cel::objects::Opaque;
use cel::{ExecutionError, Value};
use percent_encoding::percent_decode_str;

use super::format;
use super::rule_library::{Result, fault, opaque};

/// An address.
#[derive(Debug, PartialEq, Eq)]
struct Ip(IpAddr);

/// An address and the number of bits that name its network.
#[derive(Debug, PartialEq, Eq)]
struct Cidr(IpAddr, u8);

/// A URL that [`http::Uri`] reads.
#[derive(Debug, PartialEq, Eq)]
struct Url(String);

opaque!(Ip, "net.IP");
opaque!(Cidr, "net.CIDR");
opaque!(Url, "kubernetes.URL");

pub(super) fn addresses(context: &mut cel::Context<'_, '_>) {
    fn read(function: &str, text: &str) -> Result<IpAddr> {
        let read = text.parse();
        read.map_err(|_| fault(function, format!("IP Address {text:?} parse error")))
    }
    fn network(function: &str, text: &str) -> Result<Cidr> {
        let parts = text.split_once('/').filter(|_| format::holds("cidr", text));
        let read = parts.and_then(|(ip, bits)| Some(Cidr(ip.parse().ok()?, bits.parse().ok()?)));
        read.ok_or_else(|| fault(function, format!("network address parse error: {text:?}")))
    }
    let _ = context.add_function("ip", |This(of): This<Value>| -> Result {
        match of {
            Value::String(text) => Ok(Ip(read("ip", &text)?).into()),
            Value::Opaque(other) => match other.downcast_ref::<Cidr>() {
                Some(Cidr(ip, _)) => Ok(Ip(*ip).into()),
                None => Err(fault("ip", "neither a text nor a network")),
            },
            _ => Err(fault("ip", "neither a text nor a network")),
        }
    });
    let _ = context.add_function("ip.isCanonical", |text: Arc<String>| {
        read("ip.isCanonical", &text).map(|ip| ip.to_string() == **text)
    });
    let _ = context.add_function("cidr", |text: Arc<String>| -> Result {
        Ok(network("cidr", &text)?.into())
    });
    let _ = context.add_function("family", |This(one): This<Arc<dyn Opaque>>| {
        let one = one.downcast_ref::<Ip>();
        one.map(|ip| if ip.0.is_ipv4() { 4_i64 } else { 6 })
            .ok_or_else(|| fault("family", "not an address"))
    });
    type Is = fn(&IpAddr) -> bool;
    let link_local: Is = |ip| match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    let link_local_multicast: Is = |ip| match ip {
        IpAddr::V4(ip) => ip.octets().starts_with(&[224, 0, 0]),
        IpAddr::V6(ip) => ip
            .segments()
            .first()
            .is_some_and(|first| first & 0xff0f == 0xff02),
    };
    let global: Is = |ip| {
        let special = ip.is_unspecified() || ip.is_loopback() || ip.is_multicast();
        let link_local = match ip {
            IpAddr::V4(ip) => ip.is_link_local() || ip.is_broadcast(),
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        };
        !special && !link_local
    };
    for (name, is) in [
        ("isGlobalUnicast", global),
        ("isLinkLocalMulticast", link_local_multicast),
        ("isLinkLocalUnicast", link_local),
        ("isLoopback", |ip: &IpAddr| ip.is_loopback()),
        ("isUnspecified", |ip: &IpAddr| ip.is_unspecified()),
    ] {
        let _ = context.add_function(name, move |This(one): This<Arc<dyn Opaque>>| {
            let one = one.downcast_ref::<Ip>().map(|ip| is(&ip.0));
            one.ok_or_else(|| fault(name, "not an address"))
        });
    }
    let _ = context.add_function(
        "containsIP",
        |This(one): This<Arc<dyn Opaque>>, other: Value| {
            let ip = match &other {
                Value::String(text) => Some(read("containsIP", text)?),
                Value::Opaque(ip) => ip.downcast_ref::<Ip>().map(|ip| ip.0),
                _ => None,
            };
            let (one, ip) = one
                .downcast_ref::<Cidr>()
                .zip(ip)
                .ok_or_else(|| fault("containsIP", "not a network and an address"))?;
            Ok::<_, ExecutionError>(masked(one.0, one.1) == masked(ip, one.1))
        },
    );
    let _ = context.add_function(
        "containsCIDR",
        |This(one): This<Arc<dyn Opaque>>, other: Value| {
            let parsed;
            let other = match &other {
                Value::String(text) => {
                    parsed = network("containsCIDR", text)?;
                    Some(&parsed)
                }
                Value::Opaque(other) => other.downcast_ref::<Cidr>(),
                _ => None,
            };
            let (one, other) = one
                .downcast_ref::<Cidr>()
                .zip(other)
                .ok_or_else(|| fault("containsCIDR", "not two networks"))?;
            let inside = masked(one.0, one.1) == masked(other.0, one.1);
            Ok::<_, ExecutionError>(inside && one.1 <= other.1)
        },
    );
    let _ = context.add_function("masked", |This(one): This<Arc<dyn Opaque>>| -> Result {
        let one = one.downcast_ref::<Cidr>();
        let Cidr(ip, bits) = one.ok_or_else(|| fault("masked", "not a network"))?;
        let ip = masked(*ip, *bits).ok_or_else(|| fault("masked", "not a network"))?;
        Ok(Cidr(ip, *bits).into())
    });
    let _ = context.add_function("prefixLength", |This(one): This<Arc<dyn Opaque>>| {
        let one = one.downcast_ref::<Cidr>().map(|one| i64::from(one.1));
        one.ok_or_else(|| fault("prefixLength", "not a network"))
    });
}

/// Returns an address with only its first bits.
fn masked(ip: IpAddr, bits: u8) -> Option<IpAddr> {
    let rest = |all: u8| u32::from(all.saturating_sub(bits));
    Some(match ip {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(rest(32)).unwrap_or(0);
            std::net::Ipv4Addr::from_bits(ip.to_bits() & mask).into()
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(rest(128)).unwrap_or(0);
            std::net::Ipv6Addr::from_bits(ip.to_bits() & mask).into()
        }
    })
}

pub(super) fn urls(context: &mut cel::Context<'_, '_>) {
    let _ = context.add_function("url", |text: Arc<String>| -> Result {
        let read = text.parse::<http::Uri>().ok();
        let read = read.filter(|url| url.scheme().is_some() || text.starts_with('/'));
        read.ok_or_else(|| fault("url", format!("URL parse error: {text:?}")))?;
        Ok(Url(text.to_string()).into())
    });
    type Part = fn(&http::Uri) -> String;
    let host: Part = |url| {
        let host = url.authority().map_or("", |authority| authority.as_str());
        host.rsplit('@').next().unwrap_or_default().to_owned()
    };
    for (name, part) in [
        (
            "getScheme",
            (|url| url.scheme_str().unwrap_or_default().to_owned()) as Part,
        ),
        ("getHost", host),
        ("getHostname", |url| {
            url.host()
                .unwrap_or_default()
                .trim_matches(['[', ']'])
                .to_owned()
        }),
        ("getPort", |url| {
            url.port().map(|port| port.to_string()).unwrap_or_default()
        }),
        ("getEscapedPath", |url| url.path().to_owned()),
    ] {
        let _ = context.add_function(name, move |This(one): This<Arc<dyn Opaque>>| {
            let text = one.downcast_ref::<Url>();
            let url = text.and_then(|url| url.0.parse::<http::Uri>().ok());
            let url = url.ok_or_else(|| fault(name, "not a URL"))?;
            // the path of `https://a` is empty, and the crate has a slash
            let after = text.and_then(|text| text.0.split_once("://"));
            let bare = after.is_some_and(|(_, after)| !after.contains('/'));
            let is_path = name == "getEscapedPath";
            let found = if bare && is_path {
                String::new()
            } else {
                part(&url)
            };
            Ok::<Value, ExecutionError>(found.into())
        });
    }
    let _ = context.add_function("getQuery", |This(one): This<Arc<dyn Opaque>>| -> Result {
        let url = one.downcast_ref::<Url>();
        let url = url.and_then(|url| url.0.parse::<http::Uri>().ok());
        let url = url.ok_or_else(|| fault("getQuery", "not a URL"))?;
        let mut query: HashMap<String, Vec<String>> = HashMap::new();
        let pairs = url.query().unwrap_or_default().split('&');
        for pair in pairs.filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let read = |text: &str| {
                let text = text.replace('+', " ");
                percent_decode_str(&text).decode_utf8_lossy().into_owned()
            };
            query.entry(read(name)).or_default().push(read(value));
        }
        Ok(query.into())
    });
}
