//! Which probe is sent when: pure, on whatever clock the caller has.
//!
//! The first round searches: the time to live grows by one from 1, until the destination answers, until [`SILENT_IN_A_ROW`]
//! hops behind the last that answered have been given up, or until [`MOST_HOPS`]. Each further round probes the hops that
//! the first one found once more.
//!
//! Bounds: a round sends at most [`MOST_HOPS`] probes, and there are at most [`Rounds::MOST`] rounds, so never more than 300
//! SYNs in all; between two of them is at least [`PACE`], so never more than 50 in a second; at most [`MOST_UNDER_WAY`]
//! probes of the search are without an answer at a time, so that at most three reach the destination besides the one that
//! finds it. A round begins once the probe that went furthest in the round before is answered or given up: two SYNs of one
//! flow at the destination at a time would be answered as one.
//!
//! Invariant: every wait has an end, at most [`PATIENCE`] after the last probe.

use crate::time::{Monotonic, Nanos, Timestamp};
use crate::trace::{HopReply, HopsEnded};

/// No path of the Internet is longer, and whoever traces routes stops here.
pub(super) const MOST_HOPS: u8 = 30;
/// Silent hops behind the last that answered after which nothing more is expected.
pub(super) const SILENT_IN_A_ROW: u8 = 5;
/// Between two probes.
pub(super) const PACE: Nanos = Nanos::from_millis(20);
/// How long an answer is waited for. One that comes later counts all the same, as long as the search goes on.
pub(super) const PATIENCE: Nanos = Nanos::from_secs(1);
/// Probes of the first round that may wait for their answers at a time.
const MOST_UNDER_WAY: usize = 4;

/// How often each hop is probed: 1 to [`Rounds::MOST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rounds(u8);

impl Rounds {
    /// The most rounds: enough to tell loss from bad luck, few enough not to annoy.
    pub const MOST: u8 = 10;

    /// That many, if they are 1 to [`Rounds::MOST`].
    #[must_use]
    pub const fn new(rounds: u8) -> Option<Self> {
        if 0 < rounds && rounds <= Self::MOST { Some(Self(rounds)) } else { None }
    }

    /// How many.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl Default for Rounds {
    /// Three, as traceroute does.
    fn default() -> Self {
        Self(3)
    }
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Send a probe with this time to live, and say so by [`Search::sent`].
    Send(u8),
    /// Nothing, until an answer comes or this instant does.
    Wait(Timestamp<Monotonic>),
    /// Nothing more.
    Done(HopsEnded),
}

/// A probe under way, or back.
#[derive(Clone, Copy, Debug)]
struct Sent {
    ttl: u8,
    round: u8,
    at: Timestamp<Monotonic>,
    reply: Option<HopReply>,
}

impl Sent {
    fn gives_up_at(&self) -> Timestamp<Monotonic> {
        self.at + PATIENCE
    }

    fn is_settled(&self, now: Timestamp<Monotonic>) -> bool {
        self.reply.is_some() || self.gives_up_at() <= now
    }
}

/// The state of one search.
#[derive(Clone, Debug)]
pub(super) struct Search {
    rounds: Rounds,
    sent: Vec<Sent>,
}

impl Search {
    pub(super) fn new(rounds: Rounds) -> Self {
        Self { rounds, sent: Vec::new() }
    }

    /// A probe was handed to the kernel. Probes count from 0, in the order of these calls.
    pub(super) fn sent(&mut self, ttl: u8, at: Timestamp<Monotonic>) {
        let round = match self.sent.last() {
            Some(last) if ttl <= last.ttl => last.round + 1,
            Some(last) => last.round,
            None => 0,
        };
        self.sent.push(Sent { ttl, round, at, reply: None });
    }

    /// A probe was answered. Only its first answer counts; whether this is it is returned.
    pub(super) fn answered(&mut self, probe: usize, reply: HopReply) -> bool {
        match self.sent.get_mut(probe) {
            Some(Sent { reply: unanswered @ None, .. }) => {
                *unanswered = Some(reply);
                true
            }
            _ => false,
        }
    }

    /// The time to live of each probe, in the order of sending.
    pub(super) fn ttls(&self) -> impl ExactSizeIterator<Item = u8> {
        self.sent.iter().map(|probe| probe.ttl)
    }

    /// What to do now.
    pub(super) fn next(&self, now: Timestamp<Monotonic>) -> Step {
        let wait = || self.when_something_changes(now).map_or(Step::Done(self.outcome()), Step::Wait);
        let Some(ttl) = self.next_ttl(now) else { return wait() };
        match self.sent.last().map(|last| last.at + PACE) {
            Some(due) if due > now => Step::Wait(due),
            _ => Step::Send(ttl),
        }
    }

