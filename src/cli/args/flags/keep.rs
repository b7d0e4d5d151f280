//! Flags of every command that gives traces: where they are kept, what they say of themselves, what fails a run, and how the
//! command speaks.

use std::path::PathBuf;

use clap::Args;

use crate::cli::args::Format;

/// Files that traces are kept in.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output")]
pub struct KeepArgs {
    /// Append traces to this file, a JSON document a line; wirefall compare, chart and attribute read it
    #[arg(long, value_name = "FILE.jsonl")]
    pub save: Option<PathBuf>,
    /// Draw a waterfall into this file
    #[arg(long, value_name = "FILE.png|svg")]
    pub chart: Option<String>,
    /// Write this above the chart [default: what the chart shows]
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
}

/// What traces say of themselves.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output")]
pub struct SubjectArgs {
    /// Leave credentials in traces; without it, they are redacted wherever traces go
    #[arg(long)]
    pub show_secrets: bool,
    /// Say in traces that they were measured at this place
    #[arg(long, value_name = "NAME")]
    pub vantage: Option<String>,
}

/// How the command speaks.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output")]
pub struct VoiceArgs {
    /// Say nothing on standard error
    #[arg(short = 's', long)]
    pub silent: bool,
    /// Use no colours, as with NO_COLOR
    #[arg(long)]
    pub no_color: bool,
}

/// Which statuses fail a run.
#[derive(Args, Clone, Debug, Default)]
pub struct StatusArgs {
    /// Fail with exit code 22 on status 400 and above
    #[arg(short = 'f', long)]
    pub fail: bool,
}

/// What becomes of traces that are read, not measured.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
pub struct ReadOutputArgs {
    /// Print traces in this form
    #[arg(long, value_name = "FORMAT", default_value = "pretty")]
    pub format: Format,
    /// Where they are kept.
    #[command(flatten)]
    pub keep: KeepArgs,
    /// How the command speaks.
    #[command(flatten)]
    pub voice: VoiceArgs,
}
