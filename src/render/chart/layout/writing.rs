//! What is written about one trace, and where there is room for it: its name beside the bar, times inside the bar, the total
//! at its end, and what did not fit in a line of its own.

use super::super::fonts::{Shorten, Weight, ellipsised};
use super::super::geometry::{Anchor, Font, Label, Rect, Texts};
use super::super::palette::{FAILURE, MUTED, NETWORK_PAPER, of_phase};
use super::super::scale::milliseconds;
use super::bar::{Bar, Segment};
use super::{Inside, Key, Keyed, Metrics};
use crate::event::Phase;
use crate::time::Nanos;
use crate::trace::Trace;

/// Between a time and the ends of the phase it is written in, in pixels.
const INSIDE_MARGIN: f64 = 4.0;
/// What must stay visible of the stripes on either side of a time written on them, in pixels.
const LEAST_STRIPED: f64 = 12.0;
/// The side of the coloured square before a time, in pixels.
const SYMBOL: f64 = 9.0;
/// From the square to its text, and from the text to the next square, in pixels.
const SYMBOL_GAP: f64 = 5.0;
const ITEM_GAP: f64 = 14.0;

/// The lines left of a bar: a name, and below it, where there is room, what was asked.
pub(super) fn heading(trace: &Trace, metrics: &Metrics, room: f64) -> Texts {
    let (host, path) = host_and_path(&trace.subject.url);
    let arrow = if trace.subject.redirected_from.is_some() { "↳ " } else { "" };
    let asked = format!("{} {path}", trace.subject.method);
    let (name, below, shorten) = match (&trace.subject.name, metrics.second_line) {
        (Some(name), _) => (format!("{arrow}{name}"), format!("{host}{path}"), Shorten::End),
        (None, Some(_)) => (format!("{arrow}{host}"), asked, Shorten::Middle),
        (None, None) => (format!("{arrow}{host}{path}"), String::new(), Shorten::Middle),
    };
    let name = ellipsised(&name, metrics.name.weight, metrics.name.size, room, shorten);
    let below =
        metrics.second_line.map(|font| (ellipsised(&below, font.weight, font.size, room, Shorten::Middle), font));
    [(name, metrics.name)].into_iter().chain(below).filter(|(text, _)| !text.is_empty()).collect()
}

/// A URL in two: `example.com:8443` and `/path?query`.
pub(super) fn host_and_path(url: &str) -> (&str, &str) {
    let address = url.split_once("://").map_or(url, |(_, address)| address);
    let (host, path) = address.split_at(address.find(['/', '?', '#']).unwrap_or(address.len()));
    (host, if path.is_empty() { "/" } else { path })
}

/// What stands at a bar's end: the total, and what one should know of it.
pub(super) fn verdict(trace: &Trace, metrics: &Metrics) -> Texts {
    let note = Font { size: metrics.note, weight: Weight::Regular, ink: MUTED };
    let mut pieces = Vec::new();
    if trace.timeline.spans().len() > 0 {
        pieces.push((format!("{} ms", milliseconds(trace.total())), metrics.total));
    } else if trace.failure().is_none() {
        pieces.push(("nothing measured".to_owned(), note));
    }
    if let Some(failure) = trace.failure() {
        let font = Font { weight: Weight::SemiBold, ink: FAILURE, ..note };
        pieces.push((failure.code.as_str().to_owned(), font));
        return pieces;
    }
    if trace.connect.as_ref().is_some_and(|connect| connect.reused) {
        pieces.push(("reused".to_owned(), note));
    }
    if let Some(response) = trace.response.as_ref().filter(|response| response.status >= 300) {
        pieces.push((format!("HTTP {}", response.status), note));
    }
    pieces
}

/// Between a bar and its total, and between the pieces after it, in pixels.
pub(super) const VERDICT_GAP: f64 = 8.0;

/// How wide that is, with the gap before it.
pub(super) fn verdict_width(pieces: &[(String, Font)]) -> f64 {
    pieces.iter().map(|(text, font)| VERDICT_GAP + font.width(text)).sum()
}

/// The verdict in its place after the bar.
pub(super) fn place_verdict(pieces: Texts, bar: &Rect) -> Vec<Label> {
    let mut x = bar.right();
    pieces
        .into_iter()
        .map(|(text, font)| {
            x += VERDICT_GAP;
            let label = font.label(&text, x, font.centred_on(bar.middle().1), Anchor::Start);
            x += font.width(&text);
            label
        })
        .collect()
}

/// How the times of a chart's phases are written: where in the bars, and in which columns below them.
#[derive(Clone, Debug)]
pub(super) struct Manner {
    /// Which phases have their time in their bar, in all rows alike; `None` where each row has it there if it fits.
    inside: Option<Vec<Phase>>,
    /// What may stand in the line below a bar, in order, and how wide it is at most; empty where lines have no room for that.
    columns: Vec<(Key, f64)>,
}

