//! Flags of `wirefall attribute`.

use std::path::PathBuf;

use clap::Args;

use super::ReadOutputArgs;
use crate::attribute::aws::{AccessFormat, Columns};

/// `wirefall attribute`.
#[derive(Args, Clone, Debug)]
#[command(mut_arg("format", |arg| arg.help(FORMAT)), mut_arg("save", |arg| arg.help(SAVE)))]
#[command(mut_arg("chart", |arg| arg.help(CHART)))]
pub struct AttributeArgs {
    /// Saved traces, a JSON document a line (--save, --format jsonl); - for standard input
    #[arg(value_name = "TRACES.jsonl", required = true)]
    pub traces: Vec<PathBuf>,
    /// What the layers wrote down.
    #[command(flatten)]
    pub evidence: EvidenceArgs,
    /// With pretty, show at most this many requests one by one
    #[arg(long, value_name = "N", default_value = "10", help_heading = "Output")]
    pub rows: usize,
    /// What becomes of traces and their layers.
    #[command(flatten)]
    pub output: ReadOutputArgs,
}

const FORMAT: &str = "Print traces in this form: pretty request by request and as a summary, csv as a row for each layer, \
                      markdown as a table of the medians of layers, the others with their layers in each trace";

const SAVE: &str =
    "Append traces with their layers to this file, a JSON document a line, for wirefall chart layers and stacked";

const CHART: &str = "Draw the waits of requests by layers, a row for each layer, into this file";

/// Each a file, a folder with all that is in it, or a pattern with * ? [] **; plain or compressed with gzip; - for standard input.
#[derive(Args, Clone, Debug, Default)]
#[command(
    next_help_heading = "Evidence (files, folders, patterns with * ? [] **; gzip is recognised; - for standard input)"
)]
pub struct EvidenceArgs {
    /// X-Ray documents: batch-get-traces, documents as objects, or bare segments
    #[arg(long, value_name = "FILE")]
    pub xray: Vec<String>,
    /// Access logs of Application Load Balancers
    #[arg(long, value_name = "FILE")]
    pub alb: Vec<String>,
    /// Connection logs of Application Load Balancers
    #[arg(long, value_name = "FILE")]
    pub alb_connections: Vec<String>,
    /// Access logs of Classic Load Balancers
    #[arg(long, value_name = "FILE")]
    pub clb: Vec<String>,
    /// TLS logs of Network Load Balancers
    #[arg(long, value_name = "FILE")]
    pub nlb: Vec<String>,
    /// Standard logs of CloudFront
    #[arg(long, value_name = "FILE")]
    pub cloudfront: Vec<String>,
    /// Real-time logs of CloudFront
    #[arg(long, value_name = "FILE")]
    pub cloudfront_realtime: Vec<String>,
    /// The fields of the real-time logs, in their order, separated by commas [default: all fields, in the order of AWS]
    #[arg(long, value_name = "LIST", value_parser = Columns::parse)]
    pub cloudfront_fields: Option<Columns>,
    /// Access logs of API Gateway: JSON, a document a line, unless --apig-format says otherwise
    #[arg(long, value_name = "FILE")]
    pub apig: Vec<String>,
    /// The format string of API Gateway's access logs, as configured: '$context.requestId $context.responseLatency'
    #[arg(long, value_name = "TEXT", value_parser = AccessFormat::parse)]
    pub apig_format: Option<AccessFormat>,
    /// Logs of Lambda, text or JSON
    #[arg(long, value_name = "FILE")]
    pub lambda: Vec<String>,
}
