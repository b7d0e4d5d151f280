//! The bar of one trace: where each phase begins and ends, how the wait is split, and which instants are marked.
//!
//! A phase shorter than a pixel still shows: it gets [`SLIVER`] pixels, which the longest phase of the same bar gives up, so
//! that the bar as a whole ends where it should.

use super::super::geometry::Rect;
use super::super::slivers;
use super::packets::{self, Tick};
use crate::event::Phase;
use crate::time::Nanos;
use crate::trace::{Span, Trace, WaitSplit};

/// The least width of a phase that happened, in pixels, where its bar has room for that.
pub(in crate::render::chart) const SLIVER: f64 = 2.0;
/// Round trips closer than this are not marked, in pixels.
const LEAST_ROUND_TRIP: f64 = 9.0;
/// More marks than this in one phase say nothing.
const MOST_ROUND_TRIPS: u16 = 24;
/// Narrower phases have no marks inside, in pixels.
const LEAST_MARKED: f64 = 14.0;
/// Marks closer than this are drawn as one, in pixels.
const LEAST_DISTANCE: f64 = 1.5;

/// A trace as a row of rectangles.
#[derive(Clone, Debug)]
pub(in crate::render::chart) struct Bar {
    /// The whole of it.
    pub(in crate::render::chart) rect: Rect,
    /// The phases that happened, in wire order, without gaps.
    pub(in crate::render::chart) segments: Vec<Segment>,
    /// Instants within them, in order of their kind, then of time.
    pub(in crate::render::chart) marks: Vec<Mark>,
    /// The time that was lost on the wire, where packets were captured.
    pub(in crate::render::chart) bands: Vec<Rect>,
    /// The line below the bar that packets stand on, where a list of them was asked for.
    pub(in crate::render::chart) packet_line: Option<Rect>,
    /// The packets.
    pub(in crate::render::chart) packets: Vec<Tick>,
}

/// A phase in a bar.
#[derive(Clone, Debug)]
pub(in crate::render::chart) struct Segment {
    pub(in crate::render::chart) span: Span,
    pub(in crate::render::chart) rect: Rect,
    /// For a wait whose split is known and wide enough to show.
    pub(in crate::render::chart) split: Option<Split>,
}

/// The parts of a wait.
#[derive(Clone, Copy, Debug)]
pub(in crate::render::chart) struct Split {
    pub(in crate::render::chart) network: Rect,
    pub(in crate::render::chart) server: Rect,
    /// Between which places the server's share may begin; absent where the bounds are too close to draw.
    pub(in crate::render::chart) bounds: Option<(f64, f64)>,
}

/// An instant within a bar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::render::chart) struct Mark {
    pub(in crate::render::chart) kind: MarkKind,
    pub(in crate::render::chart) x: f64,
}

/// What happened at a marked instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::render::chart) enum MarkKind {
    /// A whole number of round trips since its phase began.
    RoundTrip,
    /// A step of the TLS handshake.
    Tls(Handshake),
    /// A 1xx response.
    Informational,
}

/// A step of a TLS handshake that has an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::render::chart) enum Handshake {
    /// The ClientHello has left.
    ClientHello,
    /// The ServerHello has begun to arrive.
    ServerHello,
    /// The certificate has been verified.
    Verified,
}

impl Handshake {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::ClientHello => "ClientHello",
            Self::ServerHello => "ServerHello",
            Self::Verified => "verified",
        }
    }
}

/// Whether there is room for packets below the bars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PacketStrip {
    /// There is.
    Shown,
    /// There is none, or there are no packets.
    Absent,
}

impl Bar {
    /// The bar of `trace`, from `(x, y)` on.
    pub(super) fn new(
        trace: &Trace,
        (x, y): (f64, f64),
        height: f64,
        packets: PacketStrip,
        pixels_per_ms: f64,
    ) -> Self {
        let lengths: Vec<f64> =
            trace.timeline.spans().map(|span| span.duration.as_millis_f64() * pixels_per_ms).collect();
        let mut left = x;
        let segments: Vec<Segment> = trace
            .timeline
            .spans()
            .zip(slivers::widths(&lengths, SLIVER))
            .map(|(span, width)| {
                let rect = Rect { x: left, y, width, height };
                left += width;
                let wait = trace.wait.as_ref().filter(|_| span.phase == Phase::Wait);
                Segment { span, rect, split: wait.and_then(|wait| Split::new(wait, &span, &rect)) }
            })
            .collect();
        let rect = Rect { x, y, width: left - x, height };
        let packet_line = packets::line(trace, &rect).filter(|_| packets == PacketStrip::Shown);
        let mut marks = marks(trace, &segments);
        let mut ticks = Vec::new();
        if packet_line.is_some() {
            // Both stand below the bar, and packets show round trips better.
            marks.retain(|mark| mark.kind != MarkKind::RoundTrip);
            ticks = packets::ticks(trace, &segments, &rect);
        }
        let bands = packets::bands(trace, &segments, &rect);
        Self { rect, segments, marks, bands, packet_line, packets: ticks }
    }
}

