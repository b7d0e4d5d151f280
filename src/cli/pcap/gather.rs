//! What becomes of exchanges and flows as they come: printed, saved, or kept for a table of the slowest.
//!
//! Invariant: of the forms that print as it comes nothing is kept, and of the table no more than the flows that it may show.

use std::collections::HashSet;

use super::filter::{Candidate, Filter};
use super::notes::{Lost, Sides};
use super::report::Ended;
use super::slowest::Slowest;
use super::told::{Told, host};
use crate::cli::CommandError;
use crate::cli::args::{ArgsError, Format, Kept, PcapArgs};
use crate::cli::console::{self, Console};
use crate::cli::ending::Ending;
use crate::cli::outlet::append;
use crate::flow::exchange::Exchange;
use crate::flow::table::{Flow, Sink};
use crate::packet::file::Interface;
use crate::render::terminal::Style;
use crate::render::{csv, json};
use crate::target::Secrets;
use crate::time::Nanos;
use crate::trace::Trace;

/// Text is written in pieces of about this many bytes, unless packets come live.
const PIECE: usize = 64 * 1_024;
/// Exchanges of a single flow that are kept in case that it stays the only one.
const MOST_OF_ONE: usize = 1_000;

/// What the user wants.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    filter: Option<Filter>,
    pub(super) flow: Option<u64>,
    all: bool,
    pub(super) rows: usize,
    pub(super) format: Format,
    pub(super) kept: Kept,
    secrets: Secrets,
    vantage: Option<String>,
}

impl TryFrom<&PcapArgs> for Wanted {
    type Error = ArgsError;

    fn try_from(args: &PcapArgs) -> Result<Self, ArgsError> {
        Ok(Self {
            filter: args.filter.clone(),
            flow: args.flow,
            all: args.all,
            rows: usize::try_from(args.rows).unwrap_or(usize::MAX),
            format: args.output.format,
            kept: args.output.keep.resolve()?,
            secrets: args.subject.secrets(),
            vantage: args.subject.vantage.clone(),
        })
    }
}

/// Takes what comes.
#[derive(Debug)]
pub(super) struct Gather {
    pub(super) wanted: Wanted,
    pub(super) style: Style,
    /// Names of the file's interfaces.
    interfaces: Vec<Option<String>>,
    is_live: bool,
    /// Text on its way to standard output, and to `--save`.
    out: String,
    saved: String,
    said_header: bool,
    failed: Vec<CommandError>,
    /// Open flows of which an exchange passed the filter.
    matched: HashSet<u64>,
    /// The flows that the table may show.
    pub(super) slowest: Slowest,
    /// Traces that are kept: all for the forms that need them, those asked for otherwise.
    pub(super) traces: Vec<Trace>,
    /// The exchanges of the first flow, as long as it is the only one; 0 before it.
    pub(super) only: Option<(u64, Vec<Told>)>,
    pub(super) shown_flows: u64,
    pub(super) shown_traces: u64,
    /// Names that were not found.
    pub(super) unresolved: u64,
    pub(super) sides: Sides,
    pub(super) lost: Lost,
}

impl Gather {
    pub(super) fn new(wanted: Wanted, style: Style) -> Self {
        Self {
            slowest: Slowest::new(wanted.rows),
            wanted,
            style,
            interfaces: Vec::new(),
            is_live: false,
            out: String::new(),
            saved: String::new(),
            said_header: false,
            failed: Vec::new(),
            matched: HashSet::new(),
            traces: Vec::new(),
            only: Some((0, Vec::new())),
            shown_flows: 0,
            shown_traces: 0,
            unresolved: 0,
            sides: Sides::new(),
            lost: Lost::default(),
        }
    }
}

