//! At which end of a connection its packets were captured.

use super::Conversation;
use crate::event::Side;
use crate::time::Nanos;

/// What hosts give their packets for a time to live; a packet with another number has passed a router.
const UNTRAVELLED: [u8; 3] = [64, 128, 255];
/// One half of the handshake tells where the distance lies only if it is this much longer than the other: on loopback both
/// are a few microseconds of noise, and a host takes that long to answer.
const CLEARLY_LONGER: Nanos = Nanos::from_micros(100);
/// And this many times as long: a busy host may take milliseconds to answer.
const CLEARLY_TIMES: u64 = 3;

impl Conversation {
    /// At which end the packets were captured, as far as they show it, and the reason as a sentence.
    ///
    /// Packets that have passed no router come from close by; and the handshake's longer half is the one with the distance in
    /// it: SYN to SYN-ACK at the client, SYN-ACK to the next packet of the client at the server. Where neither is clearly the
    /// longer one, the client's side is assumed, and the reason says so.
    #[must_use]
    pub fn side(&self) -> (Side, String) {
        let travelled = |ttl: Option<u8>| ttl.map(|ttl| (ttl, !UNTRAVELLED.contains(&ttl)));
        match (travelled(self.sent.ttl), travelled(self.received.ttl)) {
            (Some((near, false)), Some((far, true))) => {
                let why = format!(
                    "the client's packets have a TTL of {near}, as they leave a host, the server's one of {far}, as they arrive \
                     over routers"
                );
                return (Side::Client, why);
            }
            (Some((far, true)), Some((near, false))) => {
                let why = format!(
                    "the server's packets have a TTL of {near}, as they leave a host, the client's one of {far}, as they arrive \
                     over routers"
                );
                return (Side::Server, why);
            }
            _ => {}
        }
        let handshake = self.handshake();
        let syn_ack = handshake.syn_acks.last();
        let times = handshake.syns.last().copied().zip(syn_ack.copied()).zip(handshake.ack);
        let Some(((syn, syn_ack), ack)) = times.filter(|((syn, syn_ack), ack)| syn <= syn_ack && syn_ack <= ack) else {
            return (Side::Client, "assumed, for nothing in the packets tells".to_owned());
        };
        let (first, second) = (syn_ack.since(syn), ack.since(syn_ack));
        if is_clearly_longer(first, second) {
            let why = format!(
                "the SYN-ACK came {first} after the SYN and was acknowledged within {second}: the distance lies towards the server"
            );
            (Side::Client, why)
        } else if is_clearly_longer(second, first) {
            let why = format!(
                "the SYN-ACK left {first} after the SYN and was acknowledged {second} later: the distance lies towards the client"
            );
            (Side::Server, why)
        } else {
            let why = format!(
                "assumed, for it cannot be told: the SYN-ACK came {first} after the SYN and was acknowledged after {second}, and \
                 neither is clearly longer"
            );
            (Side::Client, why)
        }
    }
}

fn is_clearly_longer(one: Nanos, other: Nanos) -> bool {
    one >= other + CLEARLY_LONGER && one.get() / CLEARLY_TIMES >= other.get()
}
