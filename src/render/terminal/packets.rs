//! The list of packets: what went which way, when, and what became of it.

use super::Style;
use super::line::{Line, Paint, columns};
use crate::event::{Direction, PacketNote, PacketRow};
use crate::render::length::millis;
use crate::time::Nanos;
use crate::trace::{Phase, Trace};

/// Where the list starts, below everything else.
const INDENT: usize = 4;

/// The lines about packets; none where no list of them was asked for.
pub(super) fn lines(trace: &Trace, style: Style) -> Vec<Line> {
    let Some(rows) = trace.wire.as_ref().and_then(|wire| wire.packets.as_ref()) else { return Vec::new() };
    let cells: Vec<[String; 5]> = rows.iter().map(cells).collect();
    let width = |column: usize| cells.iter().map(|row| columns(&row[column])).max().unwrap_or(0);
    let widths = [0, 1, 2, 3, 4].map(width);
    rows.iter().zip(&cells).map(|(row, cells)| line(row, cells, widths, trace, style)).collect()
}

/// When, control bits, payload, numbers, window.
fn cells(row: &PacketRow<Nanos>) -> [String; 5] {
    let at = if row.at == Nanos::ZERO { "+0.000 ms".to_owned() } else { format!("+{} ms", millis(row.at)) };
    let numbers = format!("seq {} ack {}", row.sequence, row.acknowledgement);
    [at, row.flags.clone(), format!("{} B", row.bytes), numbers, format!("win {}", row.window)]
}

fn line(row: &PacketRow<Nanos>, cells: &[String; 5], widths: [usize; 5], trace: &Trace, style: Style) -> Line {
    let [at, flags, bytes, numbers, window] = cells;
    let [at_width, flags_width, bytes_width, numbers_width, window_width] = widths;
    let arrow = match row.direction {
        Direction::Sent => "→",
        Direction::Received => "←",
    };
    let mut line = Line::new(style)
        .pad_to(INDENT)
        .with(Paint::Dim, format!("{at:>at_width$}  "))
        .with(phase_at(trace, row.at).map_or(Paint::Dim, Paint::Phase), arrow)
        .with(Paint::Plain, format!(" {flags:<flags_width$}  {bytes:>bytes_width$}  "))
        .with(Paint::Dim, format!("{numbers:<numbers_width$}  {window:<window_width$}"));
    if let Some(note) = row.note {
        line.add(Paint::Warn, format!("  {}", words(note)));
    }
    line
}

/// The phase that a packet belongs to; the one that ends a phase belongs to that one.
fn phase_at(trace: &Trace, at: Nanos) -> Option<Phase> {
    trace.timeline.spans().find(|span| at <= span.end()).map(|span| span.phase)
}

const fn words(note: PacketNote) -> &'static str {
    match note {
        PacketNote::Retransmission => "retransmission",
        PacketNote::FastRetransmission => "fast retransmission",
        PacketNote::SpuriousRetransmission => "needless retransmission",
        PacketNote::OutOfOrder => "out of order",
        PacketNote::DuplicateAck => "duplicate ACK",
        PacketNote::ZeroWindow => "window closed",
        PacketNote::WindowProbe => "window probe",
        PacketNote::WindowUpdate => "window update",
        PacketNote::KeepAlive => "keep-alive",
    }
}
