//! The table of lengths: a block for each measure, a row for each target that has it.

use super::strip::Strip;
use super::{name, name_width, paint_of};
use crate::render::length::millis;
use crate::render::summary::words::measures;
use crate::render::terminal::Style;
use crate::render::terminal::line::{Line, Paint, columns};
use crate::stats::{Measure, Stats, Summary};

/// Blanks between columns.
const GAP: usize = 2;
/// Names of targets stand in a little below the name of the measure.
const INDENT: usize = 2;
/// A strip is not drawn shorter, and not longer.
const STRIP: std::ops::RangeInclusive<usize> = 12..=28;
/// The columns, the dispensable ones last.
const COLUMNS: [&str; 6] = ["count", "p50", "p95", "p99", "sd", "max"];

/// The table, its header first; none where every request failed.
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
        let names = name_width(summary, style);
        let longest = measures.iter().map(|measure| columns(measure.as_str())).max().unwrap_or(0);
        let start = match layout {
            Layout::Blocks => INDENT + names,
            Layout::Rows => longest,
        };
        let all: Vec<[String; 6]> =
            summary.targets.iter().flat_map(|target| target.phases.values().map(cells)).collect();
        let width = |column: usize| {
            let widest = all.iter().map(|cells| columns(&cells[column])).max().unwrap_or(0);
            widest.max(columns(COLUMNS[column])) + GAP
        };
        let mut shown = Vec::new();
        let mut taken = start;
        for width in (0..COLUMNS.len()).map(width) {
            if taken + width > style.width {
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

    fn row(&self, start: Line, measure: Measure, stats: &Stats, strip: Option<Strip>) -> Line {
        let mut line = start.pad_to(self.start);
        for (index, (cell, width)) in cells(stats).iter().zip(&self.shown).enumerate() {
            let paint = match COLUMNS[index] {
                "p50" => Paint::Strong,
                "count" => Paint::Dim,
                _ => Paint::Plain,
            };
            line.add(paint, format!("{cell:>width$}"));
        }
        let Some(strip) = strip else { return line };
        line.add(Paint::Plain, " ".repeat(GAP));
        line.with(paint_of(measure), strip.draw(stats))
    }
}

/// The numbers in the order of the columns.
fn cells(stats: &Stats) -> [String; 6] {
    let sd = stats.sd.map_or("–".to_owned(), millis);
    [stats.count.to_string(), millis(stats.p50), millis(stats.p95), millis(stats.p99), sd, millis(stats.max)]
}
