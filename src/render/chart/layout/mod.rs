//! The geometry of the waterfall chart: what stands where, in nominal pixels, and nothing about how it is drawn.
//!
//! All rows share one scale. It is as large as it can be with every bar's total still on the canvas: room for what is
//! written at the bars' ends is reserved before anything is placed. The requests of a redirect chain follow each other in
//! time; every other row starts at zero.

mod bar;
mod ladder;
mod packets;
mod surroundings;
mod writing;

use std::collections::BTreeMap;

pub(super) use bar::{Bar, MarkKind};
pub(super) use ladder::{Ladder, Rung};
pub(super) use packets::TickKind;
pub(super) use surroundings::title;

use bar::PacketStrip;

use super::ChartOptions;
use super::fonts::Weight;
use super::frame::{self, Axis, GridLine, Headline, MARGIN};
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
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) headline: Headline,
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
    Packets,
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
                let slivers = trace.timeline.spans().map(|_| bar::SLIVER).sum::<f64>();
                let available = width - MARGIN - left - writing::verdict_width(verdict) - slivers;
                (end > 0.0).then(|| available / end)
            })
            .reduce(f64::min)
            .unwrap_or(width - MARGIN - left);

        let mut layout = Self {
            width: options.width,
            height: 0,
            headline: Headline::new(&title(traces, options), &surroundings::subtitle(traces), room),
            legend: Vec::new(),
            plot: Rect { x: left, y: 0.0, width: width - MARGIN - left, height: 0.0 },
            grid: Vec::new(),
            rows: Vec::new(),
            ladders: Vec::new(),
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
        let legend = surroundings::legend(&rows(0.0), room);
        let legend_bottom = frame::legend_bottom(&legend);
        let (axis, above_plot) = match metrics.second_line {
            None => (Axis::AboveAndBelow, 42.0),
            Some(_) => (Axis::Below, 18.0),
        };
        let top = legend_bottom + above_plot;
        let rows = rows(top);
        let rows_height = traces.iter().map(|_| metrics.pitch).sum::<f64>();
        layout.plot = Rect { y: top, height: rows_height, ..layout.plot };
        (layout.rows, layout.legend) = (rows, legend);
        layout.grid = frame::grid(&layout.plot, pixels_per_ms, axis, MARGIN);
        let below_axis = layout.plot.bottom() + 42.0;
        if metrics.second_line.is_some() {
            layout.ladders = ladder::ladders(traces, width, below_axis);
        }
        let bottom = layout.ladders.last().map_or(layout.plot.bottom() + 50.0, |ladder| ladder.frame.bottom() + 18.0);
        layout.height = frame::whole_pixels(bottom);
        layout
    }
}

impl Row {
    fn new(
        trace: &Trace,
        (heading, verdict): (Texts, Texts),
        (x, y): (f64, f64),
        metrics: &Metrics,
        plot: &Rect,
        pixels_per_ms: f64,
    ) -> Self {
        let bar = Bar::new(trace, (x, y + metrics.above_bar), metrics.bar, metrics.packets, pixels_per_ms);
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
            Some(_) => Rect { y: bar.rect.bottom() + metrics.below_bar, height: SECOND_LINE, ..*plot },
            None => Rect { x: verdict_end, width: (plot.right() - verdict_end).max(0.0), ..bar.rect },
        };
        let beside = writing::beside(trace, &bar, &unwritten, metrics, &room, bar.rect.x);
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
mod tests {
    use proptest::prelude::*;

    use super::super::conflicts::{Labels, canvas, overlap, within};
    use super::super::specimens::{any_traces, written};
    use super::*;

    impl Layout {
        fn labels(&self) -> Vec<&Label> {
            let frame = [&self.headline.title, &self.headline.subtitle].into_iter();
            let frame = frame.chain(self.legend.iter().map(|entry| &entry.label));
            let frame = frame.chain(self.grid.iter().flat_map(|line| &line.labels));
            let ladders = self
                .ladders
                .iter()
                .flat_map(|ladder| ladder.labels.iter().chain(ladder.rungs.iter().flat_map(|rung| &rung.labels)));
            frame.chain(self.rows.iter().flat_map(Row::labels)).chain(ladders).collect()
        }

