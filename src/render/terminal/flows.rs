//! The flows of a capture, a row each, the slowest first, as the caller has sorted them.
//!
//! A row shows the slowest request of its flow. Times are milliseconds; what did not happen is a dash. Where names have no
//! room beside the numbers, they stand on a line of their own below: no number is cut for a name.

use super::line::{Line, Paint, clip_middle, columns};
use super::{Glyphs, Style};
use crate::render::length::millis;
use crate::time::{Realtime, Timestamp};
use crate::trace::{Phase, Trace};

/// The phases that have a column.
const PHASES: [Phase; 5] = [Phase::Dns, Phase::Connect, Phase::Tls, Phase::Wait, Phase::Receive];
/// Names with less room than this stand on a line of their own.
const LEAST_NAME: usize = 40;
/// What names are.
const NAMES: &str = "host, client → server; ms";
/// Blanks between columns.
const GAP: usize = 2;

/// One flow, or a name that was not found.
#[derive(Clone, Debug)]
pub struct FlowRow<'a> {
    /// Its number in the capture; absent for a name.
    pub number: Option<u64>,
    /// Its first packet.
    pub began: Timestamp<Realtime>,
    /// Client and server; absent for a name.
    pub ends: Option<(String, String)>,
    /// The host that was asked for.
    pub host: Option<&'a str>,
    /// Its slowest request; absent where nothing could be told apart.
    pub slowest: Option<&'a Trace>,
    /// How many requests it has.
    pub requests: u64,
    /// Packets whose bytes had gone by before.
    pub retransmissions: u64,
}

impl FlowRow<'_> {
    /// `7  04:38:33.123456`
    fn start(&self) -> [String; 2] {
        let began = self.began.to_string();
        let time = began.get(11..26).unwrap_or(&began).to_owned();
        [self.number.map_or("–".to_owned(), |number| number.to_string()), time]
    }

    /// Names, from the one that says most to the one that takes the least room.
    fn names(&self) -> Vec<String> {
        match (&self.ends, self.host) {
            // An address that stands in the server's place already says nothing new.
            (Some((client, server)), Some(host)) if !server.contains(host) => {
                vec![format!("{host}  {client} → {server}"), format!("{host} → {server}"), host.to_owned()]
            }
            (Some((client, server)), _) => vec![format!("{client} → {server}"), format!("→ {server}")],
            (None, host) => vec![host.unwrap_or("?").to_owned()],
        }
    }

    /// The name that says most in so many columns.
    fn name(&self, room: usize, glyphs: Glyphs) -> String {
        let mut shortest = String::new();
        for name in self.names() {
            shortest = glyphs.spell(&name);
            if columns(&shortest) <= room {
                return shortest;
            }
        }
        clip_middle(&shortest, room, glyphs)
    }

    /// Lengths, requests, retransmissions.
    fn numbers(&self) -> Vec<String> {
        let span = |phase| self.slowest.and_then(|trace| trace.span(phase));
        let lengths =
            PHASES.into_iter().map(|phase| span(phase).map_or("–".to_owned(), |span| millis(span.duration)));
        let total = self.slowest.map_or("–".to_owned(), |trace| millis(trace.total()));
        let counts = [self.requests, self.retransmissions].map(|count| count.to_string());
        lengths.chain([total]).chain(counts).collect()
    }
}

