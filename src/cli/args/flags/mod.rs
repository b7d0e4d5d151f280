//! Raw flags, as clap reads them: one struct per command and per group of flags.
//!
//! Nothing is checked here beyond the flags' names; values are words until they are resolved, so that all messages about
//! them have one form. The doc comment of a field is its help text.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use super::examples;
use crate::lab::link::Share;
use crate::lab::{Clock, ClockError, RegionName, Skew, SkewError};
use crate::time::Nanos;

mod attribute;
mod capture;
mod chart;
mod client;
mod compare;
mod hops;
mod keep;
mod network;
mod output;
mod pcap;
mod regions;
mod request;
mod target;

pub use attribute::{AttributeArgs, EvidenceArgs};
pub use capture::CaptureArgs;
pub use chart::{ChartArgs, ChartKind};
pub use client::ClientArgs;
pub use compare::{CompareArgs, ComparisonArgs, RepetitionArgs, SummaryArgs};
pub use hops::HopArgs;
pub use keep::{KeepArgs, ReadOutputArgs, StatusArgs, SubjectArgs, VoiceArgs};
pub use network::{ConnectionArgs, HttpArgs, LimitArgs, NameArgs, TlsArgs};
pub use output::OutputArgs;
pub use pcap::{PcapArgs, SideRule};
pub use regions::RegionsArgs;
pub use request::RequestArgs;
pub use target::TargetArgs;

/// Shows where the milliseconds of a request go
///
/// wirefall does DNS, TCP, TLS and HTTP on its own sockets and takes the time of each boundary from the kernel. The phases
/// dns, connect, tls, send, wait and receive follow one another without gaps; together they are the total.
///
/// Words that name no command belong to `trace`: `wirefall URL` is `wirefall trace URL`.
#[derive(Clone, Debug, Parser)]
#[command(name = "wirefall", version, subcommand_required = true, arg_required_else_help = true)]
#[command(disable_help_subcommand = false, after_help = examples::PROGRAM)]
pub(super) struct Program {
    #[command(subcommand)]
    pub(super) command: Command,
}

/// A command and its raw flags.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Trace one request to each target, phase by phase
    #[command(after_help = examples::TRACE)]
    Trace(Box<TraceArgs>),
    /// Trace several targets many times each, or read what was saved, and say which is faster
    #[command(after_help = examples::COMPARE)]
    Compare(Box<CompareArgs>),
    /// Find the AWS regions that are nearest to this machine
    #[command(after_help = examples::REGIONS)]
    Regions(Box<RegionsArgs>),
    /// Run servers with known delays on this machine
    #[command(after_help = examples::LAB)]
    Lab(LabArgs),
    /// Run the lab, trace it and draw what was measured
    #[command(after_help = examples::DEMO)]
    Demo(DemoArgs),
    /// Split the wait of saved traces by layers, with the logs that the layers wrote
    #[command(after_help = examples::ATTRIBUTE)]
    Attribute(Box<AttributeArgs>),
    /// Read captures that were made elsewhere, as traces
    #[command(after_help = examples::PCAP)]
    Pcap(Box<PcapArgs>),
    /// Draw traces that were saved
    #[command(after_help = examples::CHART)]
    Chart(Box<ChartArgs>),
    /// Print completions for a shell
    #[command(after_help = examples::COMPLETIONS)]
    Completions(CompletionsArgs),
    /// Print the manual page
    #[command(after_help = examples::MAN)]
    Man,
}

/// `wirefall trace`.
#[derive(Args, Clone, Debug)]
#[command(mut_arg("targets", |arg| arg.required_unless_present("targets_file")))]
pub struct TraceArgs {
    /// What to ask.
    #[command(flatten)]
    pub targets: TargetArgs,
    /// How to ask.
    #[command(flatten)]
    pub client: ClientArgs,
    /// Whether packets are captured.
    #[command(flatten)]
    pub capture: CaptureArgs,
    /// Which hops are looked for.
    #[command(flatten)]
    pub hops: HopArgs,
    /// What becomes of the results.
    #[command(flatten)]
    pub output: OutputArgs,
}

