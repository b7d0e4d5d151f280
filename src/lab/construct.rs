//! From the table of the world to running servers: sockets, names, certificates, layers and the doors to them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use super::clock::{Timer, wall_clock};
use super::dns::{self, NameServer};
use super::identity::Inventor;
use super::lambda::Pool;
use super::layer::{Layer, Role, Surroundings};
use super::listen::{self, BindError, Sockets};
use super::profile::Profile;
use super::random::SplitMix64;
use super::serve::{self, Door, Host};
use super::served::Ledger;
use super::upstream::Upstream;
use super::world::{BIG, Front, Kind, STATIONS, Station, station};
use super::zone::{self, Families, Zone};
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
pub(super) fn build(runtime: &Runtime, profile: &Profile, options: LabOptions) -> Result<Built, LabError> {
    let _context = runtime.enter();
    let sockets = Sockets::bind(options)?;
    let host_names = fronts().map(|(station, _)| station.name).chain([BIG.0]).map(host_name).collect::<Vec<_>>();
    let credentials = tls::make(host_names.iter().map(String::as_str), wall_clock())?;
    let zone = zone(&host_names, profile.dns.ttl_s, sockets.families)?;
    let timer = Timer::start().map_err(LabError::Threads)?;
    let ledger = Arc::<Ledger>::default();
    let around = Arc::new(Surroundings {
        profile: profile.clone(),
        inventor: Inventor::new(getrandom::u64().map_err(LabError::Entropy)?),
        sleeper: timer.sleeper(),
        ledger: Arc::clone(&ledger),
        epoch: Instant::now(),
        redirect_to: format!("https://{}:{}/", host_name("ec2"), sockets.https.port),
    });
    let (inner, inner_stopped) = watch::channel(());
    let layers = layers(runtime, &around, options, &inner_stopped)?;

    let (front, front_stopped) = watch::channel(());
    let behind = |endpoint: &'static str, name: &str| {
        layers.get(name).map(|layer| (host_name(endpoint), Host { endpoint, layer: Arc::clone(layer) }))
    };
    let secure = Door::Front {
        hosts: fronts().filter_map(|(at, _)| behind(at.name, at.name)).chain(behind(BIG.0, "ec2")).collect(),
        tls: Some(TlsAcceptor::from(credentials.server)),
        ledger: Arc::clone(&ledger),
    };
    let plain = Door::Front {
        hosts: behind("ec2-plain", "ec2").map(|(_, host)| (host_name("ec2"), host)).into_iter().collect(),
        tls: None,
        ledger: Arc::clone(&ledger),
    };
    let endpoints = endpoints(sockets.https.port, sockets.http.port);
    for (listeners, door) in [(sockets.https, secure), (sockets.http, plain)] {
        let door = Arc::new(door);
        for socket in listeners.sockets {
            runtime.spawn(serve::accept(socket, Arc::clone(&door), front_stopped.clone()));
        }
    }
    let name_server = Arc::new(NameServer { zone, delay: profile.dns.answer, sleeper: timer.sleeper() });
    runtime.spawn(dns::serve_udp(Arc::clone(&name_server), sockets.dns_udp));
    runtime.spawn(dns::serve_tcp(name_server, sockets.dns_tcp));

    let lab = Lab { dns_server: sockets.dns_address, ca_pem: credentials.ca_pem, endpoints, ledger, running: None };
    Ok(Built { lab, timer, front, inner })
}

fn fronts() -> impl Iterator<Item = (&'static Station, &'static Front)> {
    STATIONS.iter().filter_map(|station| Some((station, station.front.as_ref()?)))
}

fn host_name(name: &str) -> String {
    format!("{name}.{}", zone::ORIGIN)
}

/// `host_names` are those of [`fronts`] and that of [`BIG`], in this order.
fn zone(host_names: &[String], ttl_s: u32, families: Families) -> Result<Zone, LabError> {
    let aliases = fronts().map(|(_, front)| front.aliases).chain([BIG.1]);
    let chains = host_names
        .iter()
        .zip(aliases)
        .map(|(host, aliases)| std::iter::once(host.as_str()).chain(aliases.iter().copied()).collect::<Vec<_>>());
    let server = host_name("ns");
    Ok(Zone::new(chains.chain([vec![server.as_str()]]), ttl_s, families)?)
}

/// Every server of the world, and those that others call listening.
fn layers(
    runtime: &Runtime,
    around: &Arc<Surroundings>,
    options: LabOptions,
    stopped: &watch::Receiver<()>,
) -> Result<Layers, BindError> {
    let mut layers = Layers::new();
    let mut addresses: HashMap<&str, SocketAddr> = HashMap::new();
    let mut seeds = SplitMix64::new(options.seed);
    for at in STATIONS {
        let upstream = at.upstream.and_then(|name| Some((station(name)?, *addresses.get(name)?)));
        let role = match upstream {
            Some((next, address)) => Role::Relay { upstream: Upstream::new(address), name: next.aws_name() },
            None if at.kind == Kind::Lambda => {
                let pool = Pool::new(around.profile.lambda.clone(), options.time_scale, seeds.next());
                Role::Function(Mutex::new(pool))
            }
            None => Role::App,
        };
        let layer = Arc::new(Layer { station: at, role, around: Arc::clone(around) });
        if at.is_called() {
            let listener = listen::inner()?;
            addresses.insert(at.name, listener.address);
            let door = Arc::new(Door::Inner(Arc::clone(&layer)));
            runtime.spawn(serve::accept(listener.socket, door, stopped.clone()));
        }
        layers.insert(at.name, layer);
    }
    Ok(layers)
}

fn endpoints(secure: u16, plain: u16) -> Vec<Endpoint> {
    let secure = fronts().map(|(station, front)| Endpoint {
        name: station.name,
        url: format!("https://{}:{secure}/", host_name(station.name)),
        path: station.path(),
        description: front.description,
    });
    let plain = Endpoint {
        name: "ec2-plain",
        url: format!("http://{}:{plain}/", host_name("ec2")),
        path: vec![Kind::Ec2.layer()],
        description: "The application server without TLS.",
    };
    secure.chain([plain]).collect()
}
