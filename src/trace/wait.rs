//! How much of the wait is the network, and how much is what answers.
//!
//! One end cannot see where its packets spend their time. What it has is round trips of this connection: the smallest that
//! the kernel knows (`tcpi_min_rtt`), the SYN's, and, from the request's last byte to its acknowledgement, the one that the
//! wait contains; but an acknowledgement may be held back, or ride on the response. The split is therefore an estimate with
//! bounds. Where a proxy, a balancer or a CDN ends TCP, the round trip is the one to *there*, and everything behind it counts
//! as server. What passed because packets had to be sent again is neither, and is set apart where a capture shows it.

use serde::{Deserialize, Serialize};

use crate::time::Nanos;

/// An acknowledgement that takes no longer than the smallest round trip, this share of it and [`SLACK`] was not held back.
const SLACK_SHARE: u64 = 4;
/// See [`SLACK_SHARE`]. Acknowledgements that are held back, are so for 40 ms on Linux.
const SLACK: Nanos = Nanos::from_millis(1);

/// The wait, split: `network + server + retransmission` is the wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitSplit {
    /// One round trip of this connection.
    #[serde(rename = "network_ns")]
    pub network: Nanos,
    /// The rest of the wait.
    #[serde(rename = "server_ns")]
    pub server: Nanos,
    /// The server's share is at least this.
    #[serde(rename = "server_low_ns")]
    pub server_low: Nanos,
    /// The server's share is at most this.
    #[serde(rename = "server_high_ns")]
    pub server_high: Nanos,
    /// What passed because lost packets had to be sent again; absent where nothing did, or no packets were captured.
    #[serde(rename = "retransmission_ns", default, skip_serializing_if = "Option::is_none")]
    pub retransmission: Option<Nanos>,
    /// How the round trip is known.
    pub method: Method,
}

/// Where the estimate of the round trip comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The connection's smallest round trip is both estimate and floor; the ceiling is the whole wait.
    MinRtt,
    /// As before, and the acknowledgement of the request's last byte, which came before the response, is the ceiling.
    MinRttAndAck,
    /// From the request's last byte to its acknowledgement on the wire, which was not held back: the very round trip that the
    /// wait contains.
    RequestAck,
    /// SYN to SYN-ACK on the wire; floor and ceiling as in the first two.
    SynRtt,
    /// Captured at the server: no network lies between what is seen of the request and what is seen of the response.
    AtServer,
}

impl Method {
    /// The words used on the terminal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MinRtt => "min_rtt",
            Self::MinRttAndAck => "min_rtt_and_ack",
            Self::RequestAck => "request_ack",
            Self::SynRtt => "syn_rtt",
            Self::AtServer => "at_server",
        }
    }
}

/// What is known of the round trips of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RoundTrips {
    /// The smallest that the kernel knows, or, without capture, the SYN's.
    pub(super) smallest: Option<Nanos>,
    /// The SYN's, on the wire.
    pub(super) syn: Option<Nanos>,
    /// From the end of `send` to the acknowledgement of the request's last byte.
    pub(super) acked: Option<Acked>,
}

/// From the end of `send` to the acknowledgement of the request's last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Acked {
    /// As the kernel learned it.
    ByKernel(Nanos),
    /// As it was captured.
    OnWire(Nanos),
}

impl Acked {
    const fn length(self) -> Nanos {
        match self {
            Self::ByKernel(length) | Self::OnWire(length) => length,
        }
    }
}

/// The wait, and what is known to have been lost in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Waited {
    pub(super) length: Nanos,
    /// How far the length may be off, either way.
    pub(super) error: Nanos,
    /// What passed because packets were lost, whichever way they went.
    pub(super) lost: Nanos,
    /// What of that passed because the client's were: then the server did not have the request.
    pub(super) lost_request: Nanos,
}

