//! The waterfall chart: one row per trace, one colour per phase, all on one scale.
//!
//! Draws what [`super::layout`] has placed; decides nothing about places.

use std::fmt::Write as _;

use super::canvas::Canvas;
use super::frame::{self, text_on_paper, upright};
use super::geometry::Rect;
use super::layout::{self, Key, Keyed, Ladder, Layout, MarkKind, PacketSign, Row, Rung, RungSign, TickKind};
use super::palette::{AXIS, FAILURE, GRID, INK, MUTED, NETWORK_PAPER, PAPER, Rgb, STEP, of_phase};
use super::scale::milliseconds;
use super::{ChartError, ChartOptions, DrawFailure, Svg};
use crate::event::Phase;
use crate::trace::Trace;

const CHART: &str = "waterfall";

/// The phases of each trace as a bar, in the order given, all on one scale in milliseconds.
///
/// # Errors
/// [`ChartError::NoTraces`] for an empty slice, [`ChartError::Width`] for a width outside [`ChartOptions::WIDTHS`].
pub fn waterfall(traces: &[Trace], options: &ChartOptions) -> Result<Svg, ChartError> {
    if traces.is_empty() {
        return Err(ChartError::NoTraces { chart: CHART });
    }
    frame::width(options)?;
    let layout = Layout::new(traces, options);
    let title = layout::title(traces, options);
    layout.page.document(CHART, title, description(traces), |canvas| draw(&layout, canvas))
}

/// The chart in words, a line for each trace.
fn description(traces: &[Trace]) -> String {
    let mut text = "Waterfall chart of the phases of requests, in milliseconds.".to_owned();
    for trace in traces {
        let _ =
            write!(text, "\n{}: {} ms in all", trace.label().replace(['\n', '\r'], " "), milliseconds(trace.total()));
        for span in trace.timeline.spans() {
            let _ = write!(text, ", {} {}", span.phase, milliseconds(span.duration));
        }
        if let Some(failure) = trace.failure() {
            let _ = write!(text, "; failed: {}", failure.code);
        }
        for hop in &trace.hops {
            let Some((address, trips)) = hop.address.zip(hop.round_trips) else { continue };
            let _ = write!(text, "; hop {} {address} {}", hop.ttl, milliseconds(trips.best));
        }
    }
    text
}

fn draw(layout: &Layout, canvas: &Canvas<'_>) -> Result<(), DrawFailure> {
    for entry in &layout.legend {
        keyed(entry, canvas)?;
    }
    frame::draw_grid(&layout.plot, &layout.grid, canvas)?;
    layout.rows.iter().try_for_each(|row| draw_row(row, canvas))?;
    layout.ladders.iter().try_for_each(|ladder| draw_ladder(ladder, canvas))
}

fn draw_row(row: &Row, canvas: &Canvas<'_>) -> Result<(), DrawFailure> {
    for label in &row.heading {
        canvas.text(label)?;
    }
    for segment in &row.bar.segments {
        canvas.fill(&segment.rect, of_phase(segment.span.phase))?;
        if let Some(split) = segment.split {
            hatch(&split.network, canvas)?;
            if let Some((from, to)) = split.bounds {
                bounds(from, to, split.server.bottom() - split.server.height * 0.14, canvas)?;
            }
        }
    }
    // A hairline between wide neighbours keeps them apart for eyes that see little difference in their colours.
    for pair in row.bar.segments.windows(2) {
        if pair.iter().all(|segment| segment.rect.width > 4.0) {
            let border = &pair[1].rect;
            canvas.fill(&upright(border.x, border.y, border.bottom(), 1.0), PAPER)?;
        }
    }
    for band in &row.bar.bands {
        lost(band, canvas)?;
    }
    if let Some(line) = &row.bar.packet_line {
        canvas.fill(line, AXIS)?;
    }
    for tick in &row.bar.packets {
        canvas.fill(&tick.rect, tick_colour(tick.kind))?;
    }
    for mark in &row.bar.marks {
        draw_mark(mark.kind, mark.x, &row.bar.rect, canvas)?;
    }
    if let Some(cap) = &row.cap {
        canvas.fill(cap, FAILURE)?;
    }
    for inside in &row.inside {
        inside.plate.map_or(Ok(()), |(plate, colour)| canvas.fill(&plate, colour))?;
        canvas.text(&inside.label)?;
    }
    row.verdict.iter().try_for_each(|label| text_on_paper(label, canvas))?;
    row.beside.iter().try_for_each(|entry| keyed(entry, canvas))
}

fn draw_ladder(ladder: &Ladder, canvas: &Canvas<'_>) -> Result<(), DrawFailure> {
    ladder.labels.iter().try_for_each(|label| canvas.text(label))?;
    for Rung { labels, lead, step, spread, best } in &ladder.rungs {
        for (shape, colour) in [(lead, GRID), (spread, AXIS), (step, STEP), (best, INK)] {
            shape.map_or(Ok(()), |shape| canvas.fill(&shape, colour))?;
        }
        labels.iter().try_for_each(|label| canvas.text(label))?;
    }
    Ok(())
}

