//! What people see: a waterfall of each trace, and what there is to know of it.
//!
//! Bars of all traces share one scale; the requests of a chain of redirects stand behind each other on it. A phase that did
//! not happen has no line. Next to each length stands who witnessed it, and its error bound where that matters; where there
//! is no room for the widest bound none is shown, because a number that is cut off misleads.
//!
//! Invariants: no line is wider than [`Style::width`], whatever is in the traces; no control character
//! reaches the terminal but newlines and, with [`Colour::Always`], the colour codes of this module; with [`Glyphs::Ascii`]
//! the output is ASCII.
//!
//! Deliberately absent: finding out how wide the terminal is, and whether it has colours. The caller knows.

mod bar;
mod dns;
mod facts;
mod flows;
mod hops;
mod layers;
pub(in crate::render) mod line;
mod packets;
mod regions;
mod table;
mod wire;

use bar::Scale;
pub use flows::{FlowRow, flow_table};
pub use layers::{attribution, attribution_counts, layered};
use line::{Line, Paint, Paragraph, clip_middle, columns};

pub use regions::regions;

use super::chain::placed;
use super::length::{millis, rough_millis};
use crate::time::Nanos;
use crate::trace::{Failure, Phase, Span, Trace, WaitSplit};

/// How to write on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Columns; no line is wider.
    pub width: usize,
    /// What bars and signs are made of.
    pub glyphs: Glyphs,
    /// Whether there are colours.
    pub colour: Colour,
}

/// What bars and signs are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glyphs {
    /// Block elements, arrows, dashes.
    Unicode,
    /// ASCII only.
    Ascii,
}

/// Whether there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// 256-colour codes, one hue for each phase.
    Always,
    /// None.
    Never,
}

/// Where bars start: after the names of phases.
const BARS_AT: usize = 10;
/// URLs in headings are not cut shorter than this.
const LEAST_URL: usize = 20;
/// An error bound is notable from this share of the length on.
const NOTABLE_SHARE: u64 = 20;
/// Bars are not made shorter than this to make room for witnesses.
const LEAST_BAR: usize = 24;

/// The waterfalls of all traces on one scale, each followed by its facts; for several traces, a table at the end.
#[must_use]
pub fn waterfall(traces: &[Trace], style: &Style) -> String {
    let page = Page::new(traces, *style);
    let mut out = String::new();
    for (index, (offset, trace)) in placed(traces).enumerate() {
        if index > 0 {
            out.push('\n');
        }
        for line in page.trace(index, offset, trace) {
            line.write_to(&mut out);
        }
    }
    if traces.len() > 1 {
        out.push('\n');
        out.push_str(&table(traces, style));
    }
    out
}

/// The traces side by side: a row each, a column for each phase that happened in any of them.
#[must_use]
pub fn table(traces: &[Trace], style: &Style) -> String {
    let mut out = String::new();
    for line in table::lines(traces, *style) {
        line.write_to(&mut out);
    }
    out
}

/// What all traces shown have in common.
struct Page<'a> {
    traces: &'a [Trace],
    style: Style,
    scale: Scale,
    cells: usize,
    times: usize,
    witness: Witness,
}

/// What stands behind the length of a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Witness {
    /// Who witnessed it, and its error bound if that is a notable share of it.
    WithError,
    /// Who witnessed it.
    Evidence,
    /// Nothing.
    Absent,
}

impl<'a> Page<'a> {
    fn new(traces: &'a [Trace], style: Style) -> Self {
        let spans = || traces.iter().flat_map(|trace| trace.timeline.spans());
        // A phase's length can be wider than the total's: `<0.001`.
        let lengths = traces.iter().map(Trace::total).chain(spans().map(|span| span.duration));
        let times = lengths.map(|length| columns(&millis(length))).max().unwrap_or(0) + columns(" ms");
        let cells = |witness: Witness| {
            let widest = spans().map(|span| columns(&style.glyphs.spell(&witness.of(&span)))).max().unwrap_or(0);
            style.width.saturating_sub(BARS_AT + 1 + times + widest)
        };
        let fits = |witness: &Witness| cells(*witness) >= LEAST_BAR;
        let witness = [Witness::WithError, Witness::Evidence].into_iter().find(fits).unwrap_or(Witness::Absent);
        let cells = cells(witness).max(1);
        let span = placed(traces).map(|(offset, trace)| offset + trace.total()).max().unwrap_or_default();
        Self { traces, style, scale: Scale::new(span, cells, style.glyphs), cells, times, witness }
    }

