//! The trace of one request: what this program exists to produce.
//!
//! [`Trace::assemble`] is the only place where phases are computed. A trace that failed is a trace: it has every phase up to
//! the failure. The JSON form is the contract `wirefall/trace/1`; times in it are integer nanoseconds from the trace's start.
//!
//! Invariants: phases are contiguous and sum to the total ([`Timeline`]); no secret is in a trace unless it was asked for
//! ([`crate::target::Secrets`]).

mod assemble;
mod hops;
mod id;
pub mod layers;
mod redact;
mod sections;
mod server_timing;
mod timeline;
mod wait;
mod wire;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::TransportCounters;
pub use crate::event::{
    Direction, Evidence, Failure, FailureCode, PacketCounts, PacketNote, PacketRow, Phase, Recovery, Side, TcpOffer,
};
use crate::target::{LayerPath, Secrets};
use crate::time::{ClockSync, Nanos, Realtime, Timestamp};
pub use hops::{
    Hop, HopAnswer, HopProbe, HopReply, HopReplyError, HopSearch, HopsEnded, RoundTrips, hops, last_answering,
    weakest_evidence,
};
pub use id::{TraceId, TraceIdError, XRayRoot};
pub use layers::{Layer, LayerEvidence, LayerShare, Layers, LayersError, Passed, PhaseWitness, Rejected};
pub use redact::{redact_headers, redact_url};
pub use sections::{Client, Connect, ConnectAttempt, Dns, DnsQuery, Informational, Response, Tls};
pub use server_timing::ServerMetric;
pub use timeline::{Span, Timeline, TimelineError};
pub use wait::{Method, WaitSplit};
pub use wire::{Cause, Delay, PhasePackets, Wire};

/// What a response with another status than the expected one counts as, beside the codes of failures ([`FailureCode`]).
pub const UNEXPECTED_STATUS: &str = "http.unexpected_status";

/// Everything known of one request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// The version of this form.
    pub schema: Schema,
    /// What the trace is of.
    #[serde(flatten)]
    pub subject: Subject,
    /// When it started, by the wall clock.
    #[serde(with = "rfc3339")]
    pub started_at: Timestamp<Realtime>,
    /// Whether the response is complete.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The phases that happened.
    #[serde(flatten)]
    pub timeline: Timeline,
    /// Name resolution; absent for IP literals and reused connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<Dns>,
    /// The connection, and the attempts that led to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect: Option<Connect>,
    /// The TLS handshake; absent in clear text and on reused connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// The request as sent; absent where the trace failed before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<crate::event::RequestHead>,
    /// The final response; absent where none began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Response>,
    /// The wait, split into network and server; absent where no round trip of the connection is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<WaitSplit>,
    /// The kernel's counters; absent where it keeps none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<TransportCounters>,
    /// What was captured of the connection; absent without a capture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wire: Option<Wire>,
    /// What this program itself cost.
    pub client: Client,
    /// What the server says of its own time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub server_timing: Vec<ServerMetric>,
    /// The layers that the response, the names and the chain of canonical names give away, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed: Vec<Passed>,
    /// The wait by layers, outermost first; empty where no evidence speaks of any.
    #[serde(default, skip_serializing_if = "layers_are_absent")]
    pub layers: Layers,
    /// Evidence that names this request and was not used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected: Vec<Rejected>,
    /// What the other end's logs say of phases that this end measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phase_witnesses: Vec<PhaseWitness>,
    /// How the path to the other end was searched; absent where it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hop_search: Option<HopSearch>,
    /// The hops of that path; empty where it was not searched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hops: Vec<Hop>,
}

fn layers_are_absent(layers: &Layers) -> bool {
    layers.is_empty()
}

/// The one version of the JSON form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Schema {
    /// `wirefall/trace/1`.
    #[serde(rename = "wirefall/trace/1")]
    Trace1,
}

