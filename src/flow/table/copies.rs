//! Packets that a capture has twice.
//!
//! A capture on several interfaces, or one on loopback that does not leave one direction out, sees one packet more than once,
//! within microseconds and equal in all fields. A retransmission is equal, too, but never so soon, and as a rule it has
//! another IPv4 identification. So a packet is a copy if an equal one was seen less than [`WINDOW`] ago and
//! - both have the same IPv4 identification, which is not 0, or
//! - it is a SYN or has payload (nobody sends those again so soon), or
//! - the flow is known to be captured twice, because one of the two rules above applied: then every packet comes in pairs.
//!
//! The limit: without identification (IPv6), pure acknowledgements that are equal and sent within the window for a good reason
//! (duplicate ACKs) count once in a flow that is captured twice.

use std::hash::Hasher as _;

use super::key::Mixer;
use crate::packet::{Ip, Tcp};
use crate::time::{Nanos, Realtime, Timestamp};

/// Copies come sooner, retransmissions later: the shortest retransmission timers are of milliseconds.
const WINDOW: Nanos = Nanos::from_micros(1_000);
/// Packets remembered.
const REMEMBERED: usize = 4;

/// The packets of a flow seen last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Copies {
    recent: [(u64, Timestamp<Realtime>); REMEMBERED],
    next: usize,
    /// The flow is captured twice.
    in_pairs: bool,
}

impl Copies {
    /// Whether this packet was seen before.
    #[inline]
    pub(super) fn is_copy(&mut self, at: Timestamp<Realtime>, from_lesser: bool, ip: &Ip, tcp: &Tcp<'_>) -> bool {
        let print = fingerprint(from_lesser, ip, tcp);
        let equal = self
            .recent
            .iter()
            .position(|(other, seen)| *other == print && at.since(*seen) < WINDOW && seen.as_nanos() > 0);
        if let Some(equal) = equal {
            let has_identity = ip.identification.is_some_and(|identification| identification != 0);
            if has_identity || tcp.flags.syn() || tcp.payload_length > 0 {
                self.in_pairs = true;
                return true;
            }
            if self.in_pairs {
                // Each packet has one copy.
                self.recent[equal].0 = 0;
                return true;
            }
        }
        self.recent[self.next] = (print, at);
        self.next = (self.next + 1) % REMEMBERED;
        false
    }
}

/// Everything in which a copy equals its original; the TTL is not part of it, because routers and bridges may lie between.
#[inline]
fn fingerprint(from_lesser: bool, ip: &Ip, tcp: &Tcp<'_>) -> u64 {
    let numbers = u64::from(tcp.sequence) << 32 | u64::from(tcp.acknowledgement);
    let lengths = u64::from(tcp.payload_length) << 32
        | u64::from(tcp.window) << 16
        | u64::from(tcp.flags.bits()) << 1
        | u64::from(from_lesser);
    let stamps = tcp.options.timestamps().map_or(0, |stamps| u64::from(stamps.value) << 32 | u64::from(stamps.echo));
    let identification = u64::from(ip.identification.unwrap_or(0));
    let mut mixer = Mixer::default();
    for word in [numbers, lengths, stamps, identification] {
        mixer.write_u64(word);
    }
    mixer.finish()
}