    fn trace(&self, index: usize, offset: Nanos, trace: &Trace) -> Vec<Line> {
        let mut lines = self.heading(index, trace);
        for span in trace.timeline.spans() {
            let failed = trace.failure().is_some_and(|failure| failure.phase == span.phase);
            lines.push(self.phase(offset, &span, if failed { "✗" } else { "" }));
            lines.extend(trace.wire.iter().flat_map(|wire| wire::delays(wire, span, self.style)));
            if let (Phase::Wait, Some(split)) = (span.phase, &trace.wait) {
                lines.extend(self.split(split));
            }
        }
        if trace.timeline.spans().len() > 0 {
            lines.push(self.total(trace));
        }
        lines.extend(trace.failure().into_iter().flat_map(|failure| self.failure(failure)));
        lines.extend(trace.dns.iter().flat_map(|dns| dns::lines(dns, self.style)));
        lines.extend(trace.connect.iter().flat_map(|connect| facts::connect(connect, trace, self.style)));
        lines.extend(trace.wire.iter().flat_map(|wire| wire::lines(wire, self.style)));
        lines.extend(trace.tls.iter().flat_map(|tls| facts::tls(tls, trace, self.style)));
        if trace.request.is_some() || trace.response.is_some() {
            lines.extend(facts::http(trace, self.style));
        }
        lines.extend(facts::server_timing(trace, self.style));
        lines.extend(layers::lines(trace, self.style));
        lines.extend(facts::client(trace, self.style));
        lines.extend(packets::lines(trace, self.style));
        lines.extend(hops::lines(trace, self.style));
        lines
    }

    /// What was asked, and how it ended; then when and where, and which redirect led here.
    fn heading(&self, index: usize, trace: &Trace) -> Vec<Line> {
        let mut asked = Line::new(self.style);
        if self.traces.len() > 1 {
            asked.add(Paint::Dim, format!("{} ", index + 1));
        }
        if let Some(name) = &trace.subject.name {
            asked.add(Paint::Strong, format!("{name}  "));
        }
        asked.add(Paint::Plain, format!("{} ", trace.subject.method));
        let paint = if trace.subject.name.is_some() { Paint::Plain } else { Paint::Strong };
        let room = self.style.width.saturating_sub(asked.columns()).max(LEAST_URL);
        asked.add(paint, clip_middle(&trace.subject.url, room, self.style.glyphs));

        let ended = self.ended(trace);
        let on_one_line = asked.columns() + 2 + ended.columns() <= self.style.width;
        let mut lines = if on_one_line {
            vec![asked.pad_to(self.style.width - ended.columns()).followed_by(ended)]
        } else {
            vec![asked, Line::new(self.style).pad_to(2).followed_by(ended)]
        };
        let start = trace.started_at.to_string();
        let mut notes = Paragraph::new(self.style, Line::new(self.style), 2).part(Paint::Dim, cut_to_millis(&start));
        if let Some(vantage) = &trace.subject.vantage {
            notes = notes.part(Paint::Dim, format!("from {vantage}"));
        }
        for (key, value) in &trace.subject.tags {
            notes = notes.part(Paint::Dim, format!("{key}={value}"));
        }
        lines.extend(notes.finish());
        lines.extend(self.redirect(trace));
        lines
    }

    fn ended(&self, trace: &Trace) -> Line {
        let mut line = Line::new(self.style);
        if let Some(failure) = trace.failure() {
            line.add(Paint::Bad, format!("✗ {}", failure.code));
            line.add(Paint::Dim, " · ");
        }
        if let Some(response) = &trace.response {
            line.add(facts::status_paint(response), response.status.to_string());
            line.add(Paint::Dim, " · ");
            line.add(Paint::Plain, &response.version);
            line.add(Paint::Dim, " · ");
        }
        match trace.timeline.spans().len() {
            0 => line.with(Paint::Dim, "nothing measured"),
            _ => line.with(Paint::Strong, format!("{} ms", millis(trace.total()))),
        }
    }

