//! The geometry of the stacked chart, in nominal pixels.
//!
//! Panels stand side by side as far as they have room, and then below one another; rows are named at the left of each line of
//! panels. One scale for all of them, as large as it can be with every number still on the canvas.

use super::super::fonts::{Shorten, Weight, ellipsised};
use super::super::frame::{self, Axis, GridLine, Keyed, MARGIN, NOTE, Page};
use super::super::geometry::{Anchor, Font, Label, Rect, Texts, times};
use super::super::palette::{FAILURE, INK, Rgb, of_layer, of_phase};
use super::super::scale::milliseconds;
use super::super::slivers;
use super::panels::{Panels, RowName};
use super::{Bar, Part};
use crate::time::Nanos;
use crate::trace::Layer;

/// A panel is at least so wide, in pixels.
const LEAST_PANEL: f64 = 330.0;
/// More panels than this in a line are too small to read.
const MOST_ABREAST: usize = 4;
/// More rows than this are set closely, with one line each.
const MOST_ROOMY: usize = 16;
/// Between two panels in a line, and between two lines of them, in pixels.
const GUTTER: f64 = 22.0;
const BELOW_PANELS: f64 = 56.0;
/// Below the bars of a panel, where its axis is.
const BELOW_PLOT: f64 = 30.0;
/// Above the bars of a panel, where its title is.
const PANEL_TITLE: f64 = 30.0;
/// Between the rows of one target or place and those of the next, where each has a row for every run, in pixels.
const BETWEEN_RUNS: f64 = 12.0;
/// From the middle of a row to those of its name and of its run below it, where both have lines, in pixels.
const ABOVE_MIDDLE: f64 = 8.0;
const BELOW_MIDDLE: f64 = 9.0;
/// From a bar or its whisker to the number.
const GAP: f64 = 8.0;
/// Between a time and the ends of the part it is written in.
const INSIDE_MARGIN: f64 = 4.0;
/// The least width of a part that took time, where its bar has room for that.
const SLIVER: f64 = 1.0;

/// The chart with everything in its place.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) page: Page,
    pub(super) legend: Vec<Keyed<Part>>,
    /// What whiskers are, where there are some.
    pub(super) whisker_key: Option<Keyed<()>>,
    pub(super) panels: Vec<PlacedPanel>,
}

/// A panel in its place.
#[derive(Clone, Debug)]
pub(super) struct PlacedPanel {
    pub(super) plot: Rect,
    pub(super) grid: Vec<GridLine>,
    /// Its title, and the names of the rows where it is the first in its line.
    pub(super) labels: Vec<Label>,
    pub(super) bars: Vec<PlacedBar>,
}

/// A bar in its place.
#[derive(Clone, Debug, Default)]
pub(super) struct PlacedBar {
    pub(super) pieces: Vec<Piece>,
    pub(super) whisker: Option<Whisker>,
    /// The number at its end, and what one should know of it.
    pub(super) verdict: Vec<Label>,
}

/// A part of a bar in its place.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) part: Part,
    pub(super) rect: Rect,
    pub(super) inside: Option<Label>,
}

/// From where to where the middle half lies, and at which height.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whisker {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) y: f64,
}

/// Sizes that depend on how many rows there are.
#[derive(Clone, Copy, Debug)]
struct Metrics {
    pitch: f64,
    bar: f64,
    name: Font,
    inside: f64,
    axis: Axis,
    names: Names,
}

/// How rows are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    /// With the run in a line of its own.
    InTwoLines,
    /// With the run behind the name.
    InOneLine,
}

impl Metrics {
    fn for_rows(rows: usize) -> Self {
        let name = Font { size: 14.0, weight: Weight::SemiBold, ink: INK };
        if rows <= MOST_ROOMY {
            Self { pitch: 42.0, bar: 26.0, name, inside: 12.5, axis: Axis::Below, names: Names::InTwoLines }
        } else {
            let name = Font { size: 12.5, ..name };
            Self { pitch: 26.0, bar: 17.0, name, inside: 11.5, axis: Axis::AboveAndBelow, names: Names::InOneLine }
        }
    }
}

/// The colour of a part.
pub(super) fn colour(part: &Part) -> Rgb {
    match part {
        Part::Phase(phase) => of_phase(*phase),
        Part::Layer(layer) => of_layer(layer),
    }
}

/// Whether a part is striped, so that text in it needs paper.
pub(super) const fn is_striped(part: &Part) -> bool {
    matches!(part, Part::Layer(Layer::Network | Layer::Unattributed))
}

