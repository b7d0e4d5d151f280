//! What one entry of a log says of one request, in the log's own words.
//!
//! A [`Record`] is what every format is reduced to: who says it, where it stands, by which keys it can be joined with a trace,
//! and its claims. A claim is a length of time with the resolution in which the format writes it.
//!
//! Invariants: what a log does not tell is absent, never zero; a moment is the clock of whoever wrote the log, and serves to
//! judge whether two things can belong together, never to compute a length across machines.
//!
//! Deliberately absent: which layer a claim belongs to, and whether it fits a trace; that is judged where both are at hand.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::time::{Nanos, Realtime, Timestamp};
use crate::trace::TraceId;

/// One entry of a log, or one segment document of X-Ray.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Which kind of log it is from.
    pub source: Source,
    /// Where it stands.
    pub at: Where,
    /// By what it can be joined with a trace or with other records; the same key may stand in several records.
    pub keys: Vec<Key>,
    /// When it was, by the clock of whoever wrote it.
    pub time: Option<Moment>,
    /// The lengths it states.
    pub claims: Vec<Claim>,
    /// What it says of the request; absent where the format says nothing of it.
    pub request: Option<RequestFacts>,
    /// What one must know to read the claims rightly.
    pub remarks: Vec<Remark>,
    /// How many others of the same trace, as X-Ray tells it, this one was called through: 0 for what the client called, and for
    /// all logs, which do not tell.
    pub depth: u32,
}

impl Record {
    /// A record that says nothing yet.
    #[must_use]
    pub const fn new(source: Source, at: Where) -> Self {
        Self {
            source,
            at,
            keys: Vec::new(),
            time: None,
            claims: Vec::new(),
            request: None,
            remarks: Vec::new(),
            depth: 0,
        }
    }

    /// What it claims of a part, where it claims anything of it.
    #[must_use]
    pub fn claim(&self, part: Part) -> Option<&Claim> {
        self.claims.iter().find(|claim| claim.part == part)
    }

    /// The length it claims for a part.
    #[must_use]
    pub fn length(&self, part: Part) -> Option<Nanos> {
        self.claim(part).map(|claim| claim.duration)
    }
}

/// A kind of log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// Access log of an Application Load Balancer.
    AlbAccess,
    /// Connection log of an Application Load Balancer.
    AlbConnection,
    /// Access log of a Classic Load Balancer.
    ClassicElb,
    /// TLS access log of a Network Load Balancer.
    NlbTls,
    /// Standard log of CloudFront.
    CloudFrontStandard,
    /// Real-time log of CloudFront.
    CloudFrontRealtime,
    /// Access log of API Gateway, REST or HTTP.
    ApiGateway,
    /// Lambda's log in text.
    LambdaText,
    /// Lambda's log, or telemetry, in JSON.
    LambdaJson,
    /// A segment document of X-Ray.
    XRay,
}

impl Source {
    /// Whether it tells of connections, and not of the requests on them.
    #[must_use]
    pub const fn knows_connections_only(self) -> bool {
        matches!(self, Self::NlbTls | Self::AlbConnection)
    }

    /// What messages call it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AlbAccess => "alb log",
            Self::AlbConnection => "alb connection log",
            Self::ClassicElb => "classic elb log",
            Self::NlbTls => "nlb tls log",
            Self::CloudFrontStandard => "cloudfront log",
            Self::CloudFrontRealtime => "cloudfront real-time log",
            Self::ApiGateway => "apig log",
            Self::LambdaText => "lambda log",
            Self::LambdaJson => "lambda json log",
            Self::XRay => "xray",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A place in the inputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Where {
    /// Which input, as the caller counts them.
    pub file: usize,
    /// The line, counted from 1; in JSON that spans lines, the document or entry, counted from 1.
    pub line: u64,
}

/// What joins a record with a trace, or with another record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// The root of `X-Amzn-Trace-Id`, which is the trace id of X-Ray and of `traceparent`.
    TraceRoot(TraceId),
    /// `$context.requestId`: `x-amzn-requestid` of a REST API, `apigw-requestid` of an HTTP API. A client can set a REST
    /// API's, so [`Key::ApigExtendedId`] is the better one.
    AmznRequestId(String),
    /// `$context.extendedRequestId`: `x-amz-apigw-id`.
    ApigExtendedId(String),
    /// `x-edge-request-id`: `x-amz-cf-id`.
    CloudFrontId(String),
    /// One call of a function: Lambda's `RequestId`, `$context.integration.requestId`, X-Ray's `aws.request_id`; for a function
    /// URL also `x-amzn-requestid`.
    InvocationId(String),
    /// `conn_trace_id` of an Application Load Balancer: joins a connection with its requests.
    ConnectionTrace(String),
    /// A trace id that stands as a token in `User-Agent`.
    AgentToken(TraceId),
    /// The client's end of the connection, as the server saw it. Weak: addresses are translated on the way, and ports used
    /// again.
    ClientPort(SocketAddr),
}

/// An instant by the clock of whoever wrote the log; to judge plausibility by, and for nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When.
    pub at: Timestamp<Realtime>,
    /// Of what.
    pub of: MomentOf,
    /// In which steps the format writes instants.
    pub resolution: Nanos,
}

/// Which end of the request's stay a moment marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MomentOf {
    /// The request had arrived, or work on it began.
    Start,
    /// The response was made, or work on it ended.
    End,
}

