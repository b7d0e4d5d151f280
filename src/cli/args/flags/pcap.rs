//! Flags of `wirefall pcap`.

use std::path::PathBuf;

use clap::Args;

use super::{ReadOutputArgs, SubjectArgs};
use crate::cli::pcap::Filter;
use crate::event::Side;

/// `wirefall pcap`.
#[derive(Args, Clone, Debug)]
pub struct PcapArgs {
    /// Captures: pcap or pcapng, also compressed with gzip or zstd; - for standard input. Several are read one behind the other
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Show only flows to which this applies: host, client, server ADDRESS[/BITS], port N, sni NAME, name NAME, with and, or, not
    #[arg(long, value_name = "EXPRESSION", value_parser = str::parse::<Filter>)]
    pub filter: Option<Filter>,
    /// At which end packets were captured; auto lets each flow's packets tell
    #[arg(long, value_name = "SIDE", default_value = "auto")]
    pub side: SideRule,
    /// Keep at most this many flows open; beyond it, the one idle for the longest is closed
    #[arg(long, value_name = "N", default_value = "20000", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_flows: u32,
    /// Show the requests of this flow, phase by phase; the table has the numbers
    #[arg(long, value_name = "N", conflicts_with = "all")]
    pub flow: Option<u64>,
    /// Show the requests of all flows, phase by phase
    #[arg(long)]
    pub all: bool,
    /// Show at most this many flows, requests and bars
    #[arg(long, value_name = "N", default_value = "25", value_parser = clap::value_parser!(u32).range(1..))]
    pub rows: u32,
    /// What becomes of traces.
    #[command(flatten)]
    pub output: ReadOutputArgs,
    /// What traces say of themselves.
    #[command(flatten)]
    pub subject: SubjectArgs,
}

/// At which end packets were captured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum SideRule {
    /// The packets of each flow tell.
    #[default]
    Auto,
    /// At the clients.
    Client,
    /// At the servers.
    Server,
}

impl SideRule {
    /// The end, where the user says which one.
    #[must_use]
    pub const fn side(self) -> Option<Side> {
        match self {
            Self::Auto => None,
            Self::Client => Some(Side::Client),
            Self::Server => Some(Side::Server),
        }
    }
}
