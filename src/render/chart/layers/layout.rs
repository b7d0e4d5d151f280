//! The geometry of the layers chart, in nominal pixels: names at the left, bars in the middle, numbers at the right.

use super::super::fonts::{Shorten, Weight, ellipsised};
use super::super::frame::{self, Axis, GridLine, MARGIN, NOTE, Page};
use super::super::geometry::{Anchor, Font, Label, Rect, times};
use super::super::palette::{INK, MUTED};
use super::super::scale::milliseconds;
use super::place::{Placed, Stretch, places};
use crate::time::Nanos;
use crate::trace::layers::Witness;
use crate::trace::{Layer, LayerShare, Phase, Trace};

const NAME: Font = Font { size: 13.5, weight: Weight::Regular, ink: INK };
const HEADING: Font = Font { size: 14.0, weight: Weight::SemiBold, ink: INK };
const COLUMN: Font = Font { size: 12.0, weight: Weight::SemiBold, ink: MUTED };
const NUMBER: Font = Font { size: 13.5, weight: Weight::SemiBold, ink: INK };
/// From one row to the next, how high its bar is, and how far below it the range of its place is drawn.
const PITCH: f64 = 30.0;
const BAR: f64 = 16.0;
const BELOW_BAR: f64 = 4.0;
/// Above the rows of a request, where its name is, and below them, where the axis is.
const ABOVE: f64 = 44.0;
const BELOW: f64 = 44.0;
/// For each layer around a layer, its name stands so far to the right.
const INDENT: f64 = 14.0;
/// Between columns.
const GAP: f64 = 16.0;
/// The least width of what took time.
const SLIVER: f64 = 1.0;

/// The chart with everything in its place.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) page: Page,
    pub(super) requests: Vec<Request>,
}

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) plot: Rect,
    pub(super) grid: Vec<GridLine>,
    pub(super) labels: Vec<Label>,
    /// The wait as a whole.
    pub(super) wait: Rect,
    pub(super) rows: Vec<Row>,
}

/// One layer of it.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) layer: Layer,
    pub(super) own: Vec<Rect>,
    pub(super) called: Vec<Rect>,
    /// Between which places it can have been.
    pub(super) range: Option<Rect>,
}

/// The widths of the columns beside the bars.
struct Columns {
    names: f64,
    own: f64,
    with_called: f64,
    evidence: f64,
    /// How wide the last one may be.
    most_evidence: f64,
}

/// The texts of one layer.
struct Texts {
    name: String,
    own: String,
    with_called: String,
    evidence: String,
}

impl Layout {
    pub(super) fn new(traces: &[&Trace], left_out: usize, title: &str, width: f64) -> Self {
        let room = width - 2.0 * MARGIN;
        let placed: Vec<Vec<Placed<'_>>> = traces.iter().map(|trace| places(trace)).collect();
        let columns = Columns::new(&placed, room);
        let left = MARGIN + columns.names + GAP;
        let numbers = columns.own + columns.with_called + columns.evidence + 3.0 * GAP;
        let plot_width = (width - MARGIN - numbers - left).max(80.0);
        let longest = traces.iter().filter_map(|trace| trace.span(Phase::Wait)).map(|wait| wait.duration).max();
        // A nanosecond at least, so that a place in a wait that took no time is a number.
        let scale = plot_width / longest.unwrap_or_default().max(Nanos::new(1)).as_millis_f64();

        let mut top = 92.0;
        let requests = traces
            .iter()
            .zip(&placed)
            .map(|(trace, placed)| {
                let height = PITCH * times(placed.len() + 1);
                let plot = Rect { x: left, y: top + ABOVE, width: plot_width, height };
                top = plot.bottom() + BELOW;
                Request::new(trace, placed, plot, scale, &columns)
            })
            .collect();
        let more = if left_out == 1 { "request" } else { "requests" };
        let left_out = (left_out > 0).then(|| format!("The layers of {left_out} more {more} are not drawn."));
        let footnotes: Vec<String> = left_out.into_iter().collect();
        Self { page: Page::new(title, &subtitle(traces), &footnotes, width, top + 8.0), requests }
    }
}

/// When, where from, and what places are worth.
fn subtitle(traces: &[&Trace]) -> String {
    let since = frame::since(traces.iter().copied());
    let vantage = traces.iter().find_map(|trace| trace.subject.vantage.as_deref()).map(|place| format!("from {place}"));
    let said = "lengths by evidence, places estimated: the line below a bar is where it can have been".to_owned();
    since.into_iter().chain(vantage).chain([said]).collect::<Vec<_>>().join("  ·  ")
}

