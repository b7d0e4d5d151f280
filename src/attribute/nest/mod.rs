//! The wait of one request, nested: inclusive times per layer, own times by subtraction.
//!
//! Rules, and where they come from:
//! - Only lengths cross clocks. Layers are frames inside each other in the order of the path; each frame's time must fit into
//!   the one around it, the outermost into the wait, up to the last digits of both. What does not is rejected: it is of another
//!   request. A balancer's and a gateway's clocks start when the request is in hand ("Access logs for your Application Load
//!   Balancer": `request_processing_time`; API Gateway, "`$context` variables": `responseLatency`).
//! - What the outermost frame leaves of the wait is slack. Of it, packets that were sent again have what the capture shows, the
//!   network has one round trip of the connection as far as that fits, and the rest is unattributed: way there, way back and the
//!   edge's inside are inseparable for one request.
//! - Two clocks may speak of a frame: the caller's (`target_processing_time`, `integration.latency`) and its own. What lies
//!   between them belongs to neither and stays unattributed, with two exceptions: behind CloudFront it is the network to the
//!   origin, and before Lambda it is Lambda's own invocation.
//! - Calls that code makes in its turn are part of its own time.
//! - A frame without a clock is absent, and its time stays where it is: in the own time of the frame around it, which then says
//!   what it includes.
//! - Lambda's parts are told by its own logs and by X-Ray. On a cold start that X-Ray did not see, what they leave of Lambda's
//!   time is the placement, as an estimate: no log reports it.
//! - A request with a body: a balancer's time may include the upload, of which the wait has only the end. Its claims are looser
//!   by the length of `send`, and estimates.
//! - Of several witnesses of one length the one with the finest digit counts; all are listed. A coarse one around a finer one
//!   gives way, up to its last digit.
//! - A place in time is an interval: a frame begins at least half a round trip after the wait does, and ends at least as long
//!   before the wait's end.
//!
//! Invariant: own times and the rest sum to the wait, for any statements ([`Layers::within`] would refuse them otherwise).

mod frames;
mod sift;
mod spread;
mod stretch;

use super::chain::{Chain, is_computed};
use super::statement::{Says, Statement};
use crate::event::{Evidence, Phase};
use crate::time::Nanos;
use crate::trace::{Layer, Layers, Method, Rejected, Trace};

/// What became of the statements about one trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Nested {
    pub(super) layers: Layers,
    pub(super) rejected: Vec<Rejected>,
}

/// Splits the wait. Without a complete one there is nothing to split: a request that failed has no end to its wait. `answered`
/// is a layer that is known to have answered by itself: behind it, nobody was asked.
pub(super) fn nest(trace: &Trace, mut statements: Vec<Statement>, answered: Option<&Layer>) -> Nested {
    let Some(wait) = Wait::of(trace) else { return Nested::default() };
    let all = Chain::of(trace, &statements);
    statements.retain(|statement| !is_called_by_code(statement, &all));
    let mut chain = Chain::of(trace, &statements);
    if let Some(layer) = answered {
        chain = chain.ending_at(layer);
    }
    statements.retain(|statement| is_of(&chain, &statement.says));
    let (kept, mut frames, rejected) = sift::sift(&chain, &wait, statements);
    stretch::stretch(&mut frames, &kept, &chain);
    let shares = spread::shares(&frames, &kept, &wait, &chain);
    // What does not sum is refused there; the shares here do, because each is carved out of what is left.
    let layers = Layers::within(wait.length, wait.evidence, shares).unwrap_or_else(|error| {
        debug_assert!(false, "{error}");
        Layers::default()
    });
    Nested { layers, rejected }
}

/// Whether this is about a layer of the chain, and none of those that only what is left can be.
fn is_of(chain: &Chain, says: &Says) -> bool {
    match says {
        Says::Inclusive(layer) | Says::Behind(layer) | Says::Part(layer) => {
            !is_computed(layer) && chain.layers().contains(&layer.whole())
        }
        Says::Innermost => true,
    }
}

/// What a function or a machine calls is part of the time of its code.
fn is_called_by_code(statement: &Statement, chain: &Chain) -> bool {
    let place = |layer: &Layer| chain.layers().iter().position(|other| other == layer);
    let code = [Layer::Lambda, Layer::Ec2, Layer::Fargate].iter().filter_map(place).min();
    statement.says.clock() == Layer::Service && code.is_some_and(|code| place(&Layer::Service) > Some(code))
}

/// The client's side: the wait, and what is known of the network in it.
#[derive(Clone, Copy, Debug)]
struct Wait {
    start: Nanos,
    length: Nanos,
    evidence: Evidence,
    /// How far a length may exceed the wait without contradicting it.
    error: Nanos,
    /// How long the request took to leave, where it has a body; zero where it has none.
    upload: Nanos,
    network: Option<(Nanos, Method)>,
    retransmission: Option<Nanos>,
}

impl Wait {
    fn of(trace: &Trace) -> Option<Self> {
        trace.response.as_ref()?;
        let span = trace.span(Phase::Wait)?;
        let has_body = trace.request.as_ref().is_some_and(|request| request.body_bytes > 0);
        let send = trace.span(Phase::Send).map_or(Nanos::ZERO, |span| span.duration);
        let split = trace.wait.as_ref();
        Some(Self {
            start: span.start,
            length: span.duration,
            evidence: span.evidence,
            error: span.error,
            upload: if has_body { send } else { Nanos::ZERO },
            network: split.map(|split| (split.network, split.method)),
            retransmission: split.and_then(|split| split.retransmission),
        })
    }
}

#[cfg(test)]
mod tests;
