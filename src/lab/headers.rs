//! What each layer does to the headers of requests and responses.
//!
//! As AWS documents it, or as responses from AWS show it; where a layer sets an identifier, it is the one of its record.
//! Deliberately absent: bodies, delays, and layers that this world does not have.

use std::net::IpAddr;

use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION, SERVER,
    SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, USER_AGENT, VIA,
};

use super::identity::{Inventor, TraceHeader};
use super::profile::{Profile, ServerTiming, Stickiness};
use super::world::Kind;
use crate::time::{Nanos, Realtime, Timestamp};

/// What the application calls itself.
const APP_SERVER: &str = "wirefall-lab";

/// What an application load balancer calls itself, in responses of its own.
const ELB_SERVER: &str = "awselb/2.0";

pub(super) const TRACE: HeaderName = HeaderName::from_static("x-amzn-trace-id");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Valid for one connection only (RFC 9110 §7.6.1).
const HOP_BY_HOP: [HeaderName; 7] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// How long a stickiness cookie lives.
const COOKIE_LIFE: Nanos = Nanos::from_secs(7 * 24 * 60 * 60);

/// How a client speaks to a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    pub(super) const fn name(self) -> &'static str {
        self.name_and_port().0
    }

    const fn name_and_port(self) -> (&'static str, &'static str) {
        match self {
            Self::Http => ("http", "80"),
            Self::Https => ("https", "443"),
        }
    }
}

/// One request on its way through one layer: who it is there.
#[derive(Debug)]
pub(super) struct Passage {
    kind: Kind,
    pub(super) request_id: Option<String>,
    pub(super) extended_request_id: Option<String>,
    /// As the layer passes it on.
    pub(super) trace: Option<TraceHeader>,
    via: String,
    scheme: Scheme,
    at: Timestamp<Realtime>,
}

/// What a layer that calls another one knows when the answer is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    /// `None` on a kept connection.
    pub(super) connect: Option<Nanos>,
    /// From the request to the origin until its first byte.
    pub(super) upstream_first_byte: Nanos,
    /// From the client's request until the first byte to the client.
    pub(super) first_byte: Nanos,
}

impl Passage {
    pub(super) fn new(
        kind: Kind,
        request: &HeaderMap,
        inventor: &Inventor,
        scheme: Scheme,
        at: Timestamp<Realtime>,
    ) -> Self {
        let request_id = match kind {
            Kind::CloudFront => Some(inventor.cloudfront_id()),
            Kind::HttpApi => Some(inventor.gateway_id()),
            Kind::RestToLambda | Kind::RestToService | Kind::RestToHttp | Kind::Lambda | Kind::Service => {
                Some(inventor.uuid())
            }
            Kind::Ec2
            | Kind::Fargate
            | Kind::Elb
            | Kind::RedirectingElb
            | Kind::ClassicElb
            | Kind::NetworkElb
            | Kind::FunctionUrl => None,
        };
        let extended_request_id = match kind {
            Kind::RestToLambda | Kind::RestToService | Kind::RestToHttp => Some(inventor.gateway_id()),
            _ => None,
        };
        let via = format!("1.1 {}.cloudfront.net (CloudFront)", inventor.hex::<16>());
        Self { kind, request_id, extended_request_id, trace: trace(kind, request, inventor, at), via, scheme, at }
    }

    /// Makes the client's headers those of the request to the next layer.
    pub(super) fn forward(&self, headers: &mut HeaderMap, client: IpAddr, next: &str) {
        if self.kind == Kind::NetworkElb {
            // What HTTP/2 says in a pseudo-header has to stand somewhere in HTTP/1.1; nothing else is touched.
            if !headers.contains_key(HOST) {
                put(headers, &HOST, next);
            }
            return;
        }
        drop_hop_by_hop(headers);
        if !matches!(self.kind, Kind::Elb | Kind::ClassicElb) || !headers.contains_key(HOST) {
            put(headers, &HOST, next);
        }
        let passed = headers.get(FORWARDED_FOR).and_then(|value| value.to_str().ok());
        let forwarded_for = passed.map_or(client.to_string(), |passed| format!("{passed}, {client}"));
        put(headers, &FORWARDED_FOR, &forwarded_for);
        let (scheme, port) = self.scheme.name_and_port();
        if self.kind == Kind::CloudFront {
            headers.insert(USER_AGENT, HeaderValue::from_static("Amazon CloudFront"));
            put(headers, &VIA, &self.via);
            self.put_request_id(headers, &HeaderName::from_static("x-amz-cf-id"));
        } else {
            put(headers, &HeaderName::from_static("x-forwarded-proto"), scheme);
            put(headers, &HeaderName::from_static("x-forwarded-port"), port);
        }
        if let Some(trace) = &self.trace {
            put(headers, &TRACE, &trace.to_string());
        }
    }

