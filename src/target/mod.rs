//! What to ask, and how: parsed once, then only read.
//!
//! A [`Plan`] holds everything that the client needs and that its user may choose. Nothing in it is a raw flag: exclusive
//! flags have become one enum, units have become types, files that a request consists of have been read.
//!
//! Deliberately absent: reading arguments, the environment or files (`cli` does), and deciding what happens on the wire.

use std::collections::BTreeMap;

use crate::time::Nanos;

mod catalogue;
mod header;
mod hint;
mod host;
mod layer_path;
mod location;
mod proxy;
mod redirect;
mod regions;
mod request;
mod resolution;
mod route;
mod sigv4;
mod tls;

pub use catalogue::{Catalogue, CatalogueError, CatalogueProblem, Entry, Role};
pub(crate) use header::is_token;
pub use header::{HeaderField, HeaderFieldError, SECRET_FIELDS};
pub use layer_path::{LayerPath, LayerPathError};
pub use location::{Location, LocationError};
pub use proxy::{Proxies, Proxy, ProxyError};
pub use redirect::RedirectError;
pub use regions::{Endpoint, EndpointTemplate, EndpointTemplateError, Partition, PartitionError, Region, regions};
pub use request::{ContentCoding, Credentials, Method, MethodError, Request};
pub(crate) use resolution::override_for;
pub use resolution::{DnsServers, DnsServersError, Family, Resolution, ResolveOverride, ResolveOverrideError};
pub use route::{ConnectTo, ConnectToError, Interface, InterfaceError, Route};
pub use sigv4::{SigV4Scope, SigV4ScopeError};
pub use tls::{ClientIdentity, TlsOptions, TlsVersion, TlsVersionError, Trust};

/// Everything that one run of the client is to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What to trace, in this order.
    pub targets: Vec<Target>,
    /// How names become addresses.
    pub resolution: Resolution,
    /// How packets get there.
    pub route: Route,
    /// How TLS is spoken.
    pub tls: TlsOptions,
    /// Which HTTP is spoken.
    pub http: HttpVersion,
    /// What to do on a redirect.
    pub redirects: Redirects,
    /// Whether a second request follows on the same connection.
    pub repeat: Repeat,
    /// How long anything may take.
    pub limits: Limits,
    /// What the user calls the place of measurement.
    pub vantage: Option<String>,
    /// Whether credentials stay in traces.
    pub secrets: Secrets,
    /// Whether requests say which trace they belong to.
    pub trace_headers: TraceHeaders,
}

/// A request with a name and tags.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The name shown instead of the URL.
    pub name: Option<String>,
    /// Free labels, such as `region = "us-east-1"`.
    pub tags: BTreeMap<String, String>,
    /// The layers that its requests pass; `None` where nobody said.
    pub path: Option<LayerPath>,
    /// What is asked.
    pub request: Request,
    /// Addresses that count for this target alone, where the plan's overrides say nothing.
    pub resolve: Vec<ResolveOverride>,
    /// The status that its responses should have; `None` where any is fine.
    pub expect_status: Option<u16>,
}

/// Which HTTP is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HttpVersion {
    /// Over TLS what ALPN chooses of `h2` and `http/1.1`; HTTP/1.1 in clear text.
    #[default]
    Negotiate,
    /// `--http1.1`.
    Http11,
    /// `--http2-prior-knowledge`: HTTP/2 also in clear text (RFC 9113 §3.3).
    Http2PriorKnowledge,
}

/// What to do on a redirect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Redirects {
    /// Show it.
    #[default]
    Stay,
    /// `-L`: follow it, a trace for each request.
    Follow {
        /// `--max-redirs`; `None` for -1, no limit.
        most: Option<u32>,
    },
}

/// How often the connection is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Repeat {
    /// Once.
    #[default]
    Cold,
    /// `--reuse`: a second, warm request follows on the same connection, as a trace of its own.
    ColdThenWarm,
}

/// How long anything may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Until a connection is ready for its request: `dns`, `connect` and `tls` together.
    pub connect: Nanos,
    /// One request in all.
    pub total: Nanos,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect: Nanos::from_secs(30), total: Nanos::from_secs(300) }
    }
}

/// Whether credentials stay in traces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Secrets {
    /// They are replaced before a trace exists.
    #[default]
    Redact,
    /// They stay (`--show-secrets`).
    Show,
}

/// Whether requests say which trace they belong to, so that logs of what they pass can be joined with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TraceHeaders {
    /// `X-Amzn-Trace-Id` and `traceparent` with the trace's id, and the id in `User-Agent` too, wherever the user has not
    /// said otherwise.
    #[default]
    Send,
    /// None of them (`--no-trace-headers`); `User-Agent` is the program's name and version alone.
    Omit,
}
