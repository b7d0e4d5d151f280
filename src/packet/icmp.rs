//! ICMP (RFC 792) and `ICMPv6` (RFC 4443): what routers say about a packet, and the beginning of that packet.
//!
//! Deliberately absent: echo, neighbour discovery and the like, which are [`IcmpMeaning::Other`]; the extensions behind the
//! quoted packet (RFC 4884).

use super::ip::{self, Ip, Payload};

/// One ICMP message of either version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Icmp<'a> {
    /// The type as written: its meaning depends on the version of IP.
    pub message_type: u8,
    /// The code as written: its meaning depends on the type.
    pub code: u8,
    /// What both say.
    pub meaning: IcmpMeaning,
    /// The packet that the message is about, where it quotes one that can be read.
    pub quoted: Option<Quoted<'a>>,
}

/// What an ICMP message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IcmpMeaning {
    /// The packet's time to live ran out on the way: the sender of this message is that many hops away.
    TimeExceeded,
    /// Some fragments of the packet did not arrive in time.
    ReassemblyTimeExceeded,
    /// The packet cannot be delivered.
    Unreachable(Unreachable),
    /// Anything else: echo, neighbour discovery, redirects.
    Other,
}

/// Why a packet cannot be delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// No route.
    Network,
    /// The last router cannot reach the host.
    Host,
    /// The host does not speak the protocol.
    Protocol,
    /// Nothing listens on the port.
    Port,
    /// The packet is too large for the next link.
    TooBig {
        /// What that link takes, in bytes with the IP header; 0 from routers older than RFC 1191.
        mtu: u32,
    },
    /// A filter forbids it.
    Prohibited,
    /// Another reason: the code as written.
    Other(u8),
}

/// The beginning of a packet in an ICMP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoted<'a> {
    /// The IP header, as it arrived at the router: `ttl` is what was left, `length` what the header says.
    pub ip: Ip,
    /// What is left of the transport header.
    pub transport: QuotedTransport,
    /// Everything quoted behind the IP headers.
    pub payload: &'a [u8],
}

/// The first eight bytes of a transport header: all that a router must quote (RFC 792).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuotedTransport {
    /// TCP's ports and sequence number.
    Tcp {
        /// The quoted packet's sender's port.
        source: u16,
        /// The quoted packet's receiver's port.
        destination: u16,
        /// Its sequence number.
        sequence: u32,
    },
    /// The whole header of UDP.
    Udp {
        /// The quoted packet's sender's port.
        source: u16,
        /// The quoted packet's receiver's port.
        destination: u16,
        /// Its length field: header and payload, in bytes.
        length: u16,
        /// Its checksum as written.
        checksum: u16,
    },
    /// A fragment that is not the first.
    Fragment,
    /// Fewer than eight bytes are quoted.
    Truncated,
    /// Another protocol, by its number.
    Other(u8),
}

/// Reads an ICMP message; `None` where the capture ends inside its header.
pub(super) fn decode_v4(captured: &[u8]) -> Option<Icmp<'_>> {
    let (header, behind) = captured.split_first_chunk::<8>()?;
    let (message_type, code) = (header[0], header[1]);
    let meaning = match (message_type, code) {
        (11, 0) => IcmpMeaning::TimeExceeded,
        (11, 1) => IcmpMeaning::ReassemblyTimeExceeded,
        (3, code) => IcmpMeaning::Unreachable(match code {
            0 | 6 | 11 => Unreachable::Network,
            1 | 7 | 8 | 12 => Unreachable::Host,
            2 => Unreachable::Protocol,
            3 => Unreachable::Port,
            4 => Unreachable::TooBig { mtu: u32::from(u16::from_be_bytes([header[6], header[7]])) },
            9 | 10 | 13 => Unreachable::Prohibited,
            other => Unreachable::Other(other),
        }),
        _ => IcmpMeaning::Other,
    };
    let quotes = matches!(message_type, 3 | 4 | 5 | 11 | 12);
    Some(Icmp { message_type, code, meaning, quoted: if quotes { quoted(behind) } else { None } })
}

/// Reads an `ICMPv6` message; `None` where the capture ends inside its header.
pub(super) fn decode_v6(captured: &[u8]) -> Option<Icmp<'_>> {
    let (header, behind) = captured.split_first_chunk::<8>()?;
    let (message_type, code) = (header[0], header[1]);
    let meaning = match (message_type, code) {
        (3, 0) => IcmpMeaning::TimeExceeded,
        (3, 1) => IcmpMeaning::ReassemblyTimeExceeded,
        (2, _) => IcmpMeaning::Unreachable(Unreachable::TooBig {
            mtu: u32::from_be_bytes([header[4], header[5], header[6], header[7]]),
        }),
        // "Unrecognized next header" is how IPv6 says that a protocol is not spoken.
        (4, 1) => IcmpMeaning::Unreachable(Unreachable::Protocol),
        (1, code) => IcmpMeaning::Unreachable(match code {
            0 => Unreachable::Network,
            2 | 3 => Unreachable::Host,
            4 => Unreachable::Port,
            1 | 5 | 6 => Unreachable::Prohibited,
            other => Unreachable::Other(other),
        }),
        _ => IcmpMeaning::Other,
    };
    // Errors are the types below 128, and each quotes its packet right behind the header (RFC 4443 §2.1).
    let quotes = matches!(message_type, 1..=4);
    Some(Icmp { message_type, code, meaning, quoted: if quotes { quoted(behind) } else { None } })
}

/// The packet that an error message quotes, as far as it goes.
fn quoted(bytes: &[u8]) -> Option<Quoted<'_>> {
    let original = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let (ip, protocol, payload) = ip::split(bytes, original).ok()?;
    let (transport, payload): (_, &[u8]) = match payload {
        Payload::Whole { captured, .. } => (quoted_transport(protocol, captured), captured),
        Payload::LaterFragment => (QuotedTransport::Fragment, &[]),
        Payload::Cut => (QuotedTransport::Truncated, &[]),
    };
    Some(Quoted { ip, transport, payload })
}

fn quoted_transport(protocol: u8, captured: &[u8]) -> QuotedTransport {
    if !matches!(protocol, ip::TCP | ip::UDP) {
        return QuotedTransport::Other(protocol);
    }
    let Some(header) = captured.first_chunk::<8>() else { return QuotedTransport::Truncated };
    let field = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let (source, destination) = (field(0), field(2));
    if protocol == ip::TCP {
        let sequence = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
        QuotedTransport::Tcp { source, destination, sequence }
    } else {
        QuotedTransport::Udp { source, destination, length: field(4), checksum: field(6) }
    }
}
