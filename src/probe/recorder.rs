//! Collects what one trace observes.

use super::clock;
use super::socket::Arrival;
use crate::event::{AttemptId, Event, Evidence, Fact, Failure, Mark, Moment};
use crate::time::{Monotonic, Nanos, Timestamp};

/// The events of one trace, in the order of noticing.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    events: Vec<Event>,
    attempts: u32,
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

    /// The events, the kernel's stamps less certain by `widening`.
    pub(crate) fn into_events(mut self, widening: Nanos) -> Vec<Event> {
        for event in &mut self.events {
            if let Event::Observed(_, mark) = event
                && mark.source == Evidence::Kernel
            {
                mark.error += widening;
            }
        }
        self.events
    }
}
