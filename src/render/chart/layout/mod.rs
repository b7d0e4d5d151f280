//! The geometry of the waterfall chart: what stands where, in nominal pixels, and nothing about how it is drawn.
//!
//! All rows share one scale. It is as large as it can be with every bar's total still on the canvas: room for what is
//! written at the bars' ends is reserved before anything is placed. The requests of a redirect chain follow each other in
//! time; every other row starts at zero. The time of a phase has the same place in every row, as long as rows have a line
//! below their bar: in the bar where every row has room for it, else in that line, in a column of its own. Rows that are set
//! closely have it in the bar where it fits, else behind the total.

mod bar;
mod ladder;
mod packets;
mod surroundings;
mod writing;

use std::collections::BTreeMap;

pub(super) use bar::{Bar, Handshake, MarkKind};
pub(super) use ladder::{Ladder, Rung};
pub(super) use packets::TickKind;
pub(super) use surroundings::title;

use bar::PacketStrip;
use writing::Manner;

use super::ChartOptions;
use super::fonts::Weight;
use super::frame::{self, Axis, GridLine, MARGIN, Page};
use super::geometry::{Anchor, Font, Label, Rect, Texts};
use super::palette::{INK, MUTED, Rgb};
use crate::event::Phase;
use crate::time::Nanos;
use crate::trace::Trace;

/// More rows than this are set closely, with one line each.
const MOST_ROOMY: usize = 16;
/// From a bar to the line below it, past the marks of round trips, and how high that line is, in pixels.
const BELOW_BAR: f64 = 7.0;
const SECOND_LINE: f64 = 15.0;

/// A waterfall chart with everything in its place.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) page: Page,
    pub(super) legend: Vec<Keyed>,
    /// Where bars are; its left side is time zero.
    pub(super) plot: Rect,
    pub(super) grid: Vec<GridLine>,
    pub(super) rows: Vec<Row>,
    /// The hops of the first traces that have some; none where rows are set closely.
    pub(super) ladders: Vec<Ladder>,
}

/// One trace.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) heading: Vec<Label>,
    pub(super) bar: Bar,
    /// Times inside the bar.
    pub(super) inside: Vec<Inside>,
    /// The total and what follows it.
    pub(super) verdict: Vec<Label>,
    /// Times for which the bar has no room.
    pub(super) beside: Vec<Keyed>,
    /// The end of a bar that failed.
    pub(super) cap: Option<Rect>,
}

/// A time inside a bar.
#[derive(Clone, Debug)]
pub(super) struct Inside {
    pub(super) label: Label,
    /// What is painted behind it where the bar is striped, and in which colour.
    pub(super) plate: Option<(Rect, Rgb)>,
}

/// A symbol of this chart with its text.
pub(super) type Keyed = frame::Keyed<Key>;

/// What a symbol stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// A phase.
    Phase(Phase),
    /// A wait that is split, as a whole.
    SplitWait,
    /// The network's part of a wait.
    Network,
    /// The server's part of a wait.
    Server,
    /// Phases too short to be told apart.
    Others,
    /// The bounds of the server's part.
    Bounds,
    /// A marked instant.
    Mark(MarkKind),
    /// Time lost on the wire.
    Lost,
    /// Packets below a bar.
    Packets(PacketSign),
    /// The end of a bar that failed.
    Failure,
    /// What stands on a rung of a ladder.
    Rung(RungSign),
}

/// What a packet below a bar was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PacketSign {
    /// The client's.
    Sent,
    /// The server's.
    Received,
    /// Either's, with bytes that had gone by before.
    Repeated,
}

/// What is drawn of a hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RungSign {
    /// What it adds to the hop before.
    Step,
    /// Its best round trip.
    Best,
    /// From there to its worst.
    Spread,
}

