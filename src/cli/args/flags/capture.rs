//! Flags that say whether and how packets are captured.

use std::path::PathBuf;

use clap::Args;

use crate::cli::args::CaptureRule;

/// Whether the client's own packets are captured, and what becomes of them.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Capture")]
pub struct CaptureArgs {
    /// Capture this program's own packets, for times from the wire and to see losses: where it may (auto), never (off), or
    /// fail where it may not (require). Capturing needs CAP_NET_RAW: root, or `setcap cap_net_raw+ep` [default: auto]
    #[arg(long, value_name = "WHEN")]
    pub capture: Option<CaptureRule>,
    /// List the packets in JSON and on the terminal; implies --capture require
    #[arg(long)]
    pub packets: bool,
    /// Write the packets into this file, with the TLS secrets that decrypt them, for Wireshark; implies --capture require
    #[arg(long, value_name = "FILE.pcapng")]
    pub pcap: Option<PathBuf>,
}
