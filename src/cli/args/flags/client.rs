//! Flags that concern one request: curl's, in every command that makes requests.

use clap::Args;

use super::{ConnectionArgs, HttpArgs, LimitArgs, NameArgs, RequestArgs, TlsArgs};
use crate::cli::args::BodyArgs;

/// How to ask.
#[derive(Args, Clone, Debug)]
pub struct ClientArgs {
    /// What is asked.
    #[command(flatten)]
    pub request: RequestArgs,
    /// What is sent along.
    #[command(flatten)]
    pub body: BodyArgs,
    /// How names become addresses.
    #[command(flatten)]
    pub names: NameArgs,
    /// How packets get there.
    #[command(flatten)]
    pub connection: ConnectionArgs,
    /// How TLS is spoken.
    #[command(flatten)]
    pub tls: TlsArgs,
    /// How HTTP is spoken.
    #[command(flatten)]
    pub http: HttpArgs,
    /// How long anything may take.
    #[command(flatten)]
    pub limits: LimitArgs,
}
