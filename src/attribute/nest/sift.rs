//! Which statements can be of this request, and which cannot, and why.
//!
//! Invariant: what is kept fits: every frame into the one around it, every part into what its layer has left, up to last digits.

use super::Wait;
use super::frames::{Figure, Frame, frames};
use super::spread::{ELB_LOGS, parts};
use crate::attribute::chain::Chain;
use crate::attribute::statement::{Covers, Says, Statement};
use crate::time::Nanos;
use crate::trace::layers::RejectedBecause;
use crate::trace::{Layer, Rejected};

/// How many agree against one before the outer of two is held to be wrong.
const MAJORITY: usize = 2;

/// What is kept, its frames, and what is not.
pub(super) fn sift(
    chain: &Chain,
    wait: &Wait,
    statements: Vec<Statement>,
) -> (Vec<Statement>, Vec<Frame>, Vec<Rejected>) {
    let mut sieve = Sieve { kept: statements, rejected: Vec::new() };
    while let Some(index) = sieve.kept.iter().position(|statement| statement.covers == Covers::Stream) {
        sieve.reject_alone(index, RejectedBecause::Streamed);
    }
    let too_long = |statement: &Statement| {
        let most = wait.length + wait.error + statement.resolution + loose(wait, statement);
        statement.duration > most
    };
    while let Some(index) = sieve.kept.iter().position(too_long) {
        let because = RejectedBecause::LongerThanWait { duration: sieve.kept[index].duration, wait: wait.length };
        match sieve.kept[index].says {
            Says::Part(_) | Says::Innermost => sieve.reject_alone(index, because),
            Says::Inclusive(_) | Says::Behind(_) => sieve.reject_with_its_record(index, because),
        }
    }
    // Every round rejects at least one statement.
    loop {
        let frames = frames(chain, &sieve.kept);
        let conflict =
            between_frames(&frames, &sieve.kept, wait).or_else(|| among_parts(&frames, &sieve.kept, chain, wait));
        match conflict {
            Some(conflict) => sieve.settle(conflict),
            None => return (sieve.kept, frames, sieve.rejected),
        }
    }
}

/// How much of a claim may be the upload of a body, which the wait does not contain.
fn loose(wait: &Wait, statement: &Statement) -> Nanos {
    if ELB_LOGS.contains(&statement.evidence) { wait.upload } else { Nanos::ZERO }
}

/// Two lengths that contradict each other.
struct Conflict {
    inner: usize,
    inner_layer: Layer,
    outer: usize,
    outer_layer: Layer,
    /// What the outer one has left.
    left: Nanos,
    /// How many agree with the inner one, and with the outer one.
    support: (usize, usize),
}

fn between_frames(frames: &[Frame], kept: &[Statement], wait: &Wait) -> Option<Conflict> {
    let mut around: Option<(Figure, &Frame)> = None;
    for frame in frames {
        let mut steps = Vec::with_capacity(2);
        if let (Some(outer), Some((figure, outside))) = (frame.outer(), around) {
            steps.push((outer, figure, outside));
        }
        if let (Some((_, by_caller)), Some(own)) = (&frame.by_caller, frame.own) {
            steps.push((own, *by_caller, frame));
        }
        for (inner, outer, outside) in steps {
            let slack =
                inner.resolution + outer.resolution + loose(wait, &kept[outer.by]).max(loose(wait, &kept[inner.by]));
            if inner.by != outer.by && inner.duration > outer.duration + slack {
                let beyond = |index: &&usize| kept[**index].duration > outer.duration + slack;
                let agree = evidences(frame.witnesses.iter().filter(beyond), kept);
                let against = evidences(outside.witnesses.iter().filter(|index| !beyond(index)), kept);
                return Some(Conflict {
                    inner: inner.by,
                    inner_layer: frame.layer.clone(),
                    outer: outer.by,
                    outer_layer: outside.layer.clone(),
                    left: outer.duration,
                    support: (agree, against),
                });
            }
        }
        around = frame.inner().map(|figure| (figure, frame)).or(around);
    }
    None
}

