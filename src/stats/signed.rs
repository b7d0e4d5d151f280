//! A length of time with a sign: by how much one thing takes longer than another.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::Nanos;

/// Whole nanoseconds; negative where the compared one is shorter. Saturates at both ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SignedNanos(i64);

impl SignedNanos {
    /// From nanoseconds.
    #[must_use]
    pub const fn new(nanos: i64) -> Self {
        Self(nanos)
    }

    /// How much longer `length` is than `than`.
    #[must_use]
    pub fn longer(length: Nanos, than: Nanos) -> Self {
        let difference = i128::from(length.get()) - i128::from(than.get());
        Self(i64::try_from(difference).unwrap_or(if difference < 0 { i64::MIN } else { i64::MAX }))
    }

    /// The count of nanoseconds.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }

    /// Without its sign.
    #[must_use]
    pub const fn magnitude(self) -> Nanos {
        Nanos::new(self.0.unsigned_abs())
    }
}

/// With its sign, also where it is positive, and the unit a person would choose: `+1.203 ms`, `-812 µs`, `0 ns`.
impl fmt::Display for SignedNanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.0 {
            0 => "",
            1.. => "+",
            _ => "-",
        };
        f.pad(&format!("{sign}{}", self.magnitude()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sign_says_which_is_longer() {
        for (length, than, nanos, text) in [
            (5, 3, 2, "+2 ns"),
            (3, 1_203_003, -1_203_000, "-1.203 ms"),
            (7, 7, 0, "0 ns"),
            (0, u64::MAX, i64::MIN, "-9223372036.855 s"),
            (u64::MAX, 0, i64::MAX, "+9223372036.855 s"),
        ] {
            let longer = SignedNanos::longer(Nanos::new(length), Nanos::new(than));
            assert_eq!((longer.get(), longer.to_string().as_str()), (nanos, text));
        }
    }
}
