//! The differences: for each two rows a sentence on the whole, and a row for each phase.

use super::{INDENT, paint_of, paint_of_verdict};
use crate::render::summary::words::{
    interval, lacking, meaning_of_same, not_compared, nothing_compared, of_pair, pairs, sentence, signed, verdict,
};
use crate::render::terminal::Style;
use crate::render::terminal::line::{Line, Paint, Paragraph, columns};
use crate::stats::{Difference, Measure, Row, Summary, Verdict};

/// Blanks between columns.
const GAP: usize = 2;

/// A heading, and the lines of each pair; none where nothing was compared.
pub(super) fn lines(summary: &Summary, style: Style) -> Vec<Line> {
    let pairs = pairs(summary);
    if pairs.is_empty() && summary.unmatched.is_empty() {
        return Vec::new();
    }
    let mut lines = Vec::new();
    if let Some(first) = summary.differences.first() {
        let percent = first.estimate.confidence.get() * 100.0;
        let words = format!("differences of medians, with their {percent} % interval, ms");
        lines.push(Line::new(style).with(Paint::Dim, words));
    }
    if let Some(words) = meaning_of_same(summary) {
        lines.extend(Paragraph::new(style, Line::new(style), 0).part(Paint::Dim, words).finish());
    }
    for (row, against) in pairs {
        lines.extend(pair(summary, row, against, style));
    }
    for row in &summary.unmatched {
        let words = format!("{} has no baseline there", row.label());
        lines.extend(Paragraph::new(style, Line::new(style), 0).part(Paint::Dim, words).finish());
    }
    lines
}

fn pair(summary: &Summary, row: &Row, against: &Row, style: Style) -> Vec<Line> {
    let differences: Vec<&Difference> = of_pair(summary, row, against).collect();
    if differences.is_empty() {
        let words = nothing_compared(summary, row, against);
        return Paragraph::new(style, Line::new(style), 0).part(Paint::Dim, words).finish();
    }
    let total = differences.iter().find(|one| one.phase == Measure::Total);
    let (paint, words) = total.map_or_else(
        || (Paint::Strong, format!("{} and {} have no total in common", row.label(), against.label())),
        |total| (paint_of_sentence(total.verdict), sentence(summary, total)),
    );
    let mut lines = Paragraph::new(style, Line::new(style), 0).part(paint, words).finish();
    let widest = |text: fn(&Difference) -> String| differences.iter().map(|one| columns(&text(one))).max().unwrap_or(0);
    let phases = Measure::all().map(|measure| columns(measure.as_str())).max().unwrap_or(0);
    let medians = widest(|one| signed(one.estimate.median));
    let ranges = widest(|one| interval(&one.estimate));
    for measure in Measure::all() {
        let start = Line::new(style).pad_to(INDENT).with(paint_of(measure), measure.as_str());
        let start = start.pad_to(INDENT + phases);
        let rest = differences.iter().find(|one| one.phase == measure).map(|one| {
            let start = start
                .clone()
                .with(Paint::Strong, format!("{:>1$}", signed(one.estimate.median), medians + GAP))
                .with(Paint::Dim, format!("{:>1$}", interval(&one.estimate), ranges + GAP))
                .with(Paint::Plain, " ".repeat(GAP));
            // Where the verdict has no room beside the interval, it stands below.
            let column = start.columns();
            let column = if column + columns("slower") > style.width { INDENT + phases + GAP } else { column };
            let words = Paragraph::new(style, start, column).part(paint_of_verdict(one.verdict), verdict(one));
            words.part(Paint::Dim, lacking(one.counts, one.lacking).unwrap_or_default()).finish()
        });
        let missing =
            summary.not_compared.iter().find(|one| one.row == *row && one.against == *against && one.phase == measure);
        let missing = missing.map(|one| {
            let column = INDENT + phases + GAP;
            let words = format!("not compared: {}", not_compared(one.counts, row, against));
            Paragraph::new(style, start.clone(), column).part(Paint::Dim, words).finish()
        });
        lines.extend(rest.or(missing).unwrap_or_default());
    }
    lines
}

/// What a sentence is painted with: it stands out, whatever the verdict is.
fn paint_of_sentence(verdict: Verdict) -> Paint {
    match verdict {
        Verdict::Same => Paint::Strong,
        _ => paint_of_verdict(verdict),
    }
}