/// Parts are carved out of what the frame behind leaves of their layer's time.
fn among_parts(frames: &[Frame], kept: &[Statement], chain: &Chain, wait: &Wait) -> Option<Conflict> {
    let mut left: Vec<(Nanos, Nanos)> = (0..frames.len())
        .map(|index| {
            let own = frames[index].inner();
            let inside = frames.get(index + 1).and_then(Frame::outer);
            let length = own.map_or(Nanos::ZERO, |figure| figure.duration);
            let resolution = own.map_or(Nanos::ZERO, |figure| figure.resolution);
            match inside {
                Some(inside) => (length.saturating_sub(inside.duration), resolution + inside.resolution),
                None => (length, resolution),
            }
        })
        .collect();
    for part in parts(kept) {
        let Some(index) = part.parent(frames, chain) else { continue };
        let (room, slack) = left[index];
        let slack = slack + part.figure.resolution + wait.error;
        if part.figure.duration > room + slack {
            let outer = frames[index].inner()?;
            return Some(Conflict {
                inner: part.figure.by,
                inner_layer: part.layer.clone(),
                outer: outer.by,
                outer_layer: frames[index].layer.clone(),
                left: room,
                support: (part.support(kept, room + slack), frames[index].witnesses.len()),
            });
        }
        left[index] = (room.saturating_sub(part.figure.duration), slack);
    }
    None
}

/// How many kinds of witnesses these are.
pub(super) fn evidences<'i>(indices: impl Iterator<Item = &'i usize>, kept: &[Statement]) -> usize {
    let mut kinds: Vec<_> = indices.map(|index| kept[*index].evidence).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds.len()
}

struct Sieve {
    kept: Vec<Statement>,
    rejected: Vec<Rejected>,
}

impl Sieve {
    /// The inner one goes, unless the outer one was only guessed to be this request's, or stands alone against several.
    fn settle(&mut self, conflict: Conflict) {
        let (inner, outer) = (&self.kept[conflict.inner], &self.kept[conflict.outer]);
        let (agree, against) = conflict.support;
        let outer_is_weaker = outer.joined() < inner.joined()
            || (outer.joined() == inner.joined() && agree >= MAJORITY && agree > against && !same_record(inner, outer));
        if outer_is_weaker {
            let because = RejectedBecause::ShorterThanInner {
                duration: outer.duration,
                inner: conflict.inner_layer,
                inner_duration: inner.duration,
            };
            self.reject_with_its_record(conflict.outer, because);
            return;
        }
        let because = RejectedBecause::LongerThanOuter {
            duration: inner.duration,
            outer: conflict.outer_layer,
            outer_duration: conflict.left,
        };
        if same_record(inner, outer) || matches!(inner.says, Says::Part(_) | Says::Innermost) {
            self.reject_alone(conflict.inner, because);
        } else {
            self.reject_with_its_record(conflict.inner, because);
        }
    }

    fn reject_alone(&mut self, index: usize, because: RejectedBecause) {
        let statement = self.kept.remove(index);
        self.rejected.push(rejected(&statement, because));
    }

    /// With everything else that the same record says of the same layer: a record that is wrong once is another request's.
    fn reject_with_its_record(&mut self, index: usize, because: RejectedBecause) {
        let wrong = self.kept.remove(index);
        let clock = wrong.says.clock();
        self.kept.retain(|other| !(same_record(other, &wrong) && other.says.clock() == clock));
        self.rejected.push(rejected(&wrong, because));
    }
}

fn same_record(one: &Statement, other: &Statement) -> bool {
    match (&one.record, &other.record) {
        (Some(one), Some(other)) => one.number == other.number,
        (None, None) => one.evidence == other.evidence,
        _ => false,
    }
}

fn rejected(statement: &Statement, because: RejectedBecause) -> Rejected {
    let layer = match &statement.says {
        Says::Part(part) => Some(part.clone()),
        Says::Inclusive(layer) | Says::Behind(layer) => Some(layer.clone()),
        Says::Innermost => None,
    };
    Rejected {
        evidence: statement.evidence,
        layer,
        at: statement.record.as_ref().map(|record| record.at.clone()),
        because,
    }
}
