//! The ladder under the waterfall: a rung for each hop on the way to the other end, on a scale of its own.
//!
//! A rung's bar is its step: from the best round trip of the hop before to its own, so that the bars stand behind each other
//! as phases do. A thin line goes on to the worst round trip. Silent hops in a row share one rung. Above the columns of
//! numbers stands what they are, in milliseconds.
//!
//! Invariant: a ladder is as wide as the chart; its labels leave its bars room.

use super::super::fonts::{Shorten, Weight, ellipsised};
use super::super::frame::MARGIN;
use super::super::geometry::{Anchor, Font, Label, Rect};
use super::super::palette::{FAILURE, INK, MUTED, Rgb};
use super::super::scale::milliseconds;
use crate::time::Nanos;
use crate::trace::{Hop, HopReply, HopSearch, RoundTrips, Trace, last_answering};

/// Ladders in one chart: more would be another chart.
pub(super) const MOST_LADDERS: usize = 4;
/// From one rung to the next, in pixels.
const PITCH: f64 = 21.0;
/// From the upper side of a ladder to the middle of its headline, and from there to the middle of the first rung.
const ABOVE: f64 = 18.0;
const BELOW_HEADLINE: f64 = 26.0;
/// How thick a bar is, and the line behind it.
const BAR: f64 = 10.0;
const LINE: f64 = 2.0;
/// Between a column and the next.
const GAP: f64 = 18.0;
/// Between a hop's number and its address.
const NUMBER_GAP: f64 = 10.0;
/// Addresses and names take no more than this share of the width.
const MOST_NAMES: f64 = 0.38;

/// The hops of one trace.
#[derive(Clone, Debug)]
pub(in crate::render::chart) struct Ladder {
    pub(in crate::render::chart) labels: Vec<Label>,
    pub(in crate::render::chart) rungs: Vec<Rung>,
    /// Everything above is within it.
    pub(in crate::render::chart) frame: Rect,
}

/// What is drawn of one hop, or of several silent ones in a row.
#[derive(Clone, Debug, Default)]
pub(in crate::render::chart) struct Rung {
    pub(in crate::render::chart) labels: Vec<Label>,
    /// From nothing to the step.
    pub(in crate::render::chart) lead: Option<Rect>,
    /// The step; absent where it is none, or less.
    pub(in crate::render::chart) step: Option<Rect>,
    /// From the best round trip to the worst.
    pub(in crate::render::chart) spread: Option<Rect>,
    /// The best round trip.
    pub(in crate::render::chart) best: Option<Rect>,
}

/// The texts of one rung, before anything has its place.
struct Texts {
    number: String,
    name: String,
    best: String,
    step: String,
    loss: (String, Font),
    trips: Option<RoundTrips>,
    before: Nanos,
}

/// The ladders of those traces that have hops, one below the other from `top` on, as many as there is patience for; below
/// the last one stands how many there would have been.
pub(super) fn ladders(traces: &[Trace], width: f64, top: f64) -> Vec<Ladder> {
    let with_hops = traces.iter().filter(|trace| !trace.hops.is_empty());
    let with_hops = with_hops.filter_map(|trace| Some((trace, trace.hop_search.as_ref()?)));
    let mut y = top;
    let mut ladders: Vec<Ladder> = Vec::new();
    let mut left_out = 0_usize;
    for (trace, search) in with_hops {
        if ladders.len() < MOST_LADDERS {
            let ladder = Ladder::new(trace, search, (traces.len() > 1).then(|| trace.label()), width, y);
            y = ladder.frame.bottom();
            ladders.push(ladder);
        } else {
            left_out += 1;
        }
    }
    if let (1.., Some(last)) = (left_out, ladders.last_mut()) {
        last.frame.height += ABOVE;
        let text =
            format!("The hops of {left_out} more {} are not drawn.", if left_out == 1 { "trace" } else { "traces" });
        last.labels.push(NOTE.label(&text, MARGIN, NOTE.centred_on(last.frame.bottom() - ABOVE / 2.0), Anchor::Start));
    }
    ladders
}

const BEST_HEADER: &str = "best";
const STEP_HEADER: &str = "step";
const LOSS_HEADER: &str = "lost";