/// The network's part of a wait: the wait's colour, thinned and striped.
fn hatch(rect: &Rect, canvas: &Canvas<'_>) -> Result<(), DrawFailure> {
    let colour = of_phase(Phase::Wait);
    canvas.fill(rect, NETWORK_PAPER)?;
    rect.stripes(6.0, 2.2).iter().try_for_each(|stripe| canvas.polygon(stripe, colour))
}

/// Time lost on the wire: set off from the colour of its phase, whichever that is.
fn lost(band: &Rect, canvas: &Canvas<'_>) -> Result<(), DrawFailure> {
    canvas.fill(&Rect { height: band.height + 1.0, ..*band }, PAPER)?;
    canvas.fill(band, FAILURE)
}

const fn tick_colour(kind: TickKind) -> Rgb {
    match kind {
        TickKind::Usual => MUTED,
        TickKind::Repeated => FAILURE,
    }
}

/// A line with ends, at height `y`.
fn bounds(from: f64, to: f64, y: f64, canvas: &Canvas<'_>) -> Result<(), DrawFailure> {
    let colour = of_phase(Phase::Wait).tint(0.35);
    canvas.fill(&Rect { x: from, y: y - 0.5, width: to - from, height: 1.0 }, colour)?;
    canvas.fill(&Rect { x: from, y: y - 2.0, width: 1.0, height: 4.0 }, colour)?;
    canvas.fill(&Rect { x: to - 1.0, y: y - 2.0, width: 1.0, height: 4.0 }, colour)
}

fn draw_mark(kind: MarkKind, x: f64, bar: &Rect, canvas: &Canvas<'_>) -> Result<(), DrawFailure> {
    match kind {
        MarkKind::RoundTrip => canvas.fill(&upright(x, bar.bottom() + 1.0, bar.bottom() + 5.0, 1.2), MUTED),
        MarkKind::Tls(_) => {
            canvas.fill(&upright(x, bar.y, bar.y + bar.height * 0.22, 1.2).between(bar.x, bar.right()), INK)
        }
        MarkKind::Informational => {
            canvas.polygon(&[(x - 3.5, bar.y - 5.0), (x + 3.5, bar.y - 5.0), (x, bar.y + 1.0)], INK)
        }
    }
}

