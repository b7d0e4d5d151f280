//! A clock with coarse digits holds what a finer one saw inside it.
//!
//! X-Ray and API Gateway write whole milliseconds, a function's log hundredths: 10 ms around 10.15 ms is no contradiction, and the
//! 10.15 are the truth. A frame is made longer by what is missing, but never beyond its own last digit; how far its witness is from
//! that is listed with the witness.
//!
//! Invariant: only what a finer figure needs is added; what fits is left alone.

use super::frames::{Figure, Frame};
use super::spread::parts;
use crate::attribute::chain::Chain;
use crate::attribute::statement::Statement;
use crate::time::Nanos;
use crate::trace::Layer;

/// A length that has to fit, and the digits of whoever says so.
#[derive(Clone, Copy, Default)]
struct Need {
    length: Nanos,
    resolution: Nanos,
}

impl Need {
    fn and(self, figure: Figure) -> Self {
        Self { length: self.length + figure.duration, resolution: self.resolution + figure.resolution }
    }

    /// Makes room for this in a figure; what then has to fit around the figure.
    fn stretch(self, figure: &mut Figure) -> Self {
        let missing = self.length.saturating_sub(figure.duration);
        if missing == Nanos::ZERO || self.resolution >= figure.resolution {
            return Self { length: figure.duration, resolution: figure.resolution };
        }
        figure.duration += missing.min(figure.resolution);
        Self { length: figure.duration, resolution: self.resolution }
    }
}

/// Makes room in coarse figures for finer ones inside them, from the innermost out.
pub(super) fn stretch(frames: &mut [Frame], kept: &[Statement], chain: &Chain) {
    let parts = parts(kept);
    let parents: Vec<Option<usize>> = parts.iter().map(|part| part.parent(frames, chain)).collect();
    let mut inside: Option<Need> = None;
    // By how much what a layer waited for grew: a balancer's whole is a sum with that in it.
    let mut of_sum: Option<(usize, Nanos)> = None;
    for index in (0..frames.len()).rev() {
        let own_parts = parts.iter().zip(&parents).filter(|(_, parent)| **parent == Some(index));
        let mut need = own_parts.fold(inside.unwrap_or_default(), |need, (part, _)| need.and(part.figure));
        let frame = &mut frames[index];
        if let Some(own) = &mut frame.own {
            if let Some((by, more)) = of_sum.take()
                && frame.layer == Layer::Elb
                && of_one_record(by, own.by, kept)
            {
                own.duration += more;
            }
            // Lambda's own clock stands beside its caller's, not around its parts.
            if frame.layer != Layer::Lambda || frame.by_caller.is_none() {
                need = need.stretch(own);
            }
        }
        of_sum = None;
        let own = frame.own.map(|own| Need::default().and(own));
        if let Some((_, by_caller)) = &mut frame.by_caller {
            let before = by_caller.duration;
            let finer = [own, Some(need)].into_iter().flatten().filter(|inner| inner.resolution < by_caller.resolution);
            need = finer.max_by_key(|inner| inner.length).unwrap_or(need).stretch(by_caller);
            of_sum = Some((by_caller.by, by_caller.duration.saturating_sub(before)));
        }
        inside = Some(need);
    }
}

fn of_one_record(one: usize, other: usize, kept: &[Statement]) -> bool {
    let record = |index: usize| kept[index].record.as_ref().map(|record| record.number);
    record(one).is_some() && record(one) == record(other)
}
