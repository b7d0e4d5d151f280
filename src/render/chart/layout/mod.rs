//! The geometry of the waterfall chart: what stands where, in nominal pixels, and nothing about how it is drawn.
//!
//! All rows share one scale. It is as large as it can be with every bar's total still on the canvas: room for what is
//! written at the bars' ends is reserved before anything is placed. The hops of a redirect chain follow each other in time;
//! every other row starts at zero.

mod bar;
mod writing;

use std::collections::{BTreeMap, BTreeSet};

pub(super) use bar::{Bar, MarkKind, SLIVER};

use super::ChartOptions;
use super::fonts::{Shorten, Weight, ellipsised};
use super::geometry::{Anchor, Font, Label, Rect};
use super::palette::{INK, MUTED};
use super::scale::ticks;
use crate::event::{Evidence, Phase};
use crate::time::Nanos;
use crate::trace::Trace;

const MARGIN: f64 = 36.0;
/// Between two ticks of the axis there is at least this, in pixels.
const TICK_DISTANCE: f64 = 80.0;
/// More rows than this are set closely, with one line each.
const MOST_ROOMY: usize = 16;

/// A waterfall chart with everything in its place.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) title: Label,
    pub(super) subtitle: Label,
    pub(super) legend: Vec<Keyed>,
    /// Where bars are; its left side is time zero.
    pub(super) plot: Rect,
    pub(super) grid: Vec<GridLine>,
    pub(super) rows: Vec<Row>,
}

/// A tick of the axis.
#[derive(Clone, Debug)]
pub(super) struct GridLine {
    pub(super) x: f64,
    /// Below the plot, and above it where the plot is high.
    pub(super) labels: Vec<Label>,
}

/// One trace.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) heading: Vec<Label>,
    pub(super) bar: Bar,
    /// Times inside the bar.
    pub(super) inside: Vec<Label>,
    /// The total and what follows it.
    pub(super) verdict: Vec<Label>,
    /// Times for which the bar has no room.
    pub(super) beside: Vec<Keyed>,
    /// The end of a bar that failed.
    pub(super) cap: Option<Rect>,
}

/// A symbol with its text.
#[derive(Clone, Debug)]
pub(super) struct Keyed {
    pub(super) key: Key,
    pub(super) symbol: Rect,
    pub(super) label: Label,
}

/// What a symbol stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// A phase.
    Phase(Phase),
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
}

impl Metrics {
    fn for_rows(rows: usize) -> Self {
        let name = Font { size: 14.0, weight: Weight::SemiBold, ink: INK };
        let roomy = Self {
            pitch: 62.0,
            above_bar: 9.0,
            bar: 26.0,
            name,
            second_line: Some(Font { size: 12.0, weight: Weight::Regular, ink: MUTED }),
            total: name,
            inside: 12.5,
            note: 12.5,
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
            }
        }
    }
}

impl Layout {
    /// Lays out at least one trace.
    pub(super) fn new(traces: &[Trace], options: &ChartOptions) -> Self {
        let metrics = Metrics::for_rows(traces.len());
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
                let slivers = trace.timeline.spans().map(|_| SLIVER).sum::<f64>();
                let available = width - MARGIN - left - writing::verdict_width(verdict) - slivers;
                (end > 0.0).then(|| available / end)
            })
            .reduce(f64::min)
            .unwrap_or(width - MARGIN - left);

        let title = title(traces, options);
        let subtitle = subtitle(traces);
        let font = |size, weight, ink| Font { size, weight, ink };
        let one_line = |text: &str, font: Font, baseline| {
            let text = ellipsised(text, font.weight, font.size, room, Shorten::End);
            font.label(&text, MARGIN, baseline, Anchor::Start)
        };

        let mut layout = Self {
            width: options.width,
            height: 0,
            title: one_line(&title, font(22.0, Weight::SemiBold, INK), 48.0),
            subtitle: one_line(&subtitle, font(13.5, Weight::Regular, MUTED), 72.0),
            legend: Vec::new(),
            plot: Rect { x: left, y: 0.0, width: width - MARGIN - left, height: 0.0 },
            grid: Vec::new(),
            rows: Vec::new(),
        };
        // Which marks the legend explains depends on the bars, and how high the legend is moves them: bars come first, at a
        // place of their own, and once more when their place is known.
        let rows = |top: f64| -> Vec<Row> {
            let mut y = top;
            traces
                .iter()
                .zip(&starts)
                .zip(headings.iter().cloned().zip(verdicts.iter().cloned()))
                .map(|((trace, start), texts)| {
                    let origin = (left + start.as_millis_f64() * pixels_per_ms, y);
                    y += metrics.pitch;
                    Row::new(trace, texts, origin, &metrics, &layout.plot, pixels_per_ms)
                })
                .collect()
        };
        let legend = legend(&rows(0.0), room);
        let legend_bottom = legend.iter().map(|entry| entry.symbol.bottom()).fold(0.0, f64::max);
        let axis_above = metrics.second_line.is_none();
        let top = legend_bottom + if axis_above { 42.0 } else { 18.0 };
        let rows = rows(top);
        let rows_height = traces.iter().map(|_| metrics.pitch).sum::<f64>();
        layout.plot = Rect { y: top, height: rows_height, ..layout.plot };
        (layout.rows, layout.legend) = (rows, legend);
        layout.grid = grid(&layout.plot, pixels_per_ms, axis_above);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive; `as` saturates")]
        let height = (layout.plot.bottom() + 50.0).ceil() as u32;
        layout.height = height;
        layout
    }
}

