//! What is to be compared: targets that are asked now, or runs that were saved.
//!
//! Deliberately absent: asking, and reading.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use super::{CaptureRule, Color, Kept, StatusRule, Verbosity};
use crate::stats::{Settings, Slo};
use crate::target::{Plan, Repeat};

/// What is to be compared.
#[derive(Clone, Debug, PartialEq)]
pub enum Comparison {
    /// Targets, asked now.
    Live(Box<Live>),
    /// Runs that were saved, at least one, with names that differ.
    Saved(Vec<SavedRun>),
}

/// Targets that are asked now.
#[derive(Clone, Debug, PartialEq)]
pub struct Live {
    /// What to ask: at least one target, with names (or else URLs) that differ.
    pub plan: Plan,
    /// The place of the baseline among the plan's targets.
    pub baseline: usize,
    /// Requests to each target that count.
    pub requests: usize,
    /// Requests to each target before, which do not. At least one where connections are kept: it makes them.
    pub warmup: usize,
    /// Whether connections are kept: [`Repeat::ColdThenWarm`] for all that counts on the connection of the warm-up.
    pub repeat: Repeat,
    /// Targets that are asked at once.
    pub at_once: NonZeroUsize,
    /// What the order depends on; `None` for any.
    pub seed: Option<u64>,
}

/// A run that was saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedRun {
    /// What it is called.
    pub name: String,
    /// Where it is.
    pub source: RunSource,
}

/// Where a saved run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunSource {
    /// In this file.
    File(PathBuf),
    /// It comes on standard input.
    Stdin,
}

/// What several saved runs are compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum RunsBy {
    /// Each target with itself in the baseline's run.
    Run,
    /// The targets of each place with the baseline there.
    Vantage,
}

/// How what was measured is judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// The name that `--baseline` gives.
    pub baseline: Option<String>,
    /// `--by`.
    pub by: Option<RunsBy>,
    /// How sure a comparison has to be. Its seed is that of the run, where there is one.
    pub settings: Settings,
    /// What may not be exceeded.
    pub slo: Option<Slo>,
    /// Which statuses fail it.
    pub status: StatusRule,
}

/// What becomes of the results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompareOutput {
    /// The form of the summary.
    pub format: SummaryFormat,
    /// Where each trace is appended to, and a stacked bar for each target is drawn into.
    pub kept: Kept,
    /// Whether packets are captured.
    pub capture: CaptureRule,
    /// How much is said on standard error.
    pub verbosity: Verbosity,
    /// Whether the terminal's colours are used.
    pub color: Color,
}

/// The form of a printed summary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum SummaryFormat {
    /// Tables for people.
    #[default]
    Pretty,
    /// An indented JSON document, wirefall/summary/1.
    Json,
    /// The same in one line.
    Jsonl,
    /// Comma-separated values, a row for each target and phase.
    Csv,
    /// Tables for a pull request.
    Markdown,
}
