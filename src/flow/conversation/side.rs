//! At which end of a connection its packets were captured.

use super::Conversation;
use crate::event::Side;

/// What hosts give their packets for a time to live; a packet with another number has passed a router.
const UNTRAVELLED: [u8; 3] = [64, 128, 255];

impl Conversation {
    /// At which end the packets were captured, as far as they show it, and the reason as a sentence.
    ///
    /// Packets that have passed no router come from close by; and the handshake's longer half is the one with the distance in
    /// it: SYN to SYN-ACK at the client, SYN-ACK to the next packet of the client at the server.
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
            return (Side::Client, "nothing in the packets tells; most captures are the client's".to_owned());
        };
        let (first, second) = (syn_ack.since(syn), ack.since(syn_ack));
        if first >= second {
            let why = format!(
                "the SYN-ACK came {first} after the SYN and was acknowledged within {second}: the distance lies towards the server"
            );
            (Side::Client, why)
        } else {
            let why = format!(
                "the SYN-ACK left {first} after the SYN and was acknowledged {second} later: the distance lies towards the client"
            );
            (Side::Server, why)
        }
    }
}
