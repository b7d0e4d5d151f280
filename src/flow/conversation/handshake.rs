//! How a connection was opened, and what that tells about the network.

use super::losses::{Delay, Sign};
use crate::event::{Direction, Recovery, Side, TcpOffer, Trouble};
use crate::packet::{Tcp, TcpFlags};
use crate::time::{Nanos, Realtime, Timestamp};

type At = Timestamp<Realtime>;

/// More SYNs than this are not kept of one connection: Linux gives up after seven.
const MOST: usize = 32;

/// The packets that opened a connection; those not captured are absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handshake {
    /// Every SYN, in the order of time.
    pub syns: Vec<Timestamp<Realtime>>,
    /// Every SYN-ACK, in the order of time.
    pub syn_acks: Vec<Timestamp<Realtime>>,
    /// The client's first packet behind a SYN-ACK.
    pub ack: Option<Timestamp<Realtime>>,
    /// What the client's SYN offered.
    pub client: Option<TcpOffer>,
    /// What the server's SYN-ACK offered.
    pub server: Option<TcpOffer>,
}

/// What is known of a round trip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoundTrip {
    /// Nothing.
    Unknown,
    /// It is this long.
    Exact(Nanos),
    /// The request was repeated, and it is unknown which one was answered (Karn's ambiguity).
    Between {
        /// If the last request was answered.
        low: Nanos,
        /// If the first one was.
        high: Nanos,
    },
}

impl RoundTrip {
    /// Its length, where that is unambiguous.
    #[must_use]
    pub const fn exact(self) -> Option<Nanos> {
        match self {
            Self::Exact(length) => Some(length),
            Self::Unknown | Self::Between { .. } => None,
        }
    }
}

impl Handshake {
    /// From the first SYN to the client's first packet behind the SYN-ACK, where nothing was repeated: a round trip and both
    /// ends' own time, wherever it was captured.
    pub(super) fn whole(&self) -> Option<Nanos> {
        match (&*self.syns, &*self.syn_acks, self.ack) {
            ([syn], [_], Some(ack)) => Some(ack.since(*syn)),
            _ => None,
        }
    }
}

/// The handshake and what is needed to judge it.
#[derive(Clone, Debug)]
pub(super) struct Opening {
    pub(super) seen: Handshake,
    /// The client's clock in each SYN (RFC 7323).
    clocks: Vec<u32>,
    /// Which of them the first SYN-ACK echoes.
    echo: Option<u32>,
}

impl Opening {
    pub(super) const fn new() -> Self {
        let seen = Handshake { syns: Vec::new(), syn_acks: Vec::new(), ack: None, client: None, server: None };
        Self { seen, clocks: Vec::new(), echo: None }
    }

    /// Takes a SYN, or a SYN-ACK.
    pub(super) fn take(&mut self, at: At, tcp: &Tcp<'_>) {
        let stamps = tcp.options.timestamps();
        let is_answer = tcp.flags.ack();
        let offer = TcpOffer {
            mss: tcp.options.mss(),
            window_scale: tcp.options.window_scale(),
            sack: tcp.options.sack_permitted(),
            timestamps: stamps.is_some(),
            ecn: tcp.flags.contains(TcpFlags::ECE) && (is_answer || tcp.flags.contains(TcpFlags::CWR)),
        };
        let times = if is_answer { &mut self.seen.syn_acks } else { &mut self.seen.syns };
        let is_first = times.is_empty();
        if times.len() < MOST {
            times.push(at);
            if !is_answer {
                self.clocks.extend(stamps.map(|stamps| stamps.value));
            }
        }
        if is_answer {
            self.seen.server.get_or_insert(offer);
            if is_first {
                self.echo = stamps.map(|stamps| stamps.echo);
            }
        } else {
            self.seen.client.get_or_insert(offer);
        }
    }

    /// The client's first packet behind the SYN-ACK.
    pub(super) fn confirm(&mut self, at: At) {
        if !self.seen.syn_acks.is_empty() {
            self.seen.ack.get_or_insert(at);
        }
    }

