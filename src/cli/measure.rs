//! Many requests to several targets: in a given order, so many at once, never two to the same target at once.
//!
//! Each target has a thread of its own, which keeps its connection where connections are kept; the order of turns and their
//! number at once are kept here.
//!
//! Deliberately absent: what becomes of the traces.

use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use crate::probe::{Interrupt, Probe, Traced};
use crate::schedule::interleaved;
use crate::target::{Repeat, Target};
use crate::trace::FailureCode;

/// One request of one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// The place of the target.
    pub(super) target: usize,
    /// Whether it counts.
    pub(super) purpose: Purpose,
}

/// What a request is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To warm up: names, routes, connections. It does not count.
    WarmUp,
    /// To be counted.
    Count,
}

/// How often each target is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rounds {
    /// First, to warm up.
    pub(super) warmup: usize,
    /// Then, to be counted.
    pub(super) counted: usize,
}

impl Rounds {
    /// All requests to so many targets, rounds interleaved in the random order that the seed gives.
    pub(super) fn turns(self, targets: usize, seed: u64) -> impl Iterator<Item = Turn> {
        let warmups = targets.saturating_mul(self.warmup);
        interleaved(targets, self.each(), seed).enumerate().map(move |(number, target)| {
            let purpose = if number < warmups { Purpose::WarmUp } else { Purpose::Count };
            Turn { target, purpose }
        })
    }

    /// How many requests that is; as many as can be counted, where somebody wants more.
    pub(super) fn requests(self, targets: usize) -> usize {
        targets.saturating_mul(self.each())
    }

    fn each(self) -> usize {
        self.warmup.saturating_add(self.counted)
    }
}

/// How the requests to one target are made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    /// [`Repeat::ColdThenWarm`] keeps one connection for each target.
    pub(super) repeat: Repeat,
    /// Targets asked at once.
    pub(super) at_once: NonZeroUsize,
}

/// Takes the turns in their order until all are over or the user interrupts, and gives the traces of each as it ends. A turn that
/// was interrupted has none: it says nothing of its target. Before a turn begins, it is asked whether it is still wanted; all
/// earlier ones of its target have ended then.
pub(super) fn measure(
    probe: &Probe<'_>,
    targets: &[Target],
    turns: impl IntoIterator<Item = Turn>,
    manner: Manner,
    interrupt: &Interrupt,
    is_wanted: impl Fn(Turn) -> bool,
    mut ended: impl FnMut(Turn, Traced),
) {
    let (report, reports) = channel();
    thread::scope(|scope| {
        let workers: Vec<Sender<Turn>> = targets
            .iter()
            .map(|target| {
                let (turn, orders) = channel();
                let report = report.clone();
                scope.spawn(move || work(probe, target, manner.repeat, &orders, &report));
                turn
            })
            .collect();
        // The workers have theirs: once the last of them has ended, nothing more is to come.
        drop(report);
        let mut busy: Vec<usize> = Vec::new();
        let mut finish_one = |busy: &mut Vec<usize>| {
            let Ok((turn, traced)) = reports.recv() else { return busy.clear() };
            busy.retain(|target| *target != turn.target);
            if !was_interrupted(&traced) {
                ended(turn, traced);
            }
        };
        for turn in turns {
            while busy.len() >= manner.at_once.get() || busy.contains(&turn.target) {
                finish_one(&mut busy);
            }
            if !is_wanted(turn) {
                continue;
            }
            let sent = workers.get(turn.target).filter(|_| !interrupt.requested()).map(|worker| worker.send(turn));
            let Some(Ok(())) = sent else { break };
            busy.push(turn.target);
        }
        while !busy.is_empty() {
            finish_one(&mut busy);
        }
    });
}

/// The requests of one target, as they are ordered.
fn work(probe: &Probe<'_>, target: &Target, repeat: Repeat, orders: &Receiver<Turn>, report: &Sender<(Turn, Traced)>) {
    let mut visits = probe.visits(target);
    for turn in orders {
        if repeat == Repeat::Cold {
            visits = probe.visits(target);
        }
        if report.send((turn, visits.trace())).is_err() {
            return;
        }
    }
}

fn was_interrupted(traced: &Traced) -> bool {
    let code = traced.traces.last().and_then(|trace| trace.failure()).map(|failure| failure.code);
    code == Some(FailureCode::ClientInterrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warm_ups_come_first_and_endless_rounds_are_no_overflow() {
        let turns: Vec<Turn> = Rounds { warmup: 1, counted: 2 }.turns(2, 7).collect();
        let purposes: Vec<Purpose> = turns.iter().map(|turn| turn.purpose).collect();
        assert_eq!((&purposes[..2], &purposes[2..]), (&[Purpose::WarmUp; 2][..], &[Purpose::Count; 4][..]));
        for pair in turns.chunks(2) {
            assert_eq!(pair[0].target + pair[1].target, 1, "{turns:?}");
        }
        let endless = Rounds { warmup: 1, counted: usize::MAX };
        assert_eq!((endless.requests(3), endless.turns(3, 7).take(4).count()), (usize::MAX, 4));
    }
}
