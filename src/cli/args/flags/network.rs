//! Flags that say how a request gets there: names, connections, TLS, HTTP, time limits.

use std::path::PathBuf;

use clap::Args;

/// How names become addresses.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Name resolution")]
pub struct NameArgs {
    /// Use IPv4 only
    #[arg(short = '4', long, overrides_with = "ipv6")]
    pub ipv4: bool,
    /// Use IPv6 only
    #[arg(short = '6', long, overrides_with = "ipv4")]
    pub ipv6: bool,
    /// Use these addresses for a host (or *) and port
    #[arg(long, value_name = "HOST:PORT:ADDR[,ADDR]…")]
    pub resolve: Vec<String>,
    /// Ask these DNS servers: IP[:PORT], or tls://IP[:PORT]#NAME for DNS over TLS
    #[arg(long, value_name = "SERVER[,SERVER]…", conflicts_with = "doh_url")]
    pub dns_servers: Option<String>,
    /// Ask this DNS server over HTTPS
    #[arg(long, value_name = "URL")]
    pub doh_url: Option<String>,
}

/// How packets get there.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Connection")]
pub struct ConnectionArgs {
    /// Connect to HOST2:PORT2 where the URL says HOST1:PORT1; empty parts match all, or change nothing
    #[arg(long, value_name = "HOST1:PORT1:HOST2:PORT2")]
    pub connect_to: Vec<String>,
    /// Connect to this Unix domain socket
    #[arg(long, value_name = "PATH")]
    pub unix_socket: Option<PathBuf>,
    /// Send from this device or address
    #[arg(long, value_name = "NAME|ADDR")]
    pub interface: Option<String>,
    /// Use this HTTP proxy, [http://][USER:PASSWORD@]HOST[:PORT], port 1080 if not given; "" ignores http_proxy, HTTPS_PROXY
    /// and ALL_PROXY
    #[arg(short = 'x', long, value_name = "PROXY")]
    pub proxy: Option<String>,
    /// Reach these hosts without a proxy, in place of NO_PROXY: names, addresses, CIDR blocks; * alone for all
    #[arg(long, value_name = "HOST[,HOST]…")]
    pub noproxy: Option<String>,
    /// Give an attempt this many milliseconds before the next address is tried as well [default: 200]
    #[arg(long, value_name = "MS")]
    pub happy_eyeballs_timeout_ms: Option<String>,
    /// Send a second request on the same connection, as a trace of its own
    #[arg(long)]
    pub reuse: bool,
}

/// How TLS is spoken.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "TLS")]
pub struct TlsArgs {
    /// Trust anyone
    #[arg(short = 'k', long)]
    pub insecure: bool,
    /// Trust the certificates in this PEM file only
    #[arg(long, value_name = "FILE")]
    pub cacert: Option<PathBuf>,
    /// Show this client certificate, PEM; keys with a password are not read
    #[arg(short = 'E', long, value_name = "FILE")]
    pub cert: Option<String>,
    /// The key of the client certificate, PEM, where it is not in the same file
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Offer TLS 1.2 and later
    #[arg(long = "tlsv1.2", overrides_with = "tlsv1_3")]
    pub tlsv1_2: bool,
    /// Offer TLS 1.3 only
    #[arg(long = "tlsv1.3", overrides_with = "tlsv1_2")]
    pub tlsv1_3: bool,
    /// Offer nothing later than this: 1.2, 1.3 or default
    #[arg(long, value_name = "VERSION")]
    pub tls_max: Option<String>,
    /// Append TLS secrets to this file, so that captures can be decrypted; else to the file in SSLKEYLOGFILE
    #[arg(long, value_name = "FILE")]
    pub keylog: Option<PathBuf>,
}

/// How HTTP is spoken.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "HTTP")]
#[expect(clippy::struct_excessive_bools, reason = "raw flags; they are an enum once resolved")]
pub struct HttpArgs {
    /// Speak HTTP/1.1
    #[arg(long = "http1.1", overrides_with_all = ["http2", "http2_prior_knowledge"])]
    pub http1_1: bool,
    /// Speak HTTP/2 where TLS negotiates it (the default)
    #[arg(long, overrides_with_all = ["http1_1", "http2_prior_knowledge"])]
    pub http2: bool,
    /// Speak HTTP/2 without asking, also in clear text
    #[arg(long, overrides_with_all = ["http1_1", "http2"])]
    pub http2_prior_knowledge: bool,
    /// Follow redirects, a trace each
    #[arg(short = 'L', long)]
    pub location: bool,
    /// Follow no more redirects than this; -1 for any number [default: 50]
    #[arg(long, value_name = "N")]
    pub max_redirs: Option<String>,
}

/// How long anything may take.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// Give a request this many seconds in all, such as 10 or 0.5; 0 for any time [default: 300]
    #[arg(short = 'm', long, value_name = "SECONDS")]
    pub max_time: Option<String>,
    /// Give dns, connect and tls this many seconds together; 0 for any time [default: 30]
    #[arg(long, value_name = "SECONDS")]
    pub connect_timeout: Option<String>,
}
