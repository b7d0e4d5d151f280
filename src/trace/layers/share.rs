//! One layer's part of the wait.

use serde::{Deserialize, Serialize};

use super::{Layer, LayerEvidence};
use crate::event::Phase;
use crate::time::Nanos;

/// One layer's part of the wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerShare {
    /// Which layer.
    pub layer: Layer,
    /// Its own time: without that of the layers behind it.
    #[serde(rename = "duration_ns")]
    pub duration: Nanos,
    /// Who says so.
    pub evidence: LayerEvidence,
    /// Whether the length is an estimate rather than somebody's measurement.
    pub estimated: bool,
    /// Its time with that of the layers behind it; absent where none is told apart.
    #[serde(rename = "inclusive_ns", default, skip_serializing_if = "Option::is_none")]
    pub inclusive: Option<Nanos>,
    /// How far the own time may be off, either way, for want of digits in what it was computed from.
    #[serde(rename = "resolution_ns", default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Nanos>,
    /// The layer whose inclusive time contains this one's; absent for those directly inside the wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Layer>,
    /// Layers of the path whose time is in this one's own, because no evidence tells them apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub includes: Vec<Layer>,
    /// The earliest that it can have begun, from the trace's start; absent where nothing is known of its place. Clocks of two
    /// machines are never compared, so that a place is an interval, and an estimate.
    #[serde(rename = "start_low_ns", default, skip_serializing_if = "Option::is_none")]
    pub start_low: Option<Nanos>,
    /// The latest that it can have begun, from the trace's start.
    #[serde(rename = "start_high_ns", default, skip_serializing_if = "Option::is_none")]
    pub start_high: Option<Nanos>,
    /// All that speak of this layer, the one that is believed first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub witnesses: Vec<Witness>,
}

impl LayerShare {
    /// A measured own time of which nothing more is known.
    #[must_use]
    pub const fn new(layer: Layer, duration: Nanos, evidence: LayerEvidence) -> Self {
        Self {
            layer,
            duration,
            evidence,
            estimated: false,
            inclusive: None,
            resolution: None,
            within: None,
            includes: Vec::new(),
            start_low: None,
            start_high: None,
            witnesses: Vec::new(),
        }
    }
}

/// What one witness says of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witness {
    /// Who.
    pub evidence: LayerEvidence,
    /// What it says, in its own words: `target_processing_time`, `Invocation`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The length that it states; what it includes, its words say.
    #[serde(rename = "duration_ns")]
    pub duration: Nanos,
    /// The value of its last digit.
    #[serde(rename = "resolution_ns", default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Nanos>,
    /// Where it stands: `file:line`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// What somebody else says of a phase other than the wait: a balancer of the TLS handshake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseWitness {
    /// Which phase.
    pub phase: Phase,
    /// Who says what.
    #[serde(flatten)]
    pub witness: Witness,
}
