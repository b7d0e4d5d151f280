//! The wait by layers: which were passed, what each took inside the wait, who says so, and what was not believed.
//!
//! A bar is a layer's inclusive time, in the middle of the interval in which it can have been: a place, not a measurement. What
//! is estimated has a `~`; what is computed from rounded lengths has its bound where that is worth a look. Bars have room before
//! words have: where a line is too short for both, who says so is wrapped.

use std::cmp::Ordering;

use super::bar::Scale;
use super::facts::{INDENT, label};
use super::line::{Line, Paint, Paragraph, columns};
use super::{Glyphs, LEAST_BAR, Page, Style};
use crate::attribute::Tally;
use crate::render::layer_medians::{Median, medians};
use crate::render::length::millis;
use crate::render::unsplit::unsplit;
use crate::time::Nanos;
use crate::trace::layers::{Certainty, LayerShare, Sign, Witness};
use crate::trace::{Layer, Passed, Phase, Trace};

/// Bars are not made longer than this: nested bars are read side by side with their numbers.
const MOST_BAR: usize = 60;
/// A bound is notable from this share of the length on.
const NOTABLE_SHARE: u64 = 50;
/// So many metrics of one layer are counted, not named.
const MANY: usize = 3;
/// A bar that is shorter shows nothing.
const LEAST_CELLS: usize = 12;
/// Words of who says so are not wrapped closer than this: `cloudfront`, `real-time` and `unattributed` are words of it.
const LEAST_WHO: usize = 10;
/// Columns of one level of nesting.
const LEVEL: usize = 2;

/// The layers passed, in a line; then the wait by layers, as far as evidence goes.
pub(super) fn lines(trace: &Trace, style: Style) -> Vec<Line> {
    let mut lines = passed(&trace.passed, style);
    lines.extend(split(trace, style));
    lines.extend(others(trace, style));
    lines
}

fn passed(passed: &[Passed], style: Style) -> Vec<Line> {
    if passed.is_empty() {
        return Vec::new();
    }
    let mut paragraph = label("passed", Phase::Wait, style);
    for layer in passed {
        let kind = layer.kind.as_ref().map_or(String::new(), |kind| format!(" ({kind})"));
        let timings = layer.by.iter().filter(|sign| matches!(sign, Sign::ServerTiming(_))).count();
        let is_told = |sign: &&Sign| timings < MANY || !matches!(sign, Sign::ServerTiming(_));
        let mut by: Vec<String> = layer.by.iter().filter(is_told).map(sign).collect();
        if timings >= MANY {
            by.push(format!("{timings} metrics of server-timing"));
        }
        let certainty = layer.certainty.as_str();
        let paint = if layer.certainty == Certainty::Certain { Paint::Plain } else { Paint::Warn };
        paragraph = paragraph.part(paint, format!("{}{kind}: {certainty}, by {}", layer.layer, by.join(", ")));
    }
    paragraph.finish()
}

fn sign(sign: &Sign) -> String {
    match sign {
        Sign::Header(name) => name.clone(),
        Sign::Cookie(name) => format!("cookie {name}"),
        Sign::ServerTiming(name) => format!("server-timing {name}"),
        Sign::Host(name) => format!("host {name}"),
        Sign::Cname(name) => format!("CNAME {name}"),
    }
}

/// What stands in the columns of one share.
struct Row<'t> {
    share: &'t LayerShare,
    level: usize,
    name: String,
    own: String,
    inclusive: String,
    /// Words that stay whole.
    who: Vec<String>,
}