    /// The time to live of the probe that may be sent as soon as the pace allows; `None` where an answer has to come first,
    /// or nothing is left to send.
    fn next_ttl(&self, now: Timestamp<Monotonic>) -> Option<u8> {
        let Some(last) = self.sent.last() else { return Some(1) };
        if last.round == 0 {
            let under_way = self.under_way(now).count();
            if last.ttl < self.search_limit() {
                return (under_way < MOST_UNDER_WAY).then_some(last.ttl + 1);
            }
            // Every hop of the path has to be known before it can be probed again.
            if under_way > 0 {
                return None;
            }
        } else if last.ttl < self.end() {
            return Some(last.ttl + 1);
        }
        let is_furthest = |probe: &&Sent| probe.round == last.round && probe.ttl == self.end();
        let came_back = self.sent.iter().find(is_furthest).is_none_or(|probe| probe.is_settled(now));
        (last.round + 1 < self.rounds.get() && came_back).then_some(1)
    }

    /// The probes that may still be answered. Nobody waits for those that went past the destination.
    fn under_way(&self, now: Timestamp<Monotonic>) -> impl Iterator<Item = &Sent> {
        let end = self.end();
        self.sent.iter().filter(move |probe| probe.ttl <= end && !probe.is_settled(now))
    }

    /// How far the first round goes, as far as is known now.
    fn search_limit(&self) -> u8 {
        let answered = self.sent.iter().filter(|probe| probe.reply.is_some()).map(|probe| probe.ttl).max();
        let silence = answered.unwrap_or(0) + SILENT_IN_A_ROW;
        self.nearest_last().map_or(silence.min(MOST_HOPS), |(ttl, _)| ttl)
    }

    /// The last hop of a round.
    fn end(&self) -> u8 {
        let furthest = self.sent.iter().map(|probe| probe.ttl).max().unwrap_or(0);
        self.nearest_last().map_or(furthest, |(ttl, _)| ttl)
    }

    /// The nearest hop that says that nothing lies behind it.
    fn nearest_last(&self) -> Option<(u8, HopReply)> {
        let answered = self.sent.iter().filter_map(|probe| Some((probe.ttl, probe.reply?)));
        answered.filter(|(_, reply)| reply.is_last()).min_by_key(|(ttl, reply)| (*ttl, std::cmp::Reverse(*reply)))
    }

    /// When the next probe is given up; `None` where none is under way.
    fn when_something_changes(&self, now: Timestamp<Monotonic>) -> Option<Timestamp<Monotonic>> {
        self.under_way(now).map(Sent::gives_up_at).min()
    }

