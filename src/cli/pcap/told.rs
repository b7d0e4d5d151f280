//! An exchange with whose it is: all that a trace is made of.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::attribute;
use crate::event::{Event, Fact};
use crate::flow::exchange::Exchange;
use crate::flow::table::Flow;
use crate::flow::{Four, Observer};
use crate::target::Secrets;
use crate::time::{ClockPair, ClockSync, Nanos, Timestamp};
use crate::trace::{Context, Subject, Trace, TraceId};

/// An exchange of a flow, or a lookup that led to none.
#[derive(Clone, Debug)]
pub(super) struct Told {
    flow: Option<(u64, Four)>,
    tags: BTreeMap<String, String>,
    exchange: Exchange,
}

impl Told {
    /// Of a flow, with what its packets tell of losses. `interface` is the name of that which saw it.
    pub(super) fn of_flow(flow: &Flow, interface: Option<String>, mut exchange: Exchange) -> Self {
        let observer = Observer { side: flow.side(), interface, dropped: None, resolution: flow.resolution() };
        if let Some(clock) = clock() {
            let wire = flow.conversation().wire(&observer, &clock, exchange.started..=exchange.ended);
            exchange.events.push(Event::Learned(Fact::Wire(Box::new(wire))));
        }
        let mut tags = BTreeMap::from([("flow".to_owned(), flow.number().to_string())]);
        if let Some(name) = flow.server_name() {
            tags.insert("sni".to_owned(), name.to_owned());
        }
        if !flow.alpn().is_empty() {
            tags.insert("offered".to_owned(), flow.alpn().join(","));
        }
        Self { flow: Some((flow.number(), flow.four())), tags, exchange }
    }

    /// Of a name that nobody connected to.
    pub(super) fn unresolved(exchange: Exchange) -> Self {
        Self { flow: None, tags: BTreeMap::new(), exchange }
    }

    /// How long it took.
    pub(super) fn length(&self) -> Nanos {
        self.exchange.ended.since(self.exchange.started)
    }

    /// The trace; `None` cannot be.
    pub(super) fn assemble(&self, vantage: Option<&String>, secrets: Secrets) -> Option<Trace> {
        let subject = Subject {
            trace_id: self.identity(),
            name: None,
            tags: self.tags.clone(),
            path: None,
            vantage: vantage.cloned(),
            url: self.exchange.url.clone(),
            method: self.exchange.method.clone(),
            expect_status: None,
            redirected_from: None,
        };
        let context = Context { clock: clock()?, secrets };
        let mut trace = Trace::assemble(subject, &context, self.exchange.events.iter().cloned());
        attribute::from_response(&mut trace);
        Some(trace)
    }

    /// The same for the same packets, and another one for any others.
    fn identity(&self) -> TraceId {
        let hash = |seed: u64| {
            let mut hasher = DefaultHasher::new();
            seed.hash(&mut hasher);
            self.flow.hash(&mut hasher);
            self.exchange.url.hash(&mut hasher);
            (self.exchange.started, self.exchange.sent_end, self.exchange.got_begin).hash(&mut hasher);
            u128::from(hasher.finish())
        };
        let seconds = self.exchange.started.as_nanos() / 1_000_000_000;
        TraceId::new(u32::try_from(seconds).unwrap_or(u32::MAX), hash(1) << 64 | hash(2))
    }
}

/// The capture's own clock is the timeline.
fn clock() -> Option<ClockSync> {
    let zero = ClockPair { before: Timestamp::default(), realtime: Timestamp::default(), after: Timestamp::default() };
    ClockSync::from_pairs(&[zero])
}

/// The host of a URL, or the name of a lookup.
pub(super) fn host(url: &str) -> Option<String> {
    if let Some(name) = url.strip_prefix("dns:") {
        return Some(name.to_owned());
    }
    url::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned))
}
