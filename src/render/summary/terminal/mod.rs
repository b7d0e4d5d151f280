//! The summary for people: what was asked, what it took, what follows.
//!
//! First a row for each target with its failures by code; then the lengths, measure by measure, so that what is to be compared
//! stands together, each with a strip of how its lengths lie, all of one measure on one scale; then the differences, each pair of
//! rows with a sentence on the whole; then layers, what lies far out, and what became of objectives.
//!
//! Invariants: those of [`crate::render::terminal`]. Columns are left out from the right where there is no room, the strips first.

mod differences;
mod lengths;
mod objectives;
mod strip;

use super::words::{counted, interruption, layer_note, outliers, requests, throughput};
use crate::render::length::millis;
use crate::render::summary::words::{doubt, interval, signed};
use crate::render::terminal::Style;
use crate::render::terminal::line::{Line, Paint, Paragraph, clip_middle, columns};
use crate::stats::{Measure, Row, Summary, TargetSummary, Verdict};

/// What belongs to a heading stands in.
const INDENT: usize = 2;
/// Names are not cut shorter than this.
const LEAST_NAME: usize = 12;
/// Names are not given more than this share of the width.
const NAME_SHARE: usize = 3;
/// Traces that lie far out are listed up to this number for each target.
const MOST_LISTED: usize = 5;

/// The summary. One without targets says so.
#[must_use]
pub fn terminal(summary: &Summary, style: &Style) -> String {
    let style = *style;
    if summary.targets.is_empty() {
        let mut out = String::new();
        Line::new(style).with(Paint::Plain, "no requests").write_to(&mut out);
        return out;
    }
    let sections = [
        targets(summary, style),
        lengths::lines(summary, style),
        differences::lines(summary, style),
        layers(summary, style),
        far_out(summary, style),
        objectives::lines(summary, style),
    ];
    let mut out = String::new();
    for lines in sections.into_iter().filter(|lines| !lines.is_empty()) {
        if !out.is_empty() {
            out.push('\n');
        }
        for line in lines {
            line.write_to(&mut out);
        }
    }
    out
}

/// How wide the column of names is: as wide as the longest, within limits.
fn name_width<'r>(rows: impl Iterator<Item = &'r Row>, style: Style) -> usize {
    let longest = rows.map(|row| columns(&style.glyphs.spell(&row.label()))).max();
    longest.unwrap_or(0).min((style.width / NAME_SHARE).max(LEAST_NAME))
}

/// A row's name, cut to the width.
fn name(label: &str, width: usize, style: Style) -> String {
    clip_middle(label, width, style.glyphs)
}

/// What the phase's name is painted with.
fn paint_of(measure: Measure) -> Paint {
    match measure {
        Measure::Phase(phase) => Paint::Phase(phase),
        Measure::Total => Paint::Strong,
    }
}

/// What the verdict is painted with.
fn paint_of_verdict(verdict: Verdict) -> Paint {
    match verdict {
        Verdict::Slower => Paint::Bad,
        Verdict::Faster => Paint::Good,
        Verdict::Same => Paint::Dim,
        Verdict::Unclear => Paint::Warn,
    }
}

