//! What each layer of each target costs in the middle: the median of its own times over the requests that have it.

use std::collections::BTreeMap;

use crate::stats::Sample;
use crate::time::Nanos;
use crate::trace::{Layer, Phase, Trace};

/// One layer of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Median {
    /// The target's label, with the place of measurement where it has one.
    pub(crate) target: String,
    pub(crate) layer: Layer,
    /// Requests that have this layer.
    pub(crate) requests: u64,
    pub(crate) own: Nanos,
    /// Whether it is an estimate in any of them.
    pub(crate) estimated: bool,
    /// Of the median wait of these requests.
    pub(crate) percent: u64,
}

/// Targets in the order in which they come, layers in the order in which a request meets them.
pub(crate) fn medians(traces: &[Trace]) -> Vec<Median> {
    let mut targets: Vec<String> = Vec::new();
    let mut found: BTreeMap<(usize, Layer), Vec<&Trace>> = BTreeMap::new();
    let mut orders: Vec<Vec<Layer>> = Vec::new();
    for trace in traces.iter().filter(|trace| !trace.layers.is_empty()) {
        let name = match &trace.subject.vantage {
            Some(vantage) => format!("{} from {vantage}", trace.label()),
            None => trace.label().to_owned(),
        };
        let target = targets.iter().position(|known| *known == name).unwrap_or_else(|| {
            targets.push(name);
            orders.push(Vec::new());
            targets.len() - 1
        });
        if trace.layers.len() > orders[target].len() {
            orders[target] = trace.layers.iter().map(|share| share.layer.clone()).collect();
        }
        for share in &trace.layers {
            found.entry((target, share.layer.clone())).or_default().push(trace);
        }
    }
    let mut medians: Vec<(usize, Median)> = found
        .into_iter()
        .filter_map(|((target, layer), of)| Some((target, median(&targets[target], layer, &of)?)))
        .collect();
    // As in the request that has the most layers; those that it has not come where requests usually meet them.
    medians.sort_by_key(|(target, median)| {
        let longest = orders[*target].iter().position(|layer| *layer == median.layer);
        (*target, median.layer == Layer::Unattributed, longest.is_none(), longest, rank(&median.layer))
    });
    medians.into_iter().map(|(_, median)| median).collect()
}

fn rank(layer: &Layer) -> usize {
    Layer::KNOWN.iter().position(|known| known == layer).unwrap_or(Layer::KNOWN.len())
}

fn median(target: &str, layer: Layer, traces: &[&Trace]) -> Option<Median> {
    let shares = traces.iter().filter_map(|trace| trace.layers.share(&layer));
    let own = Sample::new(shares.clone().map(|share| share.duration))?.median();
    let waits = traces.iter().filter_map(|trace| trace.span(Phase::Wait)).map(|span| span.duration);
    let wait = Sample::new(waits)?.median();
    let percent = u128::from(own.get()) * 100 + u128::from(wait.get() / 2);
    Some(Median {
        target: target.to_owned(),
        requests: traces.len() as u64,
        own,
        estimated: shares.clone().any(|share| share.estimated),
        percent: u64::try_from(percent.checked_div(u128::from(wait.get())).unwrap_or(0)).unwrap_or(u64::MAX),
        layer,
    })
}
