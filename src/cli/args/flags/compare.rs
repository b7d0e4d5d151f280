//! Flags of `wirefall compare`.

use clap::Args;

use super::{ClientArgs, KeepArgs, StatusArgs, SubjectArgs, TargetArgs, VoiceArgs};
use crate::cli::args::{CaptureRule, RunsBy, SummaryFormat};

/// `wirefall compare`.
#[derive(Args, Clone, Debug)]
#[command(mut_arg("targets", |arg| arg.help(TARGETS)), mut_arg("reuse", |arg| arg.help(REUSE)))]
pub struct CompareArgs {
    /// What to ask, or where it was saved.
    #[command(flatten)]
    pub targets: TargetArgs,
    /// How often to ask.
    #[command(flatten)]
    pub repetition: RepetitionArgs,
    /// What is compared with what, and how.
    #[command(flatten)]
    pub comparison: ComparisonArgs,
    /// How to ask.
    #[command(flatten)]
    pub client: ClientArgs,
    /// What becomes of the results.
    #[command(flatten)]
    pub output: SummaryArgs,
}

const TARGETS: &str = "What to compare: a URL, NAME=URL to show it under a name, or a name in the file of --targets; or else \
                       runs that were saved (--save): FILE.jsonl, NAME=FILE.jsonl, - for standard input";

const REUSE: &str = "Keep one connection to each target: it is made in the warm-up, and all requests that count are warm. \
                     Where it has to be made anew, that request counts apart";

/// How often to ask.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Repetition")]
pub struct RepetitionArgs {
    /// Make this many requests to each target [default: 30]
    #[arg(short = 'n', long, value_name = "COUNT")]
    pub requests: Option<String>,
    /// Make this many more to each target at first, which are neither counted nor saved [default: 0, with --reuse 1]
    #[arg(long, value_name = "COUNT")]
    pub warmup: Option<String>,
    /// Ask this many targets at once, never one of them twice; more than 1 measures their contention for this host's link and
    /// processors, too [default: 1]
    #[arg(short = 'c', long, visible_alias = "users", value_name = "COUNT")]
    pub concurrency: Option<String>,
    /// Repeat the order of requests, and the intervals, of the run that named this number [default: a random one]
    #[arg(long, value_name = "N")]
    pub seed: Option<String>,
}

/// What is compared with what, and how.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Comparison", mut_arg("fail", |arg| arg.help(FAIL)))]
pub struct ComparisonArgs {
    /// Compare the others with this target [default: the one with baseline = true in the file of --targets, else the first; of
    /// saved ones, the one with the fewest layers in its path, else the first], or, where saved runs are compared with each
    /// other, with this run [default: the first]
    #[arg(long, value_name = "NAME")]
    pub baseline: Option<String>,
    /// Compare several saved runs target by target (run), or the targets of all of them place by place (vantage) [default:
    /// vantage where each run has a --vantage of its own, else run]
    #[arg(long, value_name = "WHAT")]
    pub by: Option<RunsBy>,
    /// Give intervals that hold the true difference with this probability, above 0.5 and below 1 [default: 0.95]
    #[arg(long, value_name = "SHARE")]
    pub confidence: Option<String>,
    /// Call differences of medians up to this size the same: a share such as 5%, a time such as 2ms (or 2: a bare number is
    /// milliseconds), or spread, what the requests to one target differ among themselves [default: spread]
    #[arg(long, value_name = "SIZE")]
    pub same_within: Option<String>,
    /// Fail with exit code 4 where a target exceeds this: MEASURE[.STATISTIC]=MS[,…], in milliseconds, such as
    /// total=500,wait.p95=200. A measure is a phase or total; a statistic mean, min, max, p50 (the default) to p99.9. Failures
    /// count by failures=COUNT or failures=SHARE%, and not otherwise. What no request has counts as missed. Of saved runs, the
    /// baseline is not held to it
    #[arg(long, value_name = "OBJECTIVES")]
    pub slo: Option<String>,
    /// Which statuses fail a run.
    #[command(flatten)]
    pub status: StatusArgs,
}

const FAIL: &str = "Fail with exit code 22 where any request that counts is answered with status 400 or above";

const SAVE: &str = "Append each trace to this file as it ends, a JSON document a line; wirefall compare, chart and attribute \
                    read it";

const CHART: &str =
    "Draw a stacked bar of medians, a colour for each phase, for each target, or place by place, into this file";

/// What becomes of the results.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
#[command(mut_arg("save", |arg| arg.help(SAVE)), mut_arg("chart", |arg| arg.help(CHART)))]
pub struct SummaryArgs {
    /// Print the summary in this form [default: pretty]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<SummaryFormat>,
    /// Where traces are kept.
    #[command(flatten)]
    pub keep: KeepArgs,
    /// Capture this program's own packets, for times from the wire and to see losses: where it may (auto), never (off), or
    /// fail where it may not (require) [default: auto]
    #[arg(long, value_name = "WHEN")]
    pub capture: Option<CaptureRule>,
    /// How it speaks.
    #[command(flatten)]
    pub voice: VoiceArgs,
    /// What traces say of themselves.
    #[command(flatten)]
    pub subject: SubjectArgs,
}