/// The table, its header first.
#[must_use]
pub fn flow_table(rows: &[FlowRow<'_>], style: &Style) -> String {
    if rows.is_empty() {
        return "no flows\n".to_owned();
    }
    let names = ["total", "requests", "resent"];
    let headers: Vec<&str> = PHASES.iter().map(|phase| phase.as_str()).chain(names).collect();
    let cells: Vec<Vec<String>> = rows.iter().map(FlowRow::numbers).collect();
    let is_empty = |column: usize| column < PHASES.len() && cells.iter().all(|row| row[column] == "–");
    let kept: Vec<usize> = (0..headers.len()).filter(|column| !is_empty(*column)).collect();
    let widths: Vec<usize> = kept
        .iter()
        .map(|column| {
            let widest = cells.iter().map(|row| columns(&row[*column])).max().unwrap_or(0);
            widest.max(columns(headers[*column])) + GAP
        })
        .collect();
    let starts: Vec<[String; 2]> = rows.iter().map(FlowRow::start).collect();
    let numbers = starts.iter().map(|[number, _]| columns(number)).max().unwrap_or(0).max(columns("flow"));
    let times = starts.iter().map(|[_, time]| columns(time)).max().unwrap_or(0);
    let longest = rows.iter().map(|row| columns(&row.name(usize::MAX, style.glyphs))).max().unwrap_or(0);
    let longest = longest.max(columns(NAMES));
    let failures = rows.iter().filter_map(|row| failure(row)).map(|words| columns(&words)).max().unwrap_or(0);
    let taken = numbers + GAP + times + GAP + widths.iter().sum::<usize>() + failures;
    let room = style.width.saturating_sub(taken).min(longest);
    let placing = if room < LEAST_NAME.min(longest) { Placing::Below } else { Placing::Beside { room } };

    let mut out = String::new();
    let mut header = Line::new(*style).with(Paint::Dim, format!("{:>numbers$}", "flow"));
    if let Placing::Beside { room } = placing {
        let before = numbers + GAP + times + GAP;
        header = header.with(Paint::Dim, "  time (UTC)").pad_to(before).with(Paint::Dim, NAMES).pad_to(before + room);
    }
    for (column, width) in kept.iter().zip(&widths) {
        header.add(paint_of(*column), format!("{:>width$}", headers[*column]));
    }
    header.write_to(&mut out);
    if placing == Placing::Below {
        let below = Line::new(*style).pad_to(numbers + GAP).with(Paint::Dim, format!("time (UTC), {NAMES}"));
        below.write_to(&mut out);
    }
    for ((row, cells), [number, time]) in rows.iter().zip(&cells).zip(&starts) {
        let mut line = Line::new(*style).with(Paint::Dim, format!("{number:>numbers$}"));
        if let Placing::Beside { room } = placing {
            let before = numbers + GAP + times + GAP;
            line = line.with(Paint::Dim, format!("  {time}")).pad_to(before);
            line = line.with(Paint::Plain, row.name(room, style.glyphs)).pad_to(before + room);
        }
        for (column, width) in kept.iter().zip(&widths) {
            let paint = match headers[*column] {
                "total" => Paint::Strong,
                "resent" if row.retransmissions > 0 => Paint::Warn,
                _ => Paint::Plain,
            };
            line.add(paint, format!("{:>width$}", cells[*column]));
        }
        let failure = failure(row);
        if let (Some(words), Placing::Beside { .. }) = (&failure, placing) {
            line.add(Paint::Bad, words);
        }
        line.write_to(&mut out);
        if placing == Placing::Below {
            let before = numbers + GAP + times + GAP;
            let words = failure.unwrap_or_default();
            let room = style.width.saturating_sub(before + columns(&words)).max(1);
            let below = Line::new(*style).pad_to(numbers + GAP).with(Paint::Dim, time).pad_to(before);
            below.with(Paint::Plain, row.name(room, style.glyphs)).with(Paint::Bad, words).write_to(&mut out);
        }
    }
    out
}

/// Where names stand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Placing {
    /// Before the numbers, in so many columns.
    Beside { room: usize },
    /// On a line of their own.
    Below,
}

fn failure(row: &FlowRow<'_>) -> Option<String> {
    row.slowest.and_then(Trace::failure).map(|failure| format!(" ✗ {}", failure.code))
}

fn paint_of(column: usize) -> Paint {
    PHASES.get(column).map_or(Paint::Dim, |phase| Paint::Phase(*phase))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample;
    use crate::render::terminal::Colour;

    fn style(width: usize) -> Style {
        Style { width, glyphs: Glyphs::Ascii, colour: Colour::Never }
    }

    #[test]
    fn a_row_for_each_flow_within_the_width() {
        let traces = sample::all();
        let rows: Vec<FlowRow<'_>> = (1..)
            .zip(&traces)
            .map(|(number, trace)| FlowRow {
                number: Some(number),
                began: trace.started_at,
                ends: Some(("192.0.2.1:40000".to_owned(), "198.51.100.7:443".to_owned())),
                host: Some("a-rather-long-name.example.com"),
                slowest: Some(trace),
                requests: number,
                retransmissions: 3,
            })
            .collect();
        for (width, lines_each) in [(200, 1), (100, 2), (80, 2), (20, 2)] {
            let text = flow_table(&rows, &style(width));
            assert_eq!(text.lines().count(), (rows.len() + 1) * lines_each, "{text}");
            assert!(text.is_ascii() && text.lines().all(|line| line.len() <= width), "{text}");
        }
        let text = flow_table(&rows, &style(200));
        assert!(text.contains("a-rather-long-name.example.com  192.0.2.1:40000 -> 198.51.100.7:443"), "{text}");
        let narrow = flow_table(&rows[..1], &style(80));
        assert!(narrow.contains("a-rather-long-name.example.com"), "{narrow}");
        let total = rows[0].slowest.map(|trace| millis(trace.total())).expect("a trace");
        assert!(narrow.lines().nth(2).is_some_and(|numbers| numbers.contains(&total)), "{narrow}");
        assert_eq!(flow_table(&[], &style(80)), "no flows\n");
    }

    #[test]
    fn a_name_that_was_not_found_has_no_ends() {
        let row = FlowRow {
            number: None,
            began: Timestamp::from_nanos(1_000),
            ends: None,
            host: Some("missing.example"),
            slowest: None,
            requests: 1,
            retransmissions: 0,
        };
        let text = flow_table(&[row], &style(80));
        assert!(text.contains("00:00:00.000001") && text.contains("missing.example"), "{text}");
    }
}