fn split(trace: &Trace, style: Style) -> Vec<Line> {
    let Some(wait) = trace.span(Phase::Wait).filter(|_| !trace.layers.is_empty()) else { return Vec::new() };
    let rows: Vec<Row<'_>> = trace.layers.iter().map(|share| row(share, trace)).collect();
    let widest = |cell: for<'r> fn(&'r Row<'_>) -> &'r String| {
        rows.iter().map(|row| columns(&style.glyphs.spell(cell(row)))).max()
    };
    let names = widest(|row| &row.name).unwrap_or(0);
    let owns = widest(|row| &row.own).unwrap_or(0);
    let inclusives = widest(|row| &row.inclusive).unwrap_or(0);
    let room = style.width.saturating_sub(2 + names + 2 + owns + inclusives + 2 + 1);
    // On a terminal too narrow for both, words are left whole.
    let most = if room < LEAST_CELLS + LEAST_WHO { usize::MAX } else { room.saturating_sub(LEAST_BAR).max(LEAST_WHO) };
    let who: Vec<Vec<String>> = rows.iter().map(|row| wrapped(&row.who, most, style.glyphs)).collect();
    let cells = room.saturating_sub(who.iter().flatten().map(|words| columns(words)).max().unwrap_or(0)).min(MOST_BAR);
    let scale = (cells >= LEAST_CELLS).then(|| Scale::new(wait.duration, cells, style.glyphs));
    let title = Line::new(style)
        .pad_to(2)
        .with(Paint::Phase(Phase::Wait), "layers")
        .pad_to(INDENT)
        .with(Paint::Plain, format!("of the wait of {} ms, own times", millis(wait.duration)))
        .with(Paint::Dim, if trace.layers.iter().any(|share| share.estimated) { "; ~ is an estimate" } else { "" });
    let mut lines = vec![title];
    for (row, who) in rows.iter().zip(who) {
        let mut line = Line::new(style).pad_to(2).with(paint(row.share), &row.name).pad_to(2 + names + 1);
        if let Some(scale) = &scale {
            if let Some((start, length)) = place(row.share, wait.start) {
                line.add(paint(row.share), scale.bar(start, length));
            }
            line = line.pad_to(2 + names + 1 + cells + 1);
        }
        line = line
            .with(Paint::Plain, format!("{:>owns$}", row.own))
            .with(Paint::Dim, format!("{:<inclusives$}", style.glyphs.spell(&row.inclusive)));
        let mut said = who.into_iter();
        lines.push(line.with(Paint::Dim, format!("  {}", said.next().unwrap_or_default())));
        let indent = 2 + names + 1 + scale.as_ref().map_or(0, |_| cells + 1) + owns + inclusives + 2;
        lines.extend(said.map(|words| Line::new(style).pad_to(indent).with(Paint::Dim, words)));
        lines.extend(witnesses(row.share, 2 + row.level * LEVEL, style));
    }
    lines
}

/// Words in lines of so many columns, the first one in any case; a longer word is a line of its own.
fn wrapped(words: &[String], most: usize, glyphs: Glyphs) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words.iter().map(|word| glyphs.spell(word)) {
        match lines.last_mut() {
            Some(line) if columns(line) + 1 + columns(&word) <= most => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

/// `2 ms`, `1.02 ms`: without digits that say nothing.
fn short(length: Nanos) -> String {
    let text = millis(length);
    format!("{} ms", text.trim_end_matches('0').trim_end_matches('.'))
}

fn row<'t>(share: &'t LayerShare, trace: &Trace) -> Row<'t> {
    let parent = |layer: &Layer| trace.layers.share(layer).and_then(|share| share.within.clone());
    let level = std::iter::successors(share.within.clone(), parent).count();
    let includes = share.includes.iter().fold(String::new(), |all, layer| format!("{all} + {layer}"));
    let notable =
        share.resolution.filter(|resolution| resolution.get().saturating_mul(NOTABLE_SHARE) >= share.duration.get());
    let bound = notable.map(|resolution| format!("±{}", short(resolution)));
    Row {
        share,
        level,
        name: format!("{}{}{includes}", " ".repeat(level * LEVEL), share.layer),
        own: format!("{}{} ms", if share.estimated { "~" } else { "" }, millis(share.duration)),
        inclusive: share.inclusive.map_or(String::new(), |inclusive| format!(" of {}", millis(inclusive))),
        who: share.evidence.to_string().split(' ').map(str::to_owned).chain(bound).collect(),
    }
}

