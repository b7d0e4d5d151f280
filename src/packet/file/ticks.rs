//! Time stamps of capture files: counts of ticks of some length since some moment.

use crate::time::{Nanos, Realtime, Timestamp};

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// How an interface counts time: the length of a tick, and what is added to the count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticks {
    length: Length,
    /// Seconds between 1970 and the count's beginning.
    offset: i64,
}

/// The length of a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    /// So many nanoseconds.
    Nanos(u32),
    /// So many ticks are a nanosecond.
    PerNano(u128),
    /// Two to the power of so many ticks are a second.
    Binary(u8),
}

impl Ticks {
    /// Microseconds since 1970: what applies where a file says nothing.
    pub(super) const MICROS: Self = Self { length: Length::Nanos(1_000), offset: 0 };
    /// Nanoseconds since 1970.
    pub(super) const NANOS: Self = Self { length: Length::Nanos(1), offset: 0 };

    /// From the option `if_tsresol`: a negative power of ten, or of two where the first bit is set.
    pub(super) fn from_option(resolution: u8) -> Self {
        let power = u32::from(resolution & 0x7f);
        let length = if resolution & 0x80 != 0 {
            Length::Binary(resolution & 0x7f)
        } else if power <= 9 {
            Length::Nanos(10_u32.pow(9 - power))
        } else {
            // Ticks so short that no count of them in 64 bits fills a nanosecond.
            Length::PerNano(10_u128.checked_pow(power - 9).unwrap_or(u128::MAX))
        };
        Self { length, offset: 0 }
    }

    /// Counted from so many seconds after 1970 (option `if_tsoffset`).
    pub(super) const fn starting_at(self, offset: i64) -> Self {
        Self { length: self.length, offset }
    }

    /// The length of a tick, rounded up to a whole nanosecond.
    pub(super) fn resolution(self) -> Nanos {
        match self.length {
            Length::Nanos(nanos) => Nanos::new(u64::from(nanos)),
            Length::PerNano(_) => Nanos::new(1),
            Length::Binary(power) => {
                let nanos = NANOS_PER_SECOND.div_ceil(1_u128 << power);
                Nanos::new(u64::try_from(nanos).unwrap_or(u64::MAX))
            }
        }
    }

    /// The moment at which so many ticks were counted; `None` before 1970 and after 2554.
    #[inline]
    pub(super) fn moment(self, count: u64) -> Option<Timestamp<Realtime>> {
        if let Self { length: Length::Nanos(nanos), offset: 0 } = self {
            return count.checked_mul(u64::from(nanos)).map(Timestamp::from_nanos);
        }
        let count = u128::from(count);
        let nanos = match self.length {
            Length::Nanos(nanos) => count * u128::from(nanos),
            Length::PerNano(ticks) => count / ticks,
            Length::Binary(power) => (count * NANOS_PER_SECOND) >> power,
        };
        let offset = i128::from(self.offset) * 1_000_000_000;
        let since_1970 = i128::try_from(nanos).ok()?.checked_add(offset)?;
        u64::try_from(since_1970).ok().map(Timestamp::from_nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_becomes_nanoseconds_or_nothing() {
        // if_tsresol, if_tsoffset, ticks → nanoseconds since 1970, and the length of a tick
        let table: &[(u8, i64, u64, Option<u64>, u64)] = &[
            (6, 0, 1_763_700_000_123_456, Some(1_763_700_000_123_456_000), 1_000),
            (9, 0, 1_763_700_000_123_456_789, Some(1_763_700_000_123_456_789), 1),
            (0, 0, 1_763_700_000, Some(1_763_700_000_000_000_000), 1_000_000_000),
            (3, 0, 1_763_700_000_123, Some(1_763_700_000_123_000_000), 1_000_000),
            (12, 0, 5_999, Some(5), 1),
            (127, 0, u64::MAX, Some(0), 1),
            (0x8a, 0, 1_024 + 512, Some(1_500_000_000), 976_563),
            (0x80, 0, 7, Some(7_000_000_000), 1_000_000_000),
            (0xff, 0, u64::MAX, Some(0), 1),
            (6, 1_000, 5, Some(1_000_000_005_000), 1_000),
            (6, -1, 1_000_001, Some(1_000), 1_000),
            (6, -1, 999_999, None, 1_000),
            (6, i64::MAX, 0, None, 1_000),
            (0, i64::MIN, u64::MAX, None, 1_000_000_000),
            (9, 0, u64::MAX, Some(u64::MAX), 1),
            (6, 0, u64::MAX, None, 1_000),
        ];
        for &(resolution, offset, count, expect, tick) in table {
            let ticks = Ticks::from_option(resolution).starting_at(offset);
            assert_eq!(ticks.moment(count).map(Timestamp::as_nanos), expect, "{resolution:#x} {offset} {count}");
            assert_eq!(ticks.resolution(), Nanos::new(tick), "{resolution:#x}");
        }
    }
}
