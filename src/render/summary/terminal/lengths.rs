//! The table of lengths: a block for each measure, a row for each target that has it.

use super::strip::{self, Strip};
use super::{INDENT, name, name_width, paint_of};
use crate::render::length::millis;
use crate::render::summary::words::measures;
use crate::render::terminal::Style;
use crate::render::terminal::line::{Line, Paint, Paragraph, columns};
use crate::stats::{Measure, Stats, Summary};

/// Blanks between columns.
const GAP: usize = 2;
/// A strip is not drawn shorter, and not longer.
const STRIP: std::ops::RangeInclusive<usize> = 12..=28;
/// The columns, the dispensable ones last.
const COLUMNS: [&str; 8] = ["count", "p50", "p95", "p99", "sd", "max", "mean", "min"];
/// So many of them stand before a strip; the others are shown where even the longest leaves room.
const BEFORE_STRIP: usize = 6;

/// The percentiles among them, in thousandths.
const PERCENTILES: [(&str, u32); 2] = [("p95", 950), ("p99", 990)];

/// The table, its header first, and what its signs mean; none where every request failed.
pub(super) fn lines(summary: &Summary, style: Style) -> Vec<Line> {
    let measures = measures(summary);
    if measures.is_empty() {
        return Vec::new();
    }
    let table = Table::new(summary, &measures, style);
    let mut lines = vec![table.header()];
    for measure in measures {
        if table.layout == Layout::Blocks {
            lines.push(Line::new(style).with(paint_of(measure), measure.as_str()));
        }
        let all = || summary.targets.iter().filter_map(|target| target.phases.get(&measure));
        let strip = table.strip.map(|cells| Strip::new(all(), cells, style.glyphs));
        for target in &summary.targets {
            let Some(stats) = target.phases.get(&measure) else { continue };
            let start = Line::new(style);
            let start = match table.layout {
                Layout::Blocks => {
                    start.pad_to(INDENT).with(Paint::Plain, name(&target.row.label(), table.names, style))
                }
                Layout::Rows => start.with(paint_of(measure), measure.as_str()),
            };
            lines.push(table.row(start, measure, stats, strip));
        }
    }
    lines.extend(table.legend(summary));
    lines
}

/// How rows are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// By the target, under the name of the measure.
    Blocks,
    /// By the measure: there is one target only.
    Rows,
}

/// The columns that fit.
struct Table {
    style: Style,
    layout: Layout,
    names: usize,
    /// Where numbers begin.
    start: usize,
    /// The columns that are shown, with their widths.
    shown: Vec<usize>,
    /// The cells of a strip, if it fits.
    strip: Option<usize>,
}

impl Table {
    fn new(summary: &Summary, measures: &[Measure], style: Style) -> Self {
        let layout = if summary.targets.len() == 1 { Layout::Rows } else { Layout::Blocks };
        let names = name_width(summary.targets.iter().map(|target| &target.row), style);
        let longest = measures.iter().map(|measure| columns(measure.as_str())).max().unwrap_or(0);
        let start = match layout {
            Layout::Blocks => INDENT + names,
            Layout::Rows => longest,
        };
        let all: Vec<[String; COLUMNS.len()]> =
            summary.targets.iter().flat_map(|target| target.phases.values().map(cells)).collect();
        let width = |column: usize| {
            let widest = all.iter().map(|cells| columns(&cells[column])).max().unwrap_or(0);
            widest.max(columns(COLUMNS[column])) + GAP
        };
        let mut shown = Vec::new();
        let mut taken = start;
        for (column, width) in (0..COLUMNS.len()).map(width).enumerate() {
            let kept_free = if column < BEFORE_STRIP { 0 } else { GAP + STRIP.end() };
            if taken + width + kept_free > style.width {
                break;
            }
            taken += width;
            shown.push(width);
        }
        let room = style.width.saturating_sub(taken + GAP);
        Self { style, layout, names, start, shown, strip: (room >= *STRIP.start()).then(|| room.min(*STRIP.end())) }
    }

    fn header(&self) -> Line {
        let mut line = Line::new(self.style).with(Paint::Dim, "ms").pad_to(self.start);
        for (word, width) in COLUMNS.iter().zip(&self.shown) {
            line.add(Paint::Dim, format!("{word:>width$}"));
        }
        line
    }

    /// What a strip shows, where there are any, and which percentiles are none.
    fn legend(&self, summary: &Summary) -> Vec<Line> {
        let mut lines = Vec::new();
        if self.strip.is_some() {
            let signs = strip::legend(self.style.glyphs).into_iter();
            let legend = Paragraph::new(self.style, Line::new(self.style), 0);
            lines.extend(signs.fold(legend, |legend, sign| legend.part(Paint::Dim, sign)).finish());
        }
        let shown = COLUMNS.iter().zip(&self.shown).filter_map(|(word, _)| Some((*word, percentile(word)?)));
        let all = || summary.targets.iter().flat_map(|target| target.phases.values());
        let few = shown.filter(|(_, per_mille)| all().any(|stats| stats.is_maximum(*per_mille)));
        let few: Vec<String> = few
            .map(|(word, per_mille)| format!("{word} of fewer than {}", 1_000_u32.div_ceil(1_000 - per_mille)))
            .collect();
        if !few.is_empty() {
            let words = format!("{} is the maximum", few.join(" and "));
            lines.extend(Paragraph::new(self.style, Line::new(self.style), 0).part(Paint::Dim, words).finish());
        }
        lines
    }

    fn row(&self, start: Line, measure: Measure, stats: &Stats, strip: Option<Strip>) -> Line {
        let mut line = start.pad_to(self.start);
        for (index, (cell, width)) in cells(stats).iter().zip(&self.shown).enumerate() {
            let paint = match COLUMNS[index] {
                "p50" => Paint::Strong,
                "count" => Paint::Dim,
                word if percentile(word).is_some_and(|per_mille| stats.is_maximum(per_mille)) => Paint::Dim,
                _ => Paint::Plain,
            };
            line.add(paint, format!("{cell:>width$}"));
        }
        let Some(strip) = strip else { return line };
        line.add(Paint::Plain, " ".repeat(GAP));
        line.with(paint_of(measure), strip.draw(stats))
    }
}

/// The percentile that a column shows, in thousandths.
fn percentile(column: &str) -> Option<u32> {
    PERCENTILES.iter().find(|(word, _)| *word == column).map(|(_, per_mille)| *per_mille)
}

/// The numbers in the order of the columns.
fn cells(stats: &Stats) -> [String; COLUMNS.len()] {
    let Stats { p50, p95, p99, max, mean, min, .. } = *stats;
    let sd = stats.sd.map_or("–".to_owned(), millis);
    let count = stats.count.to_string();
    [count, millis(p50), millis(p95), millis(p99), sd, millis(max), millis(mean), millis(min)]
}
