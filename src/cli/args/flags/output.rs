//! Flags that say what becomes of the results.

use std::path::PathBuf;

use clap::Args;

use crate::cli::args::Format;

/// What becomes of the results.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Output")]
#[expect(clippy::struct_excessive_bools, reason = "raw flags; they are enums once resolved")]
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
    /// Append traces to this file, a JSON document a line
    #[arg(long, value_name = "FILE.jsonl")]
    pub save: Option<PathBuf>,
    /// Draw a waterfall into this file
    #[arg(long, value_name = "FILE.png|svg")]
    pub chart: Option<String>,
    /// Fail with exit code 4 where a request takes longer: MEASURE=MS[,…], such as total=500,wait=200. A measure is a phase or
    /// total. What a request does not have, or did not get to, counts as missed
    #[arg(long, value_name = "OBJECTIVES")]
    pub slo: Option<String>,
    /// Fail with exit code 22 on status 400 and above
    #[arg(short = 'f', long)]
    pub fail: bool,
    /// Say nothing on standard error
    #[arg(short = 's', long)]
    pub silent: bool,
    /// With -s, say errors all the same
    #[arg(short = 'S', long)]
    pub show_error: bool,
    /// Say what goes over the wire
    #[arg(short = 'v', long)]
    pub verbose: bool,
    /// Use no colours, as with NO_COLOR
    #[arg(long)]
    pub no_color: bool,
    /// Leave credentials in traces
    #[arg(long)]
    pub show_secrets: bool,
    /// Call the place of measurement this
    #[arg(long, value_name = "NAME")]
    pub vantage: Option<String>,
}
