//! The clocks by which layers date their logs, and how far each is off.

use std::str::FromStr;

use serde::Deserialize;

use crate::lab::skew::Skew;

/// How far the clocks are off by which the layers date their logs. Delays and lengths do not depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clocks {
    /// The edge's.
    pub cloudfront: Skew,
    /// The load balancers', of all three kinds.
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
