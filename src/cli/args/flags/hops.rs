//! Flags that say whether the path to the other end is looked at.

use clap::Args;

/// Which hops are looked for.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Path")]
pub struct HopArgs {
    /// After each trace, find the hops to where its connection went, by SYNs whose time to live ends on the way: at most 30 a
    /// round and 50 a second. Needs CAP_NET_RAW
    #[arg(long)]
    pub hops: bool,
    /// Probe each hop this often, 1 to 10 [default: 3]
    #[arg(long, value_name = "N")]
    pub hops_rounds: Option<String>,
    /// Ask DNS servers for the names of hops
    #[arg(long)]
    pub hops_names: bool,
}
