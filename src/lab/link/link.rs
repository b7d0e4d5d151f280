//! Two namespaces and the distance between them.
//!
//! A namespace for clients (near) and one for servers (far), each with one interface; between the two, in a third namespace
//! that has no addresses, the pump. The routes are told apart by the far addresses, so one link carries any number of them.
//!
//! Invariant: neither end ever asks for the other's hardware address, since that question would take a round trip.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::conditions::Route;
use super::kernel::PacketSocket;
use super::log::{Log, Passage};
use super::namespace::{Hardware, Namespace, NamespaceError, Plug, connect, has_ipv6};
use super::prefix::Prefix;
use super::pump::Pump;
use super::queue::DelayQueue;

/// The client's addresses.
pub const CLIENT: (Ipv4Addr, Ipv6Addr) =
    (Ipv4Addr::new(198, 18, 0, 1), Ipv6Addr::new(0xfd77, 0x6972, 0x65fa, 0, 0, 0, 0, 1));

/// The far end's own addresses, through which all others are reached.
const ROUTER: (Ipv4Addr, Ipv6Addr) =
    (Ipv4Addr::new(198, 18, 0, 2), Ipv6Addr::new(0xfd77, 0x6972, 0x65fa, 0, 0, 0, 0, 2));

/// The name of the interface at either end.
pub const INTERFACE: &str = "wire0";

/// The networks that lie beyond the link: RFC 2544 keeps the first one for such tests, RFC 4193 the second for private use.
const BEYOND: [&str; 2] = ["198.18.0.0/15", "fd77:6972:65fa::/48"];

const NEAR_HARDWARE: Hardware = [0x02, 0, 0, 0, 0, 0x01];
const FAR_HARDWARE: Hardware = [0x02, 0, 0, 0, 0, 0x02];
const NEAR_MIDDLE: &str = "near";
const FAR_MIDDLE: &str = "far";

/// Why a link could not be laid.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The namespaces, or what is in them.
    #[error("cannot lay the link")]
    Namespace(#[from] NamespaceError),
    /// The sockets that packets are taken from.
    #[error("cannot open the link's packet socket at its {end} end")]
    Socket {
        /// `near` or `far`.
        end: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The thread that moves packets.
    #[error("cannot start the link")]
    Pump(#[source] std::io::Error),
}

/// A link in use. It ends when this is dropped: connections over it hang from then on.
#[derive(Debug)]
pub struct Link {
    /// First, so that it ends before the ends of its cables do.
    _pump: Pump,
    client: Namespace,
    server: Namespace,
    log: Arc<Log>,
}

impl Link {
    /// Lays a link. Every address of its routes that is a host (/32, /128) is one of the server's; they are expected in
    /// 198.18.0.0/15 and `fd77:6972:65fa::/48`, of which the first four addresses are the link's own. Chance depends on `seed`.
    pub fn lay(routes: &[Route], seed: u64) -> Result<Self, LinkError> {
        let [client, middle, server] = [Namespace::new()?, Namespace::new()?, Namespace::new()?];
        // Nothing in the middle may answer or ask anything itself.
        let _ = middle.set("ipv6/conf/default/disable_ipv6", "1");
        for (namespace, hardware, end) in [(&client, NEAR_HARDWARE, NEAR_MIDDLE), (&server, FAR_HARDWARE, FAR_MIDDLE)] {
            let plug = Plug { namespace, name: INTERFACE, hardware: Some(hardware) };
            connect(plug, Plug { namespace: &middle, name: end, hardware: None })?;
        }
        let (near, far) = (both(CLIENT), both(ROUTER));
        let families = if has_ipv6() { 2 } else { 1 };
        for (index, length) in [(0, 30), (1, 126)].into_iter().take(families) {
            client.address(INTERFACE, Prefix::new(near[index], length))?;
            server.address(INTERFACE, Prefix::new(far[index], length))?;
            client.neighbour(INTERFACE, far[index], FAR_HARDWARE)?;
            server.neighbour(INTERFACE, near[index], NEAR_HARDWARE)?;
        }
        for (network, via) in BEYOND.iter().zip(far).take(families) {
            if let Ok(network) = network.parse() {
                client.route(network, via)?;
            }
        }
        for host in routes.iter().flat_map(|route| &route.far).filter(|prefix| prefix.is_host()) {
            server.address(INTERFACE, *host)?;
        }

        let socket = |end| {
            let opened = middle.run(|| PacketSocket::open(end))?;
            opened.map_err(|source| LinkError::Socket { end, source })
        };
        let ends = [socket(NEAR_MIDDLE)?, socket(FAR_MIDDLE)?];
        let log = Arc::<Log>::default();
        let queue = DelayQueue::new(routes.iter().cloned(), seed);
        let pump = Pump::start(ends, queue, Arc::clone(&log)).map_err(LinkError::Pump)?;
        Ok(Self { _pump: pump, client, server, log })
    }

    /// Where clients run.
    #[must_use]
    pub const fn client(&self) -> &Namespace {
        &self.client
    }

    /// Where servers run; it has all far addresses.
    #[must_use]
    pub const fn server(&self) -> &Namespace {
        &self.server
    }

    /// What was done to the packets so far, in the order in which it was done; the last
    /// [`PASSAGES_KEPT`](super::PASSAGES_KEPT).
    #[must_use]
    pub fn passages(&self) -> Vec<Passage> {
        self.log.all()
    }
}

fn both((v4, v6): (Ipv4Addr, Ipv6Addr)) -> [IpAddr; 2] {
    [v4.into(), v6.into()]
}