impl Layout {
    pub(super) fn new(panels: &Panels, title: &str, subtitle: &str, footnotes: &[String], width: f64) -> Self {
        let metrics = Metrics::for_rows(panels.rows.len());
        let room = width - 2.0 * MARGIN;
        let names: Vec<Texts> =
            panels.rows.iter().map(|row| metrics.names.of(row, metrics.name, room * 0.24)).collect();
        let names_width = names.iter().flatten().map(|(text, font)| font.width(text)).fold(0.0, f64::max);
        let left = MARGIN + names_width + 16.0;
        let abreast = abreast(panels.panels.len(), width - MARGIN - left);
        let gutters = GUTTER * times(abreast.max(1) - 1);
        let panel_width = (width - MARGIN - left - gutters) / times(abreast);

        let (legend, whisker_key) = legend(panels, room);
        let legend_bottom =
            frame::legend_bottom(&legend).max(whisker_key.as_ref().map_or(0.0, |key| key.symbol.bottom()));
        let titled = if panels.panels.iter().any(|panel| !panel.title.is_empty()) { PANEL_TITLE } else { 0.0 };
        let above = if metrics.axis == Axis::AboveAndBelow { 36.0 } else { 18.0 };
        let (middles, height) = middles(&panels.rows, metrics.pitch);
        let scale = scale(panels, &metrics, panel_width);

        let mut top = legend_bottom + above + titled;
        let mut placed = Vec::new();
        for line in panels.panels.chunks(abreast) {
            for (index, panel) in line.iter().enumerate() {
                let x = left + (panel_width + GUTTER) * times(index);
                let plot = Rect { x, y: top, width: panel_width, height };
                let mut labels = Vec::new();
                if !panel.title.is_empty() {
                    let title =
                        ellipsised(&panel.title, metrics.name.weight, metrics.name.size, panel_width, Shorten::End);
                    let baseline = top - above + 6.0;
                    labels.push(metrics.name.label(&title, x, baseline, Anchor::Start));
                }
                if index == 0 {
                    let placed =
                        names.iter().zip(&middles).flat_map(|(texts, middle)| name_labels(texts, top + middle));
                    labels.extend(placed);
                }
                let bars = panel.bars.iter().zip(&middles).map(|(bar, middle)| {
                    let middle = top + middle;
                    bar.as_ref().map_or_else(
                        || missing(&plot, middle),
                        |bar| PlacedBar::new(bar, (x, middle), scale.unwrap_or_default(), &metrics),
                    )
                });
                // The next panel's zero stands in the gutter.
                let margin = if index + 1 == line.len() { MARGIN } else { 0.0 };
                let grid = scale.map_or(Vec::new(), |scale| frame::grid(&plot, scale, metrics.axis, margin));
                placed.push(PlacedPanel { plot, grid, labels, bars: bars.collect() });
            }
            top += height + BELOW_PANELS + titled + above - 18.0;
        }
        let axis_bottom = placed.last().map_or(top, |panel| panel.plot.bottom() + BELOW_PLOT);
        let bottom = if footnotes.is_empty() { axis_bottom + 20.0 } else { axis_bottom };
        Self { page: Page::new(title, subtitle, footnotes, width, bottom), legend, whisker_key, panels: placed }
    }
}

impl Names {
    /// A name and its run, shortened to `room` pixels.
    fn of(self, row: &RowName, font: Font, room: f64) -> Texts {
        let fit = |text: &str, font: Font| (ellipsised(text, font.weight, font.size, room, Shorten::Middle), font);
        match (self, &row.run) {
            (Self::InTwoLines, Some(run)) => vec![fit(&row.name, font), fit(run, NOTE)],
            _ => vec![fit(&row.label(), font)],
        }
    }
}

/// The lines of a name in their places beside a row.
fn name_labels(texts: &Texts, middle: f64) -> Vec<Label> {
    let offsets: &[f64] = if texts.len() > 1 { &[-ABOVE_MIDDLE, BELOW_MIDDLE] } else { &[0.0] };
    let lines = texts.iter().zip(offsets);
    lines
        .map(|((text, font), offset)| font.label(text, MARGIN, font.centred_on(middle + offset), Anchor::Start))
        .collect()
}

/// The middle of each row below the upper side of its panel, and how high a panel is.
fn middles(rows: &[RowName], pitch: f64) -> (Vec<f64>, f64) {
    let mut top = 0.0;
    let mut before: Option<&RowName> = None;
    let middle = |row| {
        if before.replace(row).is_some_and(|before| before.run.is_some() && before.name != row.name) {
            top += BETWEEN_RUNS;
        }
        top += pitch;
        top - pitch / 2.0
    };
    let middles = rows.iter().map(middle).collect();
    (middles, top)
}

/// How many panels stand side by side.
fn abreast(panels: usize, room: f64) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count; `as` saturates")]
    let most = ((room + GUTTER) / (LEAST_PANEL + GUTTER)) as usize;
    panels.clamp(1, most.clamp(1, MOST_ABREAST))
}

/// Pixels for a millisecond, so that every bar, whisker and number stays within its panel; `None` where no bar has a length.
fn scale(panels: &Panels, metrics: &Metrics, width: f64) -> Option<f64> {
    panels
        .bars()
        .filter_map(|bar| {
            let end = bar.end().as_millis_f64();
            let text: f64 = bar.verdict(metrics).iter().map(|(text, font)| GAP + font.width(text)).sum();
            (end > 0.0).then(|| (width - text - SLIVER).max(1.0) / end)
        })
        .reduce(f64::min)
}