fn keyed(entry: &Keyed, canvas: &Canvas<'_>) -> Result<(), DrawFailure> {
    let Keyed { key, symbol, label } = entry;
    let (x, y) = symbol.middle();
    match key {
        Key::Phase(phase) => canvas.fill(symbol, of_phase(*phase))?,
        Key::Server => canvas.fill(symbol, of_phase(Phase::Wait))?,
        Key::Network => hatch(symbol, canvas)?,
        Key::Others => canvas.fill(symbol, AXIS)?,
        Key::Bounds => {
            canvas.fill(symbol, of_phase(Phase::Wait))?;
            bounds(symbol.x + 1.0, symbol.right() - 1.0, y, canvas)?;
        }
        Key::Lost => {
            canvas.fill(symbol, AXIS)?;
            lost(&Rect { height: 4.0, ..*symbol }, canvas)?;
        }
        Key::SplitWait => {
            canvas.fill(symbol, of_phase(Phase::Wait))?;
            hatch(&symbol.between(symbol.x, x), canvas)?;
        }
        Key::Packets(sign) => {
            canvas.fill(&Rect { y: y - 0.5, height: 1.0, ..*symbol }, AXIS)?;
            let (top, kind) = match sign {
                PacketSign::Sent => (y - 5.0, TickKind::Usual),
                PacketSign::Received => (y, TickKind::Usual),
                PacketSign::Repeated => (y - 5.0, TickKind::Repeated),
            };
            canvas.fill(&upright(x, top, top + 5.0, 1.2), tick_colour(kind))?;
        }
        Key::Failure => canvas.fill(&upright(x, symbol.y, symbol.bottom(), 3.0), FAILURE)?,
        Key::Rung(sign) => {
            let (height, width, colour) = match sign {
                RungSign::Step => (10.0, symbol.width, STEP),
                RungSign::Best => (10.0, 2.0, INK),
                RungSign::Spread => (2.0, symbol.width, AXIS),
            };
            canvas.fill(&Rect { x: x - width / 2.0, y: y - height / 2.0, width, height }, colour)?;
        }
        Key::Mark(MarkKind::RoundTrip) => {
            for x in [symbol.x + 2.0, x, symbol.right() - 2.0] {
                canvas.fill(&upright(x, y - 2.0, y + 2.0, 1.2), MUTED)?;
            }
        }
        Key::Mark(MarkKind::Tls(_)) => {
            canvas.fill(symbol, of_phase(Phase::Tls))?;
            for x in [symbol.x + 2.0, x, symbol.right() - 2.0] {
                canvas.fill(&upright(x, symbol.y, symbol.y + 4.0, 1.2), INK)?;
            }
        }
        Key::Mark(MarkKind::Informational) => {
            canvas.polygon(&[(x - 3.5, y - 3.0), (x + 3.5, y - 3.0), (x, y + 3.0)], INK)?;
        }
    }
    text_on_paper(label, canvas)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use resvg::tiny_skia::Pixmap;
    use resvg::usvg::roxmltree::Document;

    use super::super::specimens::{any_traces, written};
    use super::super::{DEFAULT_SCALE, rasterise};
    use super::*;

    fn chart(traces: &[Trace]) -> Svg {
        waterfall(traces, &ChartOptions::default()).unwrap()
    }

    #[test]
    fn the_colours_of_the_phases_that_happened_and_no_others() {
        for trace in written() {
            let svg = chart(std::slice::from_ref(&trace));
            for phase in Phase::ALL {
                let drawn = svg.as_str().contains(&format!("fill=\"{}\"", of_phase(phase).hex()));
                assert_eq!(drawn, trace.span(phase).is_some(), "{phase} of {}", trace.label());
            }
        }
    }

    #[test]
    fn text_stays_text_and_hostile_names_stay_text_too() {
        let mut trace = written().remove(0);
        trace.subject.name = Some("<b>&\"'\u{1B}[31m".to_owned());
        let svg = chart(&[trace]);
        let document = Document::parse(svg.as_str()).unwrap();
        let texts: Vec<&str> = document
            .descendants()
            .filter(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "text")))
            .map(|node| node.text().unwrap_or_default().trim())
            .collect();
        for expect in ["<b>&\"' [31m", "ec2.example.com/items/42", "connect 16.0", "54.5 ms"] {
            assert!(texts.contains(&expect), "{expect} not in {texts:?}");
        }
    }

    #[test]
    fn it_says_in_words_what_it_shows() {
        let traces = written();
        let svg =
            waterfall(&traces, &ChartOptions { title: Some("Paths & bars".to_owned()), ..ChartOptions::default() });
        let svg = svg.unwrap();
        let document = Document::parse(svg.as_str()).unwrap();
        let text = |name| document.descendants().find(|node| node.tag_name().name() == name).unwrap().text().unwrap();
        assert_eq!(text("title"), "Paths & bars");
        assert_eq!(text("desc").lines().count(), 1 + traces.len());
        assert!(
            text("desc")
                .ends_with("legacy: 60.5 ms in all, dns 1.11, connect 28.4, tls 31.0; failed: tls.certificate_expired")
        );
    }

    #[test]
    fn the_picture_has_the_nominal_size_times_the_scale_and_shows_the_bars() {
        let svg = chart(&written());
        let document = Document::parse(svg.as_str()).unwrap();
        let nominal = |name| document.root_element().attribute(name).unwrap().parse::<u32>().unwrap();
        let picture = Pixmap::decode_png(&rasterise(&svg, DEFAULT_SCALE).unwrap()).unwrap();
        assert_eq!((picture.width(), picture.height()), (nominal("width") * 2, nominal("height") * 2));
        let of_wait = of_phase(Phase::Wait);
        let blue = picture
            .pixels()
            .iter()
            .filter(|pixel| (pixel.red(), pixel.green(), pixel.blue()) == (of_wait.0, of_wait.1, of_wait.2));
        // The cold start's wait alone is some 800 by 26 nominal pixels.
        assert!(blue.count() > 4 * 700 * 20);
        assert_eq!(picture.pixel(1, 1).map(|pixel| (pixel.red(), pixel.alpha())), Some((255, 255)));
    }

    #[test]
    fn packets_stand_below_the_bar_and_losses_in_it() {
        let mut trace = crate::render::sample::repeated();
        let svg = chart(std::slice::from_ref(&trace));
        let red = |svg: &Svg| svg.as_str().matches(&format!("fill=\"{}\"", FAILURE.hex())).count();
        // Five losses, two packets that were sent again, and three symbols that explain them.
        assert_eq!(red(&svg), 5 + 2 + 3);
        for expect in
            ["retransmission 203", "stalled on the wire", "packet sent", "packet received", "packet sent again"]
        {
            assert!(svg.as_str().contains(expect), "{expect}");
        }
        (trace.wire, trace.wait) = (None, None);
        assert_eq!(red(&chart(&[trace])), 0);
    }

    #[test]
    fn what_cannot_be_drawn_is_an_error() {
        let none = waterfall(&[], &ChartOptions::default()).unwrap_err();
        assert_eq!(none.to_string(), "a waterfall chart needs at least one trace, and there is none");
        for width in [0, 799, 4001, u32::MAX] {
            let result = waterfall(&written(), &ChartOptions { width, ..ChartOptions::default() });
            assert!(matches!(result, Err(ChartError::Width { width: named }) if named == width), "{width}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        fn any_traces_give_a_well_formed_document(traces in any_traces()) {
            let svg = chart(&traces);
            prop_assert!(Document::parse(svg.as_str()).is_ok());
        }
    }
}