        fn symbols(&self) -> impl Iterator<Item = Rect> + '_ {
            let rows = self.rows.iter().flat_map(|row| &row.beside);
            self.legend.iter().chain(rows).map(|entry| entry.symbol)
        }
    }

    impl Row {
        fn labels(&self) -> impl Iterator<Item = &Label> {
            let inside = self.inside.iter().map(|inside| &inside.label);
            let beside = self.beside.iter().map(|entry| &entry.label);
            self.heading.iter().chain(inside).chain(&self.verdict).chain(beside)
        }
    }

    /// Everything that must hold of any chart.
    fn check(layout: &Layout) {
        let canvas = canvas(layout.width, layout.height);
        let labels = Labels::checked(layout.labels(), &canvas);
        for symbol in layout.symbols() {
            labels.check_shape(&symbol, &canvas);
        }
        for row in &layout.rows {
            check_row(row, layout);
        }
        for ladder in &layout.ladders {
            assert!(within(&ladder.frame, &canvas) && ladder.frame.y > layout.plot.bottom(), "{:?}", ladder.frame);
            for bar in ladder.rungs.iter().flat_map(|rung| [rung.lead, rung.step, rung.spread, rung.best]).flatten() {
                labels.check_shape(&bar, &ladder.frame);
            }
        }
    }

    fn check_row(row: &Row, layout: &Layout) {
        let bar = &row.bar;
        assert!(within(&bar.rect, &layout.plot), "a bar leaves the plot: {:?}", bar.rect);
        assert!(bar.marks.iter().all(|mark| mark.x >= bar.rect.x && mark.x <= bar.rect.right()), "{:?}", bar.marks);
        let strip = Rect { y: bar.rect.bottom(), height: packets::STRIP, ..bar.rect };
        let strip = Rect { x: strip.x - 1.0, width: strip.width + 2.0, ..strip };
        for tick in &bar.packets {
            assert!(within(&tick.rect, &strip), "a packet leaves the strip below its bar: {tick:?}");
        }
        assert!(bar.bands.iter().all(|band| within(band, &bar.rect)), "{:?}", bar.bands);
        for segment in &bar.segments {
            assert!(within(&segment.rect, &bar.rect) && segment.rect.width >= bar::SLIVER, "{segment:?}");
        }
        for inside in &row.inside {
            let bounds = inside.label.bounds();
            let home = bar.segments.iter().find(|segment| within(&bounds, &segment.rect));
            assert!(home.is_some(), "{:?} is not inside one phase", inside.label.text);
        }
        let outside = row.heading.iter().chain(&row.verdict).chain(row.beside.iter().map(|entry| &entry.label));
        for label in outside {
            for other in &layout.rows {
                assert!(!overlap(&label.bounds(), &other.bar.rect), "{:?} lies on a bar", label.text);
            }
        }
    }

    fn options(width: u32) -> ChartOptions {
        ChartOptions { width, ..ChartOptions::default() }
    }

    #[test]
    fn the_written_traces_are_laid_out_without_conflict() {
        let traces = written();
        for width in [800, 1200, 4000] {
            check(&Layout::new(&traces, &options(width)));
            check(&Layout::new(&vec![traces.clone(); 4].concat(), &options(width)));
            for trace in &traces {
                check(&Layout::new(std::slice::from_ref(trace), &options(width)));
            }
        }
    }

