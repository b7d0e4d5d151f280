//! Flags that say what is asked.

use clap::Args;

/// Flags that say what is asked, except for its body.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Request")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "raw flags; those that exclude one another are an enum once resolved"
)]
pub struct RequestArgs {
    /// Use this method, also after redirects
    #[arg(short = 'X', long = "request", value_name = "METHOD")]
    pub method: Option<String>,
    /// Add or replace a field: "Name: value"; "Name;" is empty, "Name:" removes. @FILE or @- reads one a line
    #[arg(short = 'H', long = "header", value_name = "FIELD")]
    pub headers: Vec<String>,
    /// Append what -d and its relatives say to the URL, and use GET
    #[arg(short = 'G', long)]
    pub get: bool,
    /// Ask for the head only, by HEAD
    #[arg(short = 'I', long)]
    pub head: bool,
    /// Set User-Agent; an empty text removes it
    #[arg(short = 'A', long, value_name = "TEXT")]
    pub user_agent: Option<String>,
    /// Send this cookie; files are not read
    #[arg(short = 'b', long = "cookie", value_name = "NAME=VALUE")]
    pub cookies: Vec<String>,
    /// Authenticate (Basic; with --aws-sigv4, the access key and the secret key). Beats user and password in the URL
    #[arg(short = 'u', long, value_name = "USER:PASSWORD")]
    pub user: Option<String>,
    /// Authenticate with this token (Bearer)
    #[arg(long, value_name = "TOKEN", conflicts_with = "aws_sigv4")]
    pub oauth2_bearer: Option<String>,
    /// Sign for AWS: aws:amz[:REGION[:SERVICE]], missing parts from the host name; keys from -u or AWS_ACCESS_KEY_ID,
    /// AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN
    #[arg(long, value_name = "SCOPE")]
    pub aws_sigv4: Option<String>,
    /// Ask for a compressed body, and write it decompressed
    #[arg(long)]
    pub compressed: bool,
    /// Do not send X-Amzn-Trace-Id and traceparent, nor the trace's id in User-Agent, by which logs are joined with traces
    #[arg(long)]
    pub no_trace_headers: bool,
}
