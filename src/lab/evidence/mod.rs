//! What AWS's logs would say of a request, and what is true of it.
//!
//! Every format is written from the records of the lab's servers ([`Served`]) as AWS documents it, with its resolution: a load
//! balancer knows milliseconds, an older one microseconds, a function hundredths of one. A log is dated by the clock of its
//! layer, which may be off ([`Clocks`](super::Clocks)); lengths are what the servers measured. The truth is in none of these
//! formats: it has every layer's own time to the nanosecond, by the true clock.
//!
//! Invariants: pure, and what a format cannot know, it does not say: a load balancer that redirects logs no times, and a client
//! that went away leaves a record of the first layer only. Deliberately absent: reading any of this; whoever reads it must not
//! be of the same hand. Rounding is to the nearest step; AWS does not document whether its services round or cut.

mod alb;
mod apig;
mod balancer;
mod clb;
mod cloudfront;
mod lambda_json;
mod lambda_text;
mod nlb;
mod stamp;
mod truth;
mod xray;

use super::connection::{Ended, Handshake};
use super::profile::Profile;
use super::served::{LayerTime, Served};
use super::world::{self, Balancer};

pub use self::truth::{TrueTime, true_times};
pub use self::xray::Traces;

/// Whose account everything belongs to: the one of AWS's documentation.
const ACCOUNT: &str = "123456789012";

/// The region of a lab without regions: the one that its names are written for.
const NEAREST_REGION: &str = "us-east-1";

/// A log with a line, or a few, for each request, or for each connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    /// Access log of the application load balancers.
    AlbAccess,
    /// Connection log of the application load balancers.
    AlbConnections,
    /// Access log of the classic load balancers.
    ClbAccess,
    /// TLS log of the network load balancers.
    NlbTls,
    /// `CloudFront`'s standard log.
    CloudFrontStandard,
    /// `CloudFront`'s real-time log, with the fields of [`REALTIME_FIELDS`].
    CloudFrontRealtime,
    /// API Gateway's access log: JSON, with the names of the context variables as keys.
    ApiGateway,
    /// The functions' log in text.
    LambdaText,
    /// The functions' log in JSON.
    LambdaJson,
    /// What is true: not a log of AWS's.
    Truth,
}

pub use self::cloudfront::REALTIME_FIELDS;

impl Log {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::AlbAccess,
        Self::AlbConnections,
        Self::ClbAccess,
        Self::NlbTls,
        Self::CloudFrontStandard,
        Self::CloudFrontRealtime,
        Self::ApiGateway,
        Self::LambdaText,
        Self::LambdaJson,
        Self::Truth,
    ];

    /// The file in which the lab keeps it.
    #[must_use]
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::AlbAccess => "alb.log",
            Self::AlbConnections => "alb-connections.log",
            Self::ClbAccess => "clb.log",
            Self::NlbTls => "nlb-tls.log",
            Self::CloudFrontStandard => "cloudfront.log",
            Self::CloudFrontRealtime => "cloudfront-realtime.log",
            Self::ApiGateway => "apig.log",
            Self::LambdaText => "lambda.log",
            Self::LambdaJson => "lambda.jsonl",
            Self::Truth => "truth.jsonl",
        }
    }

    /// What stands at the beginning of the file.
    #[must_use]
    pub fn preamble(self) -> String {
        match self {
            Self::CloudFrontStandard => cloudfront::preamble(),
            _ => String::new(),
        }
    }

    /// What it says of a request: lines with their ends; nothing where the request did not come by.
    #[must_use]
    pub fn of_request(self, served: &Served, profile: &Profile) -> String {
        match self {
            Self::AlbAccess => {
                lines(served, is(Balancer::Application), |part| Some(alb::access(served, part, profile)))
            }
            Self::ClbAccess => lines(served, is(Balancer::Classic), |part| Some(clb::access(served, part, profile))),
            // What knows connections only.
            Self::AlbConnections | Self::NlbTls => String::new(),
            Self::CloudFrontStandard => {
                lines(served, of("cloudfront"), |part| Some(cloudfront::standard(served, part, profile)))
            }
            Self::CloudFrontRealtime => {
                lines(served, of("cloudfront"), |part| Some(cloudfront::realtime(served, part, profile)))
            }
            Self::ApiGateway => lines(served, of("apig"), |part| Some(apig::line(served, part, profile))),
            Self::LambdaText => lines(served, of("lambda"), |part| lambda_text::lines(part, &region(served))),
            Self::LambdaJson => lines(served, of("lambda"), |part| lambda_json::lines(part, profile)),
            Self::Truth => truth::line(served) + "\n",
        }
    }

    /// What it says of a handshake.
    #[must_use]
    pub fn of_handshake(self, handshake: &Handshake, profile: &Profile) -> String {
        match self {
            Self::AlbConnections if world::balancer(handshake.station) == Some(Balancer::Application) => {
                alb::connection(handshake, profile) + "\n"
            }
            _ => String::new(),
        }
    }

    /// What it says of a connection that is over.
    #[must_use]
    pub fn of_connection(self, ended: &Ended, profile: &Profile) -> String {
        match self {
            Self::NlbTls if world::balancer(ended.station) == Some(Balancer::Network) => {
                nlb::connection(ended, profile) + "\n"
            }
            _ => String::new(),
        }
    }
}

/// Whether a stay is in that layer.
fn of(layer: &'static str) -> impl Fn(&&LayerTime) -> bool {
    move |part| part.layer == layer
}

/// Whether a stay is in that kind of load balancer.
fn is(balancer: Balancer) -> impl Fn(&&LayerTime) -> bool {
    move |part| world::balancer(part.station) == Some(balancer)
}

/// What `line` makes of each stay that is one of those, a line end behind each.
fn lines(served: &Served, is_one: impl Fn(&&LayerTime) -> bool, line: impl Fn(&LayerTime) -> Option<String>) -> String {
    let stays = served.layers.iter().filter(is_one);
    stays.filter_map(line).map(|line| line + "\n").collect()
}

/// The region that a request was served in; where the lab has none, the one that its names are written for.
fn region(served: &Served) -> String {
    served.region.clone().unwrap_or_else(|| NEAREST_REGION.to_owned())
}

/// The connection that leads to this layer, where that is the client's own.
fn client_connection<'a>(served: &'a Served, part: &LayerTime) -> Option<&'a super::Connection> {
    let is_first = served.layers.first().is_some_and(|first| first.station == part.station);
    is_first.then_some(&served.connection)
}

/// The X-Ray trace that a header names: `1-<8 hex>-<24 hex>`.
fn field<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header.split(';').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests;
