//! A trace as curl's `-v` would have told it: `*` for what happened, `>` for the request, `<` for the responses. Unlike curl,
//! each note has its offset from the trace's start.
//!
//! Invariant: what either side sent stands on lines that begin with its sign; control characters are spelled out, so that no
//! header field can begin a line of its own.

use super::escape::printable;
use super::length::millis;
use crate::event::{AttemptResult, Headers};
use crate::time::Nanos;
use crate::trace::{Connect, Dns, Phase, Tls, Trace};

/// All traces, one after the other.
#[must_use]
pub fn verbose(traces: &[Trace]) -> String {
    let mut out = String::new();
    for trace in traces {
        tell(trace, &mut out);
    }
    out
}

fn tell(trace: &Trace, out: &mut String) {
    let led_here = if trace.subject.redirected_from.is_some() { "Following the redirect to" } else { "Asking for" };
    note(out, None, &format!("{led_here} {}", trace.subject.url));
    let mut before = Notes::default();
    before.extend(trace.dns.iter().flat_map(resolution));
    before.extend(trace.connect.iter().flat_map(|connect| connection(connect, trace)));
    before.extend(trace.tls.iter().flat_map(handshake));
    before.write_to(out);
    if let Some(tls) = &trace.tls {
        session(tls, out);
    }
    request(trace, out);
    response(trace, out);
    if let Some(failure) = trace.failure() {
        let at = (trace.timeline.spans().len() > 0).then(|| trace.total());
        note(out, at, &format!("Failed during {}: {failure}", failure.phase));
    }
}

fn resolution(dns: &Dns) -> Vec<(Option<Nanos>, String)> {
    let mut notes = Vec::new();
    if dns.queries.is_empty() {
        notes.push((None, format!("Address known without asking (source: {})", dns.source.as_str())));
    }
    for query in &dns.queries {
        let question = &query.question;
        let asked = format!("{} {}", question.record_type, question.name);
        let server = format!("{} over {}", question.server, question.transport.as_str());
        let again = if question.retries > 0 { format!(" (retry {})", question.retries) } else { String::new() };
        notes.push((Some(query.start), format!("Asking {server} for {asked}{again}")));
        let end = query.duration.map(|duration| query.start + duration);
        match &query.answer {
            None => notes.push((end, format!("No answer to {asked} from {server}"))),
            Some(answer) => {
                let mut found: Vec<String> = answer.cname.iter().map(|name| format!("CNAME {name}")).collect();
                found.extend(answer.addresses.iter().map(ToString::to_string));
                found.extend(answer.ttl_s.map(|ttl| format!("ttl {ttl} s")));
                found.extend(answer.truncated.then(|| "truncated".to_owned()));
                notes.push((end, format!("{asked}: {} {}", answer.rcode, found.join(", ")).trim_end().to_owned()));
            }
        }
    }
    notes
}

fn connection(connect: &Connect, trace: &Trace) -> Vec<(Option<Nanos>, String)> {
    let mut notes = Vec::new();
    for attempt in &connect.attempts {
        notes.push((Some(attempt.start), format!("  Trying {}...", attempt.address)));
        let error = attempt.error.as_deref().map_or(String::new(), |error| format!(": {error}"));
        if connect.attempts.len() == 1 && attempt.result == AttemptResult::Won {
            continue;
        }
        let end = attempt.duration.map(|duration| attempt.start + duration);
        notes.push((end, format!("  {} {}{error}", attempt.address, attempt.result.as_str())));
    }
    let Some(remote) = &connect.remote else { return notes };
    let local = connect.local.as_deref().map_or(String::new(), |local| format!(" from {local}"));
    let proxy = connect.proxy.as_deref().map_or(String::new(), |proxy| format!(", the proxy {proxy}"));
    let how = if connect.reused { "Reusing the connection to" } else { "Connected to" };
    let end = trace.span(Phase::Connect).filter(|_| !connect.reused).map(|span| span.end());
    notes.push((end, format!("{how} {remote}{proxy}{local}")));
    notes
}