impl Sink for Gather {
    fn wants(&mut self, flow: &Flow, length: Nanos) -> bool {
        let number = flow.number();
        if self.wanted.flow.is_some_and(|wanted| wanted != number) {
            return false;
        }
        // A filter may ask for the name, which only the exchange itself knows.
        let is_wanted = self.wanted.filter.is_some()
            || self.keeps_all()
            || (self.has_table() && self.slowest.admits(number, length))
            || self.is_only(number);
        if !is_wanted {
            self.count(number);
        }
        is_wanted
    }

    fn exchange(&mut self, flow: &Flow, exchange: Exchange) {
        let number = flow.number();
        if !self.passes(Some(flow), Some(&exchange)) {
            return;
        }
        self.count(number);
        let length = exchange.ended.since(exchange.started);
        let is_slowest = self.has_table() && self.slowest.admits(number, length);
        let is_only = self.is_only(number);
        if !(self.keeps_all() || is_slowest || is_only) {
            return;
        }
        let told = self.told(flow, exchange);
        if self.keeps_all()
            && let Some(trace) = self.assemble(&told)
        {
            self.take(trace);
        }
        if let Some((_, exchanges)) = self.only.as_mut().filter(|_| is_only) {
            exchanges.push(told.clone());
        }
        if is_slowest {
            self.slowest.open(number, told);
        }
    }

    fn ended(&mut self, flow: &Flow) {
        let number = flow.number();
        let matched = self.matched.remove(&number);
        let unspoken = flow.told() == 0 && self.passes(Some(flow), None);
        if self.wanted.flow.is_some_and(|wanted| wanted != number) || !(matched || unspoken) {
            return;
        }
        self.shown_flows += 1;
        self.is_only(number);
        self.lost.bytes += flow.lost();
        self.lost.flows += u64::from(flow.lost() > 0);
        let (count, why) = self.sides.entry(flow.side().as_str()).or_default();
        *count += 1;
        if why.is_none() {
            *why = flow.why().map(|why| why.to_string());
        }
        let has_place = self.slowest.exchange(number).is_some() || self.slowest.admits(number, Nanos::ZERO);
        if !self.has_table() || !has_place {
            return;
        }
        let told = self.slowest.exchange(number);
        let length = told.map_or(Nanos::ZERO, Told::length);
        let slowest = told.and_then(|told| self.assemble(told));
        let asked = slowest.as_ref().and_then(|trace| host(&trace.subject.url));
        let host = asked.or_else(|| flow.server_name().map(str::to_owned));
        let ended = Ended {
            four: Some(flow.four()),
            began: flow.began(),
            retransmissions: flow.retransmissions(),
            told: flow.told(),
            host,
            slowest,
            number,
        };
        self.slowest.ended(length, ended);
    }

    fn unresolved(&mut self, exchange: Exchange) {
        if self.wanted.flow.is_some() || !self.passes(None, Some(&exchange)) {
            return;
        }
        self.shown_traces += 1;
        self.unresolved += 1;
        let (began, length, number) =
            (exchange.started, exchange.ended.since(exchange.started), u64::MAX - self.unresolved);
        let is_slowest = self.has_table() && self.slowest.admits(number, length);
        if !(self.keeps_all() || is_slowest) {
            return;
        }
        let Some(trace) = self.assemble(&Told::unresolved(exchange)) else { return };
        if self.keeps_all() {
            self.take(trace.clone());
        }
        if is_slowest {
            let host = trace.subject.url.strip_prefix("dns:").map(str::to_owned);
            let slowest = Some(trace);
            let ended = Ended { number, four: None, began, retransmissions: 0, told: 1, host, slowest };
            self.slowest.ended(length, ended);
        }
    }
}

impl Gather {
    /// A file begins.
    pub(super) fn begin_file(&mut self, is_live: bool) {
        self.is_live = is_live;
        self.interfaces.clear();
    }

    /// The interfaces that the file has named so far.
    pub(super) fn interfaces(&mut self, interfaces: &[Interface]) {
        if let Some(new) = interfaces.get(self.interfaces.len()..) {
            self.interfaces.extend(new.iter().map(|interface| interface.name.clone()));
        }
    }

