//! Linux: pnet's transport channel sends, a packet socket (packet(7)) receives, a bound TCP socket owns the port.
//!
//! pnet's channel is a raw socket to which the kernel adds the IP header. It gives no stamps and no way to bind it, so its
//! descriptor is borrowed for that. It also receives every TCP packet of the host, which nobody wants: a filter drops them.
//! Answers come through the packet socket, because that has the whole IP packet in both versions of IP and sees it before a
//! firewall of this host does; a filter lets through what is for the port, and errors of ICMP.
//!
//! The TCP socket is bound and never listens, so that nobody else gets its port, and so that the kernel answers a SYN-ACK
//! with an RST: the destination forgets the connection at once, and its listener never sees one.

#![expect(unsafe_code, reason = "pnet's channel has its descriptor as a number")]

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::os::fd::{AsFd, BorrowedFd};

use nix::poll::PollFlags;
use pnet::packet::ip::IpNextHeaderProtocols;
use pnet::packet::tcp::TcpPacket;
use pnet::transport::{TransportChannelType, TransportProtocol, TransportSender, transport_channel};
use socket2::{Domain, Protocol, SockFilter, SockRef, Socket, Type};

use super::Arrived;
use crate::hops::syn::SYN_BYTES;
use crate::probe::clock;
use crate::probe::deadline::{Deadline, Ended};
use crate::probe::kernel::{self, Departure, KernelStamp, Stage, StampedSockets};
use crate::target::Interface;

/// The sockets of one search.
pub(in crate::hops) struct Sockets {
    sender: TransportSender,
    receiver: Socket,
    /// Owns the source port as long as the search lasts.
    _port: Socket,
    source: SocketAddr,
    destination: SocketAddr,
    /// Stamps of probes, taken from the socket as they come: it has no room for those of a whole search.
    departures: Vec<Departure>,
    _stamps: Option<StampedSockets>,
}

impl Sockets {
    /// Opens them. Without `source`, the address that `interface` names or the routing table chooses is used. `PermissionDenied` without
    /// `CAP_NET_RAW`, `Unsupported` where this program has no such sockets.
    pub(in crate::hops) fn open(
        source: Option<IpAddr>,
        destination: SocketAddr,
        interface: Option<&Interface>,
    ) -> io::Result<Self> {
        let device = |socket: &Socket| bind_device(socket, destination, interface);
        let source = match (source, interface) {
            (Some(source), _) => source,
            (None, Some(Interface::Address(address))) if address.is_ipv4() == destination.is_ipv4() => *address,
            (None, _) => routed_source(destination, &device)?,
        };
        let port = Socket::new(Domain::for_address(destination), Type::STREAM, Some(Protocol::TCP))?;
        device(&port)?;
        port.bind(&with_zone(source, destination, 0).into())?;
        let local = port.local_addr()?.as_socket().ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))?;

        let receiver = receiver(local)?;
        let sender = sender(destination)?;
        let raw = borrow(&sender);
        let raw = SockRef::from(&raw);
        raw.attach_filter(&[SockFilter::new(op::RETURN, 0, 0, 0)])?;
        device(&raw)?;
        raw.bind(&with_zone(source, destination, 0).into())?;
        // Without stamps the user clock serves, and the trace says so.
        let stamps = StampedSockets::keep().ok();
        let _ = kernel::stamp_departures(&raw);
        Ok(Self { sender, receiver, _port: port, source: local, destination, departures: Vec::new(), _stamps: stamps })
    }

    /// Where the probes come from, port included.
    pub(in crate::hops) fn source(&self) -> SocketAddr {
        self.source
    }

    /// Hands a SYN to the kernel.
    pub(in crate::hops) fn send(&mut self, ttl: u8, syn: [u8; SYN_BYTES]) -> io::Result<()> {
        let packet = TcpPacket::new(&syn).ok_or(io::ErrorKind::InvalidInput)?;
        self.sender.set_ttl(ttl)?;
        self.sender.send_to(packet, self.destination.ip())?;
        self.take_departures();
        Ok(())
    }

    /// Waits until something has arrived.
    pub(in crate::hops) fn wait(&self, deadline: &Deadline) -> Result<(), Ended> {
        deadline.wait(self.receiver.as_fd(), PollFlags::POLLIN).map(|_| ())
    }

    /// A packet that has arrived; `None` where there is none, or none that can be read.
    pub(in crate::hops) fn receive(&self, buffer: &mut [u8]) -> Option<Arrived> {
        let (length, kernel) = kernel::receive(&self.receiver, buffer).ok()?;
        Some(Arrived { length: length.min(buffer.len()), kernel, noticed: clock::now() })
    }

    /// When probes left, by their number in the order of sending, as far as the kernel stamped them.
    pub(in crate::hops) fn departures(&mut self) -> BTreeMap<usize, KernelStamp> {
        self.take_departures();
        let left = self.departures.iter().filter(|stamp| stamp.stage == Stage::Sent);
        left.filter_map(|stamp| Some((usize::try_from(stamp.key).ok()?, stamp.at))).collect()
    }

    fn take_departures(&mut self) {
        let raw = borrow(&self.sender);
        kernel::acknowledge_stamps(&SockRef::from(&raw), &mut self.departures);
    }
}

