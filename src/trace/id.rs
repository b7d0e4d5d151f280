//! The identity of a trace: one 128-bit number behind `traceparent` and `X-Amzn-Trace-Id`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// 128 bits, written as 32 lower-case hexadecimal digits. The first 32 bits are the epoch seconds of its making, so that the
/// same number is a valid X-Ray root (`1-<8 hex>-<24 hex>`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct TraceId(u128);

impl TraceId {
    /// From the wall clock's seconds and 96 random bits (the upper 32 bits of `random` are ignored).
    #[must_use]
    pub const fn new(epoch_seconds: u32, random: u128) -> Self {
        Self(((epoch_seconds as u128) << 96) | (random & (u128::MAX >> 32)))
    }

    /// The same number as X-Ray writes it: the root of `X-Amzn-Trace-Id`.
    #[must_use]
    pub const fn x_ray_root(self) -> XRayRoot {
        XRayRoot(self)
    }
}

/// A [`TraceId`] in the form of X-Ray: `1-<8 hex>-<24 hex>` (X-Ray developer guide, "Trace ID format").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct XRayRoot(TraceId);

impl fmt::Display for XRayRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.0.0;
        write!(f, "1-{:08x}-{:024x}", number >> 96, number & (u128::MAX >> 32))
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl From<TraceId> for String {
    fn from(id: TraceId) -> Self {
        id.to_string()
    }
}

/// The text is not 32 hexadecimal digits.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a trace id of 32 hexadecimal digits, got {0:?}")]
pub struct TraceIdError(String);

impl FromStr for TraceId {
    type Err = TraceIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let well_formed = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match u128::from_str_radix(text, 16) {
            Ok(number) if well_formed => Ok(Self(number)),
            _ => Err(TraceIdError(text.to_owned())),
        }
    }
}

impl TryFrom<String> for TraceId {
    type Error = TraceIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_epoch_comes_first_and_text_round_trips() {
        let id = TraceId::new(0x6740_0000, u128::MAX);
        assert_eq!(id.to_string(), "67400000ffffffffffffffffffffffff");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.x_ray_root().to_string(), "1-67400000-ffffffffffffffffffffffff");
        assert_eq!(TraceId::new(1, 2).x_ray_root().to_string(), "1-00000001-000000000000000000000002");
        assert!("".parse::<TraceId>().is_err());
        assert!("+7400000ffffffffffffffffffffffff".parse::<TraceId>().is_err());
    }
}
