//! Traces of the same kind, to be measured together.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::target::LayerPath;
use crate::trace::Trace;

/// Traces that answer the same question: one target, asked from one place, over one kind of connection.
#[derive(Clone, Debug)]
pub struct Group<'t> {
    /// The target's name, or else its URL.
    pub name: String,
    /// The run that the traces are of, where several are compared.
    pub run: Option<String>,
    /// Where they were measured from, where that was more than one place.
    pub vantage: Option<String>,
    /// Over which kind of connection, where the target was asked over both.
    pub connection: Option<Connection>,
    /// How many redirects led to these requests: each is a request of its own, and never mixed with what it led to.
    pub redirects: u32,
    /// The tags that all of them carry.
    pub tags: BTreeMap<String, String>,
    /// The layers that they pass; `None` where nobody said, or where they differ in it.
    pub path: Option<LayerPath>,
    /// The traces, at least one.
    pub traces: Vec<&'t Trace>,
}

/// Whether a connection had carried a request before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Connection {
    /// It was opened for this request.
    Cold,
    /// It was reused.
    Warm,
}

impl Connection {
    /// The word used in JSON and on the terminal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Warm => "warm",
        }
    }
}

/// The traces of one run.
#[derive(Clone, Debug)]
pub struct Run<'t> {
    /// What it is called: the file it was saved to.
    pub name: String,
    /// Its traces.
    pub traces: &'t [Trace],
}

/// Sorts traces into groups, in the order in which each first occurs: by the target's name (else the method and URL), by
/// vantage where several occur, and by connection where one target has both kinds.
#[must_use]
pub fn grouped(traces: &[Trace]) -> Vec<Group<'_>> {
    grouped_by_run(&[Run { name: String::new(), traces }])
        .into_iter()
        .map(|group| Group { run: None, ..group })
        .collect()
}

/// As [`grouped`], keeping runs apart.
#[must_use]
pub fn grouped_by_run<'t>(runs: &[Run<'t>]) -> Vec<Group<'t>> {
    let _ = runs;
    Vec::new()
}
