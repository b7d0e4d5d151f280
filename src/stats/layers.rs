//! What a layer costs, by the difference of two paths.

use serde::{Deserialize, Serialize};

use super::{Confidence, Row, SignedNanos, Verdict};
use crate::target::LayerPath;

/// The cost of one layer: the difference of the waits of two paths, of which one is the other with this layer put in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerDifference {
    /// The layer.
    pub layer: String,
    /// The row whose path has it.
    pub with: Row,
    /// The row whose path lacks it, and nothing else.
    pub without: Row,
    /// The path with the layer.
    pub path: LayerPath,
    /// The difference of the medians of the two waits.
    #[serde(rename = "median_ns")]
    pub median: SignedNanos,
    /// The lower end of its interval.
    #[serde(rename = "low_ns")]
    pub low: SignedNanos,
    /// The upper end of its interval.
    #[serde(rename = "high_ns")]
    pub high: SignedNanos,
    /// How often such an interval holds the true difference.
    pub confidence: Confidence,
    /// How often two samples of one distribution would differ as much in their ranks.
    pub p_value: f64,
    /// Whether the layer costs anything: slower with it, faster, the same, or unclear.
    pub verdict: Verdict,
}

/// Why the paths do not tell what a layer costs, or not surely.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "snake_case")]
pub enum LayerNote {
    /// No two paths differ in just this layer.
    Missing {
        /// The layer.
        layer: String,
        /// The paths that would have told, of which none was measured.
        wanted: Vec<LayerPath>,
    },
    /// Several rows have the same path: each pair is listed, and which of them is meant is not guessed.
    SamePath {
        /// The path.
        path: LayerPath,
        /// The rows.
        rows: Vec<Row>,
    },
    /// The pairs of one layer have intervals that do not overlap: its cost depends on what stands beside it.
    Disagreeing {
        /// The layer.
        layer: String,
    },
    /// The rows differ in more than the layer (their region or another tag), so that they were not compared.
    Elsewhere {
        /// The layer.
        layer: String,
        /// The row whose path has it.
        with: Row,
        /// The row whose path lacks it.
        without: Row,
        /// The tag in which they differ.
        tag: String,
    },
}
