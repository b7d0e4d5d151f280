//! What is said around the bars of a waterfall: the headline, and the legend of what occurs.

use std::collections::BTreeSet;

use super::super::ChartOptions;
use super::super::frame::{self, legend_lines};
use super::super::geometry::Rect;
use super::{Handshake, Key, Keyed, Ladder, MarkKind, PacketSign, Row, Rung, RungSign, TickKind, writing};
use crate::event::{Evidence, Phase};
use crate::trace::{Direction, Trace};

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
pub(super) fn legend(rows: &[Row], ladders: &[Ladder], room: f64) -> Vec<Keyed> {
    let phases = colours(rows);
    let signs = signs(rows, ladders);
    let line = legend_lines(&lent(phases.iter().chain(&signs)), 0, room);
    if line.iter().all(|entry| entry.symbol.y <= line[0].symbol.y) {
        return line;
    }
    // Rather colours on one line and signs on the next than a last sign alone.
    let mut lines = legend_lines(&lent(phases.iter()), 0, room);
    let next = lines.chunk_by(|one, other| one.symbol.y >= other.symbol.y).count();
    lines.extend(legend_lines(&lent(signs.iter()), next, room));
    lines
}

fn lent<'t>(entries: impl Iterator<Item = &'t (Key, String)>) -> Vec<(Key, &'t str)> {
    entries.map(|(key, text)| (*key, text.as_str())).collect()
}

/// The phases, and the parts of a wait where it is split: then its own colour is the server's.
fn colours(rows: &[Row]) -> Vec<(Key, String)> {
    let segments = || rows.iter().flat_map(|row| &row.bar.segments);
    let named = |phase: Phase| (Key::Phase(phase), phase.to_string());
    let of = |phase: Phase| {
        let here: Vec<_> = segments().filter(|segment| segment.span.phase == phase).collect();
        let network = (Key::Network, "wait: network".to_owned());
        match here.iter().filter(|segment| segment.split.is_some()).count() {
            _ if here.is_empty() => Vec::new(),
            0 => vec![named(phase)],
            split if split == here.len() => vec![network, (Key::Phase(phase), "wait: server".to_owned())],
            _ => vec![network, (Key::Phase(phase), "wait (beside stripes: the server)".to_owned())],
        }
    };
    Phase::ALL.into_iter().flat_map(of).collect()
}

/// What is marked in the bars, below them, and on the ladders.
fn signs(rows: &[Row], ladders: &[Ladder]) -> Vec<(Key, String)> {
    let any = |is_there: &dyn Fn(&Row) -> bool| rows.iter().any(is_there);
    let has_mark = |kind: MarkKind| any(&|row| row.bar.marks.iter().any(|mark| mark.kind == kind));
    let has_packet = |kind: TickKind, direction: Direction| {
        any(&|row| row.bar.packets.iter().any(|tick| (tick.kind, tick.direction) == (kind, direction)))
    };
    let mut signs: Vec<(Key, &str)> = Vec::new();
    let mut explain = |is_there: bool, key: Key, text: &'static str| signs.extend(is_there.then_some((key, text)));

    let bounds =
        any(&|row| row.bar.segments.iter().filter_map(|segment| segment.split).any(|split| split.bounds.is_some()));
    explain(bounds, Key::Bounds, "the server begins between these");
    explain(any(&|row| !row.bar.bands.is_empty()), Key::Lost, "stalled on the wire");
    explain(any(&|row| row.cap.is_some()), Key::Failure, "failed here");
    explain(has_mark(MarkKind::RoundTrip), Key::Mark(MarkKind::RoundTrip), "round trips since the phase began");
    explain(has_mark(MarkKind::Informational), Key::Mark(MarkKind::Informational), "1xx response");
    for (kind, direction, sign, text) in [
        (TickKind::Usual, Direction::Sent, PacketSign::Sent, "packet sent"),
        (TickKind::Usual, Direction::Received, PacketSign::Received, "packet received"),
    ] {
        explain(has_packet(kind, direction), Key::Packets(sign), text);
    }
    let again =
        [Direction::Sent, Direction::Received].into_iter().any(|direction| has_packet(TickKind::Repeated, direction));
    explain(again, Key::Packets(PacketSign::Repeated), "packet sent again");
    let has_rung = |shape: fn(&Rung) -> Option<Rect>| {
        ladders.iter().flat_map(|ladder| &ladder.rungs).any(|rung| shape(rung).is_some())
    };
    explain(has_rung(|rung| rung.step), Key::Rung(RungSign::Step), "hop: its step");
    explain(has_rung(|rung| rung.best), Key::Rung(RungSign::Best), "its best round trip");
    explain(has_rung(|rung| rung.spread), Key::Rung(RungSign::Spread), "up to its worst");

    let mut signs: Vec<(Key, String)> = signs.into_iter().map(|(key, text)| (key, text.to_owned())).collect();
    let steps: BTreeSet<Handshake> = rows
        .iter()
        .flat_map(|row| &row.bar.marks)
        .filter_map(|mark| match mark.kind {
            MarkKind::Tls(step) => Some(step),
            MarkKind::RoundTrip | MarkKind::Informational => None,
        })
        .collect();
    if let Some(first) = steps.first() {
        let names: Vec<&str> = steps.iter().map(|step| step.as_str()).collect();
        signs.push((Key::Mark(MarkKind::Tls(*first)), names.join(", ")));
    }
    signs
}