    /// The headers of a response that begins here.
    pub(super) fn originate(&self, headers: &mut HeaderMap) {
        let content_type = match self.kind {
            Kind::Service => "application/x-amz-json-1.0",
            _ => "application/json",
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        match self.kind {
            Kind::Ec2 | Kind::Fargate => put(headers, &SERVER, APP_SERVER),
            Kind::Service => {
                put(headers, &SERVER, "Server");
                self.put_request_id(headers, &REQUEST_ID);
            }
            Kind::Lambda => {
                self.put_request_id(headers, &REQUEST_ID);
                if let Some(trace) = &self.trace {
                    put(headers, &TRACE, &trace.to_string());
                }
            }
            Kind::RedirectingElb => put(headers, &SERVER, ELB_SERVER),
            _ => {}
        }
    }

    /// The headers of a redirect.
    pub(super) fn redirect(&self, headers: &mut HeaderMap, location: &str) {
        self.originate(headers);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
        put(headers, &LOCATION, location);
    }

    /// The headers of this layer's own error: the next one cannot be reached.
    pub(super) fn fail(&self, headers: &mut HeaderMap) {
        match self.kind {
            Kind::Elb => put(headers, &SERVER, ELB_SERVER),
            // A classic one gives no name; a network one would close the connection, for it knows no responses.
            Kind::ClassicElb | Kind::NetworkElb => {}
            Kind::CloudFront => put(headers, &HeaderName::from_static("x-cache"), "Error from cloudfront"),
            _ => put(headers, &ERROR_TYPE, "InternalServerErrorException"),
        }
    }

    /// Makes the next layer's headers those of the response to the client.
    pub(super) fn return_through(
        &self,
        headers: &mut HeaderMap,
        timing: Timing,
        profile: &Profile,
        inventor: &Inventor,
    ) {
        match self.kind {
            Kind::RestToHttp => remap(headers),
            Kind::RestToService => keep_content_headers(headers),
            Kind::NetworkElb => return,
            _ => {}
        }
        drop_hop_by_hop(headers);
        match self.kind {
            Kind::RestToHttp | Kind::RestToService | Kind::RestToLambda => {
                self.put_request_id(headers, &REQUEST_ID);
                let extended = self.extended_request_id.as_deref().unwrap_or_default();
                put(headers, &HeaderName::from_static("x-amz-apigw-id"), extended);
            }
            Kind::HttpApi => self.put_request_id(headers, &HeaderName::from_static("apigw-requestid")),
            Kind::Elb if profile.elb.stickiness == Stickiness::Cookie => self.set_cookies(headers, &inventor.cookie()),
            Kind::ClassicElb if profile.clb.stickiness == Stickiness::Cookie => {
                self.set_classic_cookies(headers, &inventor.classic_cookie());
            }
            Kind::CloudFront => {
                put(headers, &HeaderName::from_static("x-cache"), "Miss from cloudfront");
                put(headers, &VIA, &self.via);
                put(headers, &HeaderName::from_static("x-amz-cf-pop"), &profile.cloudfront.pop);
                self.put_request_id(headers, &HeaderName::from_static("x-amz-cf-id"));
                if profile.cloudfront.server_timing == ServerTiming::On {
                    let request_id = self.request_id.as_deref().unwrap_or_default();
                    let value = server_timing(timing, &profile.cloudfront.pop, request_id);
                    put(headers, &HeaderName::from_static("server-timing"), &value);
                }
            }
            _ => {}
        }
    }

    fn put_request_id(&self, headers: &mut HeaderMap, name: &HeaderName) {
        put(headers, name, self.request_id.as_deref().unwrap_or_default());
    }

    /// Both cookies, alike but for `SameSite`: browsers send only the second one across sites.
    fn set_cookies(&self, headers: &mut HeaderMap, value: &str) {
        let expires = http_date(self.at + COOKIE_LIFE);
        let secure = if self.scheme == Scheme::Https { "; Secure" } else { "" };
        let cookies = [
            format!("AWSALB={value}; Expires={expires}; Path=/"),
            format!("AWSALBCORS={value}; Expires={expires}; Path=/; SameSite=None{secure}"),
        ];
        append_cookies(headers, cookies);
    }

    /// The same of a classic load balancer, which writes them in its own way.
    fn set_classic_cookies(&self, headers: &mut HeaderMap, value: &str) {
        let age = COOKIE_LIFE.get() / 1_000_000_000;
        let secure = if self.scheme == Scheme::Https { ";SECURE" } else { "" };
        let cookies = [
            format!("AWSELB={value};PATH=/;MAX-AGE={age}"),
            format!("AWSELBCORS={value};PATH=/;MAX-AGE={age}{secure};SAMESITE=None"),
        ];
        append_cookies(headers, cookies);
    }
}

fn append_cookies(headers: &mut HeaderMap, cookies: [String; 2]) {
    for cookie in cookies {
        if let Ok(value) = HeaderValue::try_from(cookie) {
            headers.append(SET_COOKIE, value);
        }
    }
}

fn drop_hop_by_hop(headers: &mut HeaderMap) {
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Kind of an error that AWS made itself.
pub(super) const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

fn put(headers: &mut HeaderMap, name: &HeaderName, value: &str) {
    // Values are made here from visible characters; what a client sent and is no header value is left out.
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

fn trace(kind: Kind, request: &HeaderMap, inventor: &Inventor, at: Timestamp<Realtime>) -> Option<TraceHeader> {
    let given = request.get(TRACE).and_then(|value| value.to_str().ok()).map(TraceHeader::parse);
    match kind {
        // Of the load balancers, only application ones know the header.
        Kind::Ec2 | Kind::Fargate | Kind::Service | Kind::CloudFront | Kind::ClassicElb | Kind::NetworkElb => given,
        Kind::Elb | Kind::RedirectingElb => {
            let mut trace = given.unwrap_or_default();
            let name = if trace.get("Root").is_some() { "Self" } else { "Root" };
            trace.set_first(name, inventor.trace_root(at));
            Some(trace)
        }
        Kind::RestToLambda | Kind::RestToService | Kind::RestToHttp | Kind::HttpApi | Kind::FunctionUrl => {
            Some(rooted(given, inventor, at))
        }
        Kind::Lambda => {
            let mut trace = rooted(given, inventor, at);
            trace.set("Parent", inventor.hex::<8>());
            if trace.get("Sampled").is_none() {
                trace.set("Sampled", "0".to_owned());
            }
            trace.set("Lineage", format!("1:{}:0", inventor.hex::<4>()));
            Some(trace)
        }
    }
}

fn rooted(given: Option<TraceHeader>, inventor: &Inventor, at: Timestamp<Realtime>) -> TraceHeader {
    let mut trace = given.unwrap_or_default();
    if trace.get("Root").is_none() {
        trace.set_first("Root", inventor.trace_root(at));
    }
    trace
}

/// A REST API with an HTTP backend does not let these pass under their own names.
fn remap(headers: &mut HeaderMap) {
    let names = [
        (CONNECTION, "x-amzn-remapped-connection"),
        (CONTENT_LENGTH, "x-amzn-remapped-content-length"),
        (DATE, "x-amzn-remapped-date"),
        (SERVER, "x-amzn-remapped-server"),
        (REQUEST_ID, "x-amzn-remapped-x-amzn-requestid"),
    ];
    for (name, remapped) in names {
        if let Some(value) = headers.remove(name) {
            headers.insert(HeaderName::from_static(remapped), value);
        }
    }
}

/// A REST API in front of an AWS service lets pass only what is mapped.
fn keep_content_headers(headers: &mut HeaderMap) {
    let kept = [CONTENT_TYPE, CONTENT_LENGTH].map(|name| (headers.remove(&name), name));
    headers.clear();
    for (value, name) in kept {
        if let Some(value) = value {
            headers.insert(name, value);
        }
    }
}

/// The metrics of a cache miss, in whole milliseconds, as CloudFront's response headers policies write them.
fn server_timing(timing: Timing, pop: &str, request_id: &str) -> String {
    let millis = |length: Nanos| length.get() / 1_000_000;
    format!(
        "cdn-upstream-layer;desc=\"EDGE\",cdn-upstream-dns;dur=0,cdn-upstream-connect;dur={},cdn-upstream-fbl;dur={},\
         cdn-cache-miss,cdn-pop;desc=\"{pop}\",cdn-rid;desc=\"{request_id}\",cdn-downstream-fbl;dur={}",
        millis(timing.connect.unwrap_or_default()),
        millis(timing.upstream_first_byte),
        millis(timing.first_byte),
    )
}

/// As in RFC 9110 §5.6.7: `Sat, 28 Nov 2026 04:38:33 GMT`.
fn http_date(at: Timestamp<Realtime>) -> String {
    const FORM: &[time::format_description::BorrowedFormatItem<'_>] = time::macros::format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let date = time::OffsetDateTime::from_unix_timestamp_nanos(at.as_nanos().into());
    date.ok().and_then(|date| date.format(FORM).ok()).unwrap_or_default()
}

#[cfg(test)]
#[path = "headers_tests.rs"]
mod tests;