fn handshake(tls: &Tls) -> Vec<(Option<Nanos>, String)> {
    [
        (tls.client_hello, "TLS: ClientHello has left"),
        (tls.server_hello, "TLS: ServerHello begins to arrive"),
        (tls.verified, "TLS: certificate verified"),
        (tls.finished, "TLS: Finished has left"),
    ]
    .into_iter()
    .filter(|(at, _)| at.is_some())
    .map(|(at, words)| (at, words.to_owned()))
    .collect()
}

fn session(tls: &Tls, out: &mut String) {
    if let Some(session) = &tls.session {
        let group = session.group.as_deref().map_or(String::new(), |group| format!(" / {group}"));
        let resumed = if session.resumed { ", resumed" } else { "" };
        note(out, None, &format!("TLS: {} / {}{group}{resumed}", session.version, session.cipher));
        let alpn = session.alpn.as_deref().map_or("none chosen".to_owned(), |alpn| format!("server accepted {alpn}"));
        note(out, None, &format!("ALPN: {alpn}"));
    }
    if let Some(leaf) = tls.certificates.first() {
        note(out, None, "Server certificate:");
        note(out, None, &format!("  subject: {}", leaf.subject));
        note(out, None, &format!("  issuer: {}", leaf.issuer));
        note(out, None, &format!("  valid from {} to {}", leaf.not_before, leaf.not_after));
    }
}

fn request(trace: &Trace, out: &mut String) {
    let Some(request) = &trace.request else { return };
    sent(out, '>', &format!("{} {} {}", trace.subject.method, request_target(trace), request.version));
    fields(out, '>', &request.headers);
    let (head, body) = (request.header_bytes, request.body_bytes);
    let end = trace.span(Phase::Send).map(|span| span.end());
    note(out, end, &format!("Request sent: {head} bytes of head, {body} of body"));
}

/// RFC 9112 §3.2: the path and query, or the whole URL where a proxy is asked for clear text.
fn request_target(trace: &Trace) -> String {
    let proxied = trace.connect.as_ref().is_some_and(|connect| connect.proxy.is_some());
    match url::Url::parse(&trace.subject.url) {
        Ok(url) if !(proxied && url.scheme() == "http") => {
            url[url::Position::BeforePath..url::Position::AfterQuery].to_owned()
        }
        _ => trace.subject.url.clone(),
    }
}

fn response(trace: &Trace, out: &mut String) {
    let Some(response) = &trace.response else { return };
    for early in &response.informational {
        note(out, Some(early.at), "First byte of an interim response");
        sent(out, '<', &format!("{} {}", response.version, early.status));
        sent(out, '<', "");
    }
    let end = |phase| trace.span(phase).map(|span| span.end());
    note(out, end(Phase::Wait), "First byte of the response");
    sent(out, '<', &format!("{} {}", response.version, response.status));
    fields(out, '<', &response.headers);
    if trace.failure().is_none() {
        note(out, end(Phase::Receive), &format!("Response complete: {} bytes of body", response.body_bytes));
    }
}

/// Notes of several sources, told in the order of time; one without a time stays behind the one before it.
#[derive(Default)]
struct Notes(Vec<(Nanos, Option<Nanos>, String)>);

impl Notes {
    fn extend(&mut self, notes: impl IntoIterator<Item = (Option<Nanos>, String)>) {
        for (at, words) in notes {
            let place = at.or(self.0.last().map(|(place, ..)| *place)).unwrap_or_default();
            self.0.push((place, at, words));
        }
    }

    fn write_to(mut self, out: &mut String) {
        self.0.sort_by_key(|(place, ..)| *place);
        for (_, at, words) in self.0 {
            note(out, at, &words);
        }
    }
}

fn note(out: &mut String, at: Option<Nanos>, words: &str) {
    let offset = match at {
        None => String::new(),
        Some(Nanos::ZERO) => "0.000 ms".to_owned(),
        Some(at) => format!("{} ms", millis(at)),
    };
    let line = format!("* {offset:>13}  {}", printable(words));
    out.push_str(line.trim_end());
    out.push('\n');
}

fn fields(out: &mut String, sign: char, headers: &Headers) {
    for (name, value) in headers {
        sent(out, sign, &format!("{name}: {value}"));
    }
    sent(out, sign, "");
}