fn sender(destination: SocketAddr) -> io::Result<TransportSender> {
    /// Nothing is received through the channel.
    const NO_BUFFER: usize = 0;
    let protocol = match destination {
        SocketAddr::V4(_) => TransportProtocol::Ipv4(IpNextHeaderProtocols::Tcp),
        SocketAddr::V6(_) => TransportProtocol::Ipv6(IpNextHeaderProtocols::Tcp),
    };
    transport_channel(NO_BUFFER, TransportChannelType::Layer4(protocol)).map(|(sender, _)| sender)
}

fn borrow(sender: &TransportSender) -> BorrowedFd<'_> {
    // SAFETY: the sender owns a share of the descriptor, which is closed when the last share is dropped: it is open for as
    // long as the sender is borrowed. (pnet also closes it where an option cannot be set; a time to live of 1 to 255 can.)
    unsafe { BorrowedFd::borrow_raw(sender.socket.fd) }
}

/// A socket that sees each packet that arrives for this port, and each error of ICMP.
fn receiver(local: SocketAddr) -> io::Result<Socket> {
    let ethertype = if local.is_ipv4() { libc::ETH_P_IP } else { libc::ETH_P_IPV6 };
    // packet(7) wants the number in network byte order.
    let protocol = u16::try_from(ethertype).unwrap_or_default().to_be();
    let receiver = Socket::new(Domain::PACKET, Type::DGRAM, Some(Protocol::from(i32::from(protocol))))?;
    match local {
        SocketAddr::V4(_) => receiver.attach_filter(&ipv4_filter(local.port()))?,
        SocketAddr::V6(_) => receiver.attach_filter(&ipv6_filter(local.port()))?,
    }
    receiver.set_nonblocking(true)?;
    let _ = kernel::stamp_arrivals(&receiver);
    Ok(receiver)
}

/// Instructions of the classic BPF machine (`Documentation/networking/filter.rst` in the kernel's source).
mod op {
    pub(super) const LOAD_WORD: u16 = 0x20;
    pub(super) const LOAD_BYTE: u16 = 0x30;
    pub(super) const LOAD_HALF_INDEXED: u16 = 0x48;
    pub(super) const LOAD_BYTE_INDEXED: u16 = 0x50;
    pub(super) const LOAD_HALF: u16 = 0x28;
    pub(super) const INDEX_BY_HEADER_LENGTH: u16 = 0xb1;
    pub(super) const JUMP_IF_EQUAL: u16 = 0x15;
    pub(super) const RETURN: u16 = 0x06;
    /// Where the kernel has the direction of a packet (`SKF_AD_OFF + SKF_AD_PKTTYPE`).
    pub(super) const PACKET_TYPE: u32 = 0xffff_f004;
    /// `PACKET_OUTGOING`.
    pub(super) const OUTGOING: u32 = 4;
    /// More than any packet has.
    pub(super) const WHOLE: u32 = 0x4_0000;
}

const TCP: u32 = 6;

