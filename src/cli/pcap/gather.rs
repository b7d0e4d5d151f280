//! What becomes of exchanges and flows as they come: printed, saved, or kept for a table of the slowest.
//!
//! Invariant: of the forms that print as it comes nothing is kept, and of the table no more than the flows that it may show.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

use super::filter::{Candidate, Filter};
use super::Strange;
use crate::cli::args::{ChartFile, Format, PcapArgs};
use crate::cli::console::{self, Console};
use crate::cli::ending::Ending;
use crate::cli::outlet::append;
use crate::cli::{CommandError, drawing};
use crate::event::{Event, Fact, Side};
use crate::flow::exchange::Exchange;
use crate::flow::table::{Flow, Sink, Tally};
use crate::flow::{Four, Observer};
use crate::packet::file::Interface;
use crate::render::chart::ChartOptions;
use crate::render::terminal::{FlowRow, Style, flow_table, waterfall};
use crate::render::{csv, har, json, markdown};
use crate::target::Secrets;
use crate::time::{ClockPair, ClockSync, Nanos, Timestamp};
use crate::trace::{Context, Subject, Trace, TraceId};

/// Text is written in pieces of about this many bytes, unless packets come live.
const PIECE: usize = 64 * 1_024;
/// Exchanges of a single flow that are kept in case that it stays the only one.
const MOST_OF_ONE: usize = 1_000;

/// What the user wants.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    filter: Option<Filter>,
    flow: Option<u64>,
    all: bool,
    rows: usize,
    format: Format,
    save: Option<PathBuf>,
    chart: Option<ChartFile>,
    secrets: Secrets,
    vantage: Option<String>,
}

impl From<&PcapArgs> for Wanted {
    fn from(args: &PcapArgs) -> Self {
        Self {
            filter: args.filter.clone(),
            flow: args.flow,
            all: args.all,
            rows: usize::try_from(args.rows).unwrap_or(usize::MAX),
            format: args.format,
            save: args.save.clone(),
            chart: args.chart.clone(),
            secrets: if args.show_secrets { Secrets::Show } else { Secrets::Redact },
            vantage: args.vantage.clone(),
        }
    }
}

/// An exchange, and whose it is: all that a trace is made of.
#[derive(Debug)]
struct Told {
    flow: u64,
    four: Option<Four>,
    tags: BTreeMap<String, String>,
    exchange: Exchange,
}

impl Told {
    fn length(&self) -> Nanos {
        self.exchange.ended.since(self.exchange.started)
    }
}

/// A flow that is over.
#[derive(Debug)]
struct Ended {
    number: u64,
    four: Four,
    began: Timestamp<crate::time::Realtime>,
    retransmissions: u64,
    told: u64,
    host: Option<String>,
    slowest: Option<Trace>,
}

/// Takes what comes.
#[derive(Debug)]
pub(super) struct Gather {
    wanted: Wanted,
    style: Style,
    interfaces: Vec<Option<String>>,
    is_live: bool,
    /// Text on its way to standard output, and to `--save`.
    out: String,
    saved: String,
    said_header: bool,
    failed: Vec<CommandError>,
    /// Of each open flow that may get into the table, its slowest exchange.
    open: HashMap<u64, Told>,
    /// The slowest flows so far: length and number.
    slowest: BTreeSet<(Reverse<Nanos>, u64)>,
    ended: HashMap<u64, Ended>,
    /// Traces that are kept: all for the forms that need them, those asked for otherwise.
    traces: Vec<Trace>,
    /// The exchanges of the first flow, as long as it is the only one.
    only: Option<(u64, Vec<Told>)>,
    shown_flows: u64,
    shown_traces: u64,
    sides: BTreeMap<&'static str, (u64, Option<String>)>,
    lost: (u64, u64),
}

impl Gather {
    pub(super) fn new(wanted: Wanted, style: Style) -> Self {
        Self {
            wanted,
            style,
            interfaces: Vec::new(),
            is_live: false,
            out: String::new(),
            saved: String::new(),
            said_header: false,
            failed: Vec::new(),
            open: HashMap::new(),
            slowest: BTreeSet::new(),
            ended: HashMap::new(),
            traces: Vec::new(),
            only: Some((0, Vec::new())),
            shown_flows: 0,
            shown_traces: 0,
            sides: BTreeMap::new(),
            lost: (0, 0),
        }
    }
}