/// What the colours mean, of those that occur, and the whisker.
fn legend(panels: &Panels, room: f64) -> (Vec<Keyed<Part>>, Option<Keyed<()>>) {
    let mut parts: Vec<Part> = panels.bars().flat_map(|bar| bar.parts.iter().map(|(part, _)| part.clone())).collect();
    parts.sort_unstable_by(|one, other| one.place().cmp(&other.place()));
    parts.dedup();
    let has_whisker = panels.bars().filter_map(|bar| bar.whole).any(|whole| whole.middle_half.is_some());
    let names: Vec<String> = parts.iter().map(|part| part.name().to_owned()).collect();
    let mut entries: Vec<(Option<Part>, &str)> =
        parts.into_iter().map(Some).zip(names.iter().map(String::as_str)).collect();
    if has_whisker {
        entries.push((None, "middle half of the requests"));
    }
    let mut legend = Vec::new();
    let mut whisker = None;
    for Keyed { key, symbol, label } in frame::legend_lines(&entries, 0, room) {
        match key {
            Some(key) => legend.push(Keyed { key, symbol, label }),
            None => whisker = Some(Keyed { key: (), symbol, label }),
        }
    }
    (legend, whisker)
}

/// A row of which a panel knows nothing.
fn missing(plot: &Rect, middle: f64) -> PlacedBar {
    let label = NOTE.label("not measured", plot.x + GAP, NOTE.centred_on(middle), Anchor::Start);
    PlacedBar { verdict: vec![label], ..PlacedBar::default() }
}

impl Bar {
    /// As far as the bar or its whisker reaches.
    fn end(&self) -> Nanos {
        let parts = self.parts.iter().map(|(_, length)| *length).sum();
        self.whole.and_then(|whole| whole.middle_half).map_or(parts, |(_, high)| high.max(parts))
    }

    /// The number at its end, and what one should know of it.
    fn verdict(&self, metrics: &Metrics) -> Vec<(String, Font)> {
        let failed = Font { ink: FAILURE, ..NOTE };
        let mut texts: Vec<(String, Font)> =
            self.whole.iter().map(|whole| (format!("{} ms", milliseconds(whole.length)), metrics.name)).collect();
        if self.failures > 0 && self.failures == self.requests {
            texts.push((format!("no request succeeded: {} failed", self.failures), failed));
        } else if self.failures > 0 {
            texts.push((format!("{} of {} failed", self.failures, self.requests), failed));
        }
        let silent = self.requests - self.failures - self.measured;
        if silent > 0 {
            texts.push((format!("{silent} of {} without layers", self.requests), NOTE));
        } else if self.whole.is_none() && self.failures == 0 {
            texts.push(("nothing measured".to_owned(), NOTE));
        }
        texts
    }
}

impl PlacedBar {
    fn new(bar: &Bar, (x, middle): (f64, f64), scale: f64, metrics: &Metrics) -> Self {
        let mut end = x;
        let lengths: Vec<f64> = bar.parts.iter().map(|(_, length)| length.as_millis_f64() * scale).collect();
        let pieces: Vec<Piece> = bar
            .parts
            .iter()
            .zip(slivers::widths(&lengths, SLIVER))
            .map(|((part, length), width)| {
                let rect = Rect { x: end, y: middle - metrics.bar / 2.0, width, height: metrics.bar };
                end = rect.right();
                Piece { part: part.clone(), rect, inside: inside(part, *length, &rect, metrics) }
            })
            .collect();
        let whisker = bar.whole.and_then(|whole| whole.middle_half).map(|(low, high)| Whisker {
            from: x + low.as_millis_f64() * scale,
            to: x + high.as_millis_f64() * scale,
            y: middle + metrics.bar / 2.0 + 3.0,
        });
        let mut at = whisker.map_or(end, |whisker| whisker.to.max(end));
        let verdict = bar
            .verdict(metrics)
            .into_iter()
            .map(|(text, font)| {
                at += GAP;
                let label = font.label(&text, at, font.centred_on(middle), Anchor::Start);
                at += font.width(&text);
                label
            })
            .collect();
        Self { pieces, whisker, verdict }
    }
}

/// The name and time of a part inside its rectangle, or the time alone, if that fits.
fn inside(part: &Part, length: Nanos, rect: &Rect, metrics: &Metrics) -> Option<Label> {
    let ink = if is_striped(part) { INK } else { colour(part).ink() };
    let font = Font { size: metrics.inside, weight: Weight::SemiBold, ink };
    let time = milliseconds(length);
    let (x, y) = rect.middle();
    [format!("{} {time}", part.name()), time]
        .into_iter()
        .find(|text| font.width(text) + 2.0 * INSIDE_MARGIN <= rect.width)
        .map(|text| font.label(&text, x, font.centred_on(y), Anchor::Middle))
}