    /// There is text that should be written now.
    pub(super) fn is_due(&self) -> bool {
        let length = self.out.len() + self.saved.len();
        length > PIECE || (self.is_live && length > 0)
    }

    /// Writes the text that has gathered.
    pub(super) fn write(&mut self, console: &mut Console, ending: &mut Ending) {
        for failed in self.failed.drain(..) {
            ending.wrote(console, Err(failed));
        }
        if !self.out.is_empty() {
            ending.wrote(console, console::print(std::mem::take(&mut self.out)));
        }
        if let Some(path) = self.wanted.kept.save.as_ref().filter(|_| !self.saved.is_empty()) {
            ending.wrote(console, append(path, &std::mem::take(&mut self.saved)));
        }
    }

    /// An exchange of this flow is one of those asked for.
    fn count(&mut self, number: u64) {
        self.shown_traces += 1;
        self.matched.insert(number);
    }

    /// Every trace is wanted: as it comes, or all of them at the end.
    pub(super) fn keeps_all(&self) -> bool {
        self.wanted.format != Format::Pretty || self.shows_requests() || self.wanted.kept.save.is_some()
    }

    /// Requests are to be shown one by one.
    pub(super) const fn shows_requests(&self) -> bool {
        self.wanted.all || self.wanted.flow.is_some()
    }

    fn has_table(&self) -> bool {
        self.wanted.format == Format::Pretty || self.wanted.kept.picture.is_some()
    }

    /// Whether no other flow has been shown, and this one has few exchanges.
    fn is_only(&mut self, number: u64) -> bool {
        let is_only = match &mut self.only {
            Some((only, _)) if *only == 0 => {
                *only = number;
                true
            }
            Some((only, exchanges)) => *only == number && exchanges.len() < MOST_OF_ONE,
            None => return false,
        };
        if !is_only {
            self.only = None;
        }
        is_only
    }

    fn passes(&self, flow: Option<&Flow>, exchange: Option<&Exchange>) -> bool {
        let Some(filter) = &self.wanted.filter else { return true };
        let name = exchange.and_then(|exchange| host(&exchange.url));
        filter.lets_through(&Candidate {
            client: flow.map(|flow| flow.four().local),
            server: flow.map(|flow| flow.four().remote),
            server_name: flow.and_then(Flow::server_name),
            name: name.as_deref(),
        })
    }

    fn told(&self, flow: &Flow, exchange: Exchange) -> Told {
        let place = usize::try_from(flow.interface()).unwrap_or(usize::MAX);
        Told::of_flow(flow, self.interfaces.get(place).cloned().flatten(), exchange)
    }

    pub(super) fn assemble(&self, told: &Told) -> Option<Trace> {
        told.assemble(self.wanted.vantage.as_ref(), self.wanted.secrets)
    }

    /// A trace that everybody is to have.
    fn take(&mut self, trace: Trace) {
        if self.wanted.kept.save.is_some() || self.wanted.format == Format::Jsonl {
            match json::jsonl(std::slice::from_ref(&trace)) {
                Ok(line) => {
                    if self.wanted.format == Format::Jsonl {
                        self.out.push_str(&line);
                    }
                    if self.wanted.kept.save.is_some() {
                        self.saved.push_str(&line);
                    }
                }
                Err(error) => self.failed.push(CommandError::Json(error)),
            }
        }
        match self.wanted.format {
            Format::Csv => {
                let text = csv::csv(std::slice::from_ref(&trace));
                let behind_header = text.split_once("\r\n").map_or("", |(_, rows)| rows);
                self.out.push_str(if std::mem::replace(&mut self.said_header, true) { behind_header } else { &text });
            }
            Format::Pretty if self.shows_requests() => {
                if self.traces.len() < self.wanted.rows {
                    self.traces.push(trace);
                }
            }
            Format::Jsonl | Format::Pretty => {}
            Format::Json | Format::Har | Format::Markdown => self.traces.push(trace),
        }
    }
}
