//! Where the lab's servers listen, and what their hosts are called there.
//!
//! On loopback there is one site without a name. At a distance there is one for each region, and every host has a name with
//! the region in it; the names without a region lead to the nearest.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::zone::{Addresses, ORIGIN};

/// The region that the world's names are written for.
const HOME: &str = "us-east-1";

/// Name of a region, such as `eu-west-1`: a label of host names (RFC 1123 §2.1) in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct RegionName(String);

/// A text that is no region's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected the name of a region, such as eu-west-1, got {0:?}")]
pub struct RegionNameError(String);

impl RegionName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RegionName {
    type Error = RegionNameError;

    fn try_from(name: String) -> Result<Self, RegionNameError> {
        let letters = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        let ends = name.starts_with('-') || name.ends_with('-');
        if letters && !ends && (1..=63).contains(&name.len()) { Ok(Self(name)) } else { Err(RegionNameError(name)) }
    }
}

impl std::str::FromStr for RegionName {
    type Err = RegionNameError;

    fn from_str(name: &str) -> Result<Self, RegionNameError> {
        name.to_owned().try_into()
    }
}

impl fmt::Display for RegionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// All sites.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// Where the name server is.
    pub(super) dns: Ipv4Addr,
    /// In the place of ports that the options leave to the lab; 0 leaves them to the kernel.
    pub(super) ports: Ports,
    /// Nearest first; never empty.
    pub(super) sites: Vec<Site>,
}

/// What ports servers have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ports {
    pub(super) dns: u16,
    pub(super) https: u16,
    pub(super) http: u16,
}

/// One set of all servers.
#[derive(Clone, Debug)]
pub(super) struct Site {
    /// How many sites are nearer.
    pub(super) index: u32,
    pub(super) region: Option<String>,
    pub(super) addresses: Addresses,
}

impl Place {
    /// This machine, reached over its loopback interface.
    pub(super) fn loopback() -> Self {
        // Both where the machine has an IPv6 loopback address.
        let v6 = std::net::UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok().then_some(Ipv6Addr::LOCALHOST);
        let addresses = Addresses { v4: Ipv4Addr::LOCALHOST, v6 };
        Self {
            dns: Ipv4Addr::LOCALHOST,
            ports: Ports { dns: 0, https: 0, http: 0 },
            sites: vec![Site { index: 0, region: None, addresses }],
        }
    }
}

impl Site {
    /// `ec2.eu-west-1.lab.test`, or without a region `ec2.lab.test`.
    pub(super) fn host_name(&self, name: &str) -> String {
        match &self.region {
            Some(region) => format!("{name}.{region}.{ORIGIN}"),
            None => host_name(name),
        }
    }

    /// The name `alias` of the world as AWS would form it for this site. Names differ from site to site.
    pub(super) fn aws_name(&self, alias: &str) -> String {
        let Some(region) = &self.region else { return alias.to_owned() };
        let [a, b, c, d] = self.addresses.v4.octets();
        if alias.starts_with("ec2-127-0-0-1.") {
            // https://docs.aws.amazon.com/vpc/latest/userguide/vpc-dns.html
            let zone = if region == HOME { "compute-1".to_owned() } else { format!("{region}.compute") };
            return format!("ec2-{a}-{b}-{c}-{d}.{zone}.amazonaws.com");
        }
        if let Some(domain) = alias.strip_prefix("d111111") {
            return format!("d{}{domain}", 111_111 * (self.index + 1));
        }
        alias.replace(HOME, region)
    }
}

/// `ec2.lab.test`
pub(super) fn host_name(name: &str) -> String {
    format!("{name}.{ORIGIN}")
}

#[cfg(test)]
mod tests {
    use super::super::world::STATIONS;
    use super::*;

    fn site(index: u8, region: Option<&str>) -> Site {
        let addresses = Addresses { v4: Ipv4Addr::new(198, 18, index + 1, 1), v6: None };
        Site { index: index.into(), region: region.map(str::to_owned), addresses }
    }

    #[test]
    fn names_carry_the_region() {
        let [nowhere, home, ireland] = [site(0, None), site(0, Some("us-east-1")), site(2, Some("eu-west-1"))];
        assert_eq!(nowhere.host_name("elb"), "elb.lab.test");
        assert_eq!(ireland.host_name("elb"), "elb.eu-west-1.lab.test");
        for (alias, at_home, in_ireland) in [
            (
                "ec2-127-0-0-1.compute-1.amazonaws.com",
                "ec2-198-18-1-1.compute-1.amazonaws.com",
                "ec2-198-18-3-1.eu-west-1.compute.amazonaws.com",
            ),
            ("d111111abcdef8.cloudfront.net", "d111111abcdef8.cloudfront.net", "d333333abcdef8.cloudfront.net"),
            ("x.us-east-1.elb.amazonaws.com", "x.us-east-1.elb.amazonaws.com", "x.eu-west-1.elb.amazonaws.com"),
        ] {
            let names = [&nowhere, &home, &ireland].map(|site| site.aws_name(alias));
            assert_eq!(names, [alias, at_home, in_ireland]);
        }
    }

    #[test]
    fn a_regions_name_is_a_label() {
        for name in ["eu-west-1", "lab", "1"] {
            assert_eq!(name.parse::<RegionName>().map(|name| name.to_string()), Ok(name.to_owned()));
        }
        for name in ["", "eu.west", "EU", "-a", "a-", "a b", &"a".repeat(64)] {
            assert_eq!(name.parse::<RegionName>(), Err(RegionNameError(name.to_owned())));
        }
    }

    #[test]
    fn no_name_of_one_region_is_one_of_another() {
        let aliases = STATIONS.iter().filter_map(|station| station.front.as_ref()).flat_map(|front| front.aliases);
        for alias in aliases {
            let names = [site(0, Some("us-east-1")), site(1, Some("sa-east-1"))].map(|site| site.aws_name(alias));
            assert_ne!(names[0], names[1]);
        }
    }
}
