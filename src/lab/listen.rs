//! The lab's sockets: bound before anything runs, so that a failure is an error and not a silent server.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::net::{TcpListener, UdpSocket};

use super::place::{Place, Ports};
use super::zone::Addresses;

/// How often another port is tried where the kernel's choice is free for one socket and taken for its sibling.
const TRIES: usize = 16;

/// A socket could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot bind {what} to {address}")]
pub struct BindError {
    what: &'static str,
    address: SocketAddr,
    source: std::io::Error,
}

/// The sockets that clients use.
pub(super) struct Sockets {
    pub(super) dns_address: SocketAddr,
    pub(super) dns_udp: UdpSocket,
    pub(super) dns_tcp: TcpListener,
    /// One for each site, in their order.
    pub(super) doors: Vec<Doors>,
}

/// The sockets of one site.
pub(super) struct Doors {
    pub(super) https: Listeners,
    pub(super) http: Listeners,
}

/// One port on each of a site's addresses.
pub(super) struct Listeners {
    pub(super) port: u16,
    pub(super) sockets: Vec<TcpListener>,
}

/// A socket that only the lab's own servers use.
pub(super) struct Inner {
    pub(super) address: SocketAddr,
    pub(super) socket: TcpListener,
}

impl Sockets {
    /// Must be called within a runtime.
    pub(super) fn bind(place: &Place, ports: Ports) -> Result<Self, BindError> {
        let (dns_address, dns_tcp, dns_udp) = retry(ports.dns, || {
            let (address, tcp) = tcp("the name server (TCP)", place.dns.into(), ports.dns)?;
            Ok((address, tcp, udp("the name server (UDP)", address)?))
        })?;
        let doors = place.sites.iter().map(|site| {
            let https = listeners(site.addresses, "HTTPS", ports.https)?;
            Ok(Doors { https, http: listeners(site.addresses, "HTTP", ports.http)? })
        });
        Ok(Self { dns_address, dns_udp, dns_tcp, doors: doors.collect::<Result<_, _>>()? })
    }
}

/// A socket for a server that other servers call. Must be called within a runtime.
pub(super) fn inner() -> Result<Inner, BindError> {
    let (address, socket) = tcp("a server behind another one", Ipv4Addr::LOCALHOST.into(), 0)?;
    Ok(Inner { address, socket })
}

fn listeners(addresses: Addresses, what: &'static str, port: u16) -> Result<Listeners, BindError> {
    retry(port, || {
        let (address, v4) = tcp(what, addresses.v4.into(), port)?;
        let mut sockets = vec![v4];
        if let Some(v6) = addresses.v6 {
            sockets.push(tcp(what, v6.into(), address.port())?.1);
        }
        Ok(Listeners { port: address.port(), sockets })
    })
}

/// Repeats while the kernel chooses a port that is taken for one of the sockets. A port that the caller wants is tried once.
fn retry<T>(port: u16, mut bind: impl FnMut() -> Result<T, BindError>) -> Result<T, BindError> {
    let mut bound = bind();
    for _ in 1..TRIES {
        match &bound {
            Err(error) if port == 0 && error.source.kind() == ErrorKind::AddrInUse => bound = bind(),
            _ => break,
        }
    }
    bound
}

fn tcp(what: &'static str, address: IpAddr, port: u16) -> Result<(SocketAddr, TcpListener), BindError> {
    let address = SocketAddr::new(address, port);
    let listen = || {
        let socket = std::net::TcpListener::bind(address)?;
        socket.set_nonblocking(true)?;
        Ok((socket.local_addr()?, TcpListener::from_std(socket)?))
    };
    listen().map_err(|source| BindError { what, address, source })
}

fn udp(what: &'static str, address: SocketAddr) -> Result<UdpSocket, BindError> {
    let bind = || {
        let socket = std::net::UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        UdpSocket::from_std(socket)
    };
    bind().map_err(|source| BindError { what, address, source })
}
