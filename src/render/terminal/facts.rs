//! The lines about the connection, the handshake, the exchange and the client: what there is to know besides times.

use super::Style;
use super::line::{Line, Paint, Paragraph, columns};
use crate::event::AttemptResult;
use crate::flow::exchange::UNKNOWN_METHOD;
use crate::render::length::{bytes, millis};
use crate::time::{Nanos, Realtime, Timestamp};
use crate::trace::{Connect, ConnectAttempt, Phase, Response, Tls, Trace};

/// The column in which details start, under the bars.
pub(super) const INDENT: usize = 10;
/// Narrower than this, lists start further left.
const ROOM_FOR_INDENT: usize = 72;
/// A lag of this program that is worth a line.
const NOTABLE_LAG: Nanos = Nanos::from_micros(500);
/// And only where it is more than one part in this many of the whole.
const NOTABLE_LAG_SHARE: u64 = 50;
/// A certificate with fewer days left than this is worth a colour.
const FEW_DAYS: i64 = 14;

/// A paragraph that belongs to a phase.
pub(super) fn label(text: &str, phase: Phase, style: Style) -> Paragraph {
    let label = Line::new(style).pad_to(2).with(Paint::Phase(phase), text);
    Paragraph::new(style, label, INDENT)
}

/// A list under a paragraph: for each entry when it began in the trace, how long it took, and what became of it.
pub(super) struct List {
    style: Style,
    rows: Vec<(String, String, Line)>,
}

impl List {
    /// An empty list.
    pub(super) const fn new(style: Style) -> Self {
        Self { style, rows: Vec::new() }
    }

    /// Adds an entry. The trace's start is exact, so that an entry may begin at 0; a length may be unknown.
    pub(super) fn row(&mut self, start: Nanos, length: Option<Nanos>, outcome: Line) {
        let start = if start == Nanos::ZERO { "+0.000 ms".to_owned() } else { format!("+{} ms", millis(start)) };
        let length = length.map_or("–".to_owned(), |length| format!("{} ms", millis(length)));
        self.rows.push((start, length, outcome));
    }

    /// The lines, in columns.
    pub(super) fn finish(self) -> impl Iterator<Item = Line> {
        let widest =
            |column: fn(&(String, String, Line)) -> &String| self.rows.iter().map(|row| columns(column(row))).max();
        let starts = widest(|row| &row.0).unwrap_or(0);
        let lengths = widest(|row| &row.1).unwrap_or(0);
        let style = self.style;
        let indent = if style.width < ROOM_FOR_INDENT { 4 } else { INDENT };
        self.rows.into_iter().map(move |(start, length, outcome)| {
            Line::new(style)
                .pad_to(indent)
                .with(Paint::Dim, format!("{start:>starts$}"))
                .with(Paint::Plain, format!("  {length:>lengths$}  "))
                .followed_by(outcome)
        })
    }
}

/// The lines about the connection.
pub(super) fn connect(connect: &Connect, trace: &Trace, style: Style) -> Vec<Line> {
    let mut paragraph = label("TCP", Phase::Connect, style);
    let ends = [connect.local.as_deref(), connect.remote.as_deref()];
    let ends: Vec<&str> = ends.into_iter().flatten().collect();
    paragraph = paragraph.part(Paint::Plain, ends.join(" → "));
    if connect.reused {
        paragraph = paragraph.part(Paint::Plain, "connection reused");
    }
    if let Some(proxy) = &connect.proxy {
        paragraph = paragraph.part(Paint::Plain, format!("through the proxy {proxy}"));
    }
    if let Some(rtt) = connect.rtt {
        paragraph = paragraph.part(Paint::Plain, format!("SYN round trip {} ms", millis(rtt)));
    }
    if let Some(counters) = trace.transport {
        if counters.retransmits > 0 {
            paragraph = paragraph.part(Paint::Warn, format!("retransmits: {}", counters.retransmits));
        }
        if counters.lost > 0 {
            paragraph = paragraph.part(Paint::Warn, format!("lost: {}", counters.lost));
        }
    }
    match connect.attempts.as_slice() {
        [] | [ConnectAttempt { result: AttemptResult::Won, .. }] => paragraph.finish(),
        [attempt] => {
            let (paint, outcome) = outcome(attempt);
            paragraph.part(Paint::Plain, &attempt.address).part(paint, outcome).finish()
        }
        attempts => {
            let mut list = List::new(style);
            let widest = attempts.iter().map(|attempt| columns(&outcome(attempt).1)).max().unwrap_or(0);
            for attempt in attempts {
                let (paint, outcome) = outcome(attempt);
                let line =
                    Line::new(style).with(paint, format!("{outcome:<widest$}  ")).with(Paint::Plain, &attempt.address);
                list.row(attempt.start, attempt.duration, line);
            }
            let count = format!("{} attempts", attempts.len());
            paragraph.part(Paint::Dim, count).finish().into_iter().chain(list.finish()).collect()
        }
    }
}