/// A length of time that a log states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Of what.
    pub part: Part,
    /// How long.
    pub duration: Nanos,
    /// In which steps the format writes it: the true length is within this distance.
    pub resolution: Nanos,
}

/// What a claim is about, in the words of the log that makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// `request_processing_time` of a load balancer: from the request's arrival until it was sent to the target.
    ElbRequest,
    /// `target_processing_time`, `backend_processing_time`: from there until the target's response began. Uploading a body
    /// counts here, or to [`Part::ElbRequest`] with a firewall or a function as target.
    ElbTarget,
    /// `response_processing_time`: from there until the response began to leave.
    ElbResponse,
    /// The TLS handshake as the server saw it: `tls_handshake_latency`, `tls_handshake_time`.
    TlsHandshake,
    /// `connection_time` of a Network Load Balancer: the whole life of the connection; no part of a wait.
    Connection,
    /// `time-to-first-byte`: from the request's arrival at the edge to the first byte of the response.
    CloudFrontFirstByte,
    /// `time-taken`: from the request's arrival at the edge to the last byte of the response.
    CloudFrontTotal,
    /// `origin-fbl`: first byte of the origin's response.
    OriginFirstByte,
    /// `origin-lbl`: last byte of the origin's response.
    OriginLastByte,
    /// `responseLatency`: the whole time in API Gateway, its parts and integration included.
    ApigResponse,
    /// `integration.latency`: the call of the backend. Of a response that was streamed it is [`Part::ApigStream`].
    ApigIntegration,
    /// `integration.latency` of a response that was streamed: it covers the whole stream, and is no part of the wait.
    ApigStream,
    /// `integration.timeToAllHeaders`: until the backend's response headers were there.
    ApigIntegrationHeaders,
    /// `integration.timeToFirstContent`: until the backend's first byte of content was there.
    ApigIntegrationFirstContent,
    /// `waf.latency`.
    ApigWaf,
    /// `authenticate.latency`.
    ApigAuthenticate,
    /// `authorizer.latency`.
    ApigAuthorizer,
    /// `authorize.latency`.
    ApigAuthorize,
    /// `Duration` of a `REPORT`: the function's call, runtime included, initialisation excluded.
    LambdaDuration,
    /// Initialisation of the sandbox for this call: `Init Duration`, X-Ray's `Initialization`.
    LambdaInit,
    /// Restoring a snapshot for this call: `Restore Duration`, X-Ray's `Restore`.
    LambdaRestore,
    /// `responseLatency` of the telemetry: from the call of the handler until its response began.
    LambdaResponseLatency,
    /// X-Ray's `AWS::Lambda`: the service's view of the call, everything included.
    LambdaSegment,
    /// From the start of `AWS::Lambda` to the start of the initialisation or restore: a sandbox is found or made and the code
    /// loaded. No log reports it.
    LambdaPlacement,
    /// From the end of the initialisation (where none was: from the start of `AWS::Lambda`) to the start of the function.
    LambdaGap,
    /// X-Ray's `AWS::Lambda::Function`.
    LambdaFunction,
    /// From the end of the function to the end of `AWS::Lambda`.
    LambdaTail,
    /// X-Ray's `Invocation`: the handler's call, inside the function's time.
    LambdaInvocation,
    /// X-Ray's `Overhead`: between the end of the handler and that of the call, inside the function's time.
    LambdaOverhead,
    /// `Dwell Time`: an event waited in the queue of asynchronous calls.
    LambdaDwell,
    /// What a service on a virtual machine recorded of itself.
    Ec2,
    /// What a service on containers recorded of itself.
    Fargate,
    /// What any other service recorded of itself.
    Service,
}

/// What a record says of the request besides times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestFacts {
    /// `GET`.
    pub method: Option<String>,
    /// The URL or the path, as the log writes it.
    pub url: Option<String>,
    /// The host's name, where it stands apart from the URL.
    pub host: Option<String>,
    /// The status that the client was given.
    pub status: Option<u16>,
    /// The client's address, as the server saw it.
    pub client: Option<IpAddr>,
    /// `User-Agent`, decoded.
    pub agent: Option<String>,
    /// What answered: a load balancer, distribution, stage or function, by its name.
    pub by: Option<String>,
}

/// What one must know to read a record's claims rightly.
///
/// Of a response that was streamed, [`Part::ApigResponse`] may cover the stream too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Remark {
    /// The client closed the connection before it had its response (an Application Load Balancer's status 460).
    ClientGone,
    /// The balancer did not reach a target, or it did not answer: its times are not recorded.
    NoTarget,
    /// The balancer's target is a function: uploading a body counts as [`Part::ElbRequest`].
    FunctionTarget,
    /// The response was streamed: what covers the whole stream says nothing of the first byte.
    Streamed,
    /// What CloudFront's cache did: `Hit`, `Miss`, `Error`, ….
    CacheResult(String),
    /// It was not over when this was written: it has no length.
    InProgress,
    /// The sandbox was initialised before the request came (provisioned concurrency, or ahead of need): no cost of this one.
    InitialisedBefore,
    /// How the sandbox was made: `on-demand`, `provisioned-concurrency`, `snap-start`.
    Initialisation(String),
    /// The initialisation or the call failed: `error`, `timeout`, ….
    Failed(String),
    /// The function was called in the background: its caller did not wait for it.
    Asynchronous,
    /// Lambda tried so many times; the claims are of the first attempt.
    Attempts(usize),
}
