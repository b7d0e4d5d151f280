//! The lab's sockets: loopback only, bound before anything runs, so that a failure is an error and not a silent server.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpListener, UdpSocket};

use super::LabOptions;
use super::zone::Families;

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
    pub(super) families: Families,
    pub(super) dns_address: SocketAddr,
    pub(super) dns_udp: UdpSocket,
    pub(super) dns_tcp: TcpListener,
    pub(super) https: Listeners,
    pub(super) http: Listeners,
}

/// One port on each family's loopback address.
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
    pub(super) fn bind(options: LabOptions) -> Result<Self, BindError> {
        let families = families();
        let (dns_address, dns_tcp, dns_udp) = retry(options.dns_port, || {
            let (address, tcp) = tcp("the name server (TCP)", Ipv4Addr::LOCALHOST.into(), options.dns_port)?;
            Ok((address, tcp, udp("the name server (UDP)", address)?))
        })?;
        let https = both(families, "HTTPS", options.https_port)?;
        let http = both(families, "HTTP", options.http_port)?;
        Ok(Self { families, dns_address, dns_udp, dns_tcp, https, http })
    }
}

/// A socket for a server that other servers call. Must be called within a runtime.
pub(super) fn inner() -> Result<Inner, BindError> {
    let (address, socket) = tcp("a server behind another one", Ipv4Addr::LOCALHOST.into(), 0)?;
    Ok(Inner { address, socket })
}

/// Both where the machine has an IPv6 loopback address.
fn families() -> Families {
    match std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) {
        Ok(_) => Families::Both,
        Err(_) => Families::V4,
    }
}

fn both(families: Families, what: &'static str, port: u16) -> Result<Listeners, BindError> {
    retry(port, || {
        let (address, v4) = tcp(what, Ipv4Addr::LOCALHOST.into(), port)?;
        let mut sockets = vec![v4];
        if families == Families::Both {
            sockets.push(tcp(what, Ipv6Addr::LOCALHOST.into(), address.port())?.1);
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