fn sent(out: &mut String, sign: char, line: &str) {
    out.push_str(format!("{sign} {}", printable(line)).trim_end());
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::render::sample;

    #[track_caller]
    fn check(trace: Trace, expect: &str) {
        let text = verbose(&[trace]);
        assert_eq!(text, expect, "\n{text}");
    }

    #[test]
    fn the_story_of_a_request() {
        check(
            sample::secure(),
            "\
*                Asking for https://api.example.com/orders?id=42&q=a%20b\n\
*      0.000 ms  Asking 127.0.0.53:53 over udp for A api.example.com\n\
*      0.021 ms  Asking 127.0.0.53:53 over udp for AAAA api.example.com\n\
*      0.790 ms  A api.example.com: NOERROR CNAME d111.example.net, 198.51.100.2, 198.51.100.3, ttl 60 s\n\
*      0.812 ms  AAAA api.example.com: NOERROR CNAME d111.example.net\n\
*      0.812 ms    Trying 198.51.100.2:443...\n\
*     16.824 ms  Connected to 198.51.100.2:443 from 192.0.2.10:51234\n\
*     16.900 ms  TLS: ClientHello has left\n\
*     33.100 ms  TLS: ServerHello begins to arrive\n\
*     33.700 ms  TLS: certificate verified\n\
*     34.026 ms  TLS: Finished has left\n\
*                TLS: TLSv1.3 / TLS_AES_128_GCM_SHA256 / X25519\n\
*                ALPN: server accepted h2\n\
*                Server certificate:\n\
*                  subject: CN=api.example.com\n\
*                  issuer: CN=Example CA R11, O=Example Trust, C=US\n\
*                  valid from 2026-10-01T00:00:00Z to 2026-12-30T23:59:59Z\n\
> GET /orders?id=42&q=a%20b HTTP/2\n\
> host: api.example.com\n\
> user-agent: wirefall/0.1\n\
>\n\
*     34.067 ms  Request sent: 96 bytes of head, 0 of body\n\
*     52.100 ms  First byte of an interim response\n\
< HTTP/2 103\n\
<\n\
*     72.979 ms  First byte of the response\n\
< HTTP/2 200\n\
< server: nginx\n\
< content-type: application/json\n\
< x-a: 1\n\
< x-a: 2\n\
<\n\
*     74.213 ms  Response complete: 123456 bytes of body\n",
        );
        check(
            sample::reused(),
            "\
*                Asking for https://api.example.com/orders?id=43\n\
*                Reusing the connection to 198.51.100.2:443 from 192.0.2.10:51234\n\
> POST /orders?id=43 HTTP/2\n\
>\n\
*      0.035 ms  Request sent: 41 bytes of head, 17 of body\n\
*     30.047 ms  First byte of the response\n\
< HTTP/2 204\n\
<\n\
*     30.047 ms  Response complete: 0 bytes of body\n",
        );
    }

    #[test]
    fn what_went_wrong_is_told_in_order() {
        check(
            sample::refused(),
            "\
*                Asking for http://127.0.0.1:1/\n\
*      0.000 ms    Trying 127.0.0.1:1...\n\
*      0.042 ms    127.0.0.1:1 failed: ECONNREFUSED\n\
*      0.042 ms  Failed during connect: connect.refused: cannot connect to 127.0.0.1:1: ECONNREFUSED\n",
        );
        let text = verbose(&[sample::troubled()]);
        let order = ["192.0.2.1:53 over udp for A ", "(retry 1)", "ENETUNREACH", "203.0.113.7:443 won", "Connected to"];
        let places: Vec<_> = order.iter().map(|words| text.find(words)).collect();
        assert!(places.is_sorted() && places.iter().all(Option::is_some), "{places:?}\n{text}");
    }

    #[test]
    fn redirects_are_followed() {
        assert!(verbose(&sample::redirected()).contains("  Following the redirect to https://www.example.com/\n"));
    }

    proptest! {
        #[test]
        fn every_line_begins_with_a_sign_and_nothing_escapes(trace in sample::any_trace()) {
            for line in verbose(&[trace]).lines() {
                prop_assert!(line.starts_with(['*', '>', '<']), "{line:?}");
                prop_assert!(!line.chars().any(crate::render::escape::is_unsafe), "{line:?}");
            }
        }
    }
}