/// The name and the time of a phase inside its rectangle, if they fit there. A time alone would read as the part's where a wait
/// is split, and has no name elsewhere.
fn within(segment: &Segment, size: f64) -> Option<Inside> {
    let phase = segment.span.phase;
    let rooms = match segment.split {
        Some(split) => vec![
            (split.server, None),
            (split.network, Some(NETWORK_PAPER)),
            // What was lost comes before both.
            (segment.rect.between(segment.rect.x, split.network.x), None),
        ],
        None => vec![(segment.rect, None)],
    };
    let text = format!("{phase} {}", milliseconds(segment.span.duration));
    rooms.into_iter().find_map(|(room, paper)| {
        let font = Font { size, weight: Weight::SemiBold, ink: paper.unwrap_or(of_phase(phase)).ink() };
        let width = font.width(&text) + 2.0 * INSIDE_MARGIN;
        let least = if paper.is_some() { width + 2.0 * LEAST_STRIPED } else { width };
        let (x, y) = room.middle();
        let plate = paper.map(|paper| (Rect { x: x - width / 2.0, width, ..room }, paper));
        (least <= room.width).then(|| Inside { label: font.label(&text, x, font.centred_on(y), Anchor::Middle), plate })
    })
}

impl Manner {
    /// What all rows agree on, given all of their bars and the width of the line below each.
    pub(super) fn new(traces: &[Trace], bars: &[Bar], metrics: &Metrics, line: f64) -> Self {
        if metrics.second_line.is_none() {
            return Self { inside: None, columns: Vec::new() };
        }
        // In one of its parts, the time of a split wait would read as the part's: it stands below, with theirs.
        let fits = |segment: &Segment| segment.split.is_none() && within(segment, metrics.inside).is_some();
        let everywhere = |phase: &Phase| {
            let mut segments = bars.iter().flat_map(|bar| &bar.segments).filter(|segment| segment.span.phase == *phase);
            segments.all(fits)
        };
        let (inside, outside): (Vec<Phase>, Vec<Phase>) = Phase::ALL.into_iter().partition(everywhere);
        let font = note(metrics);
        let written: Vec<Item> =
            traces.iter().zip(bars).flat_map(|(trace, bar)| items(trace, bar, &outside, metrics)).collect();
        let width_of = |key: Key| {
            let alike = written.iter().filter(|item| column(item.key) == key);
            alike.map(|item| item_width(item, &font)).reduce(f64::max).map(|width| (key, width))
        };
        let keys = Phase::ALL.into_iter().map(Key::Phase).chain([Key::Network, Key::Server, Key::Lost]);
        let columns: Vec<(Key, f64)> = keys.filter_map(width_of).collect();
        let fit = columns_width(&columns) <= line;
        Self { inside: Some(inside), columns: if fit { columns } else { Vec::new() } }
    }

    /// The time of a phase inside its bar, if that is where it stands.
    pub(super) fn inside(&self, segment: &Segment, size: f64) -> Option<Inside> {
        let is_there = self.inside.as_ref().is_none_or(|inside| inside.contains(&segment.span.phase));
        if is_there { within(segment, size) } else { None }
    }

    /// Lays out what is not inside the bar. The line starts at `x`, or further left where it needs to, but within `room`.
    pub(super) fn beside(&self, items: Vec<Item>, metrics: &Metrics, room: &Rect, x: f64) -> Vec<Keyed> {
        let font = note(metrics);
        let middle = room.middle().1;
        let placed = |item: Item, left: f64| {
            let symbol = Rect { x: left, y: middle - SYMBOL / 2.0, width: SYMBOL, height: SYMBOL };
            let label = font.label(&item.text, symbol.right() + SYMBOL_GAP, font.centred_on(middle), Anchor::Start);
            Keyed { key: item.key, symbol, label }
        };
        if !self.columns.is_empty() {
            let mut left = x.min(room.right() - columns_width(&self.columns)).max(room.x);
            let mut items = items.into_iter().peekable();
            let mut line = Vec::new();
            for (key, width) in &self.columns {
                line.extend(items.next_if(|item| column(item.key) == *key).map(|item| placed(item, left)));
                left += width + ITEM_GAP;
            }
            return line;
        }
        let items = fitting(items, &font, room.width);
        let mut left = x.min(room.right() - line_width(&items, &font)).max(room.x);
        let place = |item: Item| {
            let at = left;
            left += item_width(&item, &font) + ITEM_GAP;
            placed(item, at)
        };
        items.into_iter().map(place).collect()
    }
}

fn note(metrics: &Metrics) -> Font {
    Font { size: metrics.note, weight: Weight::Regular, ink: MUTED }
}

/// In which column a symbol stands with its time.
fn column(key: Key) -> Key {
    if key == Key::SplitWait { Key::Phase(Phase::Wait) } else { key }
}

fn columns_width(columns: &[(Key, f64)]) -> f64 {
    let gaps = columns.iter().skip(1).map(|_| ITEM_GAP).sum::<f64>();
    gaps + columns.iter().map(|(_, width)| width).sum::<f64>()
}

