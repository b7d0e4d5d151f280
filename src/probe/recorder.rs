//! Collects what one trace observes.

use super::clock;
use super::socket::{Arrival, Left};
use super::tap::{FlowId, Spot};
use crate::event::{AttemptId, Event, Evidence, Fact, Failure, Mark, Moment};
use crate::flow::Landmark;
use crate::time::{Monotonic, Nanos, Timestamp};

/// The events of one trace, in the order of noticing, and where packets may say more of them.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    events: Vec<Event>,
    attempts: u32,
    landmarks: Vec<(FlowId, Landmark)>,
    carrier: Option<FlowId>,
}

impl Recorder {
    pub(crate) fn observe(&mut self, moment: Moment, mark: Mark) {
        self.events.push(Event::Observed(moment, mark));
    }

    /// This process did or noticed something, by its own clock.
    pub(crate) fn noticed(&mut self, moment: Moment, at: Timestamp<Monotonic>) {
        self.observe(moment, clock::user_mark(at));
    }

    /// Bytes arrived: the kernel's stamp where there is one, and when this process noticed.
    pub(crate) fn arrived(&mut self, moment: Moment, arrival: Arrival) {
        self.noticed(moment, arrival.noticed);
        if let Some(mark) = arrival.kernel {
            self.observe(moment, mark);
        }
        self.landmark(moment, arrival.wire);
    }

    /// Bytes left: when they were handed to the kernel, and its stamp where there is one.
    pub(crate) fn left(&mut self, moment: Moment, left: Left) {
        self.observe(moment, left.handed);
        if let Some(mark) = left.kernel {
            self.observe(moment, mark);
        }
        self.landmark(moment, left.wire);
    }

    /// The packets of a flow may say more of a moment.
    pub(crate) fn landmark(&mut self, moment: Moment, spot: Option<Spot>) {
        if let Some(Spot { flow, place }) = spot {
            self.landmarks.push((flow, Landmark { moment, place }));
        }
    }

    /// From here on the trace is about this flow.
    pub(crate) fn carried_by(&mut self, flow: Option<FlowId>) {
        self.carrier = flow;
    }

    /// The flow that the request took, or was about to take.
    pub(crate) fn carrier(&self) -> Option<FlowId> {
        self.carrier
    }

    /// What the packets of flows may say more of.
    pub(crate) fn landmarks(&self) -> &[(FlowId, Landmark)] {
        &self.landmarks
    }

    /// When the trace began, where that was witnessed as such.
    pub(crate) fn start(&self) -> Option<Timestamp<Monotonic>> {
        self.events.iter().find_map(|event| match event {
            Event::Observed(Moment::Start, mark) => Some(mark.at),
            _ => None,
        })
    }

    pub(crate) fn learn(&mut self, fact: Fact) {
        self.events.push(Event::Learned(fact));
    }

    pub(crate) fn fail(&mut self, failure: Failure) {
        self.noticed(Moment::Failed, clock::now());
        self.learn(Fact::Failed(failure));
    }

    pub(crate) fn next_attempt(&mut self) -> AttemptId {
        let id = AttemptId(self.attempts);
        self.attempts += 1;
        id
    }

    pub(crate) fn extend(&mut self, events: impl IntoIterator<Item = Event>) {
        self.events.extend(events);
    }

    /// Takes in what was recorded elsewhere, which had no attempts of its own.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.events.extend(other.events);
        self.landmarks.extend(other.landmarks);
    }

    /// The events, stamps of the kernel's clock less certain by `widening`.
    pub(crate) fn into_events(mut self, widening: Nanos) -> Vec<Event> {
        for event in &mut self.events {
            if let Event::Observed(_, mark) = event
                && mark.source >= Evidence::Kernel
            {
                mark.error += widening;
            }
        }
        self.events
    }
}