fn outcome(attempt: &ConnectAttempt) -> (Paint, String) {
    let paint = match attempt.result {
        AttemptResult::Won => Paint::Good,
        AttemptResult::Failed => Paint::Bad,
        AttemptResult::Abandoned => Paint::Dim,
    };
    let error = attempt.error.as_deref().map_or(String::new(), |error| format!(" {error}"));
    (paint, format!("{}{error}", attempt.result.as_str()))
}

/// The lines about the handshake.
pub(super) fn tls(tls: &Tls, trace: &Trace, style: Style) -> Vec<Line> {
    let mut paragraph = label("TLS", Phase::Tls, style);
    match &tls.session {
        None => paragraph = paragraph.part(Paint::Bad, "no session agreed on"),
        Some(session) => {
            paragraph = paragraph.part(Paint::Plain, &session.version).part(Paint::Plain, &session.cipher);
            if let Some(group) = &session.group {
                paragraph = paragraph.part(Paint::Plain, group);
            }
            // What TLS 1.3 chooses is encrypted, and an onlooker does not see it.
            let is_hidden = trace.subject.method == UNKNOWN_METHOD && session.version == "TLSv1.3";
            let alpn = match &session.alpn {
                Some(alpn) => format!("ALPN {alpn}"),
                None if is_hidden => "ALPN encrypted".to_owned(),
                None => "no ALPN".to_owned(),
            };
            paragraph = paragraph.part(Paint::Plain, alpn);
            if session.resumed {
                paragraph = paragraph.part(Paint::Plain, "resumed");
            }
            paragraph = match session.round_trips {
                1 => paragraph.part(Paint::Plain, "1 round trip"),
                times => paragraph.part(Paint::Warn, format!("{times} round trips")),
            };
        }
    }
    if let (Some(sent), Some(answered)) = (tls.client_hello, tls.server_hello) {
        paragraph =
            paragraph.part(Paint::Plain, format!("ServerHello after {} ms", millis(answered.saturating_sub(sent))));
    }
    let Some(leaf) = tls.certificates.first() else { return paragraph.finish() };
    let (expiry, paint) = expiry(&leaf.not_after, trace.started_at);
    let certificate = Paragraph::new(style, Line::new(style), INDENT)
        .part(Paint::Plain, &leaf.subject)
        .part(Paint::Plain, format!("issued by {}", leaf.issuer))
        .part(paint, expiry);
    paragraph.finish().into_iter().chain(certificate.finish()).collect()
}

/// The end of validity, and how far off it was when the trace began.
fn expiry(not_after: &str, started_at: Timestamp<Realtime>) -> (String, Paint) {
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;

    let Ok(end) = OffsetDateTime::parse(not_after, &Rfc3339) else {
        return (format!("valid until {not_after}"), Paint::Plain);
    };
    let now = i128::from(started_at.as_nanos());
    let days = i64::try_from((end.unix_timestamp_nanos() - now).div_euclid(86_400_000_000_000)).unwrap_or(i64::MAX);
    let date = end.date();
    match days {
        ..0 => (format!("expired on {date}"), Paint::Bad),
        0..FEW_DAYS => (format!("expires on {date} ({days} days)"), Paint::Warn),
        _ => (format!("expires on {date} ({days} days)"), Paint::Plain),
    }
}