/// A time that is written beside the bar.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    key: Key,
    text: String,
    /// What is added to the others where there is no room for it; absent for parts of what is written elsewhere.
    duration: Option<Nanos>,
}

/// What is not inside the bar, in order: the phases in `unwritten`, and the parts of the wait.
pub(super) fn items(trace: &Trace, bar: &Bar, unwritten: &[Phase], metrics: &Metrics) -> Vec<Item> {
    let parts = parts_of_wait(trace, metrics);
    let phases = bar.segments.iter().filter(|segment| unwritten.contains(&segment.span.phase)).map(|segment| {
        let phase = segment.span.phase;
        let is_split = phase == Phase::Wait && (segment.split.is_some() || !parts.is_empty());
        Item {
            key: if is_split { Key::SplitWait } else { Key::Phase(phase) },
            text: format!("{phase} {}", milliseconds(segment.span.duration)),
            duration: Some(segment.span.duration),
        }
    });
    let phases: Vec<Item> = phases.collect();
    phases.into_iter().chain(parts).collect()
}

fn parts_of_wait(trace: &Trace, metrics: &Metrics) -> Vec<Item> {
    let Some(wait) = trace.wait.as_ref().filter(|_| metrics.second_line.is_some()) else { return Vec::new() };
    let [low, server, high] = [wait.server_low, wait.server, wait.server_high].map(milliseconds);
    let server = if low == high {
        server
    } else if server != high {
        format!("{server} ({low}–{high})")
    } else if wait.server_low == Nanos::ZERO {
        format!("≤ {high}")
    } else {
        format!("{low}–{high}")
    };
    let network = Item { key: Key::Network, text: format!("network {}", milliseconds(wait.network)), duration: None };
    let server = Item { key: Key::Server, text: format!("server {server}"), duration: None };
    let lost = wait.retransmission.map(|lost| format!("retransmission {}", milliseconds(lost)));
    let lost = lost.map(|text| Item { key: Key::Lost, text, duration: None });
    [network, server].into_iter().chain(lost).collect()
}

fn item_width(item: &Item, font: &Font) -> f64 {
    SYMBOL + SYMBOL_GAP + font.width(&item.text)
}

fn line_width(items: &[Item], font: &Font) -> f64 {
    let gaps = items.iter().skip(1).map(|_| ITEM_GAP).sum::<f64>();
    gaps + items.iter().map(|item| item_width(item, font)).sum::<f64>()
}

/// As many items as fit: the parts of the wait go first, then the shortest phases, which are gathered into one.
fn fitting(mut items: Vec<Item>, font: &Font, room: f64) -> Vec<Item> {
    if line_width(&items, font) <= room {
        return items;
    }
    items.retain(|item| item.duration.is_some());
    let mut gathered: Option<Nanos> = None;
    loop {
        let others = gathered.map(|sum| Item {
            key: Key::Others,
            text: format!("others {}", milliseconds(sum)),
            duration: Some(sum),
        });
        let line: Vec<Item> = items.iter().cloned().chain(others).collect();
        if line_width(&line, font) <= room {
            return line;
        }
        let shortest = items.iter().enumerate().min_by_key(|(_, item)| item.duration).map(|(index, _)| index);
        let Some(shortest) = shortest else { return Vec::new() };
        gathered = Some(gathered.unwrap_or_default() + items.remove(shortest).duration.unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FONT: Font = Font { size: 12.0, weight: Weight::Regular, ink: MUTED };

    #[test]
    fn urls_fall_in_two() {
        for (url, expect) in [
            ("https://example.com/a/b?c", ("example.com", "/a/b?c")),
            ("http://[::1]:8080", ("[::1]:8080", "/")),
            ("https://example.com?q=1", ("example.com", "?q=1")),
            ("", ("", "/")),
        ] {
            assert_eq!(host_and_path(url), expect, "{url}");
        }
    }

    fn item(phase: Phase, nanos: u64) -> Item {
        let duration = Nanos::new(nanos);
        Item { key: Key::Phase(phase), text: format!("{phase} {}", milliseconds(duration)), duration: Some(duration) }
    }

    fn texts(room: f64) -> String {
        let part = Item { key: Key::Network, text: "network 16.0".to_owned(), duration: None };
        let items = vec![item(Phase::Dns, 812_000), item(Phase::Send, 50_000), item(Phase::Receive, 1_200_000), part];
        fitting(items, &FONT, room).into_iter().map(|item| item.text).collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn what_does_not_fit_is_gathered_shortest_first() {
        assert_eq!(texts(500.0), "dns 0.81 | send 0.050 | receive 1.20 | network 16.0");
        assert_eq!(texts(270.0), "dns 0.81 | send 0.050 | receive 1.20");
        assert_eq!(texts(180.0), "receive 1.20 | others 0.86");
        assert_eq!(texts(85.0), "others 2.06");
        assert_eq!(texts(40.0), "");
    }
}