/// Sizes that depend on how many rows there are.
#[derive(Clone, Copy, Debug)]
struct Metrics {
    /// From one row to the next.
    pitch: f64,
    /// From the row's upper side to its bar's.
    above_bar: f64,
    bar: f64,
    name: Font,
    /// Of the line below the name; rows without it have no line below the bar either.
    second_line: Option<Font>,
    total: Font,
    /// Size of times inside a bar.
    inside: f64,
    /// Size of what is written after the total or below the bar.
    note: f64,
    /// From a bar to the line below it.
    below_bar: f64,
    packets: PacketStrip,
}

impl Metrics {
    fn for_rows(rows: usize, packets: PacketStrip) -> Self {
        let name = Font { size: 14.0, weight: Weight::SemiBold, ink: INK };
        let below_bar = if packets == PacketStrip::Shown { packets::STRIP } else { BELOW_BAR };
        let roomy = Self {
            pitch: 64.0 + below_bar - BELOW_BAR,
            above_bar: 9.0,
            bar: 26.0,
            name,
            second_line: Some(Font { size: 12.0, weight: Weight::Regular, ink: MUTED }),
            total: name,
            inside: 12.5,
            note: 12.5,
            below_bar,
            packets,
        };
        let small = Font { size: 12.5, ..name };
        if rows <= MOST_ROOMY {
            roomy
        } else {
            Self {
                pitch: 28.0,
                above_bar: 5.0,
                bar: 17.0,
                name: small,
                second_line: None,
                total: small,
                inside: 12.0,
                note: 12.0,
                below_bar: BELOW_BAR,
                packets: PacketStrip::Absent,
            }
        }
    }
}

impl Layout {
    /// Lays out at least one trace.
    pub(super) fn new(traces: &[Trace], options: &ChartOptions) -> Self {
        let metrics = Metrics::for_rows(traces.len(), packet_strip(traces));
        let width = f64::from(options.width);
        let room = width - 2.0 * MARGIN;

        let headings: Vec<_> = traces.iter().map(|trace| writing::heading(trace, &metrics, room * 0.22)).collect();
        let heading_width = headings.iter().flatten().map(|(text, font)| font.width(text)).fold(0.0, f64::max);
        let left = MARGIN + heading_width + 18.0;
        let verdicts: Vec<_> = traces.iter().map(|trace| writing::verdict(trace, &metrics)).collect();
        let starts = starts(traces);
        let pixels_per_ms = traces
            .iter()
            .zip(&starts)
            .zip(&verdicts)
            .filter_map(|((trace, start), verdict)| {
                let end = (*start + trace.total()).as_millis_f64();
                let available = width - MARGIN - left - writing::verdict_width(verdict) - bar::SLIVER;
                (end > 0.0).then(|| available / end)
            })
            .reduce(f64::min)
            .unwrap_or(width - MARGIN - left);

        let plot = Rect { x: left, y: 0.0, width: width - MARGIN - left, height: 0.0 };
        let origin = |start: &Nanos, y: f64| (left + start.as_millis_f64() * pixels_per_ms, y + metrics.above_bar);
        let bars = |top: f64| -> Vec<Bar> {
            let mut y = top;
            let bar = |(trace, start): (&Trace, &Nanos)| {
                let bar = Bar::new(trace, origin(start, y), metrics.bar, metrics.packets, pixels_per_ms);
                y += metrics.pitch;
                bar
            };
            traces.iter().zip(&starts).map(bar).collect()
        };
        // What the legend explains depends on the bars and on what is written, and how high it is moves them: they come
        // first, at a place of their own, and once more when their place is known.
        let manner = Manner::new(traces, &bars(0.0), &metrics, plot.width);
        let rows = |top: f64| -> Vec<Row> {
            let texts = headings.iter().cloned().zip(verdicts.iter().cloned());
            let rows = traces.iter().zip(bars(top)).zip(texts);
            rows.map(|((trace, bar), texts)| Row::new(trace, bar, texts, &metrics, &manner, &plot)).collect()
        };
        let ladders = |top: f64| match metrics.second_line {
            Some(_) => ladder::ladders(traces, width, top),
            None => Vec::new(),
        };
        let legend = surroundings::legend(&rows(0.0), &ladders(0.0), room);
        let (axis, above_plot) = match metrics.second_line {
            None => (Axis::AboveAndBelow, 42.0),
            Some(_) => (Axis::Below, 18.0),
        };
        let top = frame::legend_bottom(&legend) + above_plot;
        let height = traces.iter().map(|_| metrics.pitch).sum::<f64>();
        let rows = rows(top);
        let plot = Rect { y: top, height, ..plot };
        let ladders = ladders(plot.bottom() + 42.0);
        let bottom = ladders.last().map_or(plot.bottom() + 50.0, |ladder| ladder.frame.bottom() + 18.0);
        let page = Page::new(&title(traces, options), &surroundings::subtitle(traces), &[], width, bottom);
        let grid = frame::grid(&plot, pixels_per_ms, axis, MARGIN);
        Self { page, legend, plot, grid, rows, ladders }
    }
}

