//! Traces as a table for spreadsheets and data frames: a row each, times in integer nanoseconds (RFC 4180).
//!
//! Invariant: the columns are the same for all traces; what is unknown or did not happen is an empty cell, never 0.

use crate::time::Nanos;
use crate::trace::{Phase, Trace};

/// Columns before those of the phases.
const IDENTITY: [&str; 13] = [
    "trace_id",
    "name",
    "tags",
    "vantage",
    "url",
    "method",
    "started_at",
    "outcome",
    "failure_code",
    "status",
    "version",
    "remote",
    "reused",
];
/// Columns after those of the phases.
const MEASURES: [&str; 11] = [
    "total_ns",
    "network_ns",
    "server_ns",
    "server_low_ns",
    "server_high_ns",
    "retransmission_ns",
    "rtt_ns",
    "retransmits",
    "header_bytes",
    "body_bytes",
    "lag_ns",
];

/// A header line and a line for each trace, each ending in CR LF. Tags stand in one cell as `key=value` pairs, separated by
/// blanks; a value with blanks cannot be told apart there, but can in JSON.
#[must_use]
pub fn csv(traces: &[Trace]) -> String {
    let phases = Phase::ALL.map(|phase| format!("{phase}_ns"));
    let header = IDENTITY.into_iter().chain(phases.iter().map(String::as_str)).chain(MEASURES);
    let mut text = String::new();
    write_row(&mut text, header.map(str::to_owned));
    for trace in traces {
        write_row(&mut text, identity(trace).into_iter().chain(lengths(trace)).chain(measures(trace)));
    }
    text
}

fn identity(trace: &Trace) -> [String; IDENTITY.len()] {
    let subject = &trace.subject;
    let tags: Vec<String> = subject.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let connect = trace.connect.as_ref();
    [
        subject.trace_id.to_string(),
        cell(subject.name.as_ref()),
        tags.join(" "),
        cell(subject.vantage.as_ref()),
        subject.url.clone(),
        subject.method.clone(),
        trace.started_at.to_string(),
        if trace.failure().is_some() { "failed" } else { "complete" }.to_owned(),
        cell(trace.failure().map(|failure| failure.code)),
        cell(trace.response.as_ref().map(|response| response.status)),
        cell(trace.response.as_ref().map(|response| &response.version)),
        cell(connect.and_then(|connect| connect.remote.as_ref())),
        cell(connect.map(|connect| connect.reused)),
    ]
}

fn lengths(trace: &Trace) -> [String; Phase::ALL.len()] {
    Phase::ALL.map(|phase| cell(trace.span(phase).map(|span| span.duration.get())))
}

fn measures(trace: &Trace) -> [String; MEASURES.len()] {
    let (wait, response) = (trace.wait.as_ref(), trace.response.as_ref());
    let measured = trace.timeline.spans().len() > 0;
    [
        cell(measured.then(|| trace.total().get())),
        cell(wait.map(|wait| wait.network.get())),
        cell(wait.map(|wait| wait.server.get())),
        cell(wait.map(|wait| wait.server_low.get())),
        cell(wait.map(|wait| wait.server_high.get())),
        cell(wait.and_then(|wait| wait.retransmission).map(Nanos::get)),
        cell(trace.connect.as_ref().and_then(|connect| connect.rtt).map(Nanos::get)),
        cell(trace.transport.map(|counters| counters.retransmits)),
        cell(response.map(|response| response.header_bytes)),
        cell(response.map(|response| response.body_bytes)),
        cell(measured.then(|| trace.client.lag.get())),
    ]
}

fn cell(value: Option<impl ToString>) -> String {
    value.map_or(String::new(), |value| value.to_string())
}

pub(super) fn write_row(text: &mut String, cells: impl Iterator<Item = String>) {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            text.push(',');
        }
        if cell.contains(['"', ',', '\r', '\n']) {
            text.push('"');
            text.push_str(&cell.replace('"', "\"\""));
            text.push('"');
        } else {
            text.push_str(&cell);
        }
    }
    text.push_str("\r\n");
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::render::sample;

    /// The grammar of RFC 4180 §2, written down again.
    pub(in crate::render) fn parse(text: &str) -> Vec<Vec<String>> {
        let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
        let mut rest = text.chars().peekable();
        let mut quoted = false;
        while let Some(character) = rest.next() {
            match character {
                '"' if quoted && rest.peek() == Some(&'"') => cell.extend(rest.next()),
                '"' => quoted = !quoted,
                ',' if !quoted => row.push(std::mem::take(&mut cell)),
                '\r' if !quoted => {
                    assert_eq!(rest.next(), Some('\n'));
                    row.push(std::mem::take(&mut cell));
                    rows.push(std::mem::take(&mut row));
                }
                _ => cell.push(character),
            }
        }
        assert!(!quoted && row.is_empty() && cell.is_empty(), "ends within a row");
        rows
    }

    fn check(trace: &Trace, column: &str, expect: &str) {
        let rows = parse(&csv(std::slice::from_ref(trace)));
        let index = rows[0].iter().position(|name| name == column).unwrap();
        assert_eq!(rows[1][index], expect, "{column}");
    }

    #[test]
    fn cells_hold_what_is_known_and_nothing_else() {
        let secure = sample::secure();
        for (column, expect) in [
            ("name", "orders"),
            ("tags", "region=us-east-1"),
            ("status", "200"),
            ("blocked_ns", ""),
            ("dns_ns", "812345"),
            ("wait_ns", "38912000"),
            ("total_ns", "74212745"),
            ("server_low_ns", "22100000"),
            ("retransmits", "0"),
            ("failure_code", ""),
        ] {
            check(&secure, column, expect);
        }
        let nothing = sample::trace(1, "http://a/", &[], serde_json::json!({}));
        for column in ["status", "remote", "reused", "total_ns", "network_ns", "retransmits", "body_bytes", "lag_ns"] {
            check(&nothing, column, "");
        }
        check(&sample::refused(), "failure_code", "connect.refused");
        check(&secure, "retransmission_ns", "");
        check(&sample::repeated(), "retransmission_ns", "203000000");
        check(&sample::refused(), "outcome", "failed");
        check(&sample::reused(), "reused", "true");
    }

    #[test]
    fn the_header_names_every_column() {
        let header = csv(&[]);
        assert!(header.starts_with("trace_id,name,tags,") && header.ends_with(",lag_ns\r\n"), "{header}");
        assert_eq!(header.split(',').count(), IDENTITY.len() + Phase::ALL.len() + MEASURES.len());
    }

    proptest! {
        #[test]
        fn what_is_written_parses_back(traces in proptest::collection::vec(sample::any_trace(), 0..4)) {
            let rows = parse(&csv(&traces));
            prop_assert_eq!(rows.len(), traces.len() + 1);
            for (row, trace) in rows[1..].iter().zip(&traces) {
                prop_assert_eq!(row.len(), rows[0].len());
                prop_assert_eq!(&row[4], &trace.subject.url);
                prop_assert_eq!(&row[5], &trace.subject.method);
                for (phase, cell) in Phase::ALL.into_iter().zip(&row[IDENTITY.len()..]) {
                    let expect = trace.span(phase).map_or(String::new(), |span| span.duration.get().to_string());
                    prop_assert_eq!(cell, &expect);
                }
            }
        }
    }
}
