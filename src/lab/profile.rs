//! The delays of the lab: a TOML file over the defaults that come with the program.
//!
//! Invariant: a `Profile` is complete and consistent. A file names only what differs from `default.toml`; whatever it says
//! wrongly is an error with file, line and key. Deliberately absent: applying the time scale, which is the lab's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::link::Share;
use super::place::RegionName;
use super::skew::Skew;
use crate::time::Nanos;

/// The profile that is used where no file is given; commented, so that it serves as a template too.
pub const DEFAULT_PROFILE: &str = include_str!("default.toml");

/// All delays of the lab.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The name server.
    pub dns: DnsProfile,
    /// How far the regions are, for a lab with distance.
    pub distance: DistanceProfile,
    /// The application on its own machine.
    pub ec2: AppProfile,
    /// The application load balancer.
    pub elb: ElbProfile,
    /// The edge of the content delivery network.
    pub cloudfront: CloudFrontProfile,
    /// API Gateway, REST API.
    pub apig_rest: RestProfile,
    /// API Gateway, HTTP API.
    pub apig_http: RelayProfile,
    /// The AWS service that a REST API calls directly.
    pub service: AppProfile,
    /// The front end of a Lambda function URL.
    pub function_url: RelayProfile,
    /// The application in a container.
    pub fargate: AppProfile,
    /// The function, and the service that runs it.
    pub lambda: LambdaProfile,
    /// How far the clocks are off by which the layers date their logs.
    #[serde(rename = "skew_ms")]
    pub clocks: Clocks,
}

/// How far the clocks are off by which the layers date their logs. Delays and lengths do not depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clocks {
    /// The edge's.
    pub cloudfront: Skew,
    /// The load balancer's.
    pub elb: Skew,
    /// API Gateway's.
    pub apig: Skew,
    /// Lambda's.
    pub lambda: Skew,
}

/// A layer that keeps logs, and so has a clock to date them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// `cloudfront`
    CloudFront,
    /// `elb`
    Elb,
    /// `apig`
    Apig,
    /// `lambda`
    Lambda,
}

/// The text names no layer that keeps logs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected cloudfront, elb, apig or lambda, got {0:?}")]
pub struct ClockError(String);

impl FromStr for Clock {
    type Err = ClockError;

    fn from_str(name: &str) -> Result<Self, ClockError> {
        match name {
            "cloudfront" => Ok(Self::CloudFront),
            "elb" => Ok(Self::Elb),
            "apig" => Ok(Self::Apig),
            "lambda" => Ok(Self::Lambda),
            _ => Err(ClockError(name.to_owned())),
        }
    }
}

impl Clocks {
    /// Sets one.
    pub const fn set(&mut self, clock: Clock, skew: Skew) {
        match clock {
            Clock::CloudFront => self.cloudfront = skew,
            Clock::Elb => self.elb = skew,
            Clock::Apig => self.apig = skew,
            Clock::Lambda => self.lambda = skew,
        }
    }
}

/// The name server.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DnsProfile {
    /// From the query to its answer.
    #[serde(rename = "answer_ms", deserialize_with = "millis")]
    pub answer: Nanos,
    /// Lifetime of the records in seconds.
    pub ttl_s: u32,
}

/// How far the regions are.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DistanceProfile {
    /// Round trip to the name server.
    #[serde(rename = "dns_ms", deserialize_with = "millis")]
    pub dns: Nanos,
    /// How much later than anything else the answers to SYNs come.
    #[serde(rename = "accept_ms", deserialize_with = "millis")]
    pub accept: Nanos,
    /// Up to so much more for each packet and direction.
    #[serde(rename = "jitter_ms", deserialize_with = "millis")]
    pub jitter: Nanos,
    /// Packets lost by chance, in each direction.
    #[serde(rename = "loss_percent", deserialize_with = "percent")]
    pub loss: Share,
    /// Round trip to each region.
    #[serde(rename = "round_trip_ms", deserialize_with = "millis_by_name")]
    pub regions: BTreeMap<RegionName, Nanos>,
    /// The same from elsewhere, by the name of the place.
    #[serde(rename = "from")]
    pub places: BTreeMap<String, FromPlace>,
}

