//! Where the network's milliseconds go: TTL-limited SYNs to where a trace's connection went, and who answers them after how
//! long.
//!
//! [`find_hops`] sends SYNs whose time to live grows by one over a raw socket and reads what routers (ICMP time exceeded) and
//! the destination (SYN-ACK or RST) say, in several rounds; [`crate::trace::hops`] makes the statistics. Both ends of a round
//! trip are stamped by the kernel.
//!
//! - `route`: which address a trace's hops lead to
//! - `search`: which probe is sent when; the bounds on how many and how fast stand there
//! - `syn`: the probes' bytes, alike in all that load balancers look at
//! - `answer`: which packet answers which probe
//! - `sockets`: raw sockets
//! - `names`: reverse DNS
//!
//! Invariants: it runs after the trace, never beside it; all probes are of one flow, and never more than the documented
//! number at the documented pace; no connection comes about; nothing is taken for an answer that does not name the flow and
//! the probe; every wait has a deadline, and Ctrl-C keeps what was found.
//!
//! Limits: the probes' source port is not that of the trace's connection, which may still be known to the other end, so a
//! balancer that hashes ports may send them over another of several paths. IPv6 answers with extension headers are not seen.
//!
//! Deliberately absent: printing, and UDP or ICMP probes: a path is asked about with what it will carry.

mod answer;
mod names;
mod route;
mod search;
mod sockets;
mod syn;

use std::io;
use std::net::{IpAddr, SocketAddr};

pub use names::{NamesError, find_names};
pub use route::{Leg, LegKind, Unprobed, leg};
pub use search::Rounds;

use crate::event::Evidence;
use crate::probe::Interrupt;
use crate::probe::deadline::Deadline;
use crate::probe::{clock, kernel::KernelStamp};
use crate::target::Interface;
use crate::time::{ClockSync, Monotonic, Nanos, Timestamp};
use crate::trace::{Hop, HopAnswer, HopProbe, HopSearch, HopsEnded, hops, weakest_evidence};
use answer::{Answer, ProbedFlow};
use search::{Search, Step};
use sockets::{Arrived, Sockets};
use syn::{Sequences, syn};

