//! The variables of curl's `-w`, computed from a chain of traces.
//!
//! curl's times are cumulative: from the start of a request to the end of a step. For a chain of redirects each of them is the
//! SUM over the requests of that, not the time since the start of the chain; only `time_total` and `time_redirect` count from
//! there. Measured with curl 7.88 against a server that redirects after 200 ms: `time_connect` stays below 2 ms, and
//! `time_starttransfer` is the sum of both waits.

use std::fmt;

use serde_json::{Map, json};
use url::Url;

use super::Transfer;
use crate::event::FailureCode;
use crate::render::address;
use crate::render::escape::printable;
use crate::render::length::seconds;
use crate::time::Nanos;
use crate::trace::{Connect, Phase, Response, Trace};

/// The variables in the order of curl's `%{json}`; `url.*` and `urle.*` exist besides, but are not part of it.
pub(super) const NAMES: &[&str] = &[
    "certs",
    "content_type",
    "errormsg",
    "exitcode",
    "filename_effective",
    "ftp_entry_path",
    "http_code",
    "http_connect",
    "http_version",
    "local_ip",
    "local_port",
    "method",
    "num_certs",
    "num_connects",
    "num_headers",
    "num_redirects",
    "num_retries",
    "proxy_ssl_verify_result",
    "proxy_used",
    "redirect_url",
    "referer",
    "remote_ip",
    "remote_port",
    "response_code",
    "scheme",
    "size_download",
    "size_header",
    "size_request",
    "size_upload",
    "speed_download",
    "speed_upload",
    "ssl_verify_result",
    "time_appconnect",
    "time_connect",
    "time_namelookup",
    "time_posttransfer",
    "time_pretransfer",
    "time_redirect",
    "time_starttransfer",
    "time_total",
    "tls_earlydata",
    "url",
    "url_effective",
    "urlnum",
];

/// A variable's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Text.
    Text(String),
    /// Lines of text, safe to print as they are.
    Lines(String),
    /// There is none: empty as text, `null` as JSON.
    Nothing,
    /// A number.
    Count(u64),
    /// A status: three digits as text.
    Status(u16),
    /// Seconds with six decimals.
    Seconds(Nanos),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) | Self::Lines(text) => f.write_str(text),
            Self::Nothing => Ok(()),
            Self::Count(count) => write!(f, "{count}"),
            Self::Status(status) => write!(f, "{status:03}"),
            Self::Seconds(length) => f.write_str(&seconds(*length)),
        }
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::Nothing, Self::Text)
    }
}

/// A variable by its name; `None` if there is no such variable.
pub(super) fn value(transfer: &Transfer<'_>, name: &str) -> Option<Value> {
    time(transfer, name)
        .map(Value::Seconds)
        .or_else(|| count(transfer, name).map(Value::Count))
        .or_else(|| status(transfer, name).map(Value::Status))
        .or_else(|| text(transfer, name))
}

/// All variables, as curl writes them: one object on one line.
pub(super) fn json(transfer: &Transfer<'_>) -> String {
    let members: Vec<String> = NAMES
        .iter()
        .filter_map(|name| {
            let value = match value(transfer, name)? {
                Value::Text(text) | Value::Lines(text) => json!(text).to_string(),
                Value::Nothing => "null".to_owned(),
                Value::Status(status) => status.to_string(),
                number => number.to_string(),
            };
            Some(format!("{}:{value}", json!(name)))
        })
        .collect();
    format!("{{{}}}", members.join(","))
}

/// The final response's header fields: an object of arrays, a field a line.
pub(super) fn header_json(transfer: &Transfer<'_>) -> String {
    let mut names: Vec<&str> = Vec::new();
    let mut values: Map<String, serde_json::Value> = Map::new();
    for (name, value) in response(transfer).iter().flat_map(|response| &response.headers) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
        if let Some(list) = values.entry(name).or_insert_with(|| json!([])).as_array_mut() {
            list.push(json!(value));
        }
    }
    let members: Vec<String> = names.iter().map(|name| format!("{}:{}", json!(name), values[*name])).collect();
    format!("{{{}\n}}", members.join(",\n"))
}

/// The first value of a header field of the final response, whatever the case of its name.
pub(super) fn header<'a>(transfer: &Transfer<'a>, name: &str) -> Option<&'a str> {
    let headers = &response(transfer)?.headers;
    headers.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

fn last<'a>(transfer: &Transfer<'a>) -> Option<&'a Trace> {
    transfer.traces.last()
}

fn response<'a>(transfer: &Transfer<'a>) -> Option<&'a Response> {
    last(transfer)?.response.as_ref()
}

