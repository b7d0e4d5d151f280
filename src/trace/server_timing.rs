//! What a server says of its own time: the `Server-Timing` field (W3C Server Timing, §2).
//!
//! Durations only: the field has no start times, so a metric lies somewhere inside the wait, in no known order. They need not
//! add up to anything. Text that is not of the field's form is skipped, as the specification wants.

use serde::{Deserialize, Serialize};

use crate::event::Headers;
use crate::target::is_token;
use crate::time::Nanos;

/// One metric.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerMetric {
    /// Its name, a token.
    pub name: String,
    /// `dur`, which is in milliseconds on the wire; absent where the server gave none, or no number.
    #[serde(rename = "duration_ns", default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Nanos>,
    /// `desc`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// All metrics of a head, in order. Of a parameter that is repeated the first one counts; unknown ones mean nothing.
pub(super) fn metrics(headers: &Headers) -> Vec<ServerMetric> {
    let fields = headers.iter().filter(|(name, _)| name == "server-timing");
    fields.flat_map(|(_, value)| split(value, ',')).filter_map(metric).collect()
}

fn metric(text: &str) -> Option<ServerMetric> {
    let mut parts = split(text, ';').map(str::trim);
    let name = parts.next().filter(|name| is_token(name))?.to_owned();
    let mut metric = ServerMetric { name, duration: None, description: None };
    let (mut has_duration, mut has_description) = (false, false);
    for parameter in parts {
        let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match key.trim().to_ascii_lowercase().as_str() {
            "dur" if !has_duration => {
                has_duration = true;
                metric.duration = milliseconds(&unquoted(value.trim()));
            }
            "desc" if !has_description => {
                has_description = true;
                metric.description = Some(unquoted(value.trim())).filter(|text| !text.is_empty());
            }
            _ => {}
        }
    }
    Some(metric)
}

/// Parts between separators that stand outside quoted strings.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |character| {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => return character == separator && !quoted,
        }
        false
    })
}

/// RFC 9110 §5.6.4.
fn unquoted(text: &str) -> String {
    let Some(inner) = text.strip_prefix('"') else { return text.to_owned() };
    let mut plain = String::new();
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => plain.extend(characters.next()),
            other => plain.push(other),
        }
    }
    plain
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative; `as` saturates")]
fn milliseconds(text: &str) -> Option<Nanos> {
    let number: f64 = text.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0)?;
    Some(Nanos::new((number * 1e6).round() as u64))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(value: &str, expect: &[(&str, Option<u64>, Option<&str>)]) {
        let parsed = metrics(&vec![("server-timing".to_owned(), value.to_owned())]);
        let parsed: Vec<_> = parsed
            .iter()
            .map(|metric| (metric.name.as_str(), metric.duration.map(Nanos::get), metric.description.as_deref()))
            .collect();
        assert_eq!(parsed, expect, "{value}");
    }

    #[test]
    fn metrics_are_read_as_the_specification_says() {
        check(
            "db;dur=53.2, cache;desc=\"a, \\\"b\\\"; c\";dur=0",
            &[("db", Some(53_200_000), None), ("cache", Some(0), Some("a, \"b\"; c"))],
        );
        check(
            "cdn-cache-hit,cdn-pop;desc=\"IAD89-C1\"",
            &[("cdn-cache-hit", None, None), ("cdn-pop", None, Some("IAD89-C1"))],
        );
        // The first of a repeated parameter counts, also where it is no number.
        check("a;dur=x;dur=1", &[("a", None, None)]);
        check("a; DUR = 1.5 ;other=2", &[("a", Some(1_500_000), None)]);
        check("a;dur=-1;desc=\"\"", &[("a", None, None)]);
        check(" , ;dur=1, b c;dur=2", &[]);
    }

    proptest! {
        #[test]
        fn any_text_is_read(value in "\\PC{0,60}") {
            let _ = metrics(&vec![("server-timing".to_owned(), value)]);
        }
    }
}
