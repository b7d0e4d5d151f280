//! What is true of a request: each layer's own time, to the nanosecond.
//!
//! By the clock of the lab alone, which no log shows. A layer's own time is what its caller waited for it, without the layer
//! behind it and without what it names apart (`apig.waf`, `lambda.init`, …). So the way between two layers, a fraction of a
//! millisecond here, belongs to the one behind, and own times sum to what the first layer took; what the server itself took
//! is told beside it. The names are those of attribution: what Lambda does with a request before the runtime starts is its
//! placement, the search for a sandbox included.

use serde_json::{Value, json};

use super::field;
use crate::lab::lambda::{Placement, Start};
use crate::lab::served::{Invocation, LayerTime, Served};
use crate::time::Nanos;

/// A layer, or a part of one, and what it took itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrueTime {
    /// `apig.authorizer`
    pub layer: &'static str,
    /// Without anything behind it, with the way to it.
    pub own: Nanos,
    /// What its server took of that.
    pub server: Nanos,
}

/// The own times of all layers that have ended, outermost first.
#[must_use]
pub fn true_times(served: &Served) -> Vec<TrueTime> {
    let ended = || served.layers.iter().filter(|part| part.status.is_some());
    let waited_for = std::iter::once(None).chain(ended().map(|part| part.call?.total));
    ended().zip(waited_for).flat_map(|(part, waited)| of_layer(part, waited.unwrap_or(part.total))).collect()
}

/// What became of the time that the caller waited.
fn of_layer(part: &LayerTime, waited: Nanos) -> Vec<TrueTime> {
    let parts: Vec<TrueTime> = match (&part.invocation, part.layer) {
        (Some(invocation), _) => of_invocation(invocation),
        (None, "lambda") => Vec::new(),
        _ => [("apig.waf", part.guards.waf), ("apig.authorizer", part.guards.authorizer)]
            .into_iter()
            .filter_map(|(layer, took)| named(layer, took))
            .collect(),
    };
    let apart = parts.iter().map(|part| part.own).sum();
    let layer = if part.layer == "lambda" { "lambda.invoke" } else { part.layer };
    let server = part.own().saturating_sub(apart);
    let way = waited.saturating_sub(part.total);
    let rest = TrueTime { layer, own: server + way, server };
    std::iter::once(rest).chain(parts).collect()
}

fn of_invocation(invocation: &Invocation) -> Vec<TrueTime> {
    let start = match invocation.placement {
        Placement::Cold { start: Start::Restore(_), .. } => "lambda.restore",
        _ => "lambda.init",
    };
    [
        ("lambda.placement", invocation.placed.map(|placed| invocation.reached_after + placed)),
        (start, invocation.started),
        ("lambda.handler", Some(invocation.duration)),
    ]
    .into_iter()
    .filter_map(|(layer, took)| named(layer, took))
    .collect()
}

fn named(layer: &'static str, took: Option<Nanos>) -> Option<TrueTime> {
    took.map(|took| TrueTime { layer, own: took, server: took })
}

/// One line, without its end.
pub(super) fn line(served: &Served) -> String {
    let root = served.trace_header.as_deref().and_then(|header| field(header, "Root"));
    let invocation = served.layers.iter().find_map(|part| part.invocation.as_ref());
    let layers: Vec<Value> = true_times(served)
        .iter()
        .map(|part| json!({ "layer": part.layer, "own_ns": part.own.get(), "server_ns": part.server.get() }))
        .collect();
    json!({
        "number": served.number,
        "trace": root,
        "endpoint": served.endpoint,
        "region": served.region,
        "path": served.path,
        "cold": invocation.map(|invocation| invocation.placement.cold_start().is_some()),
        "status": served.status,
        "client": served.client.to_string(),
        "arrived_at": served.arrived_at.to_string(),
        "total_ns": served.layers.first().filter(|first| first.status.is_some()).map(|first| first.total.get()),
        "layers": layers,
    })
    .to_string()
}
