//! What each kind of layer takes, and how it behaves where AWS lets its users choose.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::values::{Range, amount, millis, millis_by_name, millis_range, positive, seconds_range, share, token};
use crate::time::Nanos;

/// A layer that ends the path.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppProfile {
    /// What one request takes.
    #[serde(rename = "app_ms", deserialize_with = "millis")]
    pub app: Nanos,
}

/// API Gateway, REST API.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestProfile {
    /// What the layer adds to the one behind it, without what stands in front of it.
    #[serde(rename = "own_ms", deserialize_with = "millis")]
    pub own: Nanos,
    /// What a firewall in front of it takes; zero where there is none.
    #[serde(rename = "waf_ms", deserialize_with = "millis")]
    pub waf: Nanos,
    /// What an authorizer function takes; zero where there is none.
    #[serde(rename = "authorizer_ms", deserialize_with = "millis")]
    pub authorizer: Nanos,
}

/// A layer that calls another one.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelayProfile {
    /// What the layer adds to the one behind it.
    #[serde(rename = "own_ms", deserialize_with = "millis")]
    pub own: Nanos,
}

/// A load balancer that knows requests, application or classic.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ElbProfile {
    /// What the layer adds to the one behind it.
    #[serde(rename = "own_ms", deserialize_with = "millis")]
    pub own: Nanos,
    /// How it keeps a client on one target.
    pub stickiness: Stickiness,
}

/// How a load balancer keeps a client on one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stickiness {
    /// By cookies: `AWSALB` and `AWSALBCORS`, of a classic one `AWSELB` and `AWSELBCORS`.
    Cookie,
    /// Not at all.
    None,
}

/// The edge of the content delivery network.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloudFrontProfile {
    /// What the layer adds to the one behind it.
    #[serde(rename = "own_ms", deserialize_with = "millis")]
    pub own: Nanos,
    /// Whether responses carry `Server-Timing`.
    pub server_timing: ServerTiming,
    /// Name of the edge location.
    #[serde(deserialize_with = "token")]
    pub pop: String,
}

/// Whether responses carry `Server-Timing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerTiming {
    /// Every response does.
    On,
    /// None does.
    Off,
}

/// The function, and the service that runs it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LambdaProfile {
    /// Between caller and function, both ways.
    #[serde(rename = "invoke_ms", deserialize_with = "millis")]
    pub invoke: Nanos,
    /// What the function itself takes.
    #[serde(rename = "function_ms", deserialize_with = "millis")]
    pub function: Nanos,
    /// A cold start's base.
    #[serde(rename = "cold_base_ms", deserialize_with = "millis_range")]
    pub cold_base: Range,
    /// Size of the deployment package in MB (10^6 bytes).
    #[serde(deserialize_with = "amount")]
    pub package_mb: f64,
    /// How much of the base is the start of the runtime, from 0 to 1.
    #[serde(deserialize_with = "share")]
    pub runtime_share: f64,
    /// How a new sandbox gets ready.
    pub start: StartKind,
    /// What restoring a snapshot takes.
    #[serde(rename = "restore_ms", deserialize_with = "millis")]
    pub restore: Nanos,
    /// Download of one MB of it.
    #[serde(rename = "download_ms_per_mb", deserialize_with = "millis")]
    pub download_per_mb: Nanos,
    /// A key of `frameworks`.
    pub framework: String,
    /// Whether cold starts wait for a network interface.
    pub network: Network,
    /// What a network interface takes.
    #[serde(rename = "vpc_ms", deserialize_with = "millis_range")]
    pub vpc: Range,
    /// How long an idle sandbox is kept.
    #[serde(rename = "idle_s", deserialize_with = "seconds_range")]
    pub idle: Range,
    /// Requests served at once by one function.
    #[serde(deserialize_with = "positive")]
    pub concurrency: usize,
    /// Initialisation on the first run, by framework.
    #[serde(rename = "framework_ms", deserialize_with = "millis_by_name")]
    pub frameworks: BTreeMap<String, Nanos>,
}

/// How a new sandbox gets ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartKind {
    /// Runtime and framework start.
    OnDemand,
    /// A snapshot is restored.
    SnapStart,
}

/// Where a function's sandboxes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// In the service's own network.
    Public,
    /// In the customer's network, behind an interface that is made at the cold start.
    Vpc,
}