impl Row {
    fn new(
        trace: &Trace,
        (heading, verdict): (Vec<(String, Font)>, Vec<(String, Font)>),
        (x, y): (f64, f64),
        metrics: &Metrics,
        plot: &Rect,
        pixels_per_ms: f64,
    ) -> Self {
        let bar = Bar::new(trace, (x, y + metrics.above_bar), metrics.bar, pixels_per_ms);
        let middle = bar.rect.middle().1;
        let baselines = match metrics.second_line {
            Some(_) => [metrics.name.centred_on(middle), y + metrics.above_bar + metrics.bar + 15.0],
            None => [metrics.name.centred_on(middle); 2],
        };
        let heading = heading
            .into_iter()
            .zip(baselines)
            .map(|((text, font), baseline)| font.label(&text, MARGIN, baseline, Anchor::Start))
            .collect();
        let (mut inside, mut unwritten) = (Vec::new(), Vec::new());
        for segment in &bar.segments {
            match writing::inside(segment, metrics.inside) {
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
            Some(_) => Rect { y: bar.rect.bottom() + 4.0, height: 15.0, ..*plot },
            None => Rect { x: verdict_end, width: (plot.right() - verdict_end).max(0.0), ..bar.rect },
        };
        let beside = writing::beside(trace, &bar, &unwritten, metrics, &room, bar.rect.x);
        Self { heading, verdict: writing::place_verdict(verdict, &bar.rect), bar, inside, beside, cap }
    }
}

/// When each trace starts on the chart's scale: the hop of a redirect whose hop before it stands above it at the time that
/// has passed since, which is at least that hop's length; all else at zero.
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

/// The headline: the user's, or what was asked.
pub(super) fn title(traces: &[Trace], options: &ChartOptions) -> String {
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
fn subtitle(traces: &[Trace]) -> String {
    let mut parts = Vec::new();
    if let Some(first) = traces.iter().map(|trace| trace.started_at).min() {
        let stamp = first.to_string();
        let (date, time) = stamp.split_once('T').unwrap_or((&stamp, ""));
        parts.push(format!("{date} {} UTC", time.split('.').next().unwrap_or_default()));
    }
    let vantages: BTreeSet<&str> = traces.iter().filter_map(|trace| trace.subject.vantage.as_deref()).collect();
    if !vantages.is_empty() {
        parts.push(format!("from {}", vantages.into_iter().collect::<Vec<_>>().join(", ")));
    }
    let failed = traces.iter().filter(|trace| trace.failure().is_some()).count();
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
fn legend(rows: &[Row], room: f64) -> Vec<Keyed> {
    let segments = || rows.iter().flat_map(|row| &row.bar.segments);
    let phases = Phase::ALL
        .into_iter()
        .filter(|phase| segments().any(|segment| segment.span.phase == *phase))
        .map(|phase| (Key::Phase(phase), phase.as_str()));
    let splits = || segments().filter_map(|segment| segment.split);
    let network = splits().next().map(|_| (Key::Network, "network's share of the wait"));
    let bounds = splits().find_map(|split| split.bounds).map(|_| (Key::Bounds, "bounds of the server's share"));
    let marks = [
        (MarkKind::RoundTrip, "round trips"),
        (MarkKind::Tls, "ClientHello, ServerHello, verified"),
        (MarkKind::Informational, "1xx response"),
    ]
    .into_iter()
    .filter(|(kind, _)| rows.iter().flat_map(|row| &row.bar.marks).any(|mark| mark.kind == *kind))
    .map(|(kind, text)| (Key::Mark(kind), text));

    let (mut x, mut y) = (MARGIN, 100.0);
    phases
        .chain(network)
        .chain(bounds)
        .chain(marks)
        .map(|(key, text)| {
            let mut entry = writing::legend_entry(key, text, (x, y));
            if entry.label.bounds().right() > MARGIN + room {
                (x, y) = (MARGIN, y + 22.0);
                entry = writing::legend_entry(key, text, (x, y));
            }
            x = entry.label.bounds().right() + 18.0;
            entry
        })
        .collect()
}

fn grid(plot: &Rect, pixels_per_ms: f64, above: bool) -> Vec<GridLine> {
    let font = Font { size: 12.0, weight: Weight::Regular, ink: MUTED };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count; `as` saturates")]
    let most = (plot.width / TICK_DISTANCE) as u32;
    let mut written_to = f64::NEG_INFINITY;
    ticks(plot.width / pixels_per_ms, most)
        .into_iter()
        .map(|tick| {
            let x = plot.x + tick.at * pixels_per_ms;
            let baselines = [Some(plot.bottom() + 20.0), above.then_some(plot.y - 10.0)];
            let text = format!("{} ms", tick.text);
            let mut labels: Vec<Label> = baselines
                .into_iter()
                .flatten()
                .map(|baseline| font.label(&text, x, baseline, Anchor::Middle))
                .collect();
            labels.retain(|label| {
                let bounds = label.bounds();
                bounds.x >= written_to && bounds.right() <= plot.right() + MARGIN - 4.0
            });
            if let Some(label) = labels.first() {
                written_to = label.bounds().right() + 8.0;
            }
            GridLine { x, labels }
        })
        .collect()
}
