//! Many traces as numbers: percentiles, intervals, and whether one target is slower than another.
//!
//! [`grouped`] sorts traces into [`Group`]s of the same kind; [`summarise`] turns groups into a [`Summary`], the contract
//! `wirefall/summary/1`. Only requests that completed are measured; failures are counted by their code.
//!
//! Invariants: this is the one place besides drawing where lengths become floats, and they leave it as whole nanoseconds; the
//! same traces and [`Settings`] give the same summary, because everything drawn at random is drawn from a seed; nothing is
//! dropped: what lies far out is counted in and named.
//!
//! Deliberately absent: measuring, and words for people (`render` has them).

mod bootstrap;
mod group;
mod layers;
mod measure;
mod outlier;
mod random;
mod rank;
#[cfg(test)]
mod reference_tests;
mod sample;
mod settings;
mod signed;
mod slo;
#[cfg(test)]
pub(crate) mod specimens;
mod summarise;
mod summary;
#[cfg(test)]
mod tests;
mod verdict;

pub use group::{Connection, Group, Run, Wanted, grouped, grouped_by_run, grouped_until};
pub use layers::{LayerDifference, LayerNote};
pub use measure::{Measure, MeasureError};
pub(crate) use random::SplitMix64;
pub use sample::{Sample, Stats};
pub use settings::{Confidence, ConfidenceError, Settings, Tolerance, ToleranceError};
pub(crate) use settings::{INDISTINCT, NEGLIGIBLE};
pub use signed::SignedNanos;
pub use slo::{Held, Miss, Objective, Reading, Shortfall, Slo, SloError, Statistic};
pub use summarise::{Baseline, SummariseError, summarise};
pub use summary::{
    Counts, Difference, Estimate, Interruption, NotCompared, Outlier, OutlierSide, Row, Summary, SummarySchema,
    TargetSummary, Verdict,
};
