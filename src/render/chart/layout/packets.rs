//! Packets as ticks below a bar, and the time that was lost on the wire as bands in it.
//!
//! The client's packets stand on the line, the server's hang from it. Ticks that would touch are one.

use super::super::geometry::Rect;
use super::bar::Segment;
use crate::time::Nanos;
use crate::trace::{Cause, Direction, PacketNote, Trace};

/// From a bar to the line that packets stand on and hang from, in pixels.
const LINE_BELOW_BAR: f64 = 7.5;
/// How far ticks reach from that line, in pixels.
const REACH: f64 = 5.0;
/// Ticks closer than this are drawn as one, in pixels.
const LEAST_DISTANCE: f64 = 1.5;
/// How thick the band of lost time is, in pixels.
const BAND: f64 = 4.0;
/// The least width of a band, in pixels: shorter losses show, too.
const LEAST_BAND: f64 = 2.0;

/// What the strip below the bars takes, where packets are shown, in pixels.
pub(super) const STRIP: f64 = LINE_BELOW_BAR + REACH + 2.5;

/// A packet below a bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::render::chart) struct Tick {
    pub(in crate::render::chart) rect: Rect,
    pub(in crate::render::chart) kind: TickKind,
    pub(in crate::render::chart) direction: Direction,
}

/// Whether a packet is as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::render::chart) enum TickKind {
    /// It is.
    Usual,
    /// Its bytes had gone by before.
    Repeated,
}

/// The line below a bar, where packets of the trace are known.
pub(super) fn line(trace: &Trace, bar: &Rect) -> Option<Rect> {
    trace.wire.as_ref().and_then(|wire| wire.packets.as_ref())?;
    Some(Rect { y: bar.bottom() + LINE_BELOW_BAR - 0.5, height: 1.0, ..*bar })
}

/// The packets of a trace within its phases, the repeated ones last, so that they are drawn over others.
pub(super) fn ticks(trace: &Trace, segments: &[Segment], bar: &Rect) -> Vec<Tick> {
    let middle = bar.bottom() + LINE_BELOW_BAR;
    let rows = trace.wire.iter().filter_map(|wire| wire.packets.as_ref()).flatten();
    let mut last = [f64::NEG_INFINITY; 4];
    let mut ticks: Vec<Tick> = rows
        .filter_map(|row| {
            let x = place(segments, row.at)?;
            let kind = match row.note {
                Some(
                    PacketNote::Retransmission | PacketNote::FastRetransmission | PacketNote::SpuriousRetransmission,
                ) => TickKind::Repeated,
                _ => TickKind::Usual,
            };
            let slot = usize::from(row.direction == Direction::Sent) + 2 * usize::from(kind == TickKind::Repeated);
            if x - last[slot] < LEAST_DISTANCE {
                return None;
            }
            last[slot] = x;
            let y = if row.direction == Direction::Sent { middle - REACH } else { middle };
            Some(Tick { rect: Rect { x: x - 0.6, y, width: 1.2, height: REACH }, kind, direction: row.direction })
        })
        .collect();
    ticks.sort_by_key(|tick| tick.kind == TickKind::Repeated);
    ticks
}

/// The time that was lost, along the upper side of the bar.
pub(super) fn bands(trace: &Trace, segments: &[Segment], bar: &Rect) -> Vec<Rect> {
    let delays = trace.wire.iter().flat_map(|wire| &wire.delays);
    delays
        .filter(|delay| delay.cause != Cause::UnknownRetransmission)
        .filter_map(|delay| {
            let from = place(segments, delay.start)?.min(bar.right() - LEAST_BAND).max(bar.x);
            let to = place(segments, delay.end()).unwrap_or(bar.right()).max(from + LEAST_BAND);
            Some(Rect { height: BAND, ..bar.between(from, to) })
        })
        .collect()
}

/// The place of an instant within the phases; `None` outside of all.
fn place(segments: &[Segment], at: Nanos) -> Option<f64> {
    segments.iter().find_map(|segment| segment.place(at))
}
