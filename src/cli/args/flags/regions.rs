//! Flags of `wirefall regions`.

use clap::Args;

use super::{ClientArgs, SummaryArgs};

/// `wirefall regions`.
#[derive(Args, Clone, Debug)]
#[command(mut_arg("reuse", |arg| arg.hide(true)), mut_arg("location", |arg| arg.hide(true)))]
#[command(mut_arg("unix_socket", |arg| arg.hide(true)), mut_arg("proxy", |arg| arg.help(PROXY)))]
#[command(mut_arg("max_redirs", |arg| arg.hide(true)), mut_arg("connect_timeout", |arg| arg.help(CONNECT_TIMEOUT)))]
#[command(mut_arg("chart", |arg| arg.help(CHART)))]
pub struct RegionsArgs {
    /// Ask the endpoints of this service, by its name in host names, such as lambda or s3 [default: dynamodb]
    #[arg(long, value_name = "NAME", help_heading = "Regions")]
    pub service: Option<String>,
    /// Ask this URL in each region, with {region}, {service}, {dns_suffix} and {dualstack_suffix} filled in; all regions are
    /// asked, whether AWS has endpoints there or not [default: https://{service}.{region}.{dns_suffix}/]
    #[arg(long, value_name = "URL", help_heading = "Regions")]
    pub endpoint_template: Option<String>,
    /// Ask the regions of this partition, such as aws-cn or aws-us-gov [default: aws]
    #[arg(long, value_name = "NAME", help_heading = "Regions")]
    pub partition: Option<String>,
    /// Show the medians of all phases, in milliseconds, of requests that were complete, not the round trip alone (syn rtt: from
    /// the SYN to its answer). The phase connect has what this program added to it, too; the order is that of the round trip
    #[arg(long, help_heading = "Regions")]
    pub phases: bool,
    /// Make this many requests to each region that count, after one that does not [default: 5]
    #[arg(short = 'n', long, value_name = "COUNT", help_heading = "Regions")]
    pub requests: Option<String>,
    /// Ask this many regions at once [default: 8]
    #[arg(short = 'c', long, visible_alias = "users", value_name = "COUNT", help_heading = "Regions")]
    pub concurrency: Option<String>,
    /// How to ask.
    #[command(flatten)]
    pub client: ClientArgs,
    /// What becomes of the results.
    #[command(flatten)]
    pub output: SummaryArgs,
}

const PROXY: &str = "With \"\", ask directly in spite of the variables http_proxy, https_proxy and all_proxy; through a proxy, all \
                     regions would be as far as the proxy";

const CHART: &str = "Draw a stacked bar of medians, a colour for each phase, for each region into this file; those without a \
                     complete request are left out, and counted";

const CONNECT_TIMEOUT: &str = "Give dns, connect and tls this many seconds together; 0 for any time [default: 5]";