/// A row for each target: how many requests, how they ended, how many in a second where it alone was asked.
fn targets(summary: &Summary, style: Style) -> Vec<Line> {
    let width = name_width(summary.targets.iter().map(|target| &target.row), style);
    let widest = summary.targets.iter().map(|target| requests(target).len()).max().unwrap_or(0);
    let row = |target: &TargetSummary| {
        let label = Line::new(style).with(Paint::Strong, name(&target.row.label(), width, style));
        let mut ended = Paragraph::new(style, label, width + 2);
        let noun = if target.requests == 1 && target.wanted.is_none() { "request" } else { "requests" };
        let is_short = target.wanted.is_some_and(|wanted| wanted > target.requests);
        let paint = if is_short { Paint::Warn } else { Paint::Plain };
        ended = ended.part(paint, format!("{:>widest$} {noun}", requests(target)));
        if target.failures > 0 {
            let words = format!("{} failed: {}", target.failures, counted(&target.failure_codes));
            ended = ended.part(Paint::Bad, words);
        }
        for (status, count) in &target.status {
            let paint = if status.starts_with('2') { Paint::Good } else { Paint::Warn };
            ended = ended.part(paint, format!("{status} ×{count}"));
        }
        if let Some(throughput) = throughput(summary, target) {
            ended = ended.part(Paint::Dim, format!("{throughput:.1} completed/s"));
        }
        if let Some(path) = &target.path {
            ended = ended.part(Paint::Dim, format!("path {path}"));
        }
        for (key, value) in &target.tags {
            ended = ended.part(Paint::Dim, format!("{key}={value}"));
        }
        ended.finish()
    };
    let interrupted = interruption(summary)
        .map_or(Vec::new(), |words| Paragraph::new(style, Line::new(style), 0).part(Paint::Warn, words).finish());
    interrupted.into_iter().chain(summary.targets.iter().flat_map(row)).collect()
}

/// The cost of each layer, and what the paths do not tell.
fn layers(summary: &Summary, style: Style) -> Vec<Line> {
    if summary.layers.is_empty() && summary.layer_notes.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![Line::new(style).with(Paint::Dim, "layers, by the difference of the waits of two paths, ms")];
    let widths = summary.layers.iter().fold((0, 0, 0), |(layer, median, range), cost| {
        let interval = interval(&cost.estimate);
        (
            layer.max(columns(&cost.layer)),
            median.max(columns(&signed(cost.estimate.median))),
            range.max(columns(&interval)),
        )
    });
    for cost in &summary.layers {
        let (layer, median, range) = widths;
        let start = Line::new(style)
            .pad_to(2)
            .with(Paint::Strong, format!("{:<layer$}", cost.layer))
            .with(paint_of_verdict(cost.verdict), format!("  {:>median$}", signed(cost.estimate.median)))
            .with(Paint::Dim, format!("  {:<range$}  ", interval(&cost.estimate)));
        let column = start.columns();
        let words = format!("{} against {}", cost.with.label(), cost.without.label());
        let doubt = doubt(cost.verdict).unwrap_or_default();
        let words = Paragraph::new(style, start, column).part(Paint::Plain, words);
        lines.extend(words.part(paint_of_verdict(cost.verdict), doubt).finish());
    }
    for note in &summary.layer_notes {
        lines.extend(Paragraph::new(style, Line::new(style), 2).part(Paint::Dim, layer_note(note)).finish());
    }
    lines
}

/// Traces with a length that lies far out.
fn far_out(summary: &Summary, style: Style) -> Vec<Line> {
    let mut lines = Vec::new();
    for target in &summary.targets {
        let traces = outliers(target);
        for (id, lengths) in traces.iter().take(MOST_LISTED) {
            let words: Vec<String> =
                lengths.iter().map(|(measure, length)| format!("{measure} {}", millis(*length))).collect();
            let parts = Paragraph::new(style, Line::new(style), 2)
                .part(Paint::Plain, target.row.label())
                .part(Paint::Warn, words.join(", "))
                .part(Paint::Dim, format!("trace {id}"));
            lines.extend(parts.finish());
        }
        if traces.len() > MOST_LISTED {
            let words = format!("{}: {} more, in JSON", target.row.label(), traces.len() - MOST_LISTED);
            lines.extend(Paragraph::new(style, Line::new(style), 2).part(Paint::Dim, words).finish());
        }
    }
    if !lines.is_empty() {
        let words = "far out (Tukey's outer fences), counted in above, ms";
        lines.insert(0, Line::new(style).with(Paint::Dim, words));
    }
    lines
}

#[cfg(test)]
mod tests;