impl WaitSplit {
    /// Splits the wait; `None` where no round trip is known. The bounds are wider by the wait's error.
    ///
    /// A round trip longer than the wait (a first byte that left before the request was complete) makes the network the whole.
    /// The time in which the client had to repeat its request is not the server's; that in which the server had to repeat its
    /// response may be in part, so that the upper bound leaves it in; and there is no lower bound then.
    pub(super) fn estimate(wait: Waited, known: RoundTrips) -> Option<Self> {
        let floor = [known.smallest, known.syn].into_iter().flatten().min();
        let acked = known.acked.map(|acked| match acked {
            Acked::ByKernel(length) => Acked::ByKernel(length.saturating_sub(wait.lost_request)),
            Acked::OnWire(length) => Acked::OnWire(length.saturating_sub(wait.lost_request)),
        });
        let lost = wait.lost.min(wait.length);
        let rest = wait.length.saturating_sub(lost);
        let ceiling = acked.map(Acked::length).filter(|acked| *acked < wait.length);
        let prompt =
            |acked: Nanos| floor.is_some_and(|floor| acked <= floor + Nanos::new(floor.get() / SLACK_SHARE) + SLACK);
        let (network, method) = match (acked, known.syn, known.smallest) {
            (Some(Acked::OnWire(acked)), ..) if ceiling.is_some() && prompt(acked) => (acked, Method::RequestAck),
            (_, Some(syn), _) => (syn, Method::SynRtt),
            (_, None, Some(smallest)) if ceiling.is_some() => (smallest, Method::MinRttAndAck),
            (_, None, smallest) => (smallest?, Method::MinRtt),
        };
        let network = network.min(rest);
        let server = rest.saturating_sub(network);
        let most_network = ceiling.unwrap_or(wait.length).max(network);
        let least_network = floor.unwrap_or(network).min(network);
        let least_lost = wait.lost_request.min(lost);
        // A response that was lost had been sent before anything showed that it is missing: nobody knows how long before.
        let least_server =
            if lost > least_lost { Nanos::ZERO } else { wait.length.saturating_sub(most_network + lost + wait.error) };
        Some(Self {
            network,
            server,
            server_low: least_server,
            server_high: (wait.length + wait.error).saturating_sub(least_network + least_lost),
            retransmission: Some(lost).filter(|lost| *lost > Nanos::ZERO),
            method,
        })
    }