/// What a trace is of: known before anything is observed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Its identity, unique to this request.
    pub trace_id: TraceId,
    /// The target's name, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The target's tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// The layers that the target passes, as its user named them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<LayerPath>,
    /// Where the measurement was made from, as the user calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vantage: Option<String>,
    /// The URL asked for.
    pub url: String,
    /// The request's method.
    pub method: String,
    /// The status that its user expects; absent where any is fine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect_status: Option<u16>,
    /// The trace of the redirect that led here.
    pub redirected_from: Option<TraceId>,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "OutcomeWritten", try_from = "OutcomeWritten")]
pub enum Outcome {
    /// The whole response arrived, whatever its status.
    Complete,
    /// It did not; the phases up to the failure are there.
    Failed(Failure),
}

impl Outcome {
    /// The failure, if it failed.
    #[must_use]
    pub const fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Complete => None,
            Self::Failed(failure) => Some(failure),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OutcomeWord {
    Complete,
    Failed,
}

#[derive(Serialize, Deserialize)]
struct OutcomeWritten {
    outcome: OutcomeWord,
    failure: Option<Failure>,
}

impl From<Outcome> for OutcomeWritten {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Complete => Self { outcome: OutcomeWord::Complete, failure: None },
            Outcome::Failed(failure) => Self { outcome: OutcomeWord::Failed, failure: Some(failure) },
        }
    }
}

impl TryFrom<OutcomeWritten> for Outcome {
    type Error = &'static str;

    fn try_from(written: OutcomeWritten) -> Result<Self, Self::Error> {
        match (written.outcome, written.failure) {
            (OutcomeWord::Complete, None) => Ok(Self::Complete),
            (OutcomeWord::Failed, Some(failure)) => Ok(Self::Failed(failure)),
            (OutcomeWord::Complete, Some(_)) => Err("outcome is \"complete\", so failure must be null"),
            (OutcomeWord::Failed, None) => Err("outcome is \"failed\", so failure must say why"),
        }
    }
}

impl Trace {
    /// The phase, if it happened.
    #[must_use]
    pub fn span(&self, phase: Phase) -> Option<Span> {
        self.timeline.span(phase)
    }

    /// The length of the whole: the sum of the phases.
    #[must_use]
    pub fn total(&self) -> Nanos {
        self.timeline.total()
    }

    /// The failure, if it failed.
    #[must_use]
    pub const fn failure(&self) -> Option<&Failure> {
        self.outcome.failure()
    }

    /// The status of a response that is complete and not the one that its user expects.
    ///
    /// Such a trace is complete all the same: what arrived is what the server said. It counts as a failure where requests are
    /// counted, under the name [`UNEXPECTED_STATUS`].
    #[must_use]
    pub fn unexpected_status(&self) -> Option<u16> {
        let status = self.response.as_ref().filter(|_| self.failure().is_none())?.status;
        self.subject.expect_status.filter(|expected| *expected != status).map(|_| status)
    }

    /// The name that this counts under as a failure: its failure's code, or [`UNEXPECTED_STATUS`].
    #[must_use]
    pub fn failure_name(&self) -> Option<&'static str> {
        let failed = self.failure().map(|failure| failure.code.as_str());
        failed.or_else(|| self.unexpected_status().map(|_| UNEXPECTED_STATUS))
    }

    /// The name to show: the target's, or else the URL.
    #[must_use]
    pub fn label(&self) -> &str {
        self.subject.name.as_deref().unwrap_or(&self.subject.url)
    }
}

/// What [`Trace::assemble`] needs besides events.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// Turns the start into a date.
    pub clock: ClockSync,
    /// Whether secrets stay.
    pub secrets: Secrets,
}

/// RFC 3339 with nanoseconds, in UTC.
mod rfc3339 {
    use serde::{Deserialize, Deserializer, Serializer};
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;

    use crate::time::{Realtime, Timestamp};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's `with` passes a reference")]
    pub(super) fn serialize<S: Serializer>(stamp: &Timestamp<Realtime>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(stamp)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp<Realtime>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let date = OffsetDateTime::parse(&text, &Rfc3339).map_err(serde::de::Error::custom)?;
        let nanos = u64::try_from(date.unix_timestamp_nanos())
            .map_err(|_| serde::de::Error::custom("expected a date between 1970 and 2554"))?;
        Ok(Timestamp::from_nanos(nanos))
    }
}