const fn paint(share: &LayerShare) -> Paint {
    match share.layer {
        Layer::Network | Layer::Unattributed => Paint::Dim,
        Layer::Retransmission => Paint::Warn,
        _ => Paint::Phase(Phase::Wait),
    }
}

/// In the middle of where it can have been, from the wait's start.
fn place(share: &LayerShare, wait: Nanos) -> Option<(Nanos, Nanos)> {
    let (low, high) = share.start_low.zip(share.start_high)?;
    let middle = low + Nanos::new(high.saturating_sub(low).get() / 2);
    Some((middle.saturating_sub(wait), share.inclusive.unwrap_or(share.duration)))
}

/// All that speak of a layer, where more than one does, each with how far it is from the one that is believed.
fn witnesses(share: &LayerShare, indent: usize, style: Style) -> Vec<Line> {
    let [believed, others @ ..] = &share.witnesses[..] else { return Vec::new() };
    if others.is_empty() {
        return Vec::new();
    }
    let field = |witness: &Witness| witness.field.as_ref().map_or(String::new(), |field| format!(" {field}"));
    let start = Line::new(style).pad_to(indent).with(Paint::Dim, "└");
    let first = format!("{}{} {} ms", believed.evidence, field(believed), millis(believed.duration));
    let mut paragraph = Paragraph::new(style, start, indent + 3).part(Paint::Dim, first);
    for witness in others {
        let apart = match witness.duration.cmp(&believed.duration) {
            Ordering::Equal => "the same".to_owned(),
            Ordering::Greater => format!("+{}", millis(witness.duration.saturating_sub(believed.duration))),
            Ordering::Less => format!("-{}", millis(believed.duration.saturating_sub(witness.duration))),
        };
        // Only what differs from what was said already is worth words.
        let own = if witness.field == believed.field { String::new() } else { field(witness) };
        paragraph = paragraph.part(Paint::Dim, format!("{}{own} {apart}", witness.evidence));
    }
    paragraph.finish()
}

/// What others say of other phases, and what was not believed.
fn others(trace: &Trace, style: Style) -> Vec<Line> {
    let mut lines = Vec::new();
    for other in &trace.phase_witnesses {
        let ours = trace.span(other.phase).map_or(String::new(), |span| format!(", here {} ms", millis(span.duration)));
        let witness = &other.witness;
        let says = format!("{} says {} ms of {}{ours}", witness.evidence, millis(witness.duration), other.phase);
        lines.extend(label("also", other.phase, style).part(Paint::Plain, says).finish());
    }
    for rejected in &trace.rejected {
        let at = rejected.at.as_ref().map_or(String::new(), |at| format!(" {at}"));
        let layer = rejected.layer.as_ref().map_or(String::new(), |layer| format!(", {layer}"));
        let words = format!("not used: {}{at}{layer}: {}", rejected.evidence, rejected.because);
        let start = Line::new(style).pad_to(2).with(Paint::Bad, "✗");
        lines.extend(Paragraph::new(style, start, 4).part(Paint::Warn, words).finish());
    }
    lines
}

/// What became of all requests together: how many had which evidence, what was refused and why, and the median of each layer's
/// own time.
#[must_use]
pub fn attribution(traces: &[Trace], tally: &Tally, style: &Style) -> String {
    let mut lines = counts(tally, *style);
    lines.extend(table(&medians(traces), *style));
    let mut out = String::new();
    for line in lines {
        line.write_to(&mut out);
    }
    out
}

/// The counts alone, for where a table would be in the way.
#[must_use]
pub fn attribution_counts(tally: &Tally, style: &Style) -> String {
    let mut out = String::new();
    for line in counts(tally, *style) {
        line.write_to(&mut out);
    }
    out
}

