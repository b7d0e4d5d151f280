//! From the table of the world to running servers: sockets, names, certificates, layers and the doors to them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::Instant;

use super::clock::{Timer, wall_clock};
use super::dns::{self, NameServer};
use super::identity::Inventor;
use super::lambda::Pool;
use super::layer::{Layer, Role, Surroundings};
use super::listen::{self, BindError, Doors, Sockets};
use super::place::{Place, Ports, Site, host_name};
use super::profile::Profile;
use super::random::SplitMix64;
use super::scribe::Scribe;
use super::serve::{self, Door, Host};
use super::served::Ledger;
use super::upstream::Upstream;
use super::world::{BIG, Front, Kind, STATIONS, Station, station};
use super::zone::{Addresses, Zone};
use super::{Endpoint, Lab, LabError, LabOptions, tls};

/// A lab whose servers have been handed to a runtime.
pub(super) struct Built {
    pub(super) lab: Lab,
    pub(super) timer: Timer,
    /// Sent to, it ends what clients have opened; it has receivers as long as connections are left.
    pub(super) front: watch::Sender<()>,
    /// Dropped, it ends the servers that only other servers call.
    pub(super) inner: watch::Sender<()>,
}

type Layers = HashMap<&'static str, Arc<Layer>>;

/// Binds everything first, so that whatever can fail has failed before a server runs.
pub(super) fn build(
    runtime: &Runtime,
    profile: &Profile,
    options: &LabOptions,
    place: &Place,
) -> Result<Built, LabError> {
    let _context = runtime.enter();
    let ports = ports(options, place.ports);
    let sockets = Sockets::bind(place, ports)?;
    let credentials = tls::make(certified(place).iter().map(String::as_str), wall_clock())?;
    let zone = zone(place, profile.dns.ttl_s)?;
    let timer = Timer::start().map_err(LabError::Threads)?;
    let ledger = Arc::<Ledger>::default();
    let scribe = match &options.logs {
        Some(directory) => {
            let (scribe, sender) = Scribe::start(directory, profile.clone())?;
            ledger.employ(sender);
            Some(scribe)
        }
        None => None,
    };
    let tls = Arc::new(credentials.servers);
    let (inner, inner_stopped) = watch::channel(());
    let (front, front_stopped) = watch::channel(());
    let mut seeds = SplitMix64::new(options.seed);
    let mut endpoints = Vec::new();
    for (site, Doors { https, http }) in place.sites.iter().zip(sockets.doors) {
        endpoints.extend(endpoints_of(site, https.port, http.port));
        let around = Arc::new(Surroundings {
            profile: profile.clone(),
            inventor: Inventor::new(getrandom::u64().map_err(LabError::Entropy)?),
            sleeper: timer.sleeper(),
            ledger: Arc::clone(&ledger),
            epoch: Instant::now(),
            redirect_to: url("https", &site.host_name("ec2"), https.port),
        });
        let building = Neighbourhood { runtime, site, around, options, stopped: &inner_stopped };
        let layers = building.layers(&mut seeds)?;
        let secure = Door::Front {
            hosts: secure_hosts(site, &layers),
            tls: Some(Arc::clone(&tls)),
            ledger: Arc::clone(&ledger),
        };
        let plain = Door::Front { hosts: plain_hosts(site, &layers), tls: None, ledger: Arc::clone(&ledger) };
        for (listeners, door) in [(https, secure), (http, plain)] {
            let door = Arc::new(door);
            for socket in listeners.sockets {
                runtime.spawn(serve::accept(socket, Arc::clone(&door), front_stopped.clone()));
            }
        }
    }
    let name_server = Arc::new(NameServer { zone, delay: profile.dns.answer, sleeper: timer.sleeper() });
    runtime.spawn(dns::serve_udp(Arc::clone(&name_server), sockets.dns_udp));
    runtime.spawn(dns::serve_tcp(name_server, sockets.dns_tcp));

    let lab =
        Lab { dns_server: sockets.dns_address, ca_pem: credentials.ca_pem, endpoints, ledger, scribe, running: None };
    Ok(Built { lab, timer, front, inner })
}

/// The ports that were asked for, and the place's own where none was.
fn ports(options: &LabOptions, own: Ports) -> Ports {
    let or = |asked: u16, own: u16| if asked == 0 { own } else { asked };
    Ports {
        dns: or(options.dns_port, own.dns),
        https: or(options.https_port, own.https),
        http: or(options.http_port, own.http),
    }
}

fn fronts() -> impl Iterator<Item = (&'static Station, &'static Front)> {
    STATIONS.iter().filter_map(|station| Some((station, station.front.as_ref()?)))
}

/// Every host and its aliases, [`BIG`] included.
fn hosts() -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    fronts().map(|(station, front)| (station.name, front.aliases)).chain([BIG])
}

