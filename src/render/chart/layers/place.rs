//! Where in the wait each layer is drawn.
//!
//! In nanoseconds from the wait's beginning. A place is a guess, even where its bounds are known: the chart says so. Invariant:
//! nothing leaves the wait, and no piece is negative.

use crate::time::Nanos;
use crate::trace::{Layer, LayerShare, Phase, Trace};

/// From, to.
pub(super) type Stretch = (u64, u64);

/// One layer in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed<'t> {
    pub(super) share: &'t LayerShare,
    /// How many layers it lies within.
    pub(super) depth: usize,
    /// Where it took time itself.
    pub(super) own: Vec<Stretch>,
    /// Where layers that it called did.
    pub(super) called: Vec<Stretch>,
    /// Between which moments it can have been; `None` where nothing is known of that.
    pub(super) range: Option<Stretch>,
}

/// The layers of a wait, in their order.
pub(super) fn places(trace: &Trace) -> Vec<Placed<'_>> {
    let Some(wait) = trace.span(Phase::Wait) else { return Vec::new() };
    let whole = wait.duration.get();
    let mut spans: Vec<(&LayerShare, usize, Option<Stretch>)> = Vec::new();
    for share in &trace.layers {
        let parent =
            share.within.as_ref().and_then(|within| spans.iter().position(|(other, ..)| other.layer == *within));
        let depth = parent.map_or(0, |parent| spans[parent].1 + 1);
        let around = parent.and_then(|parent| spans[parent].2).unwrap_or((0, whole));
        spans.push((share, depth, span(share, trace, wait.start, around)));
    }
    let busy = |inside: Option<&Layer>| {
        let within = spans.iter().filter(move |(share, ..)| share.within.as_ref() == inside);
        union(within.filter_map(|(_, _, span)| *span).collect())
    };
    spans
        .iter()
        .map(|(share, depth, span)| {
            let (own, called) = match (&share.layer, span) {
                (Layer::Network, _) => {
                    let half = share.duration.get() / 2;
                    (vec![(0, half.min(whole)), (whole.saturating_sub(share.duration.get() - half), whole)], Vec::new())
                }
                (Layer::Unattributed, _) => {
                    let network = trace.layers.share(&Layer::Network).map_or(0, |share| share.duration.get());
                    let free = (network / 2, whole.saturating_sub(network - network / 2));
                    (without(free, &busy(None)), Vec::new())
                }
                (layer, Some(span)) => {
                    let called = busy(Some(layer));
                    (without(*span, &called), called)
                }
                (_, None) => (Vec::new(), Vec::new()),
            };
            Placed { share, depth: *depth, own, called, range: range(share, wait.start, whole) }
        })
        .collect()
}

/// Where a layer is drawn: behind what a request meets before it in the layer around it, all of them together in the middle
/// of that, and not where it cannot have been. `None` for what is not drawn in one piece.
fn span(share: &LayerShare, trace: &Trace, zero: Nanos, around: Stretch) -> Option<Stretch> {
    if matches!(share.layer, Layer::Network | Layer::Unattributed) {
        return None;
    }
    let siblings = || trace.layers.iter().filter(|other| other.within == share.within);
    let length_of = |share: &LayerShare| share.inclusive.unwrap_or(share.duration);
    let is_drawn = |share: &&LayerShare| !matches!(share.layer, Layer::Network | Layer::Unattributed);
    // Sums of `Nanos` saturate: a file may claim any lengths.
    let before: Nanos = siblings().take_while(|other| other.layer != share.layer).filter(is_drawn).map(length_of).sum();
    let all: Nanos = siblings().filter(is_drawn).map(length_of).sum();
    let free = (around.1 - around.0).saturating_sub(all.get());
    let mut start = (around.0 + free / 2).saturating_add(before.get());
    if let (Some(low), Some(high)) = (share.start_low, share.start_high) {
        start = start.min(high.saturating_sub(zero).get()).max(low.saturating_sub(zero).get());
    }
    let start = start.clamp(around.0, around.1);
    Some((start, start.saturating_add(length_of(share).get()).min(around.1)))
}

fn range(share: &LayerShare, zero: Nanos, whole: u64) -> Option<Stretch> {
    let (low, high) = (share.start_low?, share.start_high?);
    let length = share.inclusive.unwrap_or(share.duration);
    let from = low.saturating_sub(zero).get().min(whole);
    let to = (high + length).saturating_sub(zero).get().min(whole);
    (from < to).then_some((from, to))
}

/// The same moments, without overlaps, in order.
fn union(mut stretches: Vec<Stretch>) -> Vec<Stretch> {
    stretches.sort_unstable();
    stretches.into_iter().fold(Vec::new(), |mut merged: Vec<Stretch>, (from, to)| {
        match merged.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
        merged
    })
}

/// What is left of a stretch; `taken` is in order and has no overlaps.
fn without((from, to): Stretch, taken: &[Stretch]) -> Vec<Stretch> {
    let mut at = from;
    let mut left = Vec::new();
    for (begin, end) in taken {
        if *begin > at {
            left.push((at, (*begin).min(to)));
        }
        at = at.max(*end);
    }
    if at < to {
        left.push((at, to));
    }
    left.retain(|(begin, end)| begin < end);
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_stretch() {
        assert_eq!(without((0, 10), &[]), [(0, 10)]);
        assert_eq!(without((0, 10), &[(3, 5)]), [(0, 3), (5, 10)]);
        assert_eq!(without((4, 10), &[(0, 5), (9, 20)]), [(5, 9)]);
        assert_eq!(without((4, 10), &[(0, 20)]), []);
        assert_eq!(without((4, 4), &[]), []);
        assert_eq!(union(vec![(5, 7), (1, 3), (2, 4), (7, 8)]), [(1, 4), (5, 8)]);
    }
}
