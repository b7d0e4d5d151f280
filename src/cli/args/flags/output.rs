//! Flags that say what becomes of the results.

use std::path::PathBuf;

use clap::Args;

use super::{KeepArgs, StatusArgs, SubjectArgs, VoiceArgs};
use crate::cli::args::Format;

/// What becomes of the results.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Print traces in this form [default: pretty, or nothing but -w where that is given]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<Format>,
    /// Print this text after each trace, with curl's variables such as %{time_total}; @FILE or @- reads it
    #[arg(short = 'w', long, value_name = "TEXT")]
    pub write_out: Option<String>,
    /// Write the body here; - for standard output
    #[arg(short = 'o', long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write the response's head here; - for standard output
    #[arg(short = 'D', long, value_name = "FILE")]
    pub dump_header: Option<PathBuf>,
    /// Where traces are kept.
    #[command(flatten)]
    pub keep: KeepArgs,
    /// Fail with exit code 4 where a request takes longer: MEASURE=MS[,…], in milliseconds, such as total=500,wait=200. A
    /// measure is a phase or total. What a request does not have, or did not get to, counts as missed
    #[arg(long, value_name = "OBJECTIVES")]
    pub slo: Option<String>,
    /// Which statuses fail a run.
    #[command(flatten)]
    pub status: StatusArgs,
    /// How it speaks.
    #[command(flatten)]
    pub voice: VoiceArgs,
    /// With -s, say errors all the same
    #[arg(short = 'S', long)]
    pub show_error: bool,
    /// Say what goes over the wire
    #[arg(short = 'v', long)]
    pub verbose: bool,
    /// What traces say of themselves.
    #[command(flatten)]
    pub subject: SubjectArgs,
}