/// The last response that there was: where a redirect leads to a failure, curl goes on reporting what it had seen before.
fn latest_response<'a>(transfer: &Transfer<'a>) -> Option<&'a Response> {
    transfer.traces.iter().rev().find_map(|trace| trace.response.as_ref())
}

/// The last connection that there was, likewise.
fn latest_connection<'a>(transfer: &Transfer<'a>) -> Option<&'a Connect> {
    let mut connects = transfer.traces.iter().rev().filter_map(|trace| trace.connect.as_ref());
    connects.find(|connect| connect.remote.is_some())
}

fn time(transfer: &Transfer<'_>, name: &str) -> Option<Nanos> {
    let sum = |until: Phase| transfer.traces.iter().filter_map(|trace| end_of(trace, until)).sum();
    let total = |traces: &[Trace]| traces.iter().map(Trace::total).sum();
    Some(match name {
        "time_namelookup" => sum(Phase::Dns),
        "time_connect" => sum(Phase::Connect),
        "time_appconnect" => {
            let secured = transfer.traces.iter().filter(|trace| trace.span(Phase::Tls).is_some());
            secured.filter_map(|trace| end_of(trace, Phase::Tls)).sum()
        }
        "time_pretransfer" => sum(Phase::Tls),
        "time_posttransfer" => sum(Phase::Send),
        "time_starttransfer" => sum(Phase::Wait),
        "time_redirect" => transfer.traces.split_last().map_or(Nanos::ZERO, |(_, before)| total(before)),
        "time_total" => total(transfer.traces),
        _ => return None,
    })
}

/// When a step was over: the end of its phase or, if it did not happen (an address literal, a reused connection), of the last
/// one before it. `None` if the request failed before it was over.
fn end_of(trace: &Trace, phase: Phase) -> Option<Nanos> {
    if trace.failure().is_some_and(|failure| failure.phase <= phase) {
        return None;
    }
    let earlier = trace.timeline.spans().take_while(|span| span.phase <= phase);
    Some(earlier.last().map_or(Nanos::ZERO, |span| span.end()))
}

fn count(transfer: &Transfer<'_>, name: &str) -> Option<u64> {
    let traces = transfer.traces;
    let connect = latest_connection(transfer);
    let port = |end: Option<&String>| end.and_then(|end| address::split(end)).map_or(0, |(_, port)| u64::from(port));
    let downloaded = || response(transfer).map_or(0, |response| response.body_bytes);
    let uploaded = || last(transfer).and_then(|trace| trace.request.as_ref()).map_or(0, |request| request.body_bytes);
    let length = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
    Some(match name {
        "exitcode" => u64::from(transfer.exit_status),
        "urlnum" => length(transfer.index),
        "num_redirects" => length(traces.len().saturating_sub(1)),
        "num_connects" => length(
            traces
                .iter()
                .filter_map(|trace| trace.connect.as_ref())
                .filter(|connect| !connect.reused && connect.remote.is_some())
                .count(),
        ),
        "num_headers" => length(latest_response(transfer).map_or(0, |response| response.headers.len())),
        "num_certs" => {
            length(last(transfer).and_then(|trace| trace.tls.as_ref()).map_or(0, |tls| tls.certificates.len()))
        }
        "local_port" => port(connect.and_then(|connect| connect.local.as_ref())),
        "remote_port" => port(connect.and_then(|connect| connect.remote.as_ref())),
        "size_download" => downloaded(),
        "size_upload" => uploaded(),
        "size_header" => {
            traces.iter().filter_map(|trace| trace.response.as_ref()).map(|response| response.header_bytes).sum()
        }
        "size_request" => traces
            .iter()
            .filter_map(|trace| trace.request.as_ref())
            .map(|request| request.header_bytes + request.body_bytes)
            .sum(),
        "speed_download" => per_second(downloaded(), transfer),
        "speed_upload" => per_second(uploaded(), transfer),
        "ssl_verify_result" => last(transfer).map_or(0, verify_result),
        "proxy_used" => u64::from(connect.is_some_and(|connect| connect.proxy.is_some())),
        "num_retries" | "proxy_ssl_verify_result" | "tls_earlydata" => 0,
        _ => return None,
    })
}

/// Bytes per second over the whole transfer, cut off.
fn per_second(bytes: u64, transfer: &Transfer<'_>) -> u64 {
    let total: Nanos = transfer.traces.iter().map(Trace::total).sum();
    let speed = (u128::from(bytes) * 1_000_000_000).checked_div(u128::from(total.get())).unwrap_or(0);
    u64::try_from(speed).unwrap_or(u64::MAX)
}

