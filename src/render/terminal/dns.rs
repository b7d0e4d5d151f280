//! The line about name resolution.
//!
//! Queries to one server that answered at once are summed up, and so is a single query; anything else (several servers, retries, no answer, another
//! RCODE than NOERROR, truncation) is listed query by query, because that is where the milliseconds went.

use super::Style;
use super::facts::{List, label};
use super::line::{Line, Paint};
use crate::event::{Answer, DnsSource};
use crate::trace::{Dns, DnsQuery, Phase};

/// The lines about name resolution.
pub(super) fn lines(dns: &Dns, style: Style) -> Vec<Line> {
    let mut lines = summary(dns, style);
    if is_interesting(dns) {
        let mut list = List::new(style);
        for query in &dns.queries {
            list.row(query.start, query.duration, outcome(query, style));
        }
        lines.extend(list.finish());
    }
    lines
}

fn summary(dns: &Dns, style: Style) -> Vec<Line> {
    let source = match dns.source {
        DnsSource::Network => dns.queries.is_empty().then_some("resolved by DNS servers, queries not observed"),
        DnsSource::Hosts => Some("name found in the hosts file"),
        DnsSource::Override => Some("address given by the user (override)"),
    };
    let mut paragraph = label("DNS", Phase::Dns, style).part(Paint::Plain, source.unwrap_or_default());
    let Some(first) = dns.queries.first() else { return paragraph.finish() };
    paragraph = paragraph.part(Paint::Strong, &first.question.name);
    if let Some(chain) = answers(dns).map(|answer| &answer.cname).find(|chain| !chain.is_empty()) {
        paragraph = paragraph.part(Paint::Plain, format!("CNAME → {}", chain.join(" → ")));
    }
    for (kind, addresses) in addresses_by_type(dns) {
        paragraph = paragraph.part(Paint::Plain, format!("{kind} {addresses}"));
    }
    if let Some(ttl) = answers(dns).filter_map(|answer| answer.ttl_s).min() {
        paragraph = paragraph.part(Paint::Plain, format!("ttl {ttl} s"));
    }
    if let Some(rcode) = answers(dns).map(|answer| answer.rcode.as_str()).max_by_key(|rcode| *rcode != "NOERROR") {
        paragraph = paragraph.part(if rcode == "NOERROR" { Paint::Plain } else { Paint::Bad }, rcode);
    }
    if answers(dns).next().is_none() {
        paragraph = paragraph.part(Paint::Bad, "no answer");
    }
    for server in distinct(dns.queries.iter().map(server)) {
        paragraph = paragraph.part(Paint::Dim, server);
    }
    let count = dns.queries.len();
    paragraph.part(Paint::Dim, if count == 1 { "1 query".to_owned() } else { format!("{count} queries") }).finish()
}

fn outcome(query: &DnsQuery, style: Style) -> Line {
    let (paint, word) = match &query.answer {
        None if query.duration.is_none() => (Paint::Dim, "not awaited"),
        None => (Paint::Bad, "no answer"),
        Some(answer) if answer.truncated => (Paint::Warn, "truncated"),
        Some(answer) if answer.rcode != "NOERROR" => (Paint::Bad, answer.rcode.as_str()),
        Some(answer) => (Paint::Good, answer.rcode.as_str()),
    };
    let again = match query.question.retries {
        0 => String::new(),
        times => format!("  retry {times}"),
    };
    Line::new(style)
        .with(Paint::Plain, format!("{:<4}  ", query.question.record_type))
        .with(paint, format!("{word:<9}"))
        .with(Paint::Plain, format!("  {}", server(query)))
        .with(Paint::Warn, again)
}

fn is_interesting(dns: &Dns) -> bool {
    let out_of_the_ordinary = |query: &DnsQuery| {
        query.question.retries > 0
            || query.answer.as_ref().is_none_or(|answer| answer.rcode != "NOERROR" || answer.truncated)
    };
    dns.queries.len() > 1
        && (distinct(dns.queries.iter().map(server)).len() > 1 || dns.queries.iter().any(out_of_the_ordinary))
}

fn answers(dns: &Dns) -> impl Iterator<Item = &Answer> {
    dns.queries.iter().filter_map(|query| query.answer.as_ref())
}

/// `A 198.51.100.2, 198.51.100.3`; a type that was answered without addresses has a dash, one never answered is left out.
fn addresses_by_type(dns: &Dns) -> Vec<(&str, String)> {
    let kinds = distinct(dns.queries.iter().map(|query| query.question.record_type.as_str()));
    let of_kind = |kind| dns.queries.iter().filter(move |query| query.question.record_type == kind);
    let mut found = Vec::new();
    for kind in kinds {
        let mut answers = of_kind(kind).filter_map(|query| query.answer.as_ref()).peekable();
        if answers.peek().is_none() {
            continue;
        }
        let addresses = distinct(answers.flat_map(|answer| answer.addresses.iter().map(ToString::to_string)));
        found.push((kind, if addresses.is_empty() { "–".to_owned() } else { addresses.join(", ") }));
    }
    found
}

fn server(query: &DnsQuery) -> String {
    format!("{}/{}", query.question.server, query.question.transport.as_str())
}

fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    all.fold(Vec::new(), |mut seen, item| {
        if !seen.contains(&item) {
            seen.push(item);
        }
        seen
    })
}