    /// The wait as the server's own capture shows it.
    pub(super) fn at_server(wait: Waited) -> Self {
        let lost = wait.lost.min(wait.length);
        let server = wait.length.saturating_sub(lost);
        Self {
            network: Nanos::ZERO,
            server,
            server_low: server.saturating_sub(wait.error),
            server_high: wait.length + wait.error,
            retransmission: Some(lost).filter(|lost| *lost > Nanos::ZERO),
            method: Method::AtServer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KERNEL: fn(u64) -> Acked = |length| Acked::ByKernel(Nanos::new(length));
    const MS: u64 = 1_000_000;

    fn split(wait: Waited, smallest: Option<u64>, syn: Option<u64>, acked: Option<Acked>) -> WaitSplit {
        let known = RoundTrips { smallest: smallest.map(Nanos::new), syn: syn.map(Nanos::new), acked };
        let split = WaitSplit::estimate(wait, known).unwrap();
        let parts = split.network + split.server + split.retransmission.unwrap_or_default();
        assert_eq!(parts, wait.length, "the parts are the whole");
        assert!(split.server_low <= split.server && split.server <= split.server_high, "{split:?}");
        split
    }

    fn check(wait: u64, error: u64, min_rtt: u64, acked: Option<u64>, expect: (u64, u64, u64, u64, Method)) {
        let wait = Waited { length: Nanos::new(wait), error: Nanos::new(error), ..Waited::default() };
        let split = split(wait, Some(min_rtt), None, acked.map(KERNEL));
        let shares = (split.network.get(), split.server.get(), split.server_low.get(), split.server_high.get());
        assert_eq!(shares, (expect.0, expect.1, expect.2, expect.3), "{wait:?}, min_rtt {min_rtt}, acked {acked:?}");
        assert_eq!((split.method, split.retransmission), (expect.4, None));
    }

    #[test]
    fn estimates_and_bounds() {
        check(100, 0, 16, Some(17), (16, 84, 83, 84, Method::MinRttAndAck));
        // An acknowledgement that rode on the response says nothing.
        check(100, 0, 16, Some(100), (16, 84, 0, 84, Method::MinRtt));
        check(100, 0, 16, None, (16, 84, 0, 84, Method::MinRtt));
        // The acknowledgement cannot be faster than the floor: the floor stands.
        check(100, 0, 16, Some(15), (16, 84, 84, 84, Method::MinRttAndAck));
        check(10, 0, 16, None, (10, 0, 0, 0, Method::MinRtt));
        // What is not known of the wait is not known of its parts.
        check(100, 5, 16, Some(17), (16, 84, 78, 89, Method::MinRttAndAck));
        check(100, 200, 16, Some(17), (16, 84, 0, 284, Method::MinRttAndAck));
    }

    #[test]
    fn the_wire_knows_better() {
        let wait = Waited { length: Nanos::new(100 * MS), ..Waited::default() };
        let on_wire = |length: u64| Some(Acked::OnWire(Nanos::new(length * MS)));
        for (smallest, syn, acked, network, low, high, method) in [
            // Its own round trip, between the floor and what it says itself.
            (Some(15), Some(16), on_wire(17), 17, 83, 85, Method::RequestAck),
            // Held back for 40 ms: a ceiling only.
            (None, Some(16), on_wire(56), 16, 44, 84, Method::SynRtt),
            // Rode on the response.
            (None, Some(16), on_wire(100), 16, 0, 84, Method::SynRtt),
            // The handshake was not captured, or its SYN repeated.
            (Some(16), None, on_wire(56), 16, 44, 84, Method::MinRttAndAck),
        ] {
            let split = split(wait, smallest.map(|ms: u64| ms * MS), syn.map(|ms: u64| ms * MS), acked);
            let shares = [split.network, split.server_low, split.server_high].map(|share| share.get() / MS);
            assert_eq!((shares, split.method), ([network, low, high], method), "{acked:?}");
        }
        assert_eq!(WaitSplit::estimate(wait, RoundTrips { acked: on_wire(17), ..RoundTrips::default() }), None);
    }

    #[test]
    fn what_was_lost_is_neither_network_nor_server() {
        let ms = Nanos::from_millis;
        let wait = |lost, lost_request| Waited { length: ms(231), error: Nanos::ZERO, lost, lost_request };
        let acked = Some(Acked::OnWire(ms(219)));
        // The request was repeated after 203 ms, and acknowledged 16 ms later.
        let request = split(wait(ms(203), ms(203)), None, Some(16 * MS), acked);
        assert_eq!((request.network, request.server, request.retransmission), (ms(16), ms(12), Some(ms(203))));
        assert_eq!((request.server_low, request.server_high, request.method), (ms(12), ms(12), Method::RequestAck));
        // The response was: how much of that the server had needed anyway is not known.
        let response = split(wait(ms(203), Nanos::ZERO), None, Some(16 * MS), None);
        assert_eq!((response.server_low, response.server, response.server_high), (ms(0), ms(12), ms(215)));
        // More was lost than waited.
        let all = split(wait(ms(400), ms(400)), None, Some(16 * MS), None);
        assert_eq!((all.network, all.server, all.retransmission), (ms(0), ms(0), Some(ms(231))));
    }

    #[test]
    fn at_the_server_there_is_no_network() {
        let wait = Waited { length: Nanos::new(100), error: Nanos::new(2), ..Waited::default() };
        let split = WaitSplit::at_server(wait);
        assert_eq!(
            [split.network, split.server, split.server_low, split.server_high].map(Nanos::get),
            [0, 100, 98, 102]
        );
    }
}
