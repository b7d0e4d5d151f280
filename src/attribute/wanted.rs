//! Which entries of a log may concern the traces at hand.
//!
//! Logs have millions of lines, of which a few are ours. [`Wanted`] knows the keys of the traces, and those learned from records
//! on the way, and answers two questions: may this line concern us, by a glance at its bytes ([`Wanted::may_concern`]: no false
//! "no" for what a parser would find, few false "yes"); and does this record ([`Wanted::wants`]: exact).
//!
//! Deliberately absent: parsing lines, and deciding which trace a record belongs to.

use std::collections::HashSet;

use super::record::{Key, Record};
use crate::trace::Trace;

/// The keys that are looked for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    keys: HashSet<Key>,
}

impl Wanted {
    /// The keys of these traces.
    #[must_use]
    pub fn of(traces: &[Trace]) -> Self {
        let mut wanted = Self::default();
        for trace in traces {
            wanted.keys.extend(keys_of(trace));
        }
        wanted
    }

    /// Looks for this record's keys too, if it is one of ours: what it names, other logs may know by that name alone.
    pub fn learn(&mut self, record: &Record) {
        if self.wants(record) {
            self.keys.extend(record.keys.iter().cloned());
        }
    }

    /// Whether a record has a key that is looked for.
    #[must_use]
    pub fn wants(&self, record: &Record) -> bool {
        record.keys.iter().any(|key| self.keys.contains(key))
    }
}

/// The keys by which records of a trace's request can be found.
#[must_use]
pub fn keys_of(trace: &Trace) -> Vec<Key> {
    vec![Key::TraceRoot(trace.subject.trace_id)]
}
