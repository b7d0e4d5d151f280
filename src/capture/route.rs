//! Through which interface a flow's packets leave: asked of the kernel, which knows rules and tables that addresses do not
//! show (rtnetlink(7), `RTM_GETROUTE`). Protocol and ports are part of the question, because rules and multipath routes may
//! look at them; kernels before Linux 4.19 take no notice.
//!
//! Question and answer are values with tests of their own; [`Router`] is the socket around them.
//!
//! Deliberately absent: anything asynchronous, and everything else that rtnetlink can tell.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, sendto, setsockopt, socket,
    sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

use super::filter::Ends;

/// The kernel answers at once; a lost answer must not hold a request up.
const PATIENCE_MS: i64 = 100;
const HEADER: usize = 16;
const ROUTE: usize = 12;
const GET_ROUTE: u16 = 26;
const NEW_ROUTE: u16 = 24;
const IS_REQUEST: u16 = 1;
const DESTINATION: u16 = 1;
const SOURCE: u16 = 2;
const INTERFACE: u16 = 4;
const PROTOCOL: u16 = 27;
const SOURCE_PORT: u16 = 28;
const DESTINATION_PORT: u16 = 29;

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    pub(super) ends: Ends,
    /// The interface that the socket is bound to, or that the scope of the address names.
    pub(super) bound_to: Option<u32>,
}

/// Asks the kernel for ways.
#[derive(Debug)]
pub(super) struct Router {
    socket: OwnedFd,
    /// How many questions were asked: an answer says which one it belongs to.
    asked: u32,
}

impl Router {
    /// Opens the socket; no privilege is needed.
    pub(super) fn open() -> Result<Self, Errno> {
        let kind = SockProtocol::NetlinkRoute;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, kind)?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
        setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::milliseconds(PATIENCE_MS))?;
        Ok(Self { socket, asked: 0 })
    }

    /// The index of the interface. `ENETUNREACH` and its like where there is no way.
    pub(super) fn interface_towards(&mut self, question: &Question) -> Result<u32, Errno> {
        self.asked = self.asked.wrapping_add(1);
        let message = encode(question, self.asked);
        sendto(self.socket.as_raw_fd(), &message, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
        loop {
            let mut answer = [0_u8; 4_096];
            let length = recv(self.socket.as_raw_fd(), &mut answer, MsgFlags::empty())?;
            // What comes late answers an earlier question.
            if answer[8..12] == self.asked.to_ne_bytes() {
                return decode(&answer[..length]);
            }
        }
    }
}

fn encode(question: &Question, number: u32) -> Vec<u8> {
    let Question { ends: Ends { carrier, local, remote }, bound_to } = question;
    let bytes = |end: &SocketAddr| match end.ip() {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let family = u8::try_from(if remote.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 }).unwrap_or(0);
    let bits = if remote.is_ipv4() { 32 } else { 128 };
    // family, bits of the destination, bits of the source, tos, table, protocol, scope, type, flags
    let mut body = vec![family, bits, bits, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    body.extend(attribute(DESTINATION, &bytes(remote)));
    body.extend(attribute(SOURCE, &bytes(local)));
    body.extend(attribute(PROTOCOL, &[carrier.protocol()]));
    body.extend(attribute(SOURCE_PORT, &local.port().to_be_bytes()));
    body.extend(attribute(DESTINATION_PORT, &remote.port().to_be_bytes()));
    if let Some(index) = bound_to {
        body.extend(attribute(INTERFACE, &index.to_ne_bytes()));
    }
    let length = u32::try_from(HEADER + body.len()).unwrap_or(0).to_ne_bytes();
    let mut message = length.to_vec();
    message.extend(GET_ROUTE.to_ne_bytes());
    message.extend(IS_REQUEST.to_ne_bytes());
    message.extend(number.to_ne_bytes());
    // The kernel fills in the port.
    message.extend([0; 4]);
    message.extend(body);
    message
}

/// A value with its length and kind before it, padded to whole words.
fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = 4 + value.len();
    let mut bytes = [&u16::try_from(length).unwrap_or(0).to_ne_bytes(), &kind.to_ne_bytes(), value].concat();
    bytes.resize(length.next_multiple_of(4), 0);
    bytes
}

/// The interface that an answer names.
fn decode(message: &[u8]) -> Result<u32, Errno> {
    const ERROR: u16 = 2;
    let kind = message.get(4..6).map(|kind| u16::from_ne_bytes([kind[0], kind[1]]));
    match kind {
        Some(NEW_ROUTE) => {}
        Some(ERROR) => {
            let code =
                message.get(HEADER..HEADER + 4).and_then(|code| code.try_into().ok()).map_or(0, i32::from_ne_bytes);
            return Err(Errno::from_raw(code.wrapping_neg()));
        }
        _ => return Err(Errno::EBADMSG),
    }
    let mut rest = message.get(HEADER + ROUTE..).unwrap_or_default();
    while let [a, b, c, d, ..] = *rest {
        let (length, kind) = (usize::from(u16::from_ne_bytes([a, b])), u16::from_ne_bytes([c, d]));
        let value = rest.get(4..length).ok_or(Errno::EBADMSG)?;
        if kind == INTERFACE {
            return value.try_into().map(u32::from_ne_bytes).map_err(|_| Errno::EBADMSG);
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Err(Errno::ENETUNREACH)
}

#[cfg(test)]
mod tests {
    use nix::net::if_::if_nametoindex;
    use proptest::prelude::*;

    use super::*;
    use crate::probe::Carrier;

    fn towards(address: &str) -> Result<u32, Errno> {
        let end = |port| SocketAddr::new(address.parse().unwrap(), port);
        let mut router = Router::open().unwrap();
        let question =
            Question { ends: Ends { carrier: Carrier::Tcp, local: end(40_000), remote: end(443) }, bound_to: None };
        let first = router.interface_towards(&question);
        assert_eq!(router.interface_towards(&question), first);
        first
    }

    #[test]
    fn this_host_is_behind_the_loopback_interface() {
        let lo = if_nametoindex("lo").unwrap();
        assert_eq!(towards("127.0.0.1"), Ok(lo));
        if std::net::TcpListener::bind("[::1]:0").is_ok() {
            assert_eq!(towards("::1"), Ok(lo));
        }
    }

    #[test]
    fn a_refusal_is_named() {
        let refusal = [36_u32.to_ne_bytes(), [2, 0, 0, 0], [0; 4], [0; 4], (-101_i32).to_ne_bytes()].concat();
        let refusal = if cfg!(target_endian = "little") { refusal } else { return };
        assert_eq!(decode(&refusal), Err(Errno::ENETUNREACH));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_answer_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = decode(&bytes);
            let _ = decode(&[&[0, 0, 0, 0, 24, 0], bytes.as_slice()].concat());
        }
    }
}