impl Segment {
    /// The place of an instant, counted from the trace's start.
    pub(super) fn place(&self, at: Nanos) -> Option<f64> {
        (self.span.start <= at && at <= self.span.end())
            .then(|| self.rect.x + self.rect.width * share(at.saturating_sub(self.span.start), self.span.duration))
    }
}

/// How much of the whole a part is, 0 to 1.
fn share(part: Nanos, whole: Nanos) -> f64 {
    if whole == Nanos::ZERO { 0.0 } else { (part.as_millis_f64() / whole.as_millis_f64()).min(1.0) }
}

impl Split {
    /// Drawn with the network's share before the server's. On the wire half of it comes last, but how a round trip divides is
    /// not known. What was lost comes before both, though it may have been the response.
    fn new(wait: &WaitSplit, span: &Span, rect: &Rect) -> Option<Self> {
        if rect.width < 2.0 * SLIVER {
            return None;
        }
        let before_end = |length: Nanos| rect.right() - rect.width * share(length, span.duration);
        let border = before_end(wait.server);
        let bounds = (before_end(wait.server_high), before_end(wait.server_low));
        Some(Self {
            network: rect.between(before_end(wait.server + wait.network), border),
            server: rect.between(border, rect.right()),
            bounds: Some(bounds).filter(|(from, to)| to - from >= 3.0),
        })
    }
}

fn marks(trace: &Trace, segments: &[Segment]) -> Vec<Mark> {
    let wide = |phase: Phase| {
        segments.iter().find(|segment| segment.span.phase == phase && segment.rect.width >= LEAST_MARKED)
    };
    let mut marks = Vec::new();
    for segment in [Phase::Tls, Phase::Wait].into_iter().filter_map(wide) {
        marks.extend(round_trips(trace, segment).map(|x| Mark { kind: MarkKind::RoundTrip, x }));
    }
    if let (Some(tls), Some(segment)) = (&trace.tls, wide(Phase::Tls)) {
        let steps = [
            (Handshake::ClientHello, tls.client_hello),
            (Handshake::ServerHello, tls.server_hello),
            (Handshake::Verified, tls.verified),
        ];
        marks.extend(
            steps.into_iter().filter_map(|(step, at)| Some(Mark { kind: MarkKind::Tls(step), x: segment.place(at?)? })),
        );
    }
    if let (Some(response), Some(segment)) = (&trace.response, wide(Phase::Wait)) {
        let instants = response.informational.iter().map(|head| head.at);
        marks.extend(instants.filter_map(|at| segment.place(at)).map(|x| Mark { kind: MarkKind::Informational, x }));
    }
    marks.dedup_by(|next, kept| next.kind == kept.kind && (next.x - kept.x).abs() < LEAST_DISTANCE);
    marks
}

/// The places of whole round trips within a phase; none where they would be too close or too many.
fn round_trips(trace: &Trace, segment: &Segment) -> impl Iterator<Item = f64> {
    let of_connect = trace.connect.as_ref().and_then(|connect| connect.rtt);
    let of_transport = trace.transport.and_then(|transport| transport.min_rtt);
    let pitch = [of_connect, of_transport]
        .into_iter()
        .flatten()
        .min()
        .map_or(0.0, |round_trip| segment.rect.width * share(round_trip, segment.span.duration));
    let end = segment.rect.right();
    let start = segment.rect.x;
    let drawn = pitch >= LEAST_ROUND_TRIP && pitch * f64::from(MOST_ROUND_TRIPS) >= segment.rect.width;
    (1..=if drawn { MOST_ROUND_TRIPS } else { 0 })
        .map(move |count| start + pitch * f64::from(count))
        .take_while(move |x| *x <= end)
}
