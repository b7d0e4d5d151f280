//! Traces as a table for a pull request or a post-mortem: a row each, phases in milliseconds, totals in bold.
//!
//! Invariant: a trace is one row, whatever its URL or name contains: everything that Markdown would read as markup is escaped.

use super::escape::printable;
use super::length::millis;
use crate::trace::{Phase, Span, Trace};

/// The table (GitHub Flavored Markdown §4.10), with the phases that happened in any of the traces. What did not happen is a
/// dash.
#[must_use]
pub fn markdown(traces: &[Trace]) -> String {
    let phases: Vec<Phase> =
        Phase::ALL.into_iter().filter(|phase| traces.iter().any(|trace| trace.span(*phase).is_some())).collect();
    let names = phases.iter().map(|phase| format!("{phase} (ms)"));
    let mut text =
        row(["target".to_owned(), "status".to_owned()].into_iter().chain(names).chain(["total (ms)".to_owned()]));
    let rules = std::iter::repeat_n("---:".to_owned(), phases.len() + 1);
    text.push_str(&row(["---".to_owned(), "---".to_owned()].into_iter().chain(rules)));
    for trace in traces {
        let lengths = phases.iter().map(|phase| cell(trace.span(*phase)));
        text.push_str(&row([escaped(trace.label()), status(trace)].into_iter().chain(lengths).chain([total(trace)])));
    }
    text
}

pub(super) fn row(cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<String> = cells.collect();
    format!("| {} |\n", cells.join(" | "))
}

fn cell(span: Option<Span>) -> String {
    span.map_or("–".to_owned(), |span| escaped(&millis(span.duration)))
}

fn status(trace: &Trace) -> String {
    match (trace.failure(), &trace.response) {
        (Some(failure), _) => escaped(failure.code.as_str()),
        (None, Some(response)) => response.status.to_string(),
        (None, None) => "–".to_owned(),
    }
}

fn total(trace: &Trace) -> String {
    match trace.timeline.spans().len() {
        0 => "–".to_owned(),
        _ => format!("**{}**", escaped(&millis(trace.total()))),
    }
}

/// With a backslash before what could be markup; control characters are spelled out.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in printable(text).chars() {
        if matches!(character, '\\' | '|' | '`' | '*' | '_' | '<' | '>' | '[' | ']' | '~' | '&' | '!' | '@' | '#') {
            safe.push('\\');
        }
        safe.push(character);
    }
    safe
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::render::sample;

    /// How many bars of a line are none of a cell's text.
    pub(in crate::render) fn columns(line: &str) -> usize {
        let mut escaped = false;
        let is_bar = |character: &char| {
            let bar = *character == '|' && !escaped;
            escaped = *character == '\\' && !escaped;
            bar
        };
        line.chars().filter(is_bar).count()
    }

    #[test]
    fn a_row_for_each_trace_and_a_column_for_each_phase_that_happened() {
        let mut traces = vec![sample::secure(), sample::plain(), sample::refused()];
        traces[1].subject.name = Some("a|b\n*c*".to_owned());
        traces.push(sample::trace(9, "http://a/", &[], serde_json::json!({})));
        let expect = "\
| target | status | dns (ms) | connect (ms) | tls (ms) | send (ms) | wait (ms) | receive (ms) | total (ms) |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| orders | 200 | 0.812 | 16.012 | 17.201 | 0.041 | 38.912 | 1.234 | **74.213** |
| a\\|b\\\\n\\*c\\* | 404 | – | 0.084 | – | \\<0.001 | 1.205 | 0.009 | **1.298** |
| http://127.0.0.1:1/ | connect.refused | – | 0.042 | – | – | – | – | **0.042** |
| http://a/ | – | – | – | – | – | – | – | – |
";
        assert_eq!(markdown(&traces), expect);
    }

    proptest! {
        #[test]
        fn a_trace_is_one_row(traces in proptest::collection::vec(sample::any_trace(), 0..4)) {
            let text = markdown(&traces);
            prop_assert_eq!(text.lines().count(), traces.len() + 2);
            let expect = columns(text.lines().next().unwrap());
            prop_assert!(text.lines().all(|line| columns(line) == expect), "{}", text);
        }
    }
}
