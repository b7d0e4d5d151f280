//! The objectives: a row for each and each row that is held to it.

use super::{INDENT, name, name_width};
use crate::render::summary::objectives::{headline, measured, result};
use crate::render::terminal::Style;
use crate::render::terminal::line::{Line, Paint, Paragraph, columns};
use crate::stats::{Held, Summary};

/// What became of all of them, then of each; none where there are none.
pub(super) fn lines(summary: &Summary, style: Style) -> Vec<Line> {
    if summary.slo.is_empty() {
        return Vec::new();
    }
    let is_met = summary.slo.iter().all(|held| held.met == Some(true));
    let (verdict, words) = headline(&summary.slo);
    let paint = if is_met { Paint::Good } else { Paint::Bad };
    let heading = Line::new(style).with(paint, format!("{verdict}: "));
    let column = heading.columns();
    let mut lines = Paragraph::new(style, heading, column).part(Paint::Plain, words).finish();
    let widest = |cell: fn(&Held) -> String| summary.slo.iter().map(|held| columns(&cell(held))).max().unwrap_or(0);
    let objectives = widest(|held| held.objective.to_string());
    let lengths = widest(|held| measured(held).unwrap_or_default());
    let names = name_width(summary.slo.iter().map(|held| &held.row), style);
    for held in &summary.slo {
        let paint = match held.met {
            Some(true) => Paint::Good,
            Some(false) => Paint::Bad,
            None => Paint::Warn,
        };
        let start = Line::new(style)
            .pad_to(INDENT)
            .with(Paint::Plain, format!("{:objectives$}  ", held.objective))
            .with(Paint::Strong, name(&held.row.label(), names, style))
            .pad_to(INDENT + objectives + 2 + names);
        // Where there is no room beside the name, it stands below.
        let column = INDENT + objectives + 2 + names + 2;
        let column = if column + lengths > style.width { INDENT * 2 } else { column };
        let measured = format!("{:<lengths$}", measured(held).unwrap_or_else(|| "–".to_owned()));
        let words = Paragraph::new(style, start.with(Paint::Plain, "  "), column).part(Paint::Plain, measured);
        lines.extend(words.part(paint, result(held)).finish());
    }
    lines
}