/// Each request with its wait by layers, and nothing else of it.
#[must_use]
pub fn layered(traces: &[Trace], style: &Style) -> String {
    let page = Page::new(traces, *style);
    let mut out = String::new();
    for (index, trace) in traces.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        for line in page.heading(index, trace).into_iter().chain(lines(trace, *style)) {
            line.write_to(&mut out);
        }
    }
    out
}

fn counts(tally: &Tally, style: Style) -> Vec<Line> {
    let start = |word: &str| Paragraph::new(style, Line::new(style).with(Paint::Strong, word), 11);
    let all = tally.requests;
    let mut first = start("requests").part(Paint::Plain, format!("{} of {all} split by layers", tally.split));
    if tally.without_wait > 0 {
        first = first.part(Paint::Warn, format!("{} ended before a response: no wait to split", tally.without_wait));
    }
    let mut lines = first.finish();
    if !tally.with.is_empty() {
        let with = |paragraph: Paragraph, (witness, requests): (&crate::trace::LayerEvidence, &u64)| {
            paragraph.part(Paint::Plain, format!("{witness} {requests}"))
        };
        lines.extend(tally.with.iter().fold(start("evidence"), with).finish());
    }
    if !tally.rejected.is_empty() {
        let because = |paragraph: Paragraph, (because, times): (&&str, &u64)| {
            paragraph.part(Paint::Warn, format!("{} {times}", because.replace('_', " ")))
        };
        lines.extend(tally.rejected.iter().fold(start("not used"), because).finish());
    }
    if !tally.unsplit.is_empty() {
        let because = |paragraph: Paragraph, words| paragraph.part(Paint::Dim, words);
        lines.extend(unsplit(tally).into_iter().fold(start("not split"), because).finish());
    }
    if tally.unmatched > 0 {
        let words = format!("{} records name no request of these", tally.unmatched);
        lines.extend(start("unmatched").part(Paint::Dim, words).finish());
    }
    lines
}

