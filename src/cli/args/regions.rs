//! Which regions are asked, how often, and what is shown of them.

use std::num::NonZeroUsize;

use super::CompareOutput;
use crate::target::{Plan, Region};

/// What `wirefall regions` is to do.
#[derive(Clone, Debug, PartialEq)]
pub struct RegionSurvey {
    /// A target for each region that is asked, called by its name.
    pub plan: Plan,
    /// What is known of those regions, in the same order.
    pub asked: Vec<Region>,
    /// Regions in which the service has no endpoint.
    pub without_endpoint: Vec<Region>,
    /// Requests to each that count, after one that does not.
    pub requests: usize,
    /// Regions that are asked at once.
    pub at_once: NonZeroUsize,
    /// What is shown.
    pub depth: SurveyDepth,
    /// What becomes of the results.
    pub output: CompareOutput,
}

/// What is shown of each region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SurveyDepth {
    /// The round trip.
    #[default]
    RoundTrip,
    /// `--phases`: the medians of all phases.
    Phases,
}
