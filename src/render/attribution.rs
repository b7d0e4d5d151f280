//! Layers for other programs and for pull requests: a row for each layer of each trace, or a table of medians.

use std::fmt::Write as _;

use super::csv::write_row;
use super::layer_medians::medians;
use super::length::millis;
use super::markdown::{escaped, row};
use super::unsplit::unsplit;
use crate::attribute::Tally;
use crate::time::Nanos;
use crate::trace::Trace;

/// Columns of [`csv`].
const COLUMNS: [&str; 14] = [
    "trace_id",
    "name",
    "vantage",
    "url",
    "started_at",
    "layer",
    "duration_ns",
    "evidence",
    "estimated",
    "inclusive_ns",
    "resolution_ns",
    "within",
    "start_low_ns",
    "start_high_ns",
];

/// A header line and a line for each layer of each trace, each ending in CR LF (RFC 4180). What is unknown is an empty cell.
#[must_use]
pub fn csv(traces: &[Trace]) -> String {
    let mut text = String::new();
    write_row(&mut text, COLUMNS.into_iter().map(str::to_owned));
    let length = |length: Option<Nanos>| length.map_or(String::new(), |length| length.get().to_string());
    for trace in traces {
        for share in &trace.layers {
            let cells = [
                trace.subject.trace_id.to_string(),
                trace.subject.name.clone().unwrap_or_default(),
                trace.subject.vantage.clone().unwrap_or_default(),
                trace.subject.url.clone(),
                trace.started_at.to_string(),
                share.layer.to_string(),
                share.duration.get().to_string(),
                share.evidence.to_string(),
                share.estimated.to_string(),
                length(share.inclusive),
                length(share.resolution),
                share.within.as_ref().map_or(String::new(), ToString::to_string),
                length(share.start_low),
                length(share.start_high),
            ];
            write_row(&mut text, cells.into_iter());
        }
    }
    text
}

/// The medians of own times as a table (GitHub Flavored Markdown §4.10), and below it how many requests had which evidence.
#[must_use]
pub fn markdown(traces: &[Trace], tally: &Tally) -> String {
    let header = ["target", "layer", "requests", "median own (ms)", "of the wait"];
    let mut text = row(header.into_iter().map(str::to_owned));
    text.push_str(&row(["---", "---", "---:", "---:", "---:"].into_iter().map(str::to_owned)));
    for median in medians(traces) {
        let own = format!("{}{}", if median.estimated { "~" } else { "" }, millis(median.own));
        let cells = [
            escaped(&median.target),
            escaped(median.layer.as_str()),
            median.requests.to_string(),
            escaped(&own),
            format!("{} %", median.percent),
        ];
        text.push_str(&row(cells.into_iter()));
    }
    let with: Vec<String> = tally.with.iter().map(|(witness, requests)| format!("{witness} {requests}")).collect();
    let rejected: Vec<String> =
        tally.rejected.iter().map(|(because, times)| format!("{} {times}", because.replace('_', " "))).collect();
    let not_split: Vec<String> = unsplit(tally).iter().map(|words| escaped(words)).collect();
    // Writing to a String cannot fail.
    let _ = write!(text, "\n{} of {} requests split by layers", tally.split, tally.requests);
    for (word, counts) in [("evidence", with), ("not used", rejected), ("not split", not_split)] {
        if !counts.is_empty() {
            let _ = write!(text, "; {word}: {}", counts.join(", "));
        }
    }
    text.push_str(".\n");
    text
}