const fn font(size: f64, weight: Weight, ink: Rgb) -> Font {
    Font { size, weight, ink }
}

const NAME: Font = font(12.5, Weight::Regular, INK);
const NUMBER: Font = font(12.5, Weight::Regular, MUTED);
const BEST: Font = font(12.5, Weight::SemiBold, INK);
const NOTE: Font = font(12.0, Weight::Regular, MUTED);
const HEADLINE: Font = font(14.0, Weight::SemiBold, INK);

/// Where the columns of a ladder stand: numbers and names from the left, figures from the right, bars in between.
struct Columns {
    names_at: f64,
    /// Names have no more room than this.
    names_wide: f64,
    bars_at: f64,
    bars_to: f64,
    /// Right ends.
    best_to: f64,
    step_to: f64,
    loss_to: f64,
}

impl Columns {
    fn new(texts: &[Texts], width: f64) -> Self {
        let widest = |text: fn(&Texts) -> f64| texts.iter().map(text).fold(0.0, f64::max);
        let names_at = MARGIN + widest(|texts| NUMBER.width(&texts.number)) + NUMBER_GAP;
        let names_wide = widest(|texts| NAME.width(&texts.name)).min(width * MOST_NAMES - names_at);
        let figures = |widest: f64, header: &str| widest.max(NOTE.width(header)) + GAP;
        let loss_to = width - MARGIN;
        let step_to = loss_to - figures(widest(|texts| texts.loss.1.width(&texts.loss.0)), LOSS_HEADER);
        let best_to = step_to - figures(widest(|texts| NOTE.width(&texts.step)), STEP_HEADER);
        let bars_to = best_to - figures(widest(|texts| BEST.width(&texts.best)), BEST_HEADER);
        Self { names_at, names_wide, bars_at: names_at + names_wide + GAP, bars_to, best_to, step_to, loss_to }
    }

    /// The columns' headers, and left of them what the ladder is.
    fn headline(&self, text: &str, y: f64) -> Vec<Label> {
        let text = ellipsised(text, HEADLINE.weight, HEADLINE.size, self.bars_to - MARGIN, Shorten::Middle);
        let headers = [(BEST_HEADER, self.best_to), (STEP_HEADER, self.step_to), (LOSS_HEADER, self.loss_to)];
        let headers = headers.map(|(text, right)| ending_at(NOTE, text, right, y));
        let headline = HEADLINE.label(&text, MARGIN, HEADLINE.centred_on(y), Anchor::Start);
        std::iter::once(headline).chain(headers).collect()
    }

    fn labels(&self, texts: &Texts, y: f64) -> Vec<Label> {
        let name = ellipsised(&texts.name, NAME.weight, NAME.size, self.names_wide, Shorten::Middle);
        let font = if texts.trips.is_some() { NAME } else { NOTE };
        let name = font.label(&name, self.names_at, NAME.centred_on(y), Anchor::Start);
        let number = ending_at(NUMBER, &texts.number, self.names_at - NUMBER_GAP, y);
        let figures = [
            (BEST, &texts.best, self.best_to),
            (NOTE, &texts.step, self.step_to),
            (texts.loss.1, &texts.loss.0, self.loss_to),
        ];
        let figures = figures.into_iter().filter(|(_, text, _)| !text.is_empty());
        [number, name].into_iter().chain(figures.map(|(font, text, right)| ending_at(font, text, right, y))).collect()
    }
}

impl Ladder {
    fn new(trace: &Trace, search: &HopSearch, whose: Option<&str>, width: f64, top: f64) -> Self {
        let texts = rungs(&trace.hops);
        let columns = Columns::new(&texts, width);
        let longest = trace.hops.iter().filter_map(|hop| hop.round_trips).map(|trips| trips.worst).max();
        let longest = longest.map_or(0.0, Nanos::as_millis_f64);
        let room = (columns.bars_to - columns.bars_at).max(0.0);
        let pixels_per_ms = if longest > 0.0 { room / longest } else { 0.0 };

        let headline_y = top + ABOVE;
        let mut y = headline_y + BELOW_HEADLINE;
        let mut rungs = Vec::with_capacity(texts.len());
        for texts in &texts {
            let bars = texts.trips.map(|trips| Rung::drawn(trips, texts.before, (columns.bars_at, y), pixels_per_ms));
            rungs.push(Rung { labels: columns.labels(texts, y), ..bars.unwrap_or_default() });
            y += PITCH;
        }
        let labels = columns.headline(&headline(trace, search, whose), headline_y);
        Self { labels, rungs, frame: Rect { x: 0.0, y: top, width, height: y - top } }
    }
}

