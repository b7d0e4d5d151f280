//! The lab in its regions, each as far away as the profile says.
//!
//! All servers run in the link's far namespace. A region is a set of all of them with its own addresses; the link tells the
//! regions apart by those. The name server has an address, and a distance, of its own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::link::{Conditions, Link, LinkError, Prefix, Route, has_ipv6};
use super::place::{Place, Ports, RegionName, Site};
use super::zone::Addresses;
use super::{Lab, LabError, LabOptions, LogError, Profile};
use crate::time::Nanos;

/// As many as the addresses have room for: 198.18.1.1 to 198.18.250.1.
pub(super) const MOST_REGIONS: usize = 250;

/// The name server's address.
const DNS: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 53);

/// Where everything is, unless the options say otherwise: at a distance all ports are free.
const WELL_KNOWN: Ports = Ports { dns: 53, https: 443, http: 80 };

/// One region of a lab with distance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// `eu-west-1`.
    pub name: RegionName,
    /// What a round trip to it takes, without jitter.
    pub round_trip: Nanos,
    /// Its IPv4 address.
    pub v4: Ipv4Addr,
    /// Its IPv6 address; `None` where the system has no IPv6.
    pub v6: Option<Ipv6Addr>,
}

/// A running lab, and the network between it and its clients. Both end when this is dropped.
#[derive(Debug)]
pub struct DistantLab {
    /// First, so that it stops before its network does.
    lab: Lab,
    network: Link,
    regions: Vec<Region>,
}

impl Lab {
    /// Lays a link and starts all servers of all regions at its far end. Only what runs in
    /// [`network().client()`](Link::client) reaches them.
    ///
    /// Needs the right to make network namespaces: [`link::acquire`](super::link::acquire) gets it, if it is to be had.
    pub fn start_at_distance(profile: &Profile, options: &LabOptions) -> Result<DistantLab, LabError> {
        Self::start_beyond(profile, options, |_, _| {})
    }

    /// The same after `adjust` has had its way with the route to each region, such as with a packet that is to be lost.
    pub fn start_beyond(
        profile: &Profile,
        options: &LabOptions,
        mut adjust: impl FnMut(&Region, &mut Route),
    ) -> Result<DistantLab, LabError> {
        let count = profile.distance.regions.len();
        if !(1..=MOST_REGIONS).contains(&count) {
            return Err(LabError::Regions(count));
        }
        let regions = regions(profile);
        let mut routes = vec![route(profile, vec![DNS.into()], profile.distance.dns)];
        for region in &regions {
            let mut route = route(profile, region.addresses().collect(), region.round_trip);
            route.back.accept = profile.distance.accept;
            adjust(region, &mut route);
            routes.push(route);
        }
        let network = Link::lay(&routes, options.seed)?;
        let sites = regions.iter().zip(0..).map(|(region, index)| Site {
            index,
            region: Some(region.name.to_string()),
            addresses: Addresses { v4: region.v4, v6: region.v6 },
        });
        let place = Place { dns: DNS, ports: WELL_KNOWN, sites: sites.collect() };
        let started = network.server().run(|| Self::start_in(&place, profile, options));
        let lab = started.map_err(LinkError::from)??;
        Ok(DistantLab { lab, network, regions })
    }
}

impl DistantLab {
    /// The servers.
    #[must_use]
    pub const fn lab(&self) -> &Lab {
        &self.lab
    }

    /// The way to them.
    #[must_use]
    pub const fn network(&self) -> &Link {
        &self.network
    }

    /// The regions, nearest first. The link's route 0 leads to the name server, route 1 to the first region, and so on.
    #[must_use]
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// The name server, for what runs in the client's namespace.
    #[must_use]
    pub const fn dns_server(&self) -> SocketAddr {
        self.lab.dns_server()
    }

    /// As [`Lab::stop`], and then the network.
    #[must_use]
    pub fn stop(self, grace: Nanos) -> Vec<LogError> {
        self.lab.stop(grace)
    }
}

impl Region {
    /// Its addresses.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        [Some(self.v4.into()), self.v6.map(IpAddr::from)].into_iter().flatten()
    }
}

/// By distance, and those that are equally far by name.
fn regions(profile: &Profile) -> Vec<Region> {
    let mut by_distance: Vec<_> = profile.distance.regions.iter().collect();
    by_distance.sort_by_key(|(name, round_trip)| (**round_trip, *name));
    let region = |((name, round_trip), number): ((&RegionName, &Nanos), u8)| Region {
        name: name.clone(),
        round_trip: *round_trip,
        v4: Ipv4Addr::new(198, 18, number, 1),
        v6: has_ipv6().then(|| Ipv6Addr::new(0xfd77, 0x6972, 0x65fa, number.into(), 0, 0, 0, 1)),
    };
    by_distance.into_iter().zip(1..=u8::MAX).map(region).collect()
}

fn route(profile: &Profile, far: Vec<IpAddr>, round_trip: Nanos) -> Route {
    let far = far.into_iter().map(Prefix::host).collect();
    let Route { far, there, back } = Route::of_round_trip(far, round_trip);
    let with_chance =
        |conditions| Conditions { jitter: profile.distance.jitter, loss: profile.distance.loss, ..conditions };
    Route { far, there: with_chance(there), back: with_chance(back) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_numbered_by_distance() {
        let profile = Profile::parse("distance.round_trip_ms.next-door = 0.5", "test.toml").unwrap();
        let regions = regions(&profile);
        let found: Vec<_> = regions.iter().map(|region| (region.name.as_str(), region.v4.to_string())).collect();
        let expect =
            ["next-door", "us-east-1", "us-west-2", "eu-west-1", "sa-east-1", "ap-northeast-1", "ap-southeast-2"];
        let expect: Vec<_> =
            expect.into_iter().zip(1..).map(|(name, number)| (name, format!("198.18.{number}.1"))).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn a_lab_without_regions_or_with_too_many_is_refused() {
        let mut profile = Profile::default();
        profile.distance.regions.clear();
        for count in [0, 251] {
            profile.distance.regions =
                (0..count).map(|number| (format!("r{number}").parse().unwrap(), Nanos::ZERO)).collect();
            let error = Lab::start_at_distance(&profile, &LabOptions::default()).unwrap_err();
            assert!(matches!(error, LabError::Regions(refused) if refused == count), "{error:?}");
        }
    }
}