/// How far the regions are from a place.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FromPlace {
    /// Round trip to each region that there is.
    #[serde(rename = "round_trip_ms", deserialize_with = "millis_by_name")]
    pub regions: BTreeMap<RegionName, Nanos>,
}

/// A place that the profile does not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a place that the profile has in [distance.from], which are {known}; got {got:?}")]
pub struct PlaceError {
    got: String,
    known: String,
}

impl DistanceProfile {
    /// Puts the client into a place: the regions, and how far they are, are those of that place.
    pub fn put_client(&mut self, place: &str) -> Result<(), PlaceError> {
        let Some(from) = self.places.get(place) else {
            let known = self.places.keys().cloned().collect::<Vec<_>>().join(", ");
            return Err(PlaceError { got: place.to_owned(), known });
        };
        self.regions.clone_from(&from.regions);
        Ok(())
    }
}

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

/// The application load balancer.
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
    /// By the cookies `AWSALB` and `AWSALBCORS`.
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

/// A length of time between two bounds, both included; `low <= high`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    low: Nanos,
    high: Nanos,
}

impl Range {
    /// The shortest.
    #[must_use]
    pub const fn low(self) -> Nanos {
        self.low
    }

    /// The longest.
    #[must_use]
    pub const fn high(self) -> Nanos {
        self.high
    }
}

/// Why a profile cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The file cannot be read.
    #[error("cannot read the delay profile {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not a profile.
    #[error("{file}:{line}: {key}: {problem}")]
    Invalid {
        /// The file's name as it was given.
        file: String,
        /// The line, counted from 1.
        line: usize,
        /// The key with its table (`lambda.package_mb`), or `syntax` where the file is not TOML.
        key: String,
        /// What was expected, and what is there.
        problem: String,
    },
}

impl Profile {
    /// Reads and parses a file.
    pub fn read(path: &Path) -> Result<Self, ProfileError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ProfileError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Parses the text of a profile; `file` is its name in errors. What the text does not say is as in [`DEFAULT_PROFILE`].
    pub fn parse(text: &str, file: &str) -> Result<Self, ProfileError> {
        let invalid = |error: &toml::de::Error| invalid(error, text, file);
        let given = DeTable::parse(text).map_err(|error| invalid(&error))?;
        let mut merged = DeTable::parse(DEFAULT_PROFILE).map_err(|error| invalid(&error))?;
        overlay(merged.get_mut(), given.into_inner());
        let profile = Self::deserialize(toml::Deserializer::from(merged)).map_err(|error| invalid(&error))?;
        if profile.lambda.frameworks.contains_key(&profile.lambda.framework) {
            return Ok(profile);
        }
        let known: Vec<&str> = profile.lambda.frameworks.keys().map(String::as_str).collect();
        Err(ProfileError::Invalid {
            file: file.to_owned(),
            line: text.lines().position(|line| key_of(line) == Some("framework")).map_or(1, |index| index + 1),
            key: "lambda.framework".to_owned(),
            problem: format!(
                "expected a key of [lambda.framework_ms] ({}), got {:?}",
                known.join(", "),
                profile.lambda.framework
            ),
        })
    }
}

impl Default for Profile {
    #[expect(clippy::expect_used, reason = "the text is part of the program, and a test parses it")]
    fn default() -> Self {
        Self::parse(DEFAULT_PROFILE, "default.toml").expect("the embedded profile is valid")
    }
}

/// Puts the entries of `given` in the place of those of `base`, table by table. The spans of `given` stay, so that errors
/// point into the user's text; the defaults cause none.
fn overlay<'text>(base: &mut DeTable<'text>, given: DeTable<'text>) {
    for (key, value) in given {
        match (base.get_mut(&key).map(Spanned::get_mut), value) {
            (Some(DeValue::Table(below)), value) if matches!(value.get_ref(), DeValue::Table(_)) => {
                if let DeValue::Table(above) = value.into_inner() {
                    overlay(below, above);
                }
            }
            (_, value) => {
                base.remove(&key);
                base.insert(key, value);
            }
        }
    }
}

