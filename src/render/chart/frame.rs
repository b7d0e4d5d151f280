//! What surrounds the bars of every chart: headline, legend, axis and footnotes; where they stand, and how they are drawn.

use super::canvas::{Canvas, Sheet};
use super::fonts::{Shorten, Weight, ellipsised};
use super::geometry::{Anchor, Font, Label, Rect, times};
use super::palette::{AXIS, GRID, INK, MUTED, PAPER};
use super::scale::ticks;
use super::{ChartError, ChartOptions, DrawFailure, Svg};
use crate::trace::Trace;

/// Paper around everything, in pixels.
pub(super) const MARGIN: f64 = 36.0;
/// Where the headline ends.
const HEADLINE_BOTTOM: f64 = 78.0;
/// Where the middle of the legend's first line is, and how far it is to the next.
const LEGEND_TOP: f64 = 100.0;
const LEGEND_PITCH: f64 = 22.0;
/// Between two ticks of the axis there is at least this, in pixels.
const TICK_DISTANCE: f64 = 80.0;

/// From what is above it to the baseline of a footnote, and from the last one to the end of the paper, in pixels.
const FOOTNOTE_PITCH: f64 = 18.0;
const BELOW_FOOTNOTES: f64 = 18.0;

/// Text that belongs to bars as a note.
pub(super) const NOTE: Font = Font { size: 12.0, weight: Weight::Regular, ink: MUTED };

/// What every chart has: a size, the lines above everything, and what is said below everything.
#[derive(Clone, Debug)]
pub(super) struct Page {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) title: Label,
    pub(super) subtitle: Label,
    pub(super) footnotes: Vec<Label>,
}

/// A symbol with its text.
#[derive(Clone, Debug)]
pub(super) struct Keyed<K> {
    pub(super) key: K,
    pub(super) symbol: Rect,
    pub(super) label: Label,
}

/// A tick of the axis.
#[derive(Clone, Debug)]
pub(super) struct GridLine {
    pub(super) x: f64,
    /// Below the plot, and above it where the plot is high.
    pub(super) labels: Vec<Label>,
}

/// Where the axis is labelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    /// Below the bars.
    Below,
    /// Also above them: so many rows that they do not fit on a screen.
    AboveAndBelow,
}

/// When the first of these requests began: `2026-11-21 04:38:33 UTC`.
pub(super) fn since<'t>(traces: impl Iterator<Item = &'t Trace>) -> Option<String> {
    let stamp = traces.map(|trace| trace.started_at).min()?.to_string();
    let (date, time) = stamp.split_once('T').unwrap_or((&stamp, ""));
    Some(format!("{date} {} UTC", time.split('.').next().unwrap_or_default()))
}

/// The width that the options ask for, if a chart can have it.
pub(super) fn width(options: &ChartOptions) -> Result<f64, ChartError> {
    let width = options.width;
    if ChartOptions::WIDTHS.contains(&width) { Ok(f64::from(width)) } else { Err(ChartError::Width { width }) }
}

/// Whole pixels.
fn whole_pixels(length: f64) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive; `as` saturates")]
    let whole = length.ceil() as u32;
    whole
}

impl Page {
    /// A page around what ends at `bottom`; all of its lines are shortened to what a page has room for.
    pub(super) fn new(title: &str, subtitle: &str, footnotes: &[String], width: f64, bottom: f64) -> Self {
        let line = |text: &str, font: Font, baseline| {
            let text = ellipsised(text, font.weight, font.size, width - 2.0 * MARGIN, Shorten::End);
            font.label(&text, MARGIN, baseline, Anchor::Start)
        };
        let mut end = bottom;
        let footnotes = footnotes.iter().map(|text| {
            end += FOOTNOTE_PITCH;
            line(text, NOTE, end)
        });
        let footnotes: Vec<Label> = footnotes.collect();
        let below = if footnotes.is_empty() { 0.0 } else { BELOW_FOOTNOTES };
        Self {
            width: whole_pixels(width),
            height: whole_pixels(end + below),
            title: line(title, Font { size: 22.0, weight: Weight::SemiBold, ink: INK }, 48.0),
            subtitle: line(subtitle, Font { size: 13.5, weight: Weight::Regular, ink: MUTED }, 72.0),
            footnotes,
        }
    }