    /// The SYNs that went by before the first SYN-ACK.
    fn asked(&self) -> Option<(&[At], At)> {
        let answer = *self.seen.syn_acks.first()?;
        let count = self.seen.syns.partition_point(|syn| *syn <= answer);
        Some((&self.seen.syns[..count], answer))
    }

    /// Which SYN the first SYN-ACK answers, by the echo of its clock. A server that answers a repeated SYN with the SYN-ACK it
    /// had made before echoes the first one's clock: then that one had arrived.
    fn answered(&self, asked: &[At]) -> Option<usize> {
        let clocks = self.clocks.get(..asked.len())?;
        let echo = self.echo.filter(|echo| *echo != 0)?;
        let mut matching = (0..).zip(clocks).filter(|(_, clock)| **clock == echo);
        matching.next().map(|(index, _)| index).filter(|_| matching.next().is_none())
    }

    /// Whether the SYN was repeated only because the round trip is longer than the client's timer: then each SYN has a
    /// SYN-ACK of its own, as far from the one before as the SYNs are. A lost SYN-ACK is sent again with the answer to the
    /// repeated SYN, or close to it.
    fn was_needless(&self) -> bool {
        match (&*self.seen.syns, &*self.seen.syn_acks) {
            ([first, second, ..], [answer, next, ..]) => next.since(*answer).get() >= second.since(*first).get() / 2,
            _ => false,
        }
    }

    pub(super) fn round_trip(&self, side: Side) -> RoundTrip {
        let between = |questions: &[At], answer: At, answered: Option<usize>| match questions {
            [] => RoundTrip::Unknown,
            [question] => RoundTrip::Exact(answer.since(*question)),
            [.., last] if answered == Some(questions.len() - 1) => RoundTrip::Exact(answer.since(*last)),
            [first, .., last] => RoundTrip::Between { low: answer.since(*last), high: answer.since(*first) },
        };
        match side {
            Side::Client => self.asked().map_or(RoundTrip::Unknown, |(asked, answer)| match asked {
                [first, ..] if self.was_needless() => RoundTrip::Exact(answer.since(*first)),
                _ => between(asked, answer, self.answered(asked)),
            }),
            Side::Server => self.seen.ack.map_or(RoundTrip::Unknown, |ack| {
                let count = self.seen.syn_acks.partition_point(|syn_ack| *syn_ack <= ack);
                between(&self.seen.syn_acks[..count], ack, None)
            }),
        }
    }

    /// What the repeated packets of the handshake cost, as a capture at this end sees it.
    pub(super) fn delay(&self, side: Side) -> Option<Delay> {
        let (trouble, direction, repeated) = match side {
            Side::Client => match self.asked() {
                Some(_) if self.was_needless() => return None,
                Some((asked, _)) => (self.client_trouble(asked), Direction::Sent, asked),
                None => (Trouble::LostSynOrSynAck, Direction::Sent, &*self.seen.syns),
            },
            Side::Server => {
                let until = self.seen.ack.unwrap_or(Timestamp::from_nanos(u64::MAX));
                let count = self.seen.syn_acks.partition_point(|syn_ack| *syn_ack <= until);
                (Trouble::LostSynAck, Direction::Received, &self.seen.syn_acks[..count])
            }
        };
        let [first, .., last] = repeated else { return None };
        let direction = if trouble == Trouble::LostSynAck { Direction::Received } else { direction };
        Some(Delay {
            trouble,
            direction,
            start: *first,
            end: *last,
            recovery: Some(Recovery::Timeout),
            sign: Sign::Window,
        })
    }

    /// Which packet it was that did not arrive: by the echo where there is one, else by a second SYN-ACK, which only a server
    /// sends that had the first SYN.
    fn client_trouble(&self, asked: &[At]) -> Trouble {
        match self.answered(asked) {
            Some(index) if index + 1 == asked.len() => Trouble::LostSyn,
            Some(_) => Trouble::LostSynAck,
            None if self.seen.syn_acks.len() > 1 => Trouble::LostSynAck,
            None => Trouble::LostSynOrSynAck,
        }
    }
}
