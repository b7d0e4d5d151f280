//! What is printed and drawn when all packets have been read.

use std::fmt::Write as _;

use super::Strange;
use super::gather::Gather;
use super::notes::notes;
use super::slowest::Slowest;
use crate::cli::args::Format;
use crate::cli::console::{self, Console};
use crate::cli::ending::Ending;
use crate::cli::{CommandError, drawing};
use crate::flow::Four;
use crate::flow::table::Tally;
use crate::render::chart;
use crate::render::terminal::{FlowRow, flow_table, waterfall};
use crate::render::{har, json, markdown};
use crate::time::{Nanos, Realtime, Timestamp};
use crate::trace::Trace;

/// A flow that is over, or a name that was not found.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) number: u64,
    pub(super) four: Option<Four>,
    pub(super) began: Timestamp<Realtime>,
    pub(super) retransmissions: u64,
    pub(super) told: u64,
    pub(super) host: Option<String>,
    pub(super) slowest: Option<Trace>,
}

impl Ended {
    pub(super) fn length(&self) -> Nanos {
        self.slowest.as_ref().map_or(Nanos::ZERO, Trace::total)
    }

    fn row(&self) -> FlowRow<'_> {
        FlowRow {
            number: self.four.map(|_| self.number),
            began: self.began,
            ends: self.four.map(|four| (four.local.to_string(), four.remote.to_string())),
            host: self.host.as_deref(),
            slowest: self.slowest.as_ref(),
            requests: self.told,
            retransmissions: self.retransmissions,
        }
    }
}

impl Gather {
    /// Prints and draws what shows all flows together, and says what else there is to know.
    pub(super) fn finish(mut self, tally: &Tally, strange: &Strange, console: &mut Console, ending: &mut Ending) {
        let is_alone = self.wanted.format == Format::Pretty && !self.shows_requests();
        if let Some((_, exchanges)) = self.only.take().filter(|_| is_alone) {
            self.traces = exchanges.iter().filter_map(|told| self.assemble(told)).collect();
        }
        self.write(console, ending);
        let rows = std::mem::replace(&mut self.slowest, Slowest::new(0)).into_rows();
        let printed = self.print(&rows);
        ending.wrote(console, printed);
        if let Some(picture) = &self.wanted.kept.picture {
            let few = self.wanted.format == Format::Pretty || self.traces.len() <= self.wanted.rows;
            let mut traces: Vec<Trace> = if few && !self.traces.is_empty() {
                self.traces.clone()
            } else {
                rows.iter().filter_map(|row| row.slowest.clone()).collect()
            };
            traces.sort_by_key(|trace| trace.started_at);
            traces.truncate(self.wanted.rows);
            let (drawn, all) = (traces.len() as u64, self.shown_traces);
            if drawn < all {
                let is_full = traces.len() == self.wanted.rows;
                let more = if is_full { "--rows N shows more" } else { "of each flow the slowest; --all shows all" };
                console.note(&format!("the chart shows {drawn} of {all} requests: {more}\n"));
            }
            ending.wrote(console, drawing::draw(picture, |options| chart::waterfall(&traces, options)));
        }
        for note in notes(tally, strange, self.lost, &self.sides) {
            console.note(&format!("{note}\n"));
        }
        if let Some(wanted) = self.wanted.flow.filter(|_| self.shown_flows == 0) {
            ending.wrote(console, Err(CommandError::NoFlow { wanted, flows: tally.flows }));
        }
    }

    fn print(&self, rows: &[Ended]) -> Result<(), CommandError> {
        let traces = &self.traces;
        let text = match self.wanted.format {
            Format::Jsonl | Format::Csv => String::new(),
            Format::Pretty => self.pretty(rows),
            Format::Json => json::json(traces).map_err(CommandError::Json)?,
            Format::Har => har::har(traces),
            Format::Markdown => markdown::markdown(traces),
        };
        console::print(text)
    }

    fn pretty(&self, rows: &[Ended]) -> String {
        let table: Vec<FlowRow<'_>> = rows.iter().map(Ended::row).collect();
        let mut text = flow_table(&table, &self.style);
        let all = self.shown_flows + self.unresolved;
        let shown = rows.len() as u64;
        if shown < all {
            let _ = writeln!(text, "{shown} of {all} flows, the slowest first: --rows N shows more");
        }
        if !self.traces.is_empty() {
            let most = self.traces.len().min(self.wanted.rows);
            text.push('\n');
            text.push_str(&waterfall(&self.traces[..most], &self.style));
            if self.shown_traces > most as u64 {
                let all = self.shown_traces;
                let _ = writeln!(text, "{most} of {all} requests: --rows N shows more");
            }
        }
        text
    }
}