impl Row {
    fn new(
        trace: &Trace,
        bar: Bar,
        (heading, verdict): (Texts, Texts),
        metrics: &Metrics,
        manner: &Manner,
        plot: &Rect,
    ) -> Self {
        let middle = bar.rect.middle().1;
        let second_middle = bar.rect.bottom() + SECOND_LINE / 2.0 + metrics.below_bar;
        let baselines = match metrics.second_line {
            Some(second) => [metrics.name.centred_on(middle), second.centred_on(second_middle)],
            None => [metrics.name.centred_on(middle); 2],
        };
        let heading = heading
            .into_iter()
            .zip(baselines)
            .map(|((text, font), baseline)| font.label(&text, MARGIN, baseline, Anchor::Start))
            .collect();
        let (mut inside, mut unwritten) = (Vec::new(), Vec::new());
        for segment in &bar.segments {
            match manner.inside(segment, metrics.inside) {
                Some(label) => inside.push(label),
                None => unwritten.push(segment.span.phase),
            }
        }
        let cap = trace.failure().map(|_| Rect {
            x: bar.rect.right() - 1.5,
            y: bar.rect.y - 3.0,
            width: 3.0,
            height: bar.rect.height + 6.0,
        });
        let verdict_end = bar.rect.right() + writing::verdict_width(&verdict) + 14.0;
        let room = match metrics.second_line {
            Some(_) => Rect { y: bar.rect.bottom() + metrics.below_bar, height: SECOND_LINE, ..*plot },
            None => Rect { x: verdict_end, width: (plot.right() - verdict_end).max(0.0), ..bar.rect },
        };
        let beside = manner.beside(writing::items(trace, &bar, &unwritten, metrics), metrics, &room, bar.rect.x);
        Self { heading, verdict: writing::place_verdict(verdict, &bar.rect), bar, inside, beside, cap }
    }
}

/// Whether any of the traces has packets to show.
fn packet_strip(traces: &[Trace]) -> PacketStrip {
    let lists = |trace: &Trace| trace.wire.as_ref().is_some_and(|wire| wire.packets.is_some());
    if traces.iter().any(lists) { PacketStrip::Shown } else { PacketStrip::Absent }
}

/// When each trace starts on the chart's scale: one that a redirect led to, with the request before it standing above it,
/// at the time that has passed since that one began, which is at least its length; all else at zero.
fn starts(traces: &[Trace]) -> Vec<Nanos> {
    let mut known: BTreeMap<_, (&Trace, Nanos)> = BTreeMap::new();
    traces
        .iter()
        .map(|trace| {
            let before = trace.subject.redirected_from.and_then(|id| known.get(&id));
            let start = before.map_or(Nanos::ZERO, |(before, start)| {
                *start + trace.started_at.since(before.started_at).max(before.total())
            });
            known.insert(trace.subject.trace_id, (trace, start));
            start
        })
        .collect()
}

#[cfg(test)]
mod tests;