    fn outcome(&self) -> HopsEnded {
        match self.nearest_last() {
            Some((_, HopReply::Unreachable(_))) => HopsEnded::Unreachable,
            Some(_) => HopsEnded::Destination,
            None if self.end() >= MOST_HOPS => HopsEnded::MostHops,
            None => HopsEnded::Silence,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: u64 = 1_000_000;

    /// What a path does with a probe of this time to live in this round: the answer and after how long.
    type Path = fn(ttl: u8, round: u8) -> Option<(HopReply, u64)>;

    /// What became of a search: when each probe was sent (ms) and its time to live, the end, and when that was.
    struct Ran {
        sent: Vec<(u64, u8)>,
        ended: HopsEnded,
        took: u64,
    }

    /// Runs a search on a virtual clock that jumps from event to event.
    fn run(rounds: u8, path: impl Fn(u8, u8) -> Option<(HopReply, u64)>) -> Ran {
        let mut search = Search::new(Rounds::new(rounds).unwrap());
        let mut now = Timestamp::from_nanos(5_000_000_000);
        let start = now;
        let mut sent = Vec::new();
        let mut answers: Vec<(Timestamp<Monotonic>, usize, HopReply)> = Vec::new();
        for _ in 0..10_000 {
            answers.retain(|(at, probe, reply)| {
                if *at <= now {
                    search.answered(*probe, *reply);
                }
                *at > now
            });
            match search.next(now) {
                Step::Send(ttl) => {
                    search.sent(ttl, now);
                    sent.push((now.since(start).get() / MS, ttl));
                    let round = search.sent.last().unwrap().round;
                    answers.extend(
                        path(ttl, round).map(|(reply, after)| (now + Nanos::new(after), sent.len() - 1, reply)),
                    );
                }
                Step::Wait(until) => {
                    assert!(until > now, "a wait that does not end");
                    now = answers.iter().map(|(at, ..)| *at).min().map_or(until, |at| at.min(until));
                }
                Step::Done(ended) => return Ran { sent, ended, took: now.since(start).get() / MS },
            }
        }
        panic!("the search does not end");
    }

    fn check(rounds: u8, path: Path, ttls: &[u8], ended: HopsEnded, took: u64) {
        let ran = run(rounds, path);
        assert_eq!(ran.sent.iter().map(|(_, ttl)| *ttl).collect::<Vec<_>>(), ttls);
        assert_eq!((ran.ended, ran.took), (ended, took));
    }

    const NEAR: Path = |ttl, _| Some((if ttl < 3 { HopReply::TimeExceeded } else { HopReply::SynAck }, MS));
    const FAR: Path = |ttl, _| Some((if ttl < 3 { HopReply::TimeExceeded } else { HopReply::Rst }, 200 * MS));
    const SILENT_SECOND: Path = |ttl, round| if ttl == 2 { None } else { NEAR(ttl, round) };
    const BLACK_HOLE: Path = |ttl, _| (ttl < 3).then_some((HopReply::TimeExceeded, MS));
    const FILTERED: Path =
        |ttl, _| Some((if ttl < 2 { HopReply::TimeExceeded } else { HopReply::Unreachable(13) }, MS));
    const ENDLESS: Path = |_, _| Some((HopReply::TimeExceeded, MS));

    #[test]
    fn a_search_ends_at_the_destination_and_is_repeated_up_to_there() {
        check(1, NEAR, &[1, 2, 3], HopsEnded::Destination, 41);
        check(3, NEAR, &[1, 2, 3, 1, 2, 3, 1, 2, 3], HopsEnded::Destination, 161);
        check(1, FILTERED, &[1, 2], HopsEnded::Unreachable, 21);
        let all: Vec<u8> = (1..=30).collect();
        check(1, ENDLESS, &all, HopsEnded::MostHops, 581);
    }

    #[test]
    fn at_most_three_probes_go_past_a_destination_that_is_far() {
        // The fourth probe leaves at 60 ms, the fifth waits for the first answer at 200 ms; the third's comes at 240 ms.
        check(1, FAR, &[1, 2, 3, 4, 5, 6], HopsEnded::Destination, 240);
    }

    #[test]
    fn a_silent_hop_costs_patience_once_before_and_once_after_the_rounds() {
        check(1, SILENT_SECOND, &[1, 2, 3], HopsEnded::Destination, 1_020);
        check(2, SILENT_SECOND, &[1, 2, 3, 1, 2, 3], HopsEnded::Destination, 2_040);
        check(1, BLACK_HOLE, &[1, 2, 3, 4, 5, 6, 7], HopsEnded::Silence, 2_040);
        check(1, |_, _| None, &[1, 2, 3, 4, 5], HopsEnded::Silence, 2_000);
    }

    #[test]
    fn two_probes_at_the_destination_at_a_time_are_never_of_two_rounds() {
        let ran = run(3, |_, _| Some((HopReply::SynAck, 300 * MS)));
        let of_rounds: Vec<u64> = ran.sent.iter().filter(|(_, ttl)| *ttl == 1).map(|(at, _)| *at).collect();
        assert_eq!(of_rounds, [0, 300, 600]);
    }

    #[test]
    fn only_the_first_answer_counts() {
        let mut search = Search::new(Rounds::default());
        search.sent(1, Timestamp::from_nanos(0));
        assert!(search.answered(0, HopReply::TimeExceeded));
        assert!(!search.answered(0, HopReply::SynAck));
        assert!(!search.answered(1, HopReply::SynAck));
    }

    proptest! {
        #[test]
        fn whatever_the_path_does_the_bounds_hold(
            rounds in 1..=Rounds::MOST,
            answers in proptest::collection::vec(proptest::option::of((any::<u8>(), 0..3_000_u64)), 1..400),
        ) {
            let ran = run(rounds, |ttl, round| {
                let (kind, millis) = answers[(usize::from(ttl) + 31 * usize::from(round)) % answers.len()]?;
                let reply = match kind {
                    0..200 => HopReply::TimeExceeded,
                    200..220 => HopReply::SynAck,
                    220..240 => HopReply::Rst,
                    code => HopReply::Unreachable(code),
                };
                Some((reply, millis * MS))
            });
            prop_assert!(ran.sent.len() <= usize::from(MOST_HOPS) * usize::from(rounds));
            prop_assert!(ran.sent.iter().all(|(_, ttl)| (1..=MOST_HOPS).contains(ttl)));
            prop_assert!(ran.sent.windows(2).all(|pair| pair[1].0 - pair[0].0 >= PACE.get() / MS));
        }
    }
}
