//! How much of the wait is the network, and how much is what answers.
//!
//! One client cannot see where its packets spend their time. What it has is a floor of this connection's round trip
//! (`tcpi_min_rtt`, or the SYN's), and sometimes a ceiling: the acknowledgement of the request's last byte, unless that was
//! delayed or rode on the response. The split is therefore an estimate with bounds. Where a proxy, a balancer or a CDN ends
//! TCP, the round trip is the one to *there*, and everything behind it counts as server.

use serde::{Deserialize, Serialize};

use crate::time::Nanos;

/// The wait, split.
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
}

impl Method {
    /// The words used on the terminal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MinRtt => "min_rtt",
            Self::MinRttAndAck => "min_rtt_and_ack",
        }
    }
}

impl WaitSplit {
    /// Splits `wait`, which may be off by `error` either way; the bounds are wider by that. `min_rtt` is the smallest round trip of the connection, `acked` the time from the end of `send` to the
    /// acknowledgement of the request's last byte.
    ///
    /// A floor longer than the wait (a first byte that left before the request was complete) makes the network the whole.
    #[must_use]
    pub fn estimate(wait: Nanos, error: Nanos, min_rtt: Nanos, acked: Option<Nanos>) -> Self {
        let network = min_rtt.min(wait);
        let ceiling = acked.filter(|acked| *acked < wait);
        let most_network = ceiling.unwrap_or(wait).max(network);
        Self {
            network,
            server: wait.saturating_sub(network),
            server_low: wait.saturating_sub(most_network + error),
            server_high: (wait + error).saturating_sub(network),
            method: if ceiling.is_some() { Method::MinRttAndAck } else { Method::MinRtt },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wait: u64, min_rtt: u64, acked: Option<u64>, expect: (u64, u64, u64, u64, Method)) {
        check_uncertain(wait, 0, min_rtt, acked, expect);
    }

    fn check_uncertain(wait: u64, error: u64, min_rtt: u64, acked: Option<u64>, expect: (u64, u64, u64, u64, Method)) {
        let (network, server, low, high, method) = expect;
        let split =
            WaitSplit::estimate(Nanos::new(wait), Nanos::new(error), Nanos::new(min_rtt), acked.map(Nanos::new));
        let expect = WaitSplit {
            network: Nanos::new(network),
            server: Nanos::new(server),
            server_low: Nanos::new(low),
            server_high: Nanos::new(high),
            method,
        };
        assert_eq!(split, expect, "wait {wait}, min_rtt {min_rtt}, acked {acked:?}");
    }

    #[test]
    fn estimates_and_bounds() {
        check(100, 16, Some(17), (16, 84, 83, 84, Method::MinRttAndAck));
        // An acknowledgement that rode on the response says nothing.
        check(100, 16, Some(100), (16, 84, 0, 84, Method::MinRtt));
        check(100, 16, None, (16, 84, 0, 84, Method::MinRtt));
        // The acknowledgement cannot be faster than the floor: the floor stands.
        check(100, 16, Some(15), (16, 84, 84, 84, Method::MinRttAndAck));
        check(10, 16, None, (10, 0, 0, 0, Method::MinRtt));
        // What is not known of the wait is not known of its parts.
        check_uncertain(100, 5, 16, Some(17), (16, 84, 78, 89, Method::MinRttAndAck));
        check_uncertain(100, 200, 16, Some(17), (16, 84, 0, 284, Method::MinRttAndAck));
    }
}
