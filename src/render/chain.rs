//! Chains of redirects: which traces belong together, and where in the chain each one starts.
//!
//! The time between two requests of a chain is this program's own and is not measured. A request is therefore drawn from where
//! the one before it ended, on the monotonic clock that both were measured with; the wall-clock dates of two traces are not
//! subtracted, because that clock may step in between.

use crate::time::Nanos;
use crate::trace::Trace;

/// The traces cut into chains: a trace continues the chain if it was redirected from the one just before it.
pub(super) fn chains(traces: &[Trace]) -> impl Iterator<Item = &[Trace]> {
    traces.chunk_by(|before, after| after.subject.redirected_from == Some(before.subject.trace_id))
}

/// Each trace with its start, counted from the start of its chain.
pub(super) fn placed(traces: &[Trace]) -> impl Iterator<Item = (Nanos, &Trace)> {
    chains(traces).flat_map(|chain| {
        chain.iter().scan(Nanos::ZERO, |end, trace| {
            let start = *end;
            *end += trace.total();
            Some((start, trace))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample;

    #[test]
    fn a_redirected_request_starts_where_the_one_before_it_ended() {
        let mut traces = sample::redirected();
        traces.insert(0, sample::plain());
        let lengths: Vec<usize> = chains(&traces).map(<[Trace]>::len).collect();
        assert_eq!(lengths, [1, 2]);
        let starts: Vec<Nanos> = placed(&traces).map(|(start, _)| start).collect();
        assert_eq!(starts, [Nanos::ZERO, Nanos::ZERO, traces[1].total()]);
    }
}