fn table(medians: &[Median], style: Style) -> Vec<Line> {
    if medians.is_empty() {
        return Vec::new();
    }
    let layers = medians.iter().map(|median| columns(median.layer.as_str())).max().unwrap_or(0).max(columns("layer"));
    let longest = medians.iter().map(|median| columns(&style.glyphs.spell(&median.target))).max().unwrap_or(0);
    let numbers = [10, 11, 11];
    let room = style.width.saturating_sub(layers + 2 + numbers.iter().sum::<usize>()).min(longest.max(6));
    let header = Line::new(style)
        .with(Paint::Dim, "target")
        .pad_to(room + 2)
        .with(Paint::Dim, "layer")
        .pad_to(room + 2 + layers)
        .with(Paint::Dim, format!("{:>10}{:>11}{:>11}", "requests", "median ms", "of wait"));
    let mut lines = vec![Line::new(style)];
    // One request's do add up.
    if medians.iter().any(|median| median.requests > 1) {
        lines.push(Line::new(style).with(Paint::Dim, "each layer's own median: they need not add up to the wait"));
    }
    lines.push(header);
    let mut last: Option<&str> = None;
    for median in medians {
        let name = if last == Some(&median.target) { "" } else { &median.target };
        last = Some(&median.target);
        let own = format!("{}{}", if median.estimated { "~" } else { "" }, millis(median.own));
        let line = Line::new(style)
            .with(Paint::Strong, super::line::clip_middle(name, room, style.glyphs))
            .pad_to(room + 2)
            .with(Paint::Plain, median.layer.as_str())
            .pad_to(room + 2 + layers)
            .with(Paint::Dim, format!("{:>10}", median.requests))
            .with(Paint::Plain, format!("{own:>11}"))
            .with(Paint::Dim, format!("{:>10}%", median.percent));
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Colour, Glyphs};
    use super::*;
    use crate::render::sample;

    const WIDE: Style = Style { width: 110, glyphs: Glyphs::Unicode, colour: Colour::Never };

    /// A wait of 38.912 ms by layers, with everything that there is to say.
    fn split() -> Trace {
        let mut value = serde_json::to_value(sample::secure()).unwrap();
        let share = |layer: &str, own: u64, evidence: &str, more: serde_json::Value| {
            let mut share = json!({"layer": layer, "duration_ns": own, "evidence": evidence, "estimated": false});
            share.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            share
        };
        let said = |evidence: &str, field: &str, length: u64| json!({"evidence": evidence, "field": field, "duration_ns": length});
        value["layers"] = json!([
            share("network", 16_004_000, "kernel", json!({"estimated": true})),
            share(
                "elb",
                2_000_000,
                "alb log",
                json!({"inclusive_ns": 20_000_000, "resolution_ns": 2_000_000,
                "start_low_ns": 42_068_745, "start_high_ns": 44_976_745})
            ),
            share(
                "ec2",
                18_000_000,
                "xray",
                json!({"within": "elb", "includes": ["nginx"], "resolution_ns": 1_000,
                "start_low_ns": 42_068_745, "start_high_ns": 46_976_745, "witnesses": [
                    said("xray", "AWS::EC2::Instance", 18_000_000), said("alb log", "target_processing_time", 19_000_000),
                    said("header", "AWS::EC2::Instance", 18_000_000)]})
            ),
            share("unattributed", 2_908_000, "kernel", json!({})),
        ]);
        value["passed"] = json!([
            {"layer": "elb", "certainty": "certain", "kind": "application", "by": [{"cookie": "AWSALB"}, {"cname": "web-1.elb"}]},
            {"layer": "cloudfront", "certainty": "likely", "by": [{"server_timing": "a"}, {"server_timing": "b"},
                {"server_timing": "c"}, {"header": "via"}]},
        ]);
        value["rejected"] = json!([{"evidence": "clb log", "because": "ambiguous", "candidates": 2}]);
        value["rejected"][0]["evidence"] = json!("classic elb log");
        value["phase_witnesses"] =
            json!([{"phase": "tls", "evidence": "alb connection log", "duration_ns": 16_000_000}]);
        serde_json::from_value(value).unwrap()
    }

    fn shown(trace: &Trace, style: Style) -> Vec<String> {
        let mut out = String::new();
        for line in lines(trace, style) {
            line.write_to(&mut out);
        }
        out.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_wait_by_layers() {
        let expect = [
            "  passed  elb (application): certain, by cookie AWSALB, CNAME web-1.elb",
            "          cloudfront: likely, by via, 3 metrics of server-timing",
            "  layers  of the wait of 38.912 ms, own times; ~ is an estimate",
            "  network                                                                    ~16.004 ms            kernel",
            "  elb                          ▐███████████████████████████▋                   2.000 ms of 20.000  alb log ±2 ms",
            "    ec2 + nginx                 ▐█████████████████████████▎                   18.000 ms            xray",
            "    └  xray AWS::EC2::Instance 18.000 ms · alb log target_processing_time +1.000 · header the same",
            "  unattributed                                                                 2.908 ms            kernel",
            "  also    alb connection log says 16.000 ms of tls, here 17.201 ms",
            "  ✗ not used: classic elb log: 2 fit equally well",
        ];
        let shown = shown(&split(), WIDE);
        let is_bar = |letter: char| "▐█▋▎▌▍▊▉▏▕".contains(letter);
        // Where exactly a bar ends is the scale's business.
        let without_bars = |line: &str| {
            let line: String = line.chars().filter(|letter| !is_bar(*letter)).collect();
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let plain: Vec<String> = shown.iter().map(|line| without_bars(line)).collect();
        let expect_plain: Vec<String> = expect.iter().map(|line| without_bars(line)).collect();
        assert_eq!(plain, expect_plain, "\n{}", shown.join("\n"));
        let bars: Vec<bool> = shown.iter().map(|line| line.contains(is_bar)).collect();
        assert_eq!(bars, [false, false, false, false, true, true, false, false, false, false]);
    }

    #[test]
    fn at_80_columns_bars_stay_and_words_are_wrapped() {
        let mut trace = split();
        trace.layers = serde_json::from_value(json!([
            {"layer": "network", "duration_ns": 16_004_000, "evidence": "kernel", "estimated": true},
            {"layer": "cloudfront", "duration_ns": 2_000_000, "evidence": "cloudfront real-time log", "estimated": false,
                "inclusive_ns": 22_000_000, "resolution_ns": 2_000_000, "start_low_ns": 42_068_745, "start_high_ns": 42_976_745},
            {"layer": "apig", "duration_ns": 4_000_000, "evidence": "apig log", "estimated": false, "within": "cloudfront",
                "inclusive_ns": 20_000_000, "resolution_ns": 1_020_000, "start_low_ns": 42_068_745, "start_high_ns": 44_976_745},
            {"layer": "lambda.invoke", "duration_ns": 16_000_000, "evidence": "lambda log", "estimated": false, "within": "apig",
                "start_low_ns": 42_068_745, "start_high_ns": 46_976_745},
            {"layer": "unattributed", "duration_ns": 908_000, "evidence": "kernel", "estimated": false},
        ]))
        .unwrap();
        let expect = [
            "  layers  of the wait of 38.912 ms, own times; ~ is an estimate",
            "  network                                      ~16.004 ms            kernel",
            "  cloudfront             ▐██████████████▎        2.000 ms of 22.000  cloudfront",
            "                                                                     real-time",
            "                                                                     log ±2 ms",
            "    apig                  ▐████████████▋         4.000 ms of 20.000  apig log",
            "                                                                     ±1.02 ms",
            "      lambda.invoke       ▕██████████▋          16.000 ms            lambda log",
            "  unattributed                                   0.908 ms            kernel",
        ];
        let lines = shown(&trace, Style { width: 80, ..WIDE });
        let from = lines.iter().position(|line| line.starts_with("  layers")).unwrap();
        assert_eq!(lines[from..from + expect.len()], expect, "\n{}", lines.join("\n"));
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in [1, 10, 40, 60, 80, 200] {
            for glyphs in [Glyphs::Unicode, Glyphs::Ascii] {
                let style = Style { width, glyphs, colour: Colour::Never };
                let all =
                    shown(&split(), style).join("\n") + "\n" + &attribution(&[split()], &Tally::default(), &style);
                assert!(all.lines().all(|line| line.chars().count() <= width), "{width}\n{all}");
                assert!(glyphs == Glyphs::Unicode || all.is_ascii(), "{all}");
            }
        }
    }

    #[test]
    fn medians_of_several_requests_are_said_not_to_add_up_and_targets_that_were_not_split_are_named() {
        use crate::attribute::{Unsplit, UnsplitBecause};

        let note = "each layer's own median: they need not add up to the wait";
        let one = attribution(&[split()], &Tally::default(), &WIDE);
        assert!(!one.contains(note), "{one}");
        let unsplit = Unsplit { target: "ec2".to_owned(), because: UnsplitBecause::NoRecord, requests: 7 };
        let tally = Tally { requests: 9, split: 2, unsplit: vec![unsplit], ..Tally::default() };
        let two = attribution(&[split(), split()], &tally, &WIDE);
        let lines: Vec<&str> = two.lines().take(4).collect();
        assert_eq!(lines, ["requests   2 of 9 split by layers", "not split  ec2 7 (no log speaks of it)", "", note]);
    }

    #[test]
    fn a_trace_without_evidence_has_no_lines() {
        assert_eq!(shown(&sample::secure(), WIDE), Vec::<String>::new());
        assert_eq!(attribution(&[sample::secure()], &Tally::default(), &WIDE), "requests   0 of 0 split by layers\n");
    }
}
