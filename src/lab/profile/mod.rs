//! The delays of the lab: a TOML file over the defaults that come with the program.
//!
//! Invariant: a `Profile` is complete and consistent. A file names only what differs from `default.toml`; whatever it says
//! wrongly is an error with file, line and key. Deliberately absent: applying the time scale, which is the lab's.

mod clocks;
mod layers;
mod values;
mod way;

use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub use self::clocks::{Clock, ClockError, Clocks};
pub use self::layers::{
    AppProfile, CloudFrontProfile, ElbProfile, LambdaProfile, Network, RelayProfile, RestProfile, ServerTiming,
    StartKind, Stickiness,
};
pub use self::values::Range;
pub use self::way::{DistanceProfile, DnsProfile, PlaceError};

/// The profile that is used where no file is given; commented, so that it serves as a template too.
pub const DEFAULT_PROFILE: &str = include_str!("../default.toml");

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
    /// The classic load balancer.
    pub clb: ElbProfile,
    /// The network load balancer.
    pub nlb: RelayProfile,
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

#[cfg(test)]
mod tests;
