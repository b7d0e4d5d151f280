//! An address of this host that answers nothing: packets to it vanish, as behind a firewall.
//!
//! A listener that accepts nothing and whose backlog is full drops every SYN (Linux: `tcp_conn_request`).

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Domain, Protocol, Socket, Type};

/// Longer than a handshake on loopback takes, even on a busy machine.
const HANDSHAKE: Duration = Duration::from_millis(200);

/// A hole, until it is dropped.
pub struct BlackHole {
    pub address: SocketAddr,
    _listener: Socket,
    _backlog: Vec<Socket>,
}

impl BlackHole {
    /// At each of these addresses, on one port, which is free on all of them and on `besides`.
    pub fn at<const N: usize>(addresses: [&str; N], besides: &str) -> ([Self; N], TcpListener) {
        // Ports that the kernel gives to others meanwhile are why this takes several tries.
        (0..100)
            .find_map(|_| {
                let beside = TcpListener::bind((besides, 0)).ok()?;
                let port = beside.local_addr().ok()?.port();
                let mut listeners = Vec::new();
                for address in addresses {
                    let listener = tcp_socket();
                    listener.bind(&SocketAddr::new(address.parse().ok()?, port).into()).ok()?;
                    listeners.push(listener);
                }
                let holes: Vec<Self> = listeners.into_iter().map(Self::over).collect();
                Some((holes.try_into().ok()?, beside))
            })
            .expect("a port that is free on all addresses")
    }

    fn over(listener: Socket) -> Self {
        listener.listen(0).expect("a listener");
        let address = listener.local_addr().expect("an address").as_socket().expect("an IP address");
        let mut backlog = Vec::new();
        while is_answered(address, &mut backlog) {
            assert!(backlog.len() < 16, "the backlog of {address} does not fill");
        }
        Self { address, _listener: listener, _backlog: backlog }
    }
}

/// Whether a connection still comes about; it stays open.
fn is_answered(address: SocketAddr, backlog: &mut Vec<Socket>) -> bool {
    let socket = tcp_socket();
    socket.set_nonblocking(true).expect("a non-blocking socket");
    let connected = match socket.connect(&address.into()) {
        Ok(()) => true,
        Err(error) if error.raw_os_error() == Some(nix::errno::Errno::EINPROGRESS as i32) => {
            let mut interests = [PollFd::new(std::os::fd::AsFd::as_fd(&socket), PollFlags::POLLOUT)];
            let patience = PollTimeout::try_from(HANDSHAKE).expect("a timeout");
            poll(&mut interests, patience).expect("poll") > 0
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
            false
        }
    };
    backlog.push(socket);
    connected
}

fn tcp_socket() -> Socket {
    Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).expect("a socket")
}