    /// The document of the chart that `draw` puts on this page, with its whole title and the chart in words.
    pub(super) fn document(
        &self,
        chart: &'static str,
        title: String,
        description: String,
        draw: impl FnOnce(&Canvas<'_>) -> Result<(), DrawFailure>,
    ) -> Result<Svg, ChartError> {
        let Self { width, height, .. } = *self;
        let sheet = Sheet { width, height, title, description };
        let drawn = sheet.draw(|canvas| {
            canvas.fill(&Rect { x: 0.0, y: 0.0, width: f64::from(width), height: f64::from(height) }, PAPER)?;
            self.labels().try_for_each(|label| canvas.text(label))?;
            draw(canvas)
        });
        drawn.map_err(|source| ChartError::Draw { chart, source })
    }

    /// What is written on it.
    pub(super) fn labels(&self) -> impl Iterator<Item = &Label> {
        [&self.title, &self.subtitle].into_iter().chain(&self.footnotes)
    }
}

/// Entries side by side, as many lines as they need within `room` pixels, starting at line `first` of the legend.
pub(super) fn legend_lines<K: Clone>(entries: &[(K, &str)], first: usize, room: f64) -> Vec<Keyed<K>> {
    let (mut x, mut y) = (MARGIN, LEGEND_TOP + LEGEND_PITCH * times(first));
    entries
        .iter()
        .map(|(key, text)| {
            let mut entry = legend_entry(key.clone(), text, (x, y), room);
            if entry.label.bounds().right() > MARGIN + room {
                (x, y) = (MARGIN, y + LEGEND_PITCH);
                entry = legend_entry(key.clone(), text, (x, y), room);
            }
            x = entry.label.bounds().right() + 18.0;
            entry
        })
        .collect()
}

/// Where the legend ends, or the headline where there is no legend.
pub(super) fn legend_bottom<K>(legend: &[Keyed<K>]) -> f64 {
    legend.iter().map(|entry| entry.symbol.bottom()).fold(HEADLINE_BOTTOM, f64::max)
}

/// The symbol and text of one entry of the legend, from `(x, y)` on, where y is its middle; shortened to `room` pixels.
fn legend_entry<K>(key: K, text: &str, (x, y): (f64, f64), room: f64) -> Keyed<K> {
    const SIDE: f64 = 12.0;
    const GAP: f64 = 6.0;
    let font = Font { size: 13.0, weight: Weight::Regular, ink: INK };
    let symbol = Rect { x, y: y - SIDE / 2.0, width: SIDE, height: SIDE };
    let text = ellipsised(text, font.weight, font.size, room - SIDE - GAP, Shorten::End);
    Keyed { key, symbol, label: font.label(&text, symbol.right() + GAP, font.centred_on(y), Anchor::Start) }
}

/// Round ticks of the axis, as many as can be labelled, with `margin` pixels of paper behind the plot. A line without a label
/// would say nothing.
pub(super) fn grid(plot: &Rect, pixels_per_ms: f64, axis: Axis, margin: f64) -> Vec<GridLine> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count; `as` saturates")]
    let most = (plot.width / TICK_DISTANCE) as u32;
    let mut written_to = f64::NEG_INFINITY;
    ticks(plot.width / pixels_per_ms, most)
        .into_iter()
        .map(|tick| {
            let x = plot.x + tick.at * pixels_per_ms;
            let above = (axis == Axis::AboveAndBelow).then_some(plot.y - 10.0);
            let baselines = [Some(plot.bottom() + 20.0), above];
            let text = format!("{} ms", tick.text);
            let mut labels: Vec<Label> = baselines
                .into_iter()
                .flatten()
                .map(|baseline| NOTE.label(&text, x, baseline, Anchor::Middle))
                .collect();
            labels.retain(|label| {
                let bounds = label.bounds();
                bounds.x >= written_to && bounds.right() <= plot.right() + margin - 4.0
            });
            if let Some(label) = labels.first() {
                written_to = label.bounds().right() + 8.0;
            }
            GridLine { x, labels }
        })
        .filter(|line| !line.labels.is_empty())
        .collect()
}

/// The axis with its ticks, behind the bars that start from it.
pub(super) fn draw_grid(plot: &Rect, grid: &[GridLine], canvas: &Canvas<'_>) -> Result<(), DrawFailure> {
    for line in grid {
        canvas.fill(&upright(line.x, plot.y, plot.bottom() + 4.0, 1.0), GRID)?;
        line.labels.iter().try_for_each(|label| canvas.text(label))?;
    }
    canvas.fill(&upright(plot.x, plot.y, plot.bottom() + 4.0, 1.0), AXIS)
}

/// A vertical line, centred on `x`.
pub(super) fn upright(x: f64, top: f64, bottom: f64, thickness: f64) -> Rect {
    Rect { x: x - thickness / 2.0, y: top, width: thickness, height: bottom - top }
}

/// Text with paper behind it, so that no line of the grid runs through it.
pub(super) fn text_on_paper(label: &Label, canvas: &Canvas<'_>) -> Result<(), DrawFailure> {
    let bounds = label.bounds();
    canvas.fill(&Rect { x: bounds.x - 2.0, width: bounds.width + 4.0, ..bounds }, PAPER)?;
    canvas.text(label)
}
