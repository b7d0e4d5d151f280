//! What this machine says about names: `/etc/resolv.conf` (resolv.conf(5)) and `/etc/hosts` (hosts(5)).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::path::Path;

use crate::time::Nanos;

const RESOLV_CONF: &str = "/etc/resolv.conf";
const HOSTS: &str = "/etc/hosts";

/// The defaults of resolv.conf(5), which also serve where servers are given by the user.
pub(super) const TIMEOUT: Nanos = Nanos::from_secs(5);
pub(super) const ATTEMPTS: u32 = 2;

/// How to ask, as the system's administrator configured it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct System {
    pub(super) servers: Vec<SocketAddr>,
    pub(super) search: Vec<String>,
    pub(super) ndots: u32,
    pub(super) timeout: Nanos,
    pub(super) attempts: u32,
    hosts: String,
}

impl System {
    /// Reads both files. A file that is missing or broken counts as empty: the resolver of the C library does the same, and
    /// asks the local host where there is no server.
    pub(super) fn load() -> Self {
        let read = |path: &str| std::fs::read_to_string(Path::new(path)).unwrap_or_default();
        Self::parse(&read(RESOLV_CONF), read(HOSTS))
    }

    fn parse(resolv_conf: &str, hosts: String) -> Self {
        let (mut config, _) = resolv_conf::Config::parse_with_errors(resolv_conf.as_bytes());
        config.glibc_normalize();
        Self {
            servers: config.get_nameservers_or_local().into_iter().map(server_address).collect(),
            search: config.get_last_search_or_domain().map(String::from).collect(),
            ndots: config.ndots,
            timeout: Nanos::from_secs(u64::from(config.timeout.max(1))),
            attempts: config.attempts.max(1),
            hosts,
        }
    }

    /// The addresses that the hosts file has for a name.
    pub(super) fn hosts(&self, name: &str) -> Vec<IpAddr> {
        let entries = self.hosts.lines().filter_map(|line| {
            let mut words = line.split('#').next()?.split_ascii_whitespace();
            let address: IpAddr = words.next()?.parse().ok()?;
            words.any(|alias| alias.eq_ignore_ascii_case(name)).then_some(address)
        });
        let mut addresses: Vec<IpAddr> = Vec::new();
        for address in entries {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        addresses
    }

    /// The names to ask for, in order: with the search list before or after the name as given, by its number of dots.
    pub(super) fn candidates(&self, name: &str) -> Vec<String> {
        if let Some(absolute) = name.strip_suffix('.') {
            return vec![absolute.to_owned()];
        }
        let dots = name.matches('.').count();
        let searched = self.search.iter().map(|domain| format!("{name}.{}", domain.trim_matches('.')));
        let as_given = std::iter::once(name.to_owned());
        if dots >= self.ndots as usize {
            as_given.chain(searched).collect()
        } else {
            searched.chain(as_given).collect()
        }
    }
}

fn server_address(server: resolv_conf::ScopedIp) -> SocketAddr {
    const PORT: u16 = 53;
    match server {
        resolv_conf::ScopedIp::V6(address, Some(zone)) => {
            let index = nix::net::if_::if_nametoindex(zone.as_str()).unwrap_or_else(|_| zone.parse().unwrap_or(0));
            SocketAddr::V6(SocketAddrV6::new(address, PORT, 0, index))
        }
        address => SocketAddr::new(address.into(), PORT),
    }
}

/// `localhost` and everything below it is this host, whoever answers for it (RFC 6761 §6.3).
pub(super) fn loopback(name: &str) -> Option<[IpAddr; 2]> {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let is_local = name == "localhost" || name.ends_with(".localhost");
    is_local.then_some([IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::LOCALHOST)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(resolv_conf: &str, hosts: &str) -> System {
        System::parse(resolv_conf, hosts.to_owned())
    }

    #[test]
    fn resolv_conf_is_read_as_its_manual_says() {
        let system = system(
            "nameserver 192.0.2.1\nnameserver 2001:db8::1\nsearch a.example b.example\noptions ndots:2 timeout:3 attempts:4\n",
            "",
        );
        assert_eq!(system.servers, ["192.0.2.1:53".parse().unwrap(), "[2001:db8::1]:53".parse().unwrap()]);
        assert_eq!((system.ndots, system.attempts, system.timeout), (2, 4, Nanos::from_secs(3)));
        assert_eq!(system.candidates("www"), ["www.a.example", "www.b.example", "www"]);
        assert_eq!(system.candidates("www.x"), ["www.x.a.example", "www.x.b.example", "www.x"]);
        assert_eq!(system.candidates("www.x.y"), ["www.x.y", "www.x.y.a.example", "www.x.y.b.example"]);
        assert_eq!(system.candidates("www.x."), ["www.x"]);
    }

    #[test]
    fn without_servers_the_local_host_is_asked() {
        let system = system("nonsense here\n", "");
        assert!(system.servers.contains(&"127.0.0.1:53".parse().unwrap()), "{:?}", system.servers);
    }

    #[test]
    fn the_hosts_file_is_case_insensitive_and_knows_aliases_and_comments() {
        let system =
            system("", "127.0.0.1 localhost\n192.0.2.7\tWeb.example web # web2\nnot-an-address web\n::7 web\n");
        assert_eq!(system.hosts("WEB"), ["192.0.2.7".parse::<IpAddr>().unwrap(), "::7".parse().unwrap()]);
        assert!(system.hosts("web2").is_empty());
    }

    #[test]
    fn names_below_localhost_are_this_host() {
        assert!(loopback("localhost").is_some());
        assert!(loopback("App.LOCALHOST.").is_some());
        assert!(loopback("notlocalhost").is_none());
    }
}