/// The names in the certificate: those without a region one by one, the others by region, so that it stays small.
fn certified(place: &Place) -> Vec<String> {
    let regions = place.sites.iter().filter(|site| site.region.is_some()).map(|site| site.host_name("*"));
    hosts().map(|(name, _)| host_name(name)).chain(regions).collect()
}

/// The names of every site, and those without a region, which are the nearest site's.
fn zone(place: &Place, ttl_s: u32) -> Result<Zone, LabError> {
    let chain = |site: &Site, first: String, aliases: &[&str]| {
        let names = std::iter::once(first).chain(aliases.iter().map(|alias| site.aws_name(alias)));
        (names.collect::<Vec<_>>(), site.addresses)
    };
    let regional = place.sites.iter().filter(|site| site.region.is_some()).flat_map(|site| {
        fronts().map(move |(station, front)| chain(site, site.host_name(station.name), front.aliases))
    });
    let nearest = place.sites.first();
    let plain =
        nearest.into_iter().flat_map(|site| hosts().map(move |(name, aliases)| chain(site, host_name(name), aliases)));
    let server = (vec![host_name("ns")], Addresses { v4: place.dns, v6: None });
    let chains: Vec<_> = regional.chain(plain).chain([server]).collect();
    let chains = chains.iter().map(|(names, host)| (names.iter().map(String::as_str), *host));
    Ok(Zone::new(chains, ttl_s)?)
}

/// The layer behind a host, under the host's name in this site and, in the nearest, without a region.
fn host(site: &Site, layers: &Layers, host: &str, endpoint: &'static str, layer: &str) -> Vec<(String, Host)> {
    let Some(layer) = layers.get(layer) else { return Vec::new() };
    let behind = Host { endpoint, region: site.region.clone(), layer: Arc::clone(layer) };
    let mut hosts = vec![(site.host_name(host), behind.clone())];
    if site.index == 0 {
        hosts.push((host_name(host), behind));
    }
    hosts
}

fn secure_hosts(site: &Site, layers: &Layers) -> HashMap<String, Host> {
    let named = fronts().flat_map(|(at, _)| host(site, layers, at.name, at.name, at.name));
    named.chain(host(site, layers, BIG.0, BIG.0, "ec2")).collect()
}

fn plain_hosts(site: &Site, layers: &Layers) -> HashMap<String, Host> {
    host(site, layers, "ec2", "ec2-plain", "ec2").into_iter().collect()
}

/// What the layers of one site need.
struct Neighbourhood<'lab> {
    runtime: &'lab Runtime,
    site: &'lab Site,
    around: Arc<Surroundings>,
    options: &'lab LabOptions,
    stopped: &'lab watch::Receiver<()>,
}

impl Neighbourhood<'_> {
    /// Every server of the world, and those that others call listening.
    fn layers(&self, seeds: &mut SplitMix64) -> Result<Layers, BindError> {
        let mut layers = Layers::new();
        let mut addresses: HashMap<&str, SocketAddr> = HashMap::new();
        for at in STATIONS {
            let upstream = at.upstream.and_then(|name| Some((station(name)?, *addresses.get(name)?)));
            let role = match upstream {
                Some((next, address)) => {
                    Role::Relay { upstream: Upstream::new(address), name: self.site.aws_name(next.aws_name()) }
                }
                None if at.kind == Kind::Lambda => {
                    let pool = Pool::new(self.around.profile.lambda.clone(), self.options.time_scale, seeds.next());
                    Role::Function(Mutex::new(pool))
                }
                None => Role::App,
            };
            let layer = Arc::new(Layer { station: at, role, around: Arc::clone(&self.around) });
            if at.is_called() {
                let listener = listen::inner()?;
                addresses.insert(at.name, listener.address);
                let door = Arc::new(Door::Inner(Arc::clone(&layer)));
                self.runtime.spawn(serve::accept(listener.socket, door, self.stopped.clone()));
            }
            layers.insert(at.name, layer);
        }
        Ok(layers)
    }
}

fn endpoints_of(site: &Site, secure: u16, plain: u16) -> impl Iterator<Item = Endpoint> {
    let endpoint =
        |name, url, path, description| Endpoint { name, region: site.region.clone(), url, path, description };
    let secure = fronts().map(move |(station, front)| {
        endpoint(station.name, url("https", &site.host_name(station.name), secure), station.path(), front.description)
    });
    let plain = endpoint(
        "ec2-plain",
        url("http", &site.host_name("ec2"), plain),
        vec![Kind::Ec2.layer()],
        "The application server without TLS.",
    );
    secure.chain([plain])
}

/// A URL that says no more than it has to.
fn url(scheme: &str, host: &str, port: u16) -> String {
    match (scheme, port) {
        ("https", 443) | ("http", 80) => format!("{scheme}://{host}/"),
        _ => format!("{scheme}://{host}:{port}/"),
    }
}
