//! Words and flags that say where to ask.

use std::path::PathBuf;

use clap::Args;

/// Where to ask.
#[derive(Args, Clone, Debug)]
pub struct TargetArgs {
    /// What to ask: a URL, NAME=URL to show it under a name, or a name in the file of --targets. Without a scheme, http:// is
    /// meant
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,
    /// Take targets from this file, all of them where no TARGET is named. Flags count for every target, and beat the file
    #[arg(long = "targets", id = "targets_file", value_name = "FILE.toml", help_heading = "Request")]
    pub file: Option<PathBuf>,
}