/// Why hops cannot be looked for.
#[derive(Debug, thiserror::Error)]
pub enum HopsError {
    /// The process may not open raw sockets.
    #[error(
        "hops need raw sockets, and those the capability CAP_NET_RAW: run as root, or once \
         `sudo setcap cap_net_raw+ep \"$(command -v wirefall)\"`"
    )]
    Forbidden,
    /// This platform has none that this program knows.
    #[error("hops need raw sockets, which this program has on Linux only")]
    Unsupported,
    /// A socket cannot be opened or bound.
    #[error("cannot open the sockets to look for the hops to {to}")]
    Open {
        /// Where the probes would have gone.
        to: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Not even the first probe could be sent.
    #[error("cannot send a SYN to {to}")]
    Send {
        /// Where it would have gone.
        to: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

impl HopsError {
    /// Whether it would be the same for any destination.
    #[must_use]
    pub const fn is_general(&self) -> bool {
        matches!(self, Self::Forbidden | Self::Unsupported)
    }
}

/// What was found on the way to a destination.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// What was probed, and how that ended.
    pub search: HopSearch,
    /// The hops, in order.
    pub hops: Vec<Hop>,
}

/// Looks for the hops on the way to a destination, from `source` or else from the address that the routing table chooses.
///
/// It ends by itself within some seconds: a second after the last probe, and the bounds of `search` on those.
///
/// # Errors
/// Where no probe could be sent at all. Where sending fails later, what was found until then is returned.
pub fn find_hops(
    leg: &Leg,
    interface: Option<&Interface>,
    rounds: Rounds,
    interrupt: &Interrupt,
) -> Result<Found, HopsError> {
    let to = leg.destination;
    let mut sockets = Sockets::open(leg.source, to, interface).map_err(|source| match source.kind() {
        io::ErrorKind::PermissionDenied => HopsError::Forbidden,
        io::ErrorKind::Unsupported => HopsError::Unsupported,
        _ => HopsError::Open { to, source },
    })?;
    let flow = ProbedFlow {
        source: sockets.source(),
        destination: to,
        sequences: Sequences::from_random(getrandom::u32().unwrap_or_default()),
    };
    let mut hunt = Hunt { flow, search: Search::new(rounds), handed: Vec::new(), answers: Vec::new() };
    let sync = clock::sync();
    let ended = hunt.run(&mut sockets, interrupt)?;
    let sync = sync.widened_by(&clock::sync());
    let probes = hunt.probes(&mut sockets, &sync);
    let search = HopSearch {
        source: flow.source,
        destination: to,
        rounds: u32::from(rounds.get()),
        probes: u32::try_from(probes.len()).unwrap_or(u32::MAX),
        ended,
        evidence: weakest_evidence(&probes),
    };
    Ok(Found { search, hops: hops(&probes) })
}

/// A search under way.
struct Hunt {
    flow: ProbedFlow,
    search: Search,
    /// When each probe was handed to the kernel.
    handed: Vec<Timestamp<Monotonic>>,
    answers: Vec<(Answer, Arrived)>,
}

impl Hunt {
    fn run(&mut self, sockets: &mut Sockets, interrupt: &Interrupt) -> Result<HopsEnded, HopsError> {
        loop {
            if interrupt.requested() {
                return Ok(HopsEnded::Interrupted);
            }
            self.read(sockets);
            let now = clock::now();
            match self.search.next(now) {
                Step::Done(ended) => return Ok(ended),
                Step::Wait(until) => {
                    // That nothing came in time is for the search to judge, and so is Ctrl-C for the next turn.
                    let _ = sockets.wait(&Deadline::after(now, until.since(now), interrupt));
                }
                Step::Send(ttl) => match self.send(ttl, sockets) {
                    Ok(()) => {}
                    Err(source) if self.handed.is_empty() => {
                        return Err(HopsError::Send { to: self.flow.destination, source });
                    }
                    Err(_) => return Ok(HopsEnded::SendFailed),
                },
            }
        }
    }

    fn send(&mut self, ttl: u8, sockets: &mut Sockets) -> io::Result<()> {
        let number = u16::try_from(self.handed.len()).unwrap_or(u16::MAX);
        let syn = syn(self.flow.source, self.flow.destination, self.flow.sequences.of(number));
        let handed = clock::now();
        sockets.send(ttl, syn)?;
        self.handed.push(handed);
        self.search.sent(ttl, handed);
        Ok(())
    }

    /// Takes in what has arrived.
    fn read(&mut self, sockets: &Sockets) {
        /// More than any answer to a SYN is long: what is longer is cut.
        const LONGEST: usize = 2_048;
        let mut buffer = [0; LONGEST];
        while let Some(arrived) = sockets.receive(&mut buffer) {
            let answer = self.flow.answer(&buffer[..arrived.length], self.handed.len());
            if let Some(answer) = answer
                && self.search.answered(answer.probe, answer.reply)
            {
                self.answers.push((answer, arrived));
            }
        }
    }

    /// Each probe with its round trip.
    fn probes(&self, sockets: &mut Sockets, sync: &ClockSync) -> Vec<HopProbe> {
        let departures = sockets.departures();
        let timed = |(number, ttl): (usize, u8)| {
            let answer = self.answers.iter().find(|(answer, _)| answer.probe == number).map(|(answer, arrived)| {
                let departed = departures.get(&number).copied();
                let (round_trip, evidence) = round_trip(departed, self.handed[number], arrived, sync);
                HopAnswer { from: answer.from, reply: answer.reply, round_trip, evidence }
            });
            HopProbe { ttl, answer }
        };
        self.search.ttls().enumerate().map(timed).collect()
    }
}

/// From the SYN's departure to its answer's arrival: between two stamps of the kernel where both are there and in order.
fn round_trip(
    departed: Option<KernelStamp>,
    handed: Timestamp<Monotonic>,
    arrived: &Arrived,
    sync: &ClockSync,
) -> (Nanos, Evidence) {
    match (departed, arrived.kernel) {
        (Some(departed), Some(arrived)) if departed <= arrived => (arrived.since(departed), Evidence::Kernel),
        (_, Some(stamp)) if sync.to_monotonic(stamp) > handed => {
            (sync.to_monotonic(stamp).since(handed), Evidence::User)
        }
        _ => (arrived.noticed.since(handed), Evidence::User),
    }
}

/// The addresses that answered, each once.
#[must_use]
pub fn addresses(hops: &[Hop]) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = hops.iter().filter_map(|hop| hop.address).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}
