//! A packet socket: packets of one interface that pass a filter, from the network header on, with the kernel's stamps
//! (packet(7)).
//!
//! Invariant: nothing that the filter did not let through is ever received. The socket listens to no protocol until it has a
//! filter and is bound, and a new filter replaces the old one at once.

#![expect(unsafe_code, reason = "addresses and counters of packet sockets have no safe wrapper")]

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, LinkAddr, MsgFlags, SockFlag, SockType, recvmsg, sendmsg,
    setsockopt, socketpair, sockopt,
};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, SockAddr, SockFilter, Socket, Type};

use super::filter::Instruction;
use crate::flow::Direction;
use crate::time::{Realtime, Timestamp};

/// An unbound packet socket may be opened by whoever has `CAP_NET_RAW`; everything after that needs no privilege.
#[derive(Debug)]
pub(super) struct PacketSocket(Socket);

/// A packet that passed the filter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Received<'b> {
    pub(super) at: Timestamp<Realtime>,
    pub(super) direction: Direction,
    /// From the IP header on, as much as the filter keeps.
    pub(super) bytes: &'b [u8],
}

/// The kernel's counters of a socket since they were last read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    /// Packets that passed the filter and found no room in the socket's buffer.
    pub(super) dropped: u64,
}

impl PacketSocket {
    /// Opens a socket that receives nothing yet. `EPERM` without the privilege.
    pub(super) fn open(buffer: usize) -> io::Result<Self> {
        let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(Protocol::from(0)))?;
        // Beyond the system's limit where that is permitted, else up to it.
        if setsockopt(&socket, sockopt::RcvBufForce, &buffer).is_err() {
            setsockopt(&socket, sockopt::RcvBuf, &buffer)?;
        }
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        Ok(Self(socket))
    }

    /// Replaces the filter.
    pub(super) fn attach(&self, program: &[Instruction]) -> io::Result<()> {
        let program: Vec<SockFilter> = program
            .iter()
            .map(|Instruction { code, if_true, if_false, operand }| {
                SockFilter::new(*code, *if_true, *if_false, *operand)
            })
            .collect();
        self.0.attach_filter(&program)
    }

    /// Begins to receive what passes the filter on this interface.
    pub(super) fn bind(&self, interface: u32) -> io::Result<()> {
        let family = libc::sa_family_t::try_from(libc::AF_PACKET).map_err(|_| Errno::EINVAL)?;
        let index = i32::try_from(interface).map_err(|_| Errno::EINVAL)?;
        let protocol = u16::try_from(libc::ETH_P_ALL).map_err(|_| Errno::EINVAL)?.to_be();
        let length = libc::socklen_t::try_from(size_of::<libc::sockaddr_ll>()).map_err(|_| Errno::EINVAL)?;
        // SAFETY: the storage is zeroed, larger than `sockaddr_ll` and aligned for every address; the fields that are set make
        // a valid address of its family, and the length is that of its type.
        let ((), address) = unsafe {
            SockAddr::try_init(|storage, address_length| {
                let address = storage.cast::<libc::sockaddr_ll>();
                (*address).sll_family = family;
                (*address).sll_protocol = protocol;
                (*address).sll_ifindex = index;
                *address_length = length;
                Ok(())
            })
        }?;
        self.0.bind(&address)
    }

    /// The next packet that waits; `None` where there is none.
    pub(super) fn receive<'b>(&self, buffer: &'b mut [u8]) -> io::Result<Option<Received<'b>>> {
        let mut control = cmsg_space!(TimeSpec);
        loop {
            let mut parts = [IoSliceMut::new(buffer)];
            let message =
                match recvmsg::<LinkAddr>(self.0.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::MSG_DONTWAIT) {
                    Ok(message) => message,
                    Err(Errno::EAGAIN) => return Ok(None),
                    // The interface went down and may come up again.
                    Err(Errno::EINTR | Errno::ENETDOWN) => continue,
                    Err(error) => return Err(error.into()),
                };
            let stamp = message.cmsgs()?.find_map(|control| match control {
                ControlMessageOwned::ScmTimestampns(stamp) => nanos(&stamp),
                _ => None,
            });
            let direction = message.address.and_then(|address| direction(address.pkttype()));
            let length = message.bytes;
            if let (Some(at), Some(direction)) = (stamp, direction) {
                return Ok(Some(Received { at, direction, bytes: &buffer[..length] }));
            }
        }
    }

    /// What the kernel counted since it was last asked.
    pub(super) fn counted(&self) -> Counted {
        let mut counters = libc::tpacket_stats { tp_packets: 0, tp_drops: 0 };
        let Ok(mut length) = libc::socklen_t::try_from(size_of::<libc::tpacket_stats>()) else {
            return Counted::default();
        };
        // SAFETY: the descriptor is open while `self` is borrowed; `counters` is valid for writes of `length` bytes, which is
        // its size, and the kernel writes plain integers.
        let status = unsafe {
            libc::getsockopt(
                self.0.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                (&raw mut counters).cast(),
                &raw mut length,
            )
        };
        if status == 0 { Counted { dropped: u64::from(counters.tp_drops) } } else { Counted::default() }
    }
}

/// Only what this host sends and what is for this host; the loopback interface shows each packet as both, one after the other.
fn direction(kind: u8) -> Option<Direction> {
    match kind {
        libc::PACKET_OUTGOING => Some(Direction::Sent),
        libc::PACKET_HOST => Some(Direction::Received),
        _ => None,
    }
}

fn nanos(time: &TimeSpec) -> Option<Timestamp<Realtime>> {
    let nanos = u64::try_from(time.tv_sec()).ok()? * 1_000_000_000 + u64::try_from(time.tv_nsec()).ok()?;
    Some(Timestamp::from_nanos(nanos))
}

/// Lets the kernel close sockets when it has time.
///
/// Closing a packet socket waits until no processor looks at it any more: 8 to 16 ms, twice what a whole request to a server
/// nearby takes, and a process that ends waits for it just the same. Descriptors that are on their way through a unix socket
/// that nobody can reach any more are collected by a worker of the kernel's instead. Where that fails, closing takes its time.
pub(super) fn close_in_background(sockets: Vec<PacketSocket>) {
    let Ok((near, far)) = socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC) else {
        return;
    };
    // The far end carries itself: it is reachable from nowhere else once it is closed here.
    let own: Vec<OwnedFd> = sockets.into_iter().map(|socket| socket.0.into()).collect();
    let descriptors: Vec<RawFd> =
        own.iter().map(|socket| socket.as_fd().as_raw_fd()).chain([far.as_fd().as_raw_fd()]).collect();
    let rights = [ControlMessage::ScmRights(&descriptors)];
    let _ = sendmsg::<()>(near.as_raw_fd(), &[IoSlice::new(&[0])], &rights, MsgFlags::empty(), None);
}