fn invalid(error: &toml::de::Error, text: &str, file: &str) -> ProfileError {
    let start = error.span().map_or(0, |span| span.start).min(text.len());
    let before = text.get(..start).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let is_toml = DeTable::parse(text).is_ok();
    let key = text.lines().nth(line - 1).and_then(key_of).filter(|_| is_toml).map_or("syntax".to_owned(), |key| {
        let table = text.lines().take(line - 1).filter_map(table_of).last();
        table.map_or(key.to_owned(), |table| format!("{table}.{key}"))
    });
    ProfileError::Invalid { file: file.to_owned(), line, key, problem: error.message().to_owned() }
}

/// The key that a line gives a value or opens a table for.
fn key_of(line: &str) -> Option<&str> {
    table_of(line).or_else(|| line.split_once('=').map(|(key, _)| key.trim())).filter(|key| !key.starts_with('#'))
}

fn table_of(line: &str) -> Option<&str> {
    line.trim().strip_prefix('[')?.split(']').next().map(str::trim)
}

/// The longest time a profile may name: a day.
const LONGEST_MS: f64 = 86_400_000.0;

fn to_nanos(millis: f64) -> Option<Nanos> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to lie within a day")]
    (0.0..=LONGEST_MS).contains(&millis).then(|| Nanos::new((millis * 1e6).round() as u64))
}

fn millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Nanos, D::Error> {
    let millis = f64::deserialize(deserializer)?;
    to_nanos(millis)
        .ok_or_else(|| D::Error::custom(format!("expected milliseconds from 0 to {LONGEST_MS}, got {millis}")))
}

/// A value that is milliseconds by itself, so that errors point at it and not at its table.
#[derive(Deserialize)]
struct Millis(#[serde(deserialize_with = "millis")] Nanos);

fn millis_by_name<'de, D, Name>(deserializer: D) -> Result<BTreeMap<Name, Nanos>, D::Error>
where
    D: Deserializer<'de>,
    Name: Deserialize<'de> + Ord,
{
    let named = BTreeMap::<Name, Millis>::deserialize(deserializer)?;
    Ok(named.into_iter().map(|(name, Millis(length))| (name, length)).collect())
}

fn millis_range<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Range, D::Error> {
    range(deserializer, 1.0, "milliseconds")
}

fn seconds_range<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Range, D::Error> {
    range(deserializer, 1e3, "seconds")
}

fn range<'de, D: Deserializer<'de>>(deserializer: D, unit_ms: f64, unit: &str) -> Result<Range, D::Error> {
    let [low, high] = <[f64; 2]>::deserialize(deserializer)?;
    match (to_nanos(low * unit_ms), to_nanos(high * unit_ms)) {
        (Some(shortest), Some(longest)) if shortest <= longest => Ok(Range { low: shortest, high: longest }),
        _ => Err(D::Error::custom(format!(
            "expected [low, high] in {unit}, 0 <= low <= high <= a day, got [{low}, {high}]"
        ))),
    }
}

fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let number = f64::deserialize(deserializer)?;
    let sensible = (0.0..=100_000.0).contains(&number);
    sensible
        .then_some(number)
        .ok_or_else(|| D::Error::custom(format!("expected an amount from 0 to 100000, got {number}")))
}

fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let number = f64::deserialize(deserializer)?;
    let sensible = (0.0..=1.0).contains(&number);
    sensible.then_some(number).ok_or_else(|| D::Error::custom(format!("expected a share from 0 to 1, got {number}")))
}

fn percent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Share, D::Error> {
    let percent = f64::deserialize(deserializer)?;
    percent.to_string().parse().map_err(D::Error::custom)
}

fn positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let number = usize::deserialize(deserializer)?;
    (number > 0).then_some(number).ok_or_else(|| D::Error::custom("expected at least 1, got 0"))
}

/// Goes into a header field.
fn token<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if plain {
        return Ok(text);
    }
    Err(D::Error::custom(format!("expected letters, digits and hyphens, got {text:?}")))
}

#[cfg(test)]
#[path = "profile_tests.rs"]
mod tests;