/// TCP to this port, and ICMP's unreachable and time exceeded.
fn ipv4_filter(port: u16) -> [SockFilter; 13] {
    let (load_type, not_outgoing) = not_outgoing(10);
    [
        load_type,
        not_outgoing,
        SockFilter::new(op::LOAD_BYTE, 0, 0, 9),
        SockFilter::new(op::INDEX_BY_HEADER_LENGTH, 0, 0, 0),
        SockFilter::new(op::JUMP_IF_EQUAL, 0, 2, TCP),
        SockFilter::new(op::LOAD_HALF_INDEXED, 0, 0, 2),
        SockFilter::new(op::JUMP_IF_EQUAL, 4, 5, u32::from(port)),
        SockFilter::new(op::JUMP_IF_EQUAL, 0, 4, 1),
        SockFilter::new(op::LOAD_BYTE_INDEXED, 0, 0, 0),
        SockFilter::new(op::JUMP_IF_EQUAL, 1, 0, 3),
        SockFilter::new(op::JUMP_IF_EQUAL, 0, 1, 11),
        SockFilter::new(op::RETURN, 0, 0, op::WHOLE),
        SockFilter::new(op::RETURN, 0, 0, 0),
    ]
}

/// TCP to this port, and `ICMPv6`'s unreachable and time exceeded; with extension headers, neither.
fn ipv6_filter(port: u16) -> [SockFilter; 12] {
    let (load_type, not_outgoing) = not_outgoing(9);
    [
        load_type,
        not_outgoing,
        SockFilter::new(op::LOAD_BYTE, 0, 0, 6),
        SockFilter::new(op::JUMP_IF_EQUAL, 0, 2, TCP),
        SockFilter::new(op::LOAD_HALF, 0, 0, 40 + 2),
        SockFilter::new(op::JUMP_IF_EQUAL, 4, 5, u32::from(port)),
        SockFilter::new(op::JUMP_IF_EQUAL, 0, 4, 58),
        SockFilter::new(op::LOAD_BYTE, 0, 0, 40),
        SockFilter::new(op::JUMP_IF_EQUAL, 1, 0, 1),
        SockFilter::new(op::JUMP_IF_EQUAL, 0, 1, 3),
        SockFilter::new(op::RETURN, 0, 0, op::WHOLE),
        SockFilter::new(op::RETURN, 0, 0, 0),
    ]
}

/// The first two instructions: what leaves is dropped, `to_drop` instructions further on.
fn not_outgoing(to_drop: u8) -> (SockFilter, SockFilter) {
    let load = SockFilter::new(op::LOAD_WORD, 0, 0, op::PACKET_TYPE);
    (load, SockFilter::new(op::JUMP_IF_EQUAL, to_drop, 0, op::OUTGOING))
}

/// Takes a socket to the device that `--interface` names, or that the destination's zone does.
fn bind_device(socket: &Socket, destination: SocketAddr, interface: Option<&Interface>) -> io::Result<()> {
    match (interface, zone(destination)) {
        (Some(Interface::Device(name)), _) => socket.bind_device(Some(name.as_bytes())),
        (_, Some(index)) => socket.bind_device_by_index_v6(Some(index)),
        _ => Ok(()),
    }
}

/// The index of the device that a link-local address belongs to.
fn zone(address: SocketAddr) -> Option<NonZeroU32> {
    match address {
        SocketAddr::V6(address) => NonZeroU32::new(address.scope_id()),
        SocketAddr::V4(_) => None,
    }
}

/// An address of this host, in the zone of the destination.
fn with_zone(address: IpAddr, destination: SocketAddr, port: u16) -> SocketAddr {
    let mut local = SocketAddr::new(address, port);
    if let SocketAddr::V6(local) = &mut local {
        local.set_scope_id(zone(destination).map_or(0, NonZeroU32::get));
    }
    local
}

/// The address from which the routing table would send. Nothing is sent.
fn routed_source(destination: SocketAddr, device: &impl Fn(&Socket) -> io::Result<()>) -> io::Result<IpAddr> {
    let socket = Socket::new(Domain::for_address(destination), Type::DGRAM, Some(Protocol::UDP))?;
    device(&socket)?;
    socket.connect(&destination.into())?;
    let unspecified =
        if destination.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { Ipv6Addr::UNSPECIFIED.into() };
    Ok(socket.local_addr()?.as_socket().map_or(unspecified, |local| local.ip()))
}
