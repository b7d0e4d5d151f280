//! What is said around the bars of a waterfall: the headline, and the legend of what occurs.

use std::collections::BTreeSet;

use super::super::ChartOptions;
use super::super::frame::{self, legend_lines};
use super::{Key, Keyed, MarkKind, Row, writing};
use crate::event::{Evidence, Phase};
use crate::trace::Trace;

/// The headline: the user's, or what was asked.
pub(in crate::render::chart) fn title(traces: &[Trace], options: &ChartOptions) -> String {
    match (&options.title, traces) {
        (Some(title), _) => title.clone(),
        (None, [trace]) => {
            let (host, path) = writing::host_and_path(&trace.subject.url);
            format!("{} {host}{path}", trace.subject.method)
        }
        (None, _) => "Where the milliseconds go".to_owned(),
    }
}

/// When and where from, how many, and on whose word.
pub(super) fn subtitle(traces: &[Trace]) -> String {
    let mut parts = Vec::new();
    parts.extend(frame::since(traces.iter()));
    let vantages: BTreeSet<&str> = traces.iter().filter_map(|trace| trace.subject.vantage.as_deref()).collect();
    if !vantages.is_empty() {
        parts.push(format!("from {}", vantages.into_iter().collect::<Vec<_>>().join(", ")));
    }
    let failed = traces.iter().filter(|trace| trace.failure_name().is_some()).count();
    let count = if traces.len() == 1 { "1 trace".to_owned() } else { format!("{} traces", traces.len()) };
    parts.push(if failed == 0 { count } else { format!("{count}, {failed} failed") });
    let evidence: BTreeSet<Evidence> =
        traces.iter().flat_map(|trace| trace.timeline.spans()).map(|span| span.evidence).collect();
    if !evidence.is_empty() {
        let words: Vec<&str> = evidence.into_iter().rev().map(Evidence::as_str).collect();
        parts.push(format!("evidence: {}", words.join(", ")));
    }
    parts.join("  ·  ")
}

/// What the colours and signs mean, of those that occur.
pub(super) fn legend(rows: &[Row], room: f64) -> Vec<Keyed> {
    let segments = || rows.iter().flat_map(|row| &row.bar.segments);
    let phases = Phase::ALL
        .into_iter()
        .filter(|phase| segments().any(|segment| segment.span.phase == *phase))
        .map(|phase| (Key::Phase(phase), phase.as_str()));
    let splits = || segments().filter_map(|segment| segment.split);
    let network = splits().next().map(|_| (Key::Network, "wait: network"));
    let bounds = splits().find_map(|split| split.bounds).map(|_| (Key::Bounds, "wait: bounds of server"));
    let marks = [
        (MarkKind::RoundTrip, "round trips"),
        (MarkKind::Tls, "ClientHello, ServerHello, verified"),
        (MarkKind::Informational, "1xx response"),
    ]
    .into_iter()
    .filter(|(kind, _)| rows.iter().flat_map(|row| &row.bar.marks).any(|mark| mark.kind == *kind))
    .map(|(kind, text)| (Key::Mark(kind), text));

    let lost = rows.iter().find(|row| !row.bar.bands.is_empty()).map(|_| (Key::Lost, "stalled on the wire"));
    let packets = rows.iter().find(|row| row.bar.packet_line.is_some());
    let packets = packets.map(|_| (Key::Packets, "packets sent, received, sent again"));

    let phases: Vec<_> = phases.collect();
    let signs: Vec<_> = network.into_iter().chain(bounds).chain(lost).chain(marks).chain(packets).collect();
    let one_line: Vec<_> = phases.iter().chain(&signs).copied().collect();
    let line = legend_lines(&one_line, 0, room);
    if line.iter().all(|entry| entry.symbol.y <= line[0].symbol.y) {
        return line;
    }
    // Rather colours on one line and signs on the next than a last sign alone.
    let mut lines = legend_lines(&phases, 0, room);
    lines.extend(legend_lines(&signs, 1, room));
    lines
}
