//! At which end of a connection its packets were captured.

use std::fmt;

use super::{At, Conversation, Handshake};
use crate::event::Side;
use crate::time::Nanos;

/// What hosts give their packets for a time to live; a packet with another number has passed a router.
const UNTRAVELLED: [u8; 3] = [64, 128, 255];
/// One half of the handshake tells where the distance lies only if it is this much longer than the other: on loopback both
/// are a few microseconds of noise, and a host takes that long to answer.
const CLEARLY_LONGER: Nanos = Nanos::from_micros(100);
/// And this many times as long: a busy host may take milliseconds to answer.
const CLEARLY_TIMES: u64 = 3;

/// Why a capture is taken for one of an end. Displayed, it is a sentence: written only for the flows that show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhySide {
    /// The packets of this end have passed no router, the other end's have.
    Untravelled {
        /// The end that is near.
        near: Side,
        /// Time to live of its packets.
        ttl: u8,
        /// Time to live of the other end's packets.
        far_ttl: u8,
    },
    /// One half of the handshake is clearly longer.
    Distance {
        /// The end that is near: the longer half is the way to the other one.
        near: Side,
        /// From SYN to SYN-ACK, at the shortest.
        first: Nanos,
        /// From the first SYN-ACK to the client's next packet.
        second: Nanos,
    },
    /// Neither half of the handshake is clearly longer.
    Alike {
        /// From SYN to SYN-ACK, at the shortest.
        first: Nanos,
        /// From the first SYN-ACK to the client's next packet.
        second: Nanos,
    },
    /// Both ends are the same host.
    OneHost,
    /// Nothing in the packets tells.
    Nothing,
}

impl WhySide {
    /// The end.
    #[must_use]
    pub const fn side(self) -> Side {
        match self {
            Self::Untravelled { near, .. } | Self::Distance { near, .. } => near,
            Self::Alike { .. } | Self::OneHost | Self::Nothing => Side::Client,
        }
    }
}

impl fmt::Display for WhySide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untravelled { near, ttl, far_ttl } => {
                let (near, far) = match near {
                    Side::Client => ("client", "server"),
                    Side::Server => ("server", "client"),
                };
                write!(
                    f,
                    "the {near}'s packets have a TTL of {ttl}, as they leave a host, the {far}'s one of {far_ttl}, as they \
                     arrive over routers"
                )
            }
            Self::Distance { near: Side::Client, first, second } => write!(
                f,
                "the SYN-ACK came {first} after the SYN and was acknowledged within {second}: the distance lies towards the server"
            ),
            Self::Distance { near: Side::Server, first, second } => write!(
                f,
                "the SYN-ACK left {first} after the SYN and was acknowledged {second} later: the distance lies towards the client"
            ),
            Self::Alike { first, second } => write!(
                f,
                "assumed, for it cannot be told: the SYN-ACK came {first} after the SYN and was acknowledged after {second}, and \
                 neither is clearly longer"
            ),
            Self::OneHost => f.write_str("assumed, for both ends are the same host"),
            Self::Nothing => f.write_str("assumed, for nothing in the packets tells"),
        }
    }
}

impl Conversation {
    /// Why the packets are taken for ones captured at an end, as far as they show it.
    ///
    /// Packets that have passed no router come from close by; and the handshake's longer half is the one with the distance in
    /// it: SYN to SYN-ACK at the client, SYN-ACK to the next packet of the client at the server. Where neither is clearly the
    /// longer one, the client's side is assumed, and the reason says so.
    #[must_use]
    pub fn side(&self) -> WhySide {
        let travelled = |ttl: Option<u8>| ttl.map(|ttl| (ttl, !UNTRAVELLED.contains(&ttl)));
        match (travelled(self.sent.ttl), travelled(self.received.ttl)) {
            (Some((ttl, false)), Some((far_ttl, true))) => {
                return WhySide::Untravelled { near: Side::Client, ttl, far_ttl };
            }
            (Some((far_ttl, true)), Some((ttl, false))) => {
                return WhySide::Untravelled { near: Side::Server, ttl, far_ttl };
            }
            _ => {}
        }
        let Some((first, second)) = halves(self.handshake()) else { return WhySide::Nothing };
        if is_clearly_longer(first, second) {
            WhySide::Distance { near: Side::Client, first, second }
        } else if is_clearly_longer(second, first) {
            WhySide::Distance { near: Side::Server, first, second }
        } else {
            WhySide::Alike { first, second }
        }
    }
}

/// How long after a SYN there was a SYN-ACK, and how long after that the client's next packet.
///
/// Of what was sent again, the shortest time to a SYN-ACK counts, for a server that repeats it because nothing came back does
/// not wait for another SYN; and the first SYN-ACK, for a client answers the first that it gets, and at once: where there are
/// several before its answer, they were lost further on.
fn halves(handshake: &Handshake) -> Option<(Nanos, Nanos)> {
    let ack = handshake.ack?;
    let answers = || handshake.syn_acks.iter().filter(|syn_ack| **syn_ack <= ack);
    let after_syn = |syn_ack: &At| {
        let syn = handshake.syns.iter().rfind(|syn| *syn <= syn_ack)?;
        Some(syn_ack.since(*syn))
    };
    let first = answers().filter_map(after_syn).min()?;
    Some((first, ack.since(*answers().next()?)))
}

fn is_clearly_longer(one: Nanos, other: Nanos) -> bool {
    one >= other + CLEARLY_LONGER && one.get() / CLEARLY_TIMES >= other.get()
}