impl Rung {
    fn drawn(trips: RoundTrips, before: Nanos, (x, y): (f64, f64), pixels_per_ms: f64) -> Self {
        let at = |length: Nanos| x + length.as_millis_f64() * pixels_per_ms;
        let thick = |from: f64, to: f64, thickness: f64| {
            (to > from).then(|| Rect { x: from, y: y - thickness / 2.0, width: to - from, height: thickness })
        };
        let (best, worst) = (at(trips.best), at(trips.worst));
        let start = at(before).min(best);
        Self {
            labels: Vec::new(),
            lead: thick(x, start, 1.0),
            step: thick(start, best, BAR),
            spread: thick(best, worst, LINE),
            best: thick(best - 1.0, best + 1.0, BAR),
        }
    }
}

/// A label that ends there, in the middle of a line.
fn ending_at(font: Font, text: &str, right: f64, y: f64) -> Label {
    font.label(text, right - font.width(text), font.centred_on(y), Anchor::Start)
}

/// Where the hops lead, and how that ended.
fn headline(trace: &Trace, search: &HopSearch, whose: Option<&str>) -> String {
    let whose = whose.map_or("Hops".to_owned(), |label| format!("{label}: hops"));
    let last = trace.hops.last().and_then(|hop| hop.reply);
    let ended = match last {
        Some(HopReply::SynAck) => "SYN-ACK".to_owned(),
        Some(HopReply::Rst) => "RST".to_owned(),
        Some(HopReply::Unreachable(code)) => format!("unreachable, ICMP code {code}"),
        Some(HopReply::TimeExceeded) | None => "no answer from there".to_owned(),
    };
    format!("{whose} to {}, ms  ·  {ended}", search.destination)
}

/// The texts of all rungs; silent hops in a row are one.
fn rungs(hops: &[Hop]) -> Vec<Texts> {
    let last = last_answering(hops);
    let mut before = Nanos::ZERO;
    let silent = |hop: &Hop| hop.received == 0;
    let runs = hops.chunk_by(|one, next| silent(one) && silent(next));
    runs.filter_map(|run| {
        let (first, end) = (run.first()?, run.last()?);
        let texts = of_run(first, end, last, before);
        before = first.round_trips.map_or(before, |trips| trips.best);
        Some(texts)
    })
    .collect()
}

fn of_run(first: &Hop, end: &Hop, last: Option<u8>, before: Nanos) -> Texts {
    let number = if first.ttl == end.ttl { first.ttl.to_string() } else { format!("{}–{}", first.ttl, end.ttl) };
    let name = match (&first.address, &first.name) {
        (None, _) => "no answer".to_owned(),
        (Some(address), None) => address.to_string(),
        (Some(address), Some(name)) => format!("{address} {name}"),
    };
    let others =
        if first.other_addresses.is_empty() { String::new() } else { format!(" +{}", first.other_addresses.len()) };
    // Routers answer when they have time to: only the loss of the last one that answers is the path's.
    let loss_font =
        if last == Some(first.ttl) { Font { weight: Weight::SemiBold, ink: FAILURE, ..NOTE } } else { NOTE };
    let loss = if first.received > 0 && first.received < first.sent {
        format!("{:.0}%", first.loss * 100.0)
    } else {
        String::new()
    };
    let step = first.step.map_or(String::new(), |step| {
        let sign = if step < 0 { '−' } else { '+' };
        format!("{sign}{}", milliseconds(Nanos::new(step.unsigned_abs())))
    });
    Texts {
        number,
        name: name + &others,
        best: first.round_trips.map_or(String::new(), |trips| milliseconds(trips.best)),
        step,
        loss: (loss, loss_font),
        trips: first.round_trips,
        before,
    }
}
