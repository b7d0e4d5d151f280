//! An address of this host that refuses: nobody listens there, and nobody else can begin to while this lives.
//!
//! A port that a listener has given back may be anybody's in the next moment; one that is bound and not listened at is refused
//! by the kernel (RFC 9293 §3.10.7.1), and given to nobody.

use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

/// An address that refuses, until it is dropped.
pub struct Refusing {
    pub address: SocketAddr,
    _socket: Socket,
}

impl Refusing {
    /// At any port of 127.0.0.1.
    pub fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).expect("a socket");
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a port");
        let address = socket.local_addr().expect("an address").as_socket().expect("an IP address");
        Self { address, _socket: socket }
    }

    /// A URL of it.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}
