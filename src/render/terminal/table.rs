//! Several traces side by side: a row each, a column for each phase that happened in any of them.

use super::Style;
use super::line::{Line, Paint, clip_middle, columns};
use crate::render::length::millis;
use crate::trace::{Phase, Span, Trace};

/// Labels are not cut shorter than this; below it, the table shows totals and the longest phase only.
const LEAST_LABEL: usize = 12;
/// Blanks between columns.
const GAP: usize = 2;
/// The header of the last column.
const TOTAL: &str = "total";

/// The table's lines, its header first.
pub(super) fn lines(traces: &[Trace], style: Style) -> Vec<Line> {
    let phases: Vec<Phase> =
        Phase::ALL.into_iter().filter(|phase| traces.iter().any(|trace| trace.span(*phase).is_some())).collect();
    let widths: Vec<usize> = phases
        .iter()
        .map(|phase| {
            let widest = traces.iter().map(|trace| columns(&cell(trace.span(*phase)))).max().unwrap_or(0);
            widest.max(columns(phase.as_str())) + GAP
        })
        .collect();
    let totals = traces.iter().map(|trace| columns(&total(trace))).max().unwrap_or(0).max(columns(TOTAL)) + GAP;
    let mark = GAP;
    let numbers = traces.len().to_string().len();
    let taken = numbers + 1 + widths.iter().sum::<usize>() + totals + mark;
    let longest = traces.iter().map(|trace| columns(&style.glyphs.spell(short_label(trace)))).max().unwrap_or(0);
    let room = style.width.saturating_sub(taken).min(longest.max(2));
    if room < LEAST_LABEL.min(longest) {
        return narrow(traces, totals, numbers, style);
    }

    let mut header = Line::new(style).with(Paint::Dim, "ms").pad_to(numbers + 1 + room);
    for (phase, width) in phases.iter().zip(&widths) {
        header.add(Paint::Phase(*phase), format!("{:>width$}", phase.as_str()));
    }
    header.add(Paint::Strong, format!("{TOTAL:>totals$}"));
    let rows = traces.iter().enumerate().map(|(index, trace)| {
        let mut line = start(index, trace, numbers, room, style);
        for (phase, width) in phases.iter().zip(&widths) {
            line.add(Paint::Plain, format!("{:>width$}", cell(trace.span(*phase))));
        }
        end(line, trace, totals)
    });
    std::iter::once(header).chain(rows).collect()
}

/// For a narrow terminal: the total and where most of it went.
fn narrow(traces: &[Trace], totals: usize, numbers: usize, style: Style) -> Vec<Line> {
    let most = |trace: &Trace| trace.timeline.spans().max_by_key(|span| span.duration);
    let words = |span: Span| format!("  {} {}", span.phase, millis(span.duration));
    let widest = traces.iter().filter_map(|trace| most(trace).map(|span| columns(&words(span)))).max().unwrap_or(0);
    let room = style.width.saturating_sub(numbers + 1 + totals + GAP + widest);
    let header = Line::new(style)
        .with(Paint::Dim, "ms")
        .pad_to(numbers + 1 + room)
        .with(Paint::Strong, format!("{TOTAL:>totals$}"))
        .with(Paint::Dim, "    most of it");
    let rows = traces.iter().enumerate().map(|(index, trace)| {
        let line = end(start(index, trace, numbers, room, style), trace, totals);
        let line = line.pad_to(numbers + 1 + room + totals + GAP);
        match most(trace) {
            Some(span) => line.with(Paint::Phase(span.phase), words(span)),
            None => line,
        }
    });
    std::iter::once(header).chain(rows).collect()
}

fn start(index: usize, trace: &Trace, numbers: usize, room: usize, style: Style) -> Line {
    Line::new(style)
        .with(Paint::Dim, format!("{:>numbers$} ", index + 1))
        .with(Paint::Plain, clip_middle(short_label(trace), room, style.glyphs))
        .pad_to(numbers + 1 + room)
}

fn end(line: Line, trace: &Trace, totals: usize) -> Line {
    let line = line.with(Paint::Strong, format!("{:>totals$}", total(trace)));
    if trace.failure().is_some() { line.with(Paint::Bad, " ✗") } else { line }
}

fn total(trace: &Trace) -> String {
    if trace.timeline.spans().len() == 0 { "–".to_owned() } else { millis(trace.total()) }
}

fn cell(span: Option<Span>) -> String {
    span.map_or("–".to_owned(), |span| millis(span.duration))
}

/// The label, without what all URLs have in common.
fn short_label(trace: &Trace) -> &str {
    let label = trace.label();
    label.strip_prefix("https://").or_else(|| label.strip_prefix("http://")).unwrap_or(label)
}