/// The lines about the exchange.
pub(super) fn http(trace: &Trace, style: Style) -> Vec<Line> {
    let mut paragraph = label("HTTP", Phase::Receive, style);
    if let Some(request) = &trace.request {
        let sent = format!("sent {} head", bytes(request.header_bytes));
        let body =
            if request.body_bytes > 0 { format!(" + {} body", bytes(request.body_bytes)) } else { String::new() };
        paragraph = paragraph.part(Paint::Plain, sent + &body);
    }
    let Some(response) = &trace.response else { return paragraph.finish() };
    paragraph = paragraph.part(
        Paint::Plain,
        format!("received {} head + {} body", bytes(response.header_bytes), bytes(response.body_bytes)),
    );
    for early in &response.informational {
        paragraph = paragraph.part(Paint::Plain, format!("{} at {} ms", early.status, millis(early.at)));
    }
    for name in ["content-type", "server", "location"] {
        if let Some(value) = response.header(name) {
            paragraph = paragraph.part(Paint::Plain, format!("{name}: {value}"));
        }
    }
    paragraph.finish()
}

/// What the server says of its own time: durations that lie somewhere inside the wait.
pub(super) fn server_timing(trace: &Trace, style: Style) -> Vec<Line> {
    let mut timed = trace.server_timing.iter().filter_map(|metric| Some((&metric.name, metric.duration?))).peekable();
    if timed.peek().is_none() {
        return Vec::new();
    }
    let says = |paragraph: Paragraph, (name, duration): (&String, Nanos)| {
        paragraph.part(Paint::Plain, format!("{name} {} ms", millis(duration)))
    };
    timed.fold(label("server", Phase::Wait, style), says).finish()
}

/// The lines about what this program itself added, where it matters.
pub(super) fn client(trace: &Trace, style: Style) -> Vec<Line> {
    let delay = trace.client.resolution_delay.map(|delay| {
        let waited = format!("waited {} ms for an IPv6 address before connecting (RFC 8305)", millis(delay));
        label("client", Phase::Blocked, style).part(Paint::Plain, waited).finish()
    });
    delay.into_iter().flatten().chain(lag(trace, style)).collect()
}

fn lag(trace: &Trace, style: Style) -> Vec<Line> {
    let share = Nanos::new(trace.total().get() / NOTABLE_LAG_SHARE);
    if trace.client.lag <= NOTABLE_LAG.max(share) {
        return Vec::new();
    }
    let lost = format!("{} ms lost in wirefall: it began phases or saw arrivals late", millis(trace.client.lag));
    label("client", Phase::Blocked, style).part(Paint::Warn, lost).finish()
}

/// The paint of a status.
pub(super) fn status_paint(response: &Response) -> Paint {
    match response.status {
        200..300 => Paint::Good,
        400.. => Paint::Bad,
        _ => Paint::Warn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_judged_by_the_time_of_the_trace() {
        let started_at = Timestamp::from_nanos(1_795_235_913_000_000_000); // 2026-11-21T04:38:33Z
        for (not_after, expect, paint) in [
            ("2026-12-30T23:59:59Z", "expires on 2026-12-30 (39 days)", Paint::Plain),
            ("2026-11-25T00:00:00Z", "expires on 2026-11-25 (3 days)", Paint::Warn),
            ("2026-11-21T04:38:32Z", "expired on 2026-11-21", Paint::Bad),
            ("soon", "valid until soon", Paint::Plain),
        ] {
            assert_eq!(expiry(not_after, started_at), (expect.to_owned(), paint));
        }
    }
}