/// `wirefall lab`.
#[derive(Args, Clone, Debug)]
pub struct LabArgs {
    /// Delays and paths, in place of the built-in ones
    #[arg(long, value_name = "FILE.toml")]
    pub profile: Option<PathBuf>,
    /// Multiply all delays, such as 0.1 for a tenth
    #[arg(long, value_name = "X", default_value = "1", value_parser = time_scale)]
    pub time_scale: f64,
    /// Answer DNS queries on this port; 0 takes a free one
    #[arg(long, value_name = "N", default_value = "0", conflicts_with = "distance")]
    pub dns_port: u16,
    /// Answer HTTPS requests on this port; 0 takes a free one
    #[arg(long, value_name = "N", default_value = "0")]
    pub https_port: u16,
    /// Answer plain HTTP requests on this port; 0 takes a free one
    #[arg(long, value_name = "N", default_value = "0")]
    pub http_port: u16,
    /// Write the certificate authority of this run here, for --cacert
    #[arg(long, value_name = "FILE.pem")]
    pub ca_out: Option<PathBuf>,
    /// Write AWS's logs of what is served, and the truth beside them, into this directory
    ///
    /// alb.log, alb-connections.log, clb.log (Classic Load Balancer), nlb-tls.log (Network Load Balancer: a line when a connection
    /// ends), cloudfront.log, cloudfront-realtime.log with its fields in cloudfront-realtime.fields, apig.log (JSON of $context
    /// variables), lambda.log (text), lambda.jsonl (JSON), xray.json (batch-get-traces; anew when nothing happens for a moment,
    /// and at the end), and truth.jsonl with each layer's own time. Files of an earlier run are replaced.
    #[arg(long, value_name = "DIR")]
    pub logs: Option<PathBuf>,
    /// Date a layer's logs by a clock that is so far off: cloudfront, elb (load balancers of all kinds), apig or lambda
    #[arg(long, value_name = "LAYER=MS", value_parser = skew, requires = "logs", allow_hyphen_values = true)]
    pub skew: Vec<(Clock, Skew)>,
    /// Put the lab into regions, each as far away as the profile says, in a network of its own
    ///
    /// Needs root, or a system on which anybody may make user namespaces. Ports are 53, 443 and 80 unless chosen.
    #[arg(long)]
    pub distance: bool,
    /// Put a region at this round trip, whether the profile has it or not
    #[arg(long, value_name = "NAME=MS", value_parser = region, requires = "distance")]
    pub region: Vec<(RegionName, Nanos)>,
    /// Put the client there: a place that the profile has in [distance.from], by itself virginia, frankfurt and sydney
    ///
    /// The regions are those of that place. Names without a region, such as ec2.lab.test, lead to the nearest one, as with
    /// latency-based routing; names with one, such as ec2.us-east-1.lab.test, to that.
    #[arg(long, value_name = "PLACE", requires = "distance")]
    pub at: Option<String>,
    /// Lose so many packets in each direction, such as 0.5%
    #[arg(long, value_name = "PERCENT", requires = "distance")]
    pub loss: Option<Share>,
    /// Hold each packet up to so much longer, in either direction
    #[arg(long, value_name = "MS", value_parser = millis, requires = "distance")]
    pub jitter: Option<Nanos>,
    /// Run this in the lab's network, then end with its exit code
    #[arg(last = true, value_name = "COMMAND", requires = "distance")]
    pub command: Vec<OsString>,
}

/// `wirefall demo`.
#[derive(Args, Clone, Debug)]
pub struct DemoArgs {
    /// Write traces and charts into this directory
    #[arg(long, value_name = "DIR", default_value = "./wirefall-demo")]
    pub out: PathBuf,
}

/// `wirefall completions`.
#[derive(Args, Clone, Debug)]
pub struct CompletionsArgs {
    /// The shell that is to complete
    #[arg(value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

fn region(text: &str) -> Result<(RegionName, Nanos), String> {
    let (name, round_trip) = text.split_once('=').ok_or_else(|| format!("expected NAME=MS, got {text:?}"))?;
    Ok((name.parse::<RegionName>().map_err(|error| error.to_string())?, millis(round_trip)?))
}

fn skew(text: &str) -> Result<(Clock, Skew), String> {
    let (layer, millis) = text.split_once('=').ok_or_else(|| format!("expected LAYER=MS, got {text:?}"))?;
    let layer = layer.parse().map_err(|error: ClockError| error.to_string())?;
    Ok((layer, millis.parse().map_err(|error: SkewError| error.to_string())?))
}

fn millis(text: &str) -> Result<Nanos, String> {
    // An hour is farther than anything on earth.
    let millis = text.parse().ok().filter(|millis: &f64| (0.0..=3_600_000.0).contains(millis));
    let millis = millis.ok_or_else(|| format!("expected milliseconds from 0 to 3600000, got {text:?}"))?;
    Ok(Duration::from_secs_f64(millis / 1e3).into())
}

fn time_scale(text: &str) -> Result<f64, String> {
    let scale = text.parse().ok().filter(|scale: &f64| scale.is_finite() && *scale > 0.0);
    scale.ok_or_else(|| format!("expected a number above 0, got {text:?}"))
}
