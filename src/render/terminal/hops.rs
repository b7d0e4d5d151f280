//! The table of hops: who answered on the way to the other end, and after how long.

use super::Style;
use super::facts::label;
use super::line::{Line, Paint, Paragraph, clip_middle, columns};
use crate::render::length::millis;
use crate::time::Nanos;
use crate::trace::{Hop, HopReply, HopSearch, HopsEnded, Phase, RoundTrips, Trace, last_answering};

/// Where the table starts, under the search's summary.
const INDENT: usize = 4;
/// Blanks between columns.
const GAP: usize = 2;
/// Addresses are not cut shorter than this to make room for median and worst.
const LEAST_ADDRESS: usize = 24;
/// What stands for an address that is not known.
const UNKNOWN: &str = "–";

/// The lines about hops; none where they were not looked for.
pub(super) fn lines(trace: &Trace, style: Style) -> Vec<Line> {
    let Some(search) = &trace.hop_search else { return Vec::new() };
    let mut lines = summary(search, trace, style);
    lines.extend(table(&trace.hops, style));
    if trace.hops.iter().any(|hop| hop.step.is_some_and(|step| step < 0)) {
        let note = "a step below zero: the hop before answers slower than it forwards";
        lines.extend(Paragraph::new(style, Line::new(style), INDENT).part(Paint::Dim, note).finish());
    }
    lines
}

fn summary(search: &HopSearch, trace: &Trace, style: Style) -> Vec<Line> {
    let is_proxy = trace.connect.as_ref().is_some_and(|connect| connect.proxy.is_some());
    let whom = if is_proxy { " (the proxy)" } else { "" };
    let rounds = if search.rounds == 1 { "1 round".to_owned() } else { format!("{} rounds", search.rounds) };
    let (paint, ended) = match search.ended {
        HopsEnded::Destination | HopsEnded::Unreachable => answer(trace.hops.last()),
        HopsEnded::Silence => (Paint::Warn, "no answer from further on".to_owned()),
        HopsEnded::MostHops => (Paint::Warn, "further away than hops are looked for".to_owned()),
        HopsEnded::Interrupted => (Paint::Warn, "interrupted".to_owned()),
        HopsEnded::SendFailed => (Paint::Bad, "sending failed".to_owned()),
    };
    label("hops", Phase::Connect, style)
        .part(Paint::Plain, format!("to {}{whom}", search.destination))
        .part(paint, ended)
        .part(Paint::Dim, format!("{rounds} of SYNs"))
        .part(Paint::Dim, search.evidence.map_or("", |evidence| evidence.as_str()))
        .finish()
}

/// What the last hop says.
fn answer(last: Option<&Hop>) -> (Paint, String) {
    match last.and_then(|hop| hop.reply) {
        Some(HopReply::SynAck) => (Paint::Plain, "answers with SYN-ACK".to_owned()),
        Some(HopReply::Rst) => (Paint::Bad, "answers with RST".to_owned()),
        Some(HopReply::Unreachable(code)) => (Paint::Bad, format!("unreachable (ICMP code {code})")),
        Some(HopReply::TimeExceeded) | None => (Paint::Plain, String::new()),
    }
}

/// A column of right-aligned cells.
struct Column {
    header: &'static str,
    cell: fn(&Hop) -> String,
}

const LOSS: Column = Column { header: "loss", cell: |hop| format!("{:.0}%", hop.loss * 100.0) };
const BEST: Column = Column { header: "best", cell: |hop| times(hop, |trips| trips.best) };
const MEDIAN: Column = Column { header: "median", cell: |hop| times(hop, |trips| trips.median) };
const WORST: Column = Column { header: "worst", cell: |hop| times(hop, |trips| trips.worst) };
const STEP: Column = Column { header: "step ms", cell: step };

impl Column {
    fn width(&self, hops: &[Hop]) -> usize {
        let cells = hops.iter().map(|hop| columns(&(self.cell)(hop)));
        cells.max().unwrap_or(0).max(columns(self.header)) + GAP
    }
}

fn table(hops: &[Hop], style: Style) -> Vec<Line> {
    if hops.is_empty() {
        return Vec::new();
    }
    let shown = |columns: &[Column]| columns.iter().map(|column| column.width(hops)).sum::<usize>();
    let whole = [LOSS, BEST, MEDIAN, WORST, STEP];
    let numbers = columns(&hops.len().to_string()).max(columns("ttl"));
    let left = INDENT + numbers + GAP;
    let longest = hops.iter().map(|hop| columns(&style.glyphs.spell(&who(hop)))).max().unwrap_or(0);
    let wanted = longest.min(LEAST_ADDRESS);
    let table = if left + wanted + shown(&whole) <= style.width { &whole[..] } else { &[LOSS, BEST, STEP] };
    let room = style.width.saturating_sub(left + shown(table)).min(longest);

    let mut header =
        Line::new(style).pad_to(INDENT).with(Paint::Dim, format!("{:>numbers$}", "ttl")).pad_to(left + room);
    for column in table {
        header.add(Paint::Dim, format!("{:>1$}", column.header, column.width(hops)));
    }
    let last = last_answering(hops);
    let rows = hops.iter().map(|hop| {
        let mut line = Line::new(style)
            .pad_to(INDENT)
            .with(Paint::Dim, format!("{:>numbers$}", hop.ttl))
            .pad_to(left)
            .with(
                if hop.address.is_some() { Paint::Plain } else { Paint::Dim },
                clip_middle(&who_in(hop, room, style), room, style.glyphs),
            )
            .pad_to(left + room);
        for column in table {
            let cell = (column.cell)(hop);
            let paint = paint(column, hop, last);
            line.add(paint, format!("{cell:>0$}", column.width(hops)));
        }
        line
    });
    std::iter::once(header).chain(rows).collect()
}

/// Routers answer when they have time to: only the loss of the last one that answers is the path's.
fn paint(column: &Column, hop: &Hop, last: Option<u8>) -> Paint {
    match column.header {
        "loss" if last == Some(hop.ttl) && hop.received < hop.sent => Paint::Warn,
        "loss" => Paint::Dim,
        "best" => Paint::Strong,
        _ => Paint::Plain,
    }
}

fn who(hop: &Hop) -> String {
    let Some(address) = hop.address else { return UNKNOWN.to_owned() };
    let name = hop.name.as_ref().map_or(String::new(), |name| format!(" ({name})"));
    let others = match hop.other_addresses.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{address}{name}{others}")
}

/// The same, without the name where there is no room for it: half a name is worth less than a whole address.
fn who_in(hop: &Hop, room: usize, style: Style) -> String {
    let all = who(hop);
    match hop.address {
        Some(address) if columns(&style.glyphs.spell(&all)) > room => address.to_string(),
        _ => all,
    }
}

fn times(hop: &Hop, which: fn(RoundTrips) -> Nanos) -> String {
    hop.round_trips.map_or(String::new(), |trips| millis(which(trips)))
}

fn step(hop: &Hop) -> String {
    let signed = |step: i64| {
        let sign = if step < 0 { '-' } else { '+' };
        format!("{sign}{}", millis(Nanos::new(step.unsigned_abs())))
    };
    hop.step.map_or(String::new(), signed)
}
