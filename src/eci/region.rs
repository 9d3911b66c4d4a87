//! Regions and the hosts that serve them.

/// Every region with ECI that the vendor's list of endpoints names, and the part of its host name for it.
const REGIONS: [(&str, &str); 35] = [
    ("ap-northeast-1", ""),
    ("ap-northeast-2", ""),
    ("ap-south-1", ""),
    ("ap-southeast-1", ""),
    ("ap-southeast-2", ""),
    ("ap-southeast-3", ""),
    ("ap-southeast-5", ""),
    ("ap-southeast-6", ""),
    ("ap-southeast-7", ""),
    ("cn-beijing", ""),
    ("cn-beijing-finance-1", ""),
    ("cn-chengdu", ""),
    ("cn-fuzhou", ""),
    ("cn-guangzhou", ""),
    ("cn-hangzhou", ""),
    ("cn-hangzhou-finance", ""),
    ("cn-heyuan", ""),
    ("cn-hongkong", ""),
    ("cn-huhehaote", ""),
    ("cn-nanjing", ""),
    ("cn-qingdao", ""),
    ("cn-shanghai", ""),
    ("cn-shanghai-finance-1", "cn-shanghai-finance"),
    ("cn-shenzhen", ""),
    ("cn-shenzhen-finance-1", "cn-shenzhen-finance"),
    ("cn-wuhan-lr", ""),
    ("cn-wulanchabu", ""),
    ("cn-zhangjiakou", ""),
    ("cn-zhengzhou-jva", ""),
    ("eu-central-1", ""),
    ("eu-west-1", ""),
    ("me-central-1", ""),
    ("me-east-1", ""),
    ("us-east-1", ""),
    ("us-west-1", ""),
];

/// From where a service is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Network {
    /// From the Internet: `eci.<region>.aliyuncs.com`.
    #[default]
    Public,
    /// From within a VPC of the region, without a way to the Internet: `eci-vpc.<region>.aliyuncs.com`.
    Vpc,
}

/// The names of all known regions, sorted.
pub fn known() -> impl Iterator<Item = &'static str> {
    REGIONS.iter().map(|(region, _)| *region)
}

/// The host of ECI for a region. A region that is not in the list gets the host of its own name: new ones appear.
///
/// `None` when the text cannot be a region (letters, digits and hyphens): it would lead to a host of somebody's
/// choosing.
///
/// ```
/// use imagecache::eci::region::{Network, host};
/// assert_eq!(host("cn-hangzhou", Network::Public).unwrap(), "eci.cn-hangzhou.aliyuncs.com");
/// assert_eq!(host("cn-shanghai-finance-1", Network::Vpc).unwrap(), "eci-vpc.cn-shanghai-finance.aliyuncs.com");
/// assert_eq!(host("example.com/", Network::Public), None);
/// ```
#[must_use]
pub fn host(region: &str, network: Network) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if region.is_empty() || region.len() > 63 || !region.bytes().all(plain) {
        return None;
    }
    let known = REGIONS.iter().find(|(known, _)| *known == region);
    let part = match known {
        Some((_, part)) if !part.is_empty() => part,
        _ => region,
    };
    Some(match network {
        Network::Public => format!("eci.{part}.aliyuncs.com"),
        Network::Vpc => format!("eci-vpc.{part}.aliyuncs.com"),
    })
}
