//! What the packets told: a line about the connection, and under each phase what it lost.

use super::Style;
use super::facts::label;
use super::line::{Line, Paint, Paragraph};
use crate::render::length::{bytes, millis};
use crate::time::Nanos;
use crate::trace::{Cause, Delay, PacketCounts, Phase, Recovery, Side, Span, Wire};

/// The lines about the packets of the connection.
pub(super) fn lines(wire: &Wire, style: Style) -> Vec<Line> {
    let mut paragraph = label("wire", Phase::Connect, style);
    if let Some(rtt) = wire.syn_rtt {
        paragraph = paragraph.part(Paint::Plain, format!("{} ms SYN round trip", millis(rtt)));
    }
    let (sent, received) = (&wire.sent, &wire.received);
    let amounts = (sent.packets, bytes(sent.bytes), received.packets, bytes(received.bytes));
    let packets = if sent.packets == 1 { "packet" } else { "packets" };
    let amounts = format!("{} {packets} sent ({}), {} received ({})", amounts.0, amounts.1, amounts.2, amounts.3);
    paragraph = paragraph.part(Paint::Plain, amounts);
    for (count, [one, many]) in [
        (both(wire, |counts| counts.retransmitted), ["retransmitted"; 2]),
        (both(wire, |counts| counts.out_of_order), ["out of order"; 2]),
        (both(wire, |counts| counts.duplicate_acks), ["duplicate ACK", "duplicate ACKs"]),
        (both(wire, |counts| counts.zero_windows), ["zero window", "zero windows"]),
        (wire.dropped.unwrap_or(0), ["lost by the capture"; 2]),
    ] {
        if count > 0 {
            let what = if count == 1 { one } else { many };
            paragraph = paragraph.part(Paint::Warn, format!("{count} {what}"));
        }
    }
    if let Some(offers) = offers(wire) {
        paragraph = paragraph.part(Paint::Plain, offers);
    }
    if wire.client.zip(wire.server).is_some_and(|(client, server)| client.ecn && server.ecn) {
        paragraph = paragraph.part(Paint::Plain, "ECN");
    }
    if let Some(ttl) = wire.ttl {
        paragraph = paragraph.part(Paint::Plain, format!("TTL {ttl}"));
    }
    if wire.side == Side::Server {
        paragraph = paragraph.part(Paint::Plain, "captured at the server");
    }
    if let Some(interface) = &wire.interface {
        paragraph = paragraph.part(Paint::Dim, interface);
    }
    paragraph.finish()
}

fn both(wire: &Wire, count: fn(&PacketCounts) -> u64) -> u64 {
    count(&wire.sent) + count(&wire.received)
}

/// The largest payloads that the client and the server take.
fn offers(wire: &Wire) -> Option<String> {
    let mss = |offer: Option<crate::trace::TcpOffer>| offer.and_then(|offer| offer.mss);
    match (mss(wire.client), mss(wire.server)) {
        (Some(client), Some(server)) => Some(format!("MSS {client}/{server}")),
        (Some(only), None) | (None, Some(only)) => Some(format!("MSS {only}")),
        (None, None) => None,
    }
}

/// What a phase lost, a paragraph for each cause and recovery. What of a delay passed in another phase is not this one's.
pub(super) fn delays(wire: &Wire, span: Span, style: Style) -> Vec<Line> {
    let mut kinds: Vec<(&Delay, Nanos, usize)> = Vec::new();
    for delay in wire.delays.iter().filter(|delay| delay.phase == span.phase) {
        let inside = delay.end().min(span.end()).saturating_sub(delay.start.max(span.start));
        let same =
            |(first, ..): &&mut (&Delay, Nanos, usize)| (first.cause, first.recovery) == (delay.cause, delay.recovery);
        match kinds.iter_mut().find(same) {
            Some((_, length, count)) => {
                *length += inside;
                *count += 1;
            }
            None => kinds.push((delay, inside, 1)),
        }
    }
    kinds.into_iter().flat_map(|(delay, length, count)| says(delay, length, count, style)).collect()
}

fn says(delay: &Delay, length: Nanos, count: usize, style: Style) -> Vec<Line> {
    let label = Line::new(style).pad_to(2).with(Paint::Dim, "└");
    let indent = label.columns() + 1;
    let length = millis(length);
    let recovery = match delay.recovery {
        Some(Recovery::Timeout) => " (RTO)",
        Some(Recovery::Fast) => " (fast retransmit)",
        Some(Recovery::Probe) => " (tail loss probe)",
        None => "",
    };
    let (paint, words) = match delay.cause {
        Cause::ZeroWindow => (Paint::Warn, format!("of which {length} ms waiting for the receiver to have room")),
        Cause::Reordering => (Paint::Warn, format!("of which {length} ms waiting for packets that were overtaken")),
        Cause::UnknownRetransmission => (
            Paint::Plain,
            format!(
                "sent again after {length} ms{recovery} though it had arrived: an acknowledgement was late or lost"
            ),
        ),
        loss => {
            (Paint::Warn, format!("of which {length} ms waiting for a retransmission{recovery}: {}", loss.as_str()))
        }
    };
    let paragraph = Paragraph::new(style, label, indent).part(paint, words);
    let times = if count > 1 { format!("{count} times") } else { String::new() };
    paragraph.part(Paint::Dim, times).finish()
}