    fn redirect(&self, trace: &Trace) -> Option<Line> {
        let from = trace.subject.redirected_from?;
        let origin = self.traces.iter().enumerate().find(|(_, other)| other.subject.trace_id == from);
        let words = match origin {
            Some((index, origin)) => {
                let status =
                    origin.response.as_ref().map_or(String::new(), |response| format!(" ({})", response.status));
                format!("↳ redirected from {}{status} {}", index + 1, origin.subject.url)
            }
            None => format!("↳ redirected from trace {from}"),
        };
        Some(Line::new(self.style).pad_to(2).with(Paint::Dim, words))
    }

    fn phase(&self, offset: Nanos, span: &Span, mark: &str) -> Line {
        let time = format!("{} ms", millis(span.duration));
        let line = Line::new(self.style)
            .with(Paint::Bad, mark)
            .pad_to(2)
            .with(Paint::Phase(span.phase), span.phase.as_str())
            .pad_to(BARS_AT);
        let line = self.bar(line, span.phase, offset + span.start, span.duration);
        line.pad_to(BARS_AT + self.cells + 1)
            .with(Paint::Plain, format!("{time:>0$}", self.times))
            .with(Paint::Dim, self.witness.of(span))
    }

    fn bar(&self, line: Line, phase: Phase, start: Nanos, length: Nanos) -> Line {
        let bar = self.scale.bar(start, length);
        let blanks = columns(&bar) - columns(bar.trim_start());
        line.with(Paint::Plain, " ".repeat(blanks)).with(Paint::Phase(phase), bar.trim_start())
    }

    fn total(&self, trace: &Trace) -> Line {
        let time = format!("{} ms", millis(trace.total()));
        Line::new(self.style)
            .pad_to(2)
            .with(Paint::Strong, "total")
            .pad_to(BARS_AT)
            .with(Paint::Dim, self.scale.axis())
            .pad_to(BARS_AT + self.cells + 1)
            .with(Paint::Strong, format!("{time:>0$}", self.times))
    }

    /// The estimate, as rough as its bounds.
    fn split(&self, split: &WaitSplit) -> Vec<Line> {
        let shown: fn(Nanos) -> String =
            if split.server_high >= Nanos::from_millis(10) { rough_millis } else { millis };
        let label = Line::new(self.style).pad_to(2).with(Paint::Dim, "└");
        let label_columns = label.columns() + 1;
        let network = format!("network {} ms", millis(split.network));
        let server =
            format!("server {} ms ({} – {})", shown(split.server), shown(split.server_low), shown(split.server_high));
        Paragraph::new(self.style, label, label_columns)
            .part(Paint::Plain, network)
            .part(Paint::Plain, server)
            .part(Paint::Dim, format!("est. by {}", split.method.as_str()))
            .finish()
    }

    fn failure(&self, failure: &Failure) -> Vec<Line> {
        let label = Line::new(self.style).pad_to(2).with(Paint::Bad, "✗");
        Paragraph::new(self.style, label, 4)
            .part(Paint::Bad, format!("failed during {}: {}", failure.phase, failure.code))
            .part(Paint::Bad, &failure.message)
            .finish()
    }
}

impl Witness {
    /// What there is to say of this phase, set off from its length.
    fn of(self, span: &Span) -> String {
        let is_notable = span.error.get().saturating_mul(NOTABLE_SHARE) >= span.duration.get();
        match self {
            Self::WithError if is_notable => format!("  {} ±{}", span.evidence.as_str(), span.error),
            Self::WithError | Self::Evidence => format!("  {}", span.evidence.as_str()),
            Self::Absent => String::new(),
        }
    }
}

/// `2026-11-21T04:38:33.123456789Z` as `2026-11-21 04:38:33.123 UTC`.
fn cut_to_millis(start: &str) -> String {
    let shown: String = start.chars().take(23).collect();
    format!("{} UTC", shown.replace('T', " "))
}

#[cfg(test)]
mod tests;