/// OpenSSL's number for why a certificate was refused (`X509_V_ERR_*`, `openssl-verification-options(1)`), as curl reports it;
/// 1 (unspecified) for reasons that have none.
fn verify_result(trace: &Trace) -> u64 {
    match trace.failure().map(|failure| failure.code) {
        Some(FailureCode::TlsCertificateNotYetValid) => 9,
        Some(FailureCode::TlsCertificateExpired) => 10,
        Some(FailureCode::TlsCertificateSelfSigned) => 18,
        Some(FailureCode::TlsCertificateUnknownIssuer) => 20,
        Some(FailureCode::TlsCertificateWrongName) => 62,
        Some(FailureCode::TlsCertificateInvalid) => 1,
        _ => 0,
    }
}

fn status(transfer: &Transfer<'_>, name: &str) -> Option<u16> {
    match name {
        "http_code" | "response_code" => Some(latest_response(transfer).map_or(0, |response| response.status)),
        // The proxy's answer to CONNECT is not part of a trace.
        "http_connect" => Some(0),
        _ => None,
    }
}

fn text(transfer: &Transfer<'_>, name: &str) -> Option<Value> {
    let trace = last(transfer);
    let connect = latest_connection(transfer);
    let host = |end: Option<&String>| end.and_then(|end| address::split(end)).map(|(host, _)| host.to_owned());
    let text = match name {
        "url" => transfer.traces.first().map(|trace| trace.subject.url.clone()),
        "url_effective" => trace.map(|trace| trace.subject.url.clone()),
        "scheme" => return trace.map_or(Some(Value::Nothing), |trace| url_part(&trace.subject.url, "scheme")),
        "method" => trace.map(|trace| trace.subject.method.clone()),
        "http_version" => Some(http_version(transfer).to_owned()),
        "content_type" => {
            latest_response(transfer).and_then(|response| response.header("content-type")).map(str::to_owned)
        }
        "redirect_url" => redirect_url(transfer),
        "referer" => request_header(transfer, "referer"),
        "local_ip" => host(connect.and_then(|connect| connect.local.as_ref())),
        "remote_ip" => host(connect.and_then(|connect| connect.remote.as_ref())),
        "errormsg" => {
            let failure = trace.and_then(Trace::failure).map(|failure| failure.message.as_str());
            transfer.message.or(failure).map(str::to_owned)
        }
        "certs" => return Some(Value::Lines(certificates(transfer))),
        "filename_effective" | "ftp_entry_path" => None,
        _ => {
            let (prefix, part) = name.split_once('.')?;
            let trace = match prefix {
                "url" => transfer.traces.first(),
                "urle" => trace,
                _ => return None,
            };
            return url_part(trace.map_or("", |trace| &trace.subject.url), part);
        }
    };
    Some(text.into())
}

fn http_version<'a>(transfer: &Transfer<'a>) -> &'a str {
    latest_response(transfer).and_then(|response| response.version.strip_prefix("HTTP/")).unwrap_or("0")
}

/// Where a redirect would have led that was not followed.
fn redirect_url(transfer: &Transfer<'_>) -> Option<String> {
    let response = response(transfer).filter(|response| (300..400).contains(&response.status))?;
    let base = Url::parse(&last(transfer)?.subject.url).ok()?;
    Some(base.join(response.header("location")?).ok()?.into())
}

fn request_header(transfer: &Transfer<'_>, name: &str) -> Option<String> {
    let headers = &last(transfer)?.request.as_ref()?.headers;
    headers.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone())
}

fn certificates(transfer: &Transfer<'_>) -> String {
    let tls = last(transfer).and_then(|trace| trace.tls.as_ref());
    let lines = tls.iter().flat_map(|tls| &tls.certificates).map(|certificate| {
        format!(
            "Subject:{}\nIssuer:{}\nStart date:{}\nExpire date:{}\n",
            printable(&certificate.subject),
            printable(&certificate.issuer),
            printable(&certificate.not_before),
            printable(&certificate.not_after)
        )
    });
    lines.collect()
}

/// A part of a URL by curl's name for it; `None` if there is no such part.
fn url_part(url: &str, part: &str) -> Option<Value> {
    let url = Url::parse(url).ok();
    let url = url.as_ref();
    let own = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let text = match part {
        "scheme" => url.map(|url| url.scheme().to_owned()),
        "user" => url.and_then(|url| own(url.username())),
        "password" => url.and_then(|url| url.password().map(str::to_owned)),
        "host" => url.and_then(|url| url.host_str().map(str::to_owned)),
        "port" => url.and_then(Url::port_or_known_default).map(|port| port.to_string()),
        "path" => url.map(|url| url.path().to_owned()),
        "query" => url.and_then(|url| url.query().map(str::to_owned)),
        "fragment" => url.and_then(|url| url.fragment().map(str::to_owned)),
        // Of mail and of link-local addresses; http and https URLs here have neither.
        "options" | "zoneid" => None,
        _ => return None,
    };
    Some(text.into())
}
