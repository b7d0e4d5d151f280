//! What each layer of each target costs in the middle: the median of its own times over the requests that have it.
//!
//! Where a target had cold and warm starts of a function, each kind has its own medians: one over both would be of neither.

use std::collections::{BTreeMap, BTreeSet};

use crate::stats::Sample;
use crate::time::Nanos;
use crate::trace::{Layer, Phase, Trace};

/// One layer of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Median {
    /// The target's label, with the place of measurement where it has one, and with the kind of start where it had both.
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
    let starts: BTreeSet<(String, Start)> =
        traces.iter().filter_map(|trace| Some((target(trace), Start::of(trace)?))).collect();
    let mut names: Vec<String> = Vec::new();
    let mut targets: Vec<(usize, Option<Start>)> = Vec::new();
    let mut found: BTreeMap<(usize, Layer), Vec<&Trace>> = BTreeMap::new();
    let mut orders: Vec<Vec<Layer>> = Vec::new();
    for trace in traces.iter().filter(|trace| !trace.layers.is_empty()) {
        let name = target(trace);
        let start = Start::of(trace).filter(|start| starts.contains(&(name.clone(), start.other())));
        let name = names.iter().position(|known| *known == name).unwrap_or_else(|| {
            names.push(name);
            names.len() - 1
        });
        let target = targets.iter().position(|known| *known == (name, start)).unwrap_or_else(|| {
            targets.push((name, start));
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
    let label = |target: usize| {
        let (name, start) = targets[target];
        format!("{}{}", names[name], start.map_or("", Start::as_str))
    };
    let mut medians: Vec<(usize, Median)> = found
        .into_iter()
        .filter_map(|((target, layer), of)| Some((target, median(label(target), layer, &of)?)))
        .collect();
    // As in the request that has the most layers; those that it has not come where requests usually meet them.
    medians.sort_by_key(|(target, median)| {
        let longest = orders[*target].iter().position(|layer| *layer == median.layer);
        (targets[*target], median.layer == Layer::Unattributed, longest.is_none(), longest, rank(&median.layer))
    });
    medians.into_iter().map(|(_, median)| median).collect()
}

fn target(trace: &Trace) -> String {
    match &trace.subject.vantage {
        Some(vantage) => format!("{} from {vantage}", trace.label()),
        None => trace.label().to_owned(),
    }
}

/// Whether a function's sandbox was made for the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Start {
    Cold,
    Warm,
}

impl Start {
    /// By the parts of Lambda that evidence speaks of; `None` where it speaks of none.
    fn of(trace: &Trace) -> Option<Self> {
        let has = |layers: &[Layer]| trace.layers.iter().any(|share| layers.contains(&share.layer));
        if has(&[Layer::LambdaInit, Layer::LambdaRestore, Layer::LambdaPlacement]) {
            return Some(Self::Cold);
        }
        has(&[Layer::LambdaHandler, Layer::LambdaInvoke]).then_some(Self::Warm)
    }

    const fn other(self) -> Self {
        match self {
            Self::Cold => Self::Warm,
            Self::Warm => Self::Cold,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Cold => " (cold start)",
            Self::Warm => " (warm start)",
        }
    }
}

fn rank(layer: &Layer) -> usize {
    Layer::KNOWN.iter().position(|known| known == layer).unwrap_or(Layer::KNOWN.len())
}

fn median(target: String, layer: Layer, traces: &[&Trace]) -> Option<Median> {
    let shares = traces.iter().filter_map(|trace| trace.layers.share(&layer));
    let own = Sample::new(shares.clone().map(|share| share.duration))?.median();
    let waits = traces.iter().filter_map(|trace| trace.span(Phase::Wait)).map(|span| span.duration);
    let wait = Sample::new(waits)?.median();
    let percent = u128::from(own.get()) * 100 + u128::from(wait.get() / 2);
    Some(Median {
        target,
        requests: traces.len() as u64,
        own,
        estimated: shares.clone().any(|share| share.estimated),
        percent: u64::try_from(percent.checked_div(u128::from(wait.get())).unwrap_or(0)).unwrap_or(u64::MAX),
        layer,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::render::sample;

    /// A trace whose wait is the handler's, with an initialisation of so many ms before it, if any.
    fn trace(name: &str, init: Option<u64>, handler: Option<u64>) -> Trace {
        let mut value = serde_json::to_value(sample::secure()).unwrap();
        let share = |layer: &str, ms: u64| json!({"layer": layer, "duration_ns": ms * 1_000_000, "evidence": "lambda log", "estimated": false});
        let parts = [("lambda.init", init), ("lambda.handler", handler), ("lambda", handler.is_none().then_some(7))];
        value["layers"] = parts.iter().filter_map(|(layer, ms)| ms.map(|ms| share(layer, ms))).collect();
        value["name"] = json!(name);
        value["vantage"] = json!(null);
        serde_json::from_value(value).unwrap()
    }

    fn check(traces: &[Trace], expect: &[(&str, &str, u64, u64)]) {
        let found = medians(traces);
        let found: Vec<_> = found
            .iter()
            .map(|median| {
                (median.target.as_str(), median.layer.as_str(), median.requests, median.own.get() / 1_000_000)
            })
            .collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn cold_and_warm_starts_are_told_apart_where_both_occur() {
        let cold = |name| trace(name, Some(300), Some(60));
        let warm = |name, ms| trace(name, None, Some(ms));
        check(
            &[cold("a"), warm("a", 10), warm("b", 1), warm("a", 12), warm("a", 11), trace("a", None, None)],
            &[
                ("a", "lambda", 1, 7),
                ("a (cold start)", "lambda.init", 1, 300),
                ("a (cold start)", "lambda.handler", 1, 60),
                ("a (warm start)", "lambda.handler", 3, 11),
                ("b", "lambda.handler", 1, 1),
            ],
        );
        check(&[cold("a"), cold("a")], &[("a", "lambda.init", 2, 300), ("a", "lambda.handler", 2, 60)]);
    }
}
