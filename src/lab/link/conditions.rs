//! What a link does to the packets of one direction.
//!
//! Nothing here is hidden in a default: [`Conditions::default`] is a wire without length, loss or limit.

use std::num::NonZeroU64;
use std::str::FromStr;

use super::prefix::Prefix;
use crate::time::Nanos;

/// What happens to the packets of one direction.
///
/// A packet's way: it is refused where it is larger than `mtu`; it waits for those before it and takes its time on a line of
/// `bandwidth` (refused where the buffer is full); it is lost, or travels for `delay` and a part of `jitter`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conditions {
    /// One-way delay.
    pub delay: Nanos,
    /// How much later the answer to a SYN arrives: somebody takes his time to accept connections. Other packets do not wait for it.
    pub accept: Nanos,
    /// Drawn uniformly from zero to this for each packet, and added to the delay. Packets keep their order all the same: one
    /// that would overtake another arrives right behind it.
    pub jitter: Nanos,
    /// Packets that are lost by chance.
    pub loss: Share,
    /// Packets that arrive twice by chance.
    pub duplication: Share,
    /// Packets that arrive late, while others pass them.
    pub reordering: Option<Reordering>,
    /// How fast the line is; `None` is infinitely fast.
    pub bandwidth: Option<Bandwidth>,
    /// The largest IP packet, in bytes; larger ones vanish without a word, as behind a router whose ICMP is filtered.
    pub mtu: Option<u32>,
    /// What happens to packets that are picked by number.
    pub exceptions: Vec<Exception>,
}

/// Packets that arrive late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reordering {
    /// How many do, by chance.
    pub share: Share,
    /// By how much: what comes in between, overtakes them.
    pub late: Nanos,
}

/// The speed of a line, and the buffer in front of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bandwidth {
    /// Bits of IP packets in a second.
    pub bits_per_second: NonZeroU64,
    /// Bytes that may wait, the packet on the line included. One that does not fit is lost.
    pub buffer_bytes: u64,
}

/// Something that happens to one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exception {
    /// What is counted.
    pub landmark: Landmark,
    /// Which one it is, counted from 1 since the link was laid, over all connections. Retransmissions count.
    pub nth: u64,
    /// What happens to it.
    pub treatment: Treatment,
}

/// What happens to a packet that is picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// It is lost.
    Lose,
    /// It arrives later by this, and others pass it.
    Late(Nanos),
    /// It arrives twice.
    Duplicate,
}

/// Packets that can be told apart, and so counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Landmark {
    /// Any IP packet.
    Packet,
    /// A TCP packet with SYN and without ACK.
    Syn,
    /// A TCP packet with SYN and ACK.
    SynAck,
    /// A TCP packet with a payload.
    Payload,
    /// A TCP packet whose payload begins with a TLS record that begins with a `ClientHello` (RFC 8446 §4.1.2).
    ClientHello,
    /// The same with a `ServerHello` (§4.1.3); a `HelloRetryRequest` has that form, too.
    ServerHello,
    /// A TCP packet with FIN.
    Fin,
}

impl Landmark {
    /// All of them.
    pub(super) const ALL: [Self; 7] =
        [Self::Packet, Self::Syn, Self::SynAck, Self::Payload, Self::ClientHello, Self::ServerHello, Self::Fin];
}

/// A share of packets, in millionths: 0 is none, 1,000,000 all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

/// A text that is no share.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a percentage from 0 to 100, such as 0.5%, got {0:?}")]
pub struct ShareError(String);

impl Share {
    /// All packets.
    pub const ALL: Self = Self(1_000_000);

    /// From millionths; more than all is all.
    #[must_use]
    pub const fn per_million(millionths: u32) -> Self {
        if millionths > Self::ALL.0 { Self::ALL } else { Self(millionths) }
    }

    /// In millionths.
    #[must_use]
    pub const fn millionths(self) -> u32 {
        self.0
    }
}

/// `0.5%` or `0.5`: per cent in either case.
impl FromStr for Share {
    type Err = ShareError;

    fn from_str(text: &str) -> Result<Self, ShareError> {
        let percent = text.strip_suffix('%').unwrap_or(text).parse::<f64>().ok();
        let percent = percent.filter(|percent| (0.0..=100.0).contains(percent));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to lie within 0 to 100")]
        let millionths = percent.map(|percent| (percent * 10_000.0).round() as u32);
        millionths.map(Self).ok_or_else(|| ShareError(text.to_owned()))
    }
}

/// Addresses beyond the link, and the conditions on the way to them and back.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// What is reached on this way.
    pub far: Vec<Prefix>,
    /// From the near end to the far one.
    pub there: Conditions,
    /// From the far end to the near one.
    pub back: Conditions,
}

impl Route {
    /// A way whose round trip takes `round_trip`, the same there and back.
    #[must_use]
    pub fn of_round_trip(far: Vec<Prefix>, round_trip: Nanos) -> Self {
        let there = Nanos::new(round_trip.get() / 2);
        let with_delay = |delay| Conditions { delay, ..Conditions::default() };
        Self { far, there: with_delay(there), back: with_delay(round_trip.saturating_sub(there)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_percentages() {
        for (text, millionths) in [("0", 0), ("0.5%", 5_000), ("100", 1_000_000), ("0.0001%", 1), ("33.3333%", 333_333)]
        {
            assert_eq!(text.parse(), Ok(Share(millionths)), "{text}");
        }
        for text in ["", "%", "101", "-1%", "nan", "1/2"] {
            assert_eq!(text.parse::<Share>(), Err(ShareError(text.to_owned())));
        }
        assert_eq!(Share::per_million(2_000_000), Share::ALL);
    }

    #[test]
    fn there_and_back_are_a_round_trip() {
        let route = Route::of_round_trip(Vec::new(), Nanos::new(7));
        assert_eq!((route.there.delay, route.back.delay), (Nanos::new(3), Nanos::new(4)));
    }
}
