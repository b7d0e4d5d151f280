//! The ladder under the waterfall: a rung for each hop on the way to the other end, on a scale of its own.
//!
//! A rung's bar is its step: from the best round trip of the hop before to its own, so that the bars stand behind each other
//! as phases do. A thin line goes on to the worst round trip. Silent hops in a row share one rung. Above the columns of
//! numbers stands what they are, in milliseconds.
//!
//! Invariant: a ladder is as wide as the chart; its labels leave its bars room.

use super::super::fonts::{Shorten, Weight, ellipsised};
use super::super::geometry::{Anchor, Font, Label, Rect};
use super::super::palette::{FAILURE, INK, MUTED};
use super::super::scale::milliseconds;
use super::MARGIN;
use crate::time::Nanos;
use crate::trace::{Hop, HopReply, HopSearch, RoundTrips, Trace};

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
            let ladder = Ladder::new(trace, search, traces.len() > 1, width, y);
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

const fn font(size: f64, weight: Weight, ink: super::super::palette::Rgb) -> Font {
    Font { size, weight, ink }
}

const NAME: Font = font(12.5, Weight::Regular, INK);
const NUMBER: Font = font(12.5, Weight::Regular, MUTED);
const BEST: Font = font(12.5, Weight::SemiBold, INK);
const NOTE: Font = font(12.0, Weight::Regular, MUTED);
const HEADLINE: Font = font(14.0, Weight::SemiBold, INK);

impl Ladder {
    fn new(trace: &Trace, search: &HopSearch, is_one_of_several: bool, width: f64, top: f64) -> Self {
        let texts = rungs(&trace.hops);
        let widest = |text: fn(&Texts) -> f64| texts.iter().map(text).fold(0.0, f64::max);
        let names_at = MARGIN + widest(|texts| NUMBER.width(&texts.number)) + 10.0;
        let room = width * MOST_NAMES - names_at;
        let names_wide = widest(|texts| NAME.width(&texts.name)).min(room);
        let loss_at = width - MARGIN;
        let step_at = loss_at - column(widest(|texts| texts.loss.1.width(&texts.loss.0)), "lost");
        let best_at = step_at - column(widest(|texts| NOTE.width(&texts.step)), "step");
        let bars_to = best_at - column(widest(|texts| BEST.width(&texts.best)), "best");
        let bars_at = names_at + names_wide + GAP;
        let longest = trace.hops.iter().filter_map(|hop| hop.round_trips).map(|trips| trips.worst).max();
        let longest = longest.map_or(0.0, Nanos::as_millis_f64);
        let pixels_per_ms = if longest > 0.0 { (bars_to - bars_at) / longest } else { 0.0 };

        let headline_y = top + ABOVE;
        let columns = [("best", best_at), ("step", step_at), ("lost", loss_at)];
        let columns = columns.map(|(text, right)| ending_at(NOTE, text, right, headline_y));
        let headline_room = best_at - column(widest(|texts| BEST.width(&texts.best)), "best") - MARGIN;
        let headline = headline(trace, search, is_one_of_several);
        let headline = ellipsised(&headline, HEADLINE.weight, HEADLINE.size, headline_room, Shorten::Middle);
        let headline = HEADLINE.label(&headline, MARGIN, HEADLINE.centred_on(headline_y), Anchor::Start);

        let rungs: Vec<Rung> = texts
            .iter()
            .enumerate()
            .map(|(index, texts)| {
                #[expect(clippy::cast_precision_loss, reason = "at most 255 hops")]
                let y = headline_y + BELOW_HEADLINE + PITCH * index as f64;
                let name = ellipsised(&texts.name, NAME.weight, NAME.size, room, Shorten::Middle);
                let mut labels = vec![
                    ending_at(NUMBER, &texts.number, names_at - 10.0, y),
                    if texts.trips.is_some() { NAME } else { NOTE }.label(
                        &name,
                        names_at,
                        NAME.centred_on(y),
                        Anchor::Start,
                    ),
                ];
                let numbers = [
                    (BEST, &texts.best, best_at),
                    (NOTE, &texts.step, step_at),
                    (texts.loss.1, &texts.loss.0, loss_at),
                ];
                labels.extend(
                    numbers
                        .into_iter()
                        .filter(|(_, text, _)| !text.is_empty())
                        .map(|(font, text, right)| ending_at(font, text, right, y)),
                );
                texts
                    .trips
                    .map_or_else(Rung::default, |trips| Rung::drawn(trips, texts.before, (bars_at, y), pixels_per_ms))
                    .with(labels)
            })
            .collect();
        #[expect(clippy::cast_precision_loss, reason = "at most 255 hops")]
        let height = ABOVE + BELOW_HEADLINE + PITCH * rungs.len() as f64;
        let labels = std::iter::once(headline).chain(columns).collect();
        Self { labels, rungs, frame: Rect { x: 0.0, y: top, width, height } }
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

    fn with(self, labels: Vec<Label>) -> Self {
        Self { labels, ..self }
    }
}

/// How much room a right-aligned column takes, with its header and the gap before it.
fn column(widest: f64, header: &str) -> f64 {
    widest.max(NOTE.width(header)) + GAP
}

/// A label that ends there, in the middle of a line.
fn ending_at(font: Font, text: &str, right: f64, y: f64) -> Label {
    font.label(text, right - font.width(text), font.centred_on(y), Anchor::Start)
}

/// Where the hops lead, and how that ended.
fn headline(trace: &Trace, search: &HopSearch, is_one_of_several: bool) -> String {
    let whose = if is_one_of_several { format!("{}: hops", trace.label()) } else { "Hops".to_owned() };
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
    let last = hops.iter().rposition(|hop| hop.received > 0);
    let mut before = Nanos::ZERO;
    let silent = |hop: &Hop| hop.received == 0;
    let mut offset = 0;
    hops.chunk_by(|one, next| silent(one) && silent(next))
        .filter_map(|run| {
            let is_last = last.is_some_and(|last| (offset..offset + run.len()).contains(&last));
            offset += run.len();
            let (first, end) = (run.first()?, run.last()?);
            let texts = of_run(first, end, is_last, before);
            before = first.round_trips.map_or(before, |trips| trips.best);
            Some(texts)
        })
        .collect()
}

fn of_run(first: &Hop, end: &Hop, is_last: bool, before: Nanos) -> Texts {
    let number = if first.ttl == end.ttl { first.ttl.to_string() } else { format!("{}–{}", first.ttl, end.ttl) };
    let name = match (&first.address, &first.name) {
        (None, _) => "no answer".to_owned(),
        (Some(address), None) => address.to_string(),
        (Some(address), Some(name)) => format!("{address} {name}"),
    };
    let others =
        if first.other_addresses.is_empty() { String::new() } else { format!(" +{}", first.other_addresses.len()) };
    // Routers answer when they have time to: only the last hop's loss is the path's.
    let loss_font = if is_last { Font { weight: Weight::SemiBold, ink: FAILURE, ..NOTE } } else { NOTE };
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