    #[test]
    fn hops_stand_below_the_axis_as_far_as_there_are_any() {
        let with_hops = crate::render::sample::with_hops();
        let none = Layout::new(&written(), &options(1200));
        assert!(none.ladders.is_empty());
        for width in [800, 1200, 4000] {
            for count in [1, 3, 7] {
                let layout = Layout::new(&vec![with_hops.clone(); count], &options(width));
                check(&layout);
                assert_eq!(layout.ladders.len(), count.min(ladder::MOST_LADDERS));
            }
        }
        let layout = Layout::new(std::slice::from_ref(&with_hops), &options(1200));
        let texts: Vec<Vec<&str>> = layout.ladders[0]
            .rungs
            .iter()
            .map(|rung| rung.labels.iter().map(|label| label.text.as_str()).collect())
            .collect();
        let expect = [
            vec!["1", "192.0.2.1 gateway.example", "0.41", "+0.41"],
            vec!["2", "no answer"],
            vec!["3", "203.0.113.7", "9.80", "+9.39", "67%"],
            vec!["4", "203.0.113.9 +1", "9.10", "−0.70"],
            vec!["5", "198.51.100.2", "16.0", "+6.90"],
        ];
        assert_eq!(texts, expect);
        let six = Layout::new(&vec![with_hops.clone(); 6], &options(1200));
        let last = six.ladders[3].labels.last().map(|label| label.text.as_str());
        assert_eq!(last, Some("The hops of 2 more traces are not drawn."));
        let crowd = vec![with_hops; MOST_ROOMY + 1];
        assert!(Layout::new(&crowd, &options(1200)).ladders.is_empty());
    }

    #[test]
    fn every_time_is_written_even_where_its_bar_is_a_sliver() {
        let traces = written();
        let layout = Layout::new(&traces, &options(1200));
        for (trace, row) in traces.iter().zip(&layout.rows) {
            let texts: Vec<&str> = row.labels().map(|label| label.text.as_str()).collect();
            for span in trace.timeline.spans() {
                let time = super::super::scale::milliseconds(span.duration);
                assert!(texts.iter().any(|text| text.ends_with(&time)), "{} {time} not in {texts:?}", span.phase);
            }
        }
    }

    #[test]
    fn what_is_special_about_a_trace_stands_at_its_bar_s_end() {
        let layout = Layout::new(&written(), &options(1200));
        let verdicts: Vec<String> = layout
            .rows
            .iter()
            .map(|row| row.verdict.iter().map(|label| label.text.as_str()).collect::<Vec<_>>().join(" | "))
            .collect();
        let expect = [
            "54.5 ms",
            "59.0 ms",
            "32.7 ms",
            "107 ms",
            "2,501 ms",
            "81.0 ms",
            "43.6 ms | reused",
            "27.2 ms | HTTP 301",
            "76.8 ms",
            "60.5 ms | tls.certificate_expired",
        ];
        assert_eq!(verdicts, expect);
    }

    #[test]
    fn bars_end_where_the_axis_says_and_hops_follow_each_other() {
        let traces = written();
        let layout = Layout::new(&traces, &options(1200));
        let line = |text: &str| {
            layout.grid.iter().find(|line| line.labels.iter().any(|label| label.text == text)).map(|line| line.x)
        };
        let per_ms = (line("2,500 ms").unwrap() - layout.plot.x) / 2_500.0;
        for (trace, row) in traces.iter().zip(&layout.rows) {
            let length = trace.total().as_millis_f64() * per_ms;
            let slivers = bar::SLIVER * f64::from(u32::try_from(row.bar.segments.len()).unwrap());
            assert!((row.bar.rect.width - length.max(slivers)).abs() < 1e-6, "{}", trace.label());
        }
        let [first, second] = [&layout.rows[7].bar.rect, &layout.rows[8].bar.rect];
        let gap = traces[8].started_at.since(traces[7].started_at).as_millis_f64();
        assert!((second.x - (first.x + gap * per_ms)).abs() < 1e-6, "{first:?}, {second:?}");
        assert!((first.x - layout.plot.x).abs() < 1e-6);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn nothing_ever_meets_or_leaves(traces in any_traces(), width in 800..2000_u32) {
            check(&Layout::new(&traces, &options(width)));
        }
    }
}