impl Columns {
    fn new(placed: &[Vec<Placed<'_>>], room: f64) -> Self {
        let most_evidence = room * 0.3;
        let texts = || placed.iter().flatten().map(|placed| (Texts::new(placed.share, most_evidence), placed.depth));
        let widest = |font: Font, header: &str, text: &dyn Fn(&Texts) -> String| {
            let header = COLUMN.width(header);
            texts().map(|(texts, _)| font.width(&text(&texts))).fold(header, f64::max)
        };
        let names = texts().map(|(texts, depth)| NAME.width(&texts.name) + INDENT * times(depth + 1));
        Self {
            names: names.fold(NAME.width("wait"), f64::max).min(room * 0.26),
            own: widest(NUMBER, OWN, &|texts| texts.own.clone()),
            with_called: widest(NAME, WITH_CALLED, &|texts| texts.with_called.clone()),
            evidence: widest(NOTE, EVIDENCE, &|texts| texts.evidence.clone()).min(most_evidence),
            most_evidence,
        }
    }
}

/// What stands above the columns.
const OWN: &str = "own ms";
const WITH_CALLED: &str = "with inner";
const EVIDENCE: &str = "evidence";

impl Texts {
    /// Who else speaks of the layer is told field by field where that is no wider than `most`, and else each figure once.
    fn new(share: &LayerShare, most: f64) -> Self {
        let resolution = share.resolution.filter(|resolution| *resolution > Nanos::ZERO);
        let off = resolution.map_or_else(String::new, |resolution| format!(" ±{}", milliseconds(resolution)));
        let estimated = if share.estimated { ", estimated" } else { "" };
        let inclusive = share.inclusive.filter(|inclusive| *inclusive > share.duration);
        let evidence = |others: Vec<String>| {
            let also = if others.is_empty() { String::new() } else { format!("; also {}", others.join(", ")) };
            format!("{}{off}{estimated}{also}", share.evidence)
        };
        let by_field = evidence(others(share, by_field));
        let fits = NOTE.width(&by_field) <= most;
        Self {
            name: share.includes.iter().fold(share.layer.to_string(), |name, included| format!("{name} + {included}")),
            own: milliseconds(share.duration),
            with_called: inclusive.map(milliseconds).unwrap_or_default(),
            evidence: if fits { by_field } else { evidence(others(share, |_| String::new())) },
        }
    }
}

/// What else is said of a layer, the first one being believed: each once. `field` is what stands between who and how long.
fn others(share: &LayerShare, field: impl Fn(&Witness) -> String) -> Vec<String> {
    let mut others: Vec<String> = Vec::new();
    for witness in share.witnesses.iter().skip(1) {
        let said = format!("{}{} {}", witness.evidence, field(witness), milliseconds(witness.duration));
        if !others.contains(&said) {
            others.push(said);
        }
    }
    others
}

fn by_field(witness: &Witness) -> String {
    witness.field.as_ref().map_or_else(String::new, |field| format!(" {}", field.replace(['\n', '\r'], " ")))
}

impl Request {
    fn new(trace: &Trace, placed: &[Placed<'_>], plot: Rect, scale: f64, columns: &Columns) -> Self {
        let wait = trace.span(Phase::Wait).map(|span| span.duration).unwrap_or_default();
        let own_to = plot.right() + GAP + columns.own;
        let with_called_to = own_to + GAP + columns.with_called;
        let evidence_from = with_called_to + GAP;
        let ending_at = |font: Font, text: &str, right: f64, baseline: f64| {
            font.label(text, right - font.width(text), baseline, Anchor::Start)
        };
        let row_middle = |row: usize| plot.y + PITCH * (times(row) + 0.5);

        let heading = heading(trace);
        let heading = ellipsised(&heading, HEADING.weight, HEADING.size, plot.right() - MARGIN, Shorten::Middle);
        let above = plot.y - 16.0;
        let wait_baseline = NUMBER.centred_on(row_middle(0));
        let mut labels = vec![
            HEADING.label(&heading, MARGIN, above, Anchor::Start),
            ending_at(COLUMN, OWN, own_to, above),
            ending_at(COLUMN, WITH_CALLED, with_called_to, above),
            COLUMN.label(EVIDENCE, evidence_from, above, Anchor::Start),
            Font { weight: Weight::SemiBold, ..NAME }.label("wait", MARGIN, wait_baseline, Anchor::Start),
            ending_at(NAME, &milliseconds(wait), with_called_to, wait_baseline),
        ];
        labels.extend(trace.span(Phase::Wait).map(|span| {
            NOTE.label(span.evidence.as_str(), evidence_from, NOTE.centred_on(row_middle(0)), Anchor::Start)
        }));
        let rect = |(from, to): Stretch, middle: f64| {
            let at = |nanos: u64| plot.x + Nanos::new(nanos).as_millis_f64() * scale;
            let width = (at(to) - at(from)).max(SLIVER);
            Rect { x: at(from).min(plot.right() - width), y: middle - BAR / 2.0, width, height: BAR }
        };
        let rows = placed.iter().enumerate().map(|(index, placed)| {
            let middle = row_middle(index + 1);
            let texts = Texts::new(placed.share, columns.most_evidence);
            let indent = INDENT * times(placed.depth + 1);
            let fit = |text: &str, font: Font, room: f64| ellipsised(text, font.weight, font.size, room, Shorten::End);
            let name = fit(&texts.name, NAME, columns.names - indent);
            labels.push(NAME.label(&name, MARGIN + indent, NAME.centred_on(middle), Anchor::Start));
            labels.push(ending_at(NUMBER, &texts.own, own_to, NUMBER.centred_on(middle)));
            labels.push(ending_at(NAME, &texts.with_called, with_called_to, NAME.centred_on(middle)));
            let evidence = fit(&texts.evidence, NOTE, columns.evidence);
            labels.push(NOTE.label(&evidence, evidence_from, NOTE.centred_on(middle), Anchor::Start));
            Row {
                layer: placed.share.layer.clone(),
                own: placed.own.iter().map(|stretch| rect(*stretch, middle)).collect(),
                called: placed.called.iter().map(|stretch| rect(*stretch, middle)).collect(),
                range: placed.range.map(|range| Rect {
                    y: middle + BAR / 2.0 + BELOW_BAR,
                    height: 0.0,
                    ..rect(range, middle)
                }),
            }
        });
        let rows = rows.collect();
        labels.retain(|label| !label.text.is_empty());
        Self {
            grid: frame::grid(&plot, scale, Axis::Below, GAP),
            wait: rect((0, wait.get()), row_middle(0)),
            plot,
            labels,
            rows,
        }
    }
}

/// Which request it was.
fn heading(trace: &Trace) -> String {
    let request = format!("{} {}", trace.subject.method, trace.subject.url);
    match &trace.subject.name {
        Some(name) => format!("{name}  ·  {request}"),
        None => request,
    }
}
