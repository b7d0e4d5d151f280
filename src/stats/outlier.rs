//! Which lengths lie far out.
//!
//! By Tukey's outer fences ("Exploratory Data Analysis", 1977, §2D): more than three times the distance of the quartiles below the
//! lower or above the upper one. Of normal noise that is one in 400 000, of log-normal noise of sigma 0.5 about one in a hundred.
//! Lengths within [`NEGLIGIBLE`] of a quartile are not far out however close together the quartiles are.
//!
//! They are named, and stay in every number: a slow request is a finding, not an error of measurement.

use super::settings::NEGLIGIBLE;
use super::{Measure, Outlier, OutlierSide, Sample};
use crate::time::Nanos;
use crate::trace::Trace;

/// Quartiles of fewer lengths say little.
const LEAST: usize = 8;
/// Distances of the quartiles.
const FAR_OUT: u64 = 3;

/// The traces whose length lies far out among `sample`, in their order.
pub(super) fn far_out<'t>(
    measure: Measure,
    sample: &Sample,
    traces: impl IntoIterator<Item = &'t Trace>,
) -> impl Iterator<Item = Outlier> {
    let (lower, upper) = (sample.percentile(250), sample.percentile(750));
    let spread = upper.saturating_sub(lower).get();
    let fence = Nanos::new(spread.saturating_mul(FAR_OUT)).max(NEGLIGIBLE);
    let enough = sample.count() >= LEAST;
    traces.into_iter().filter(move |_| enough).filter_map(move |trace| {
        let duration = measure.of(trace)?;
        let side = if duration > upper + fence {
            OutlierSide::High
        } else if duration + fence < lower {
            OutlierSide::Low
        } else {
            return None;
        };
        Some(Outlier { phase: measure, side, duration, trace_id: trace.subject.trace_id })
    })
}
