//! Instants and lengths of time, each with its unit and its clock in the type.
//!
//! Invariant: an instant of one clock is never compared with, or subtracted from, an instant of another. The only bridge
//! is [`ClockSync`], which carries the error that the conversion adds.
//!
//! Deliberately absent: reading a clock. Edges do that; this module only computes.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A length of time in whole nanoseconds; never negative, saturating at both ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nanos(u64);

impl Nanos {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// From nanoseconds.
    #[must_use]
    pub const fn new(nanos: u64) -> Self {
        Self(nanos)
    }

    /// From microseconds.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// From milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// From seconds.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// The count of nanoseconds.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// In milliseconds, for drawing and printing only.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "exact below 2^53 ns, which is 104 days")]
    pub fn as_millis_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// In seconds, for drawing and printing only.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        self.as_millis_f64() / 1e3
    }

    /// The difference, or zero where `other` is the longer one.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl From<Duration> for Nanos {
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<Nanos> for Duration {
    fn from(nanos: Nanos) -> Self {
        Self::from_nanos(nanos.0)
    }
}

impl Add for Nanos {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Nanos {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::iter::Sum for Nanos {
    fn sum<I: Iterator<Item = Self>>(lengths: I) -> Self {
        lengths.fold(Self::ZERO, Add::add)
    }
}

/// With the unit a person would choose: `812 µs`, `58.123 ms`, `1.204 s`. Microseconds are always visible below a second.
impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0 {
            0..1_000 => format!("{} ns", self.0),
            1_000..1_000_000 => format!("{} µs", (self.0 + 500) / 1_000),
            1_000_000..1_000_000_000 => format!("{:.3} ms", self.as_millis_f64()),
            _ => format!("{:.3} s", self.as_secs_f64()),
        };
        f.pad(&text)
    }
}

/// A clock that stamps instants. Implemented by [`Monotonic`] and [`Realtime`] only.
pub trait Clock: Copy + fmt::Debug + Ord + Default {}

/// `CLOCK_MONOTONIC`: never steps, no meaning across machines. All phases live on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Monotonic;

/// `CLOCK_REALTIME`: time since 1970-01-01T00:00:00Z. The kernel stamps packets with it, and it may step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Realtime;

impl Clock for Monotonic {}
impl Clock for Realtime {}

/// An instant: nanoseconds since the epoch of clock `C`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp<C: Clock> {
    nanos: u64,
    clock: PhantomData<C>,
}

impl<C: Clock> Timestamp<C> {
    /// The instant `nanos` nanoseconds after the clock's epoch.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self { nanos, clock: PhantomData }
    }

    /// Nanoseconds since the clock's epoch.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.nanos
    }

    /// The time from `earlier` to this instant, or zero where `earlier` is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Nanos {
        Nanos(self.nanos.saturating_sub(earlier.nanos))
    }
}

impl<C: Clock> Add<Nanos> for Timestamp<C> {
    type Output = Self;

    fn add(self, length: Nanos) -> Self {
        Self::from_nanos(self.nanos.saturating_add(length.0))
    }
}

impl<C: Clock> Sub<Nanos> for Timestamp<C> {
    type Output = Self;

    fn sub(self, length: Nanos) -> Self {
        Self::from_nanos(self.nanos.saturating_sub(length.0))
    }
}

/// RFC 3339 in UTC with all nine digits: `2026-11-21T04:38:33.123456789Z`.
impl fmt::Display for Timestamp<Realtime> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const FORM: &[time::format_description::BorrowedFormatItem<'_>] =
            time::macros::format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:9]Z");
        let date = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.nanos)).map_err(|_| fmt::Error)?;
        f.write_str(&date.format(FORM).map_err(|_| fmt::Error)?)
    }
}

/// One reading of both clocks: the realtime clock was read between two readings of the monotonic one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockPair {
    /// Monotonic time just before.
    pub before: Timestamp<Monotonic>,
    /// Realtime in between.
    pub realtime: Timestamp<Realtime>,
    /// Monotonic time just after.
    pub after: Timestamp<Monotonic>,
}

/// The bridge from realtime to monotonic: an offset, and how wrong it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockSync {
    anchor_realtime: Timestamp<Realtime>,
    anchor_monotonic: Timestamp<Monotonic>,
    error: Nanos,
}

impl ClockSync {
    /// From the tightest of several readings; `None` if there are none.
    #[must_use]
    pub fn from_pairs(pairs: &[ClockPair]) -> Option<Self> {
        let tightest = pairs.iter().min_by_key(|pair| pair.after.since(pair.before))?;
        let half = Nanos(tightest.after.since(tightest.before).0.div_ceil(2));
        Some(Self { anchor_realtime: tightest.realtime, anchor_monotonic: tightest.before + half, error: half })
    }

    /// The same instant on the monotonic clock.
    #[must_use]
    pub fn to_monotonic(&self, stamp: Timestamp<Realtime>) -> Timestamp<Monotonic> {
        if stamp >= self.anchor_realtime {
            self.anchor_monotonic + stamp.since(self.anchor_realtime)
        } else {
            self.anchor_monotonic - self.anchor_realtime.since(stamp)
        }
    }

    /// The same instant on the realtime clock.
    #[must_use]
    pub fn to_realtime(&self, stamp: Timestamp<Monotonic>) -> Timestamp<Realtime> {
        if stamp >= self.anchor_monotonic {
            self.anchor_realtime + stamp.since(self.anchor_monotonic)
        } else {
            self.anchor_realtime - self.anchor_monotonic.since(stamp)
        }
    }

    /// How far a converted instant may lie from the truth, either way.
    #[must_use]
    pub const fn error(&self) -> Nanos {
        self.error
    }

    /// The same bridge, its error widened by how far the clocks moved apart until `later` was sampled (a step or a slew
    /// of the wall clock during a trace).
    #[must_use]
    pub fn widened_by(mut self, later: &Self) -> Self {
        let expected = self.to_monotonic(later.anchor_realtime);
        let drift = expected.since(later.anchor_monotonic) + later.anchor_monotonic.since(expected);
        let explained = self.error + later.error;
        self.error += drift.saturating_sub(explained);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mono(nanos: u64) -> Timestamp<Monotonic> {
        Timestamp::from_nanos(nanos)
    }

    fn real(nanos: u64) -> Timestamp<Realtime> {
        Timestamp::from_nanos(nanos)
    }

    fn pair(before: u64, realtime: u64, after: u64) -> ClockPair {
        ClockPair { before: mono(before), realtime: real(realtime), after: mono(after) }
    }

    #[test]
    fn the_tightest_pair_sets_offset_and_error() {
        let sync = ClockSync::from_pairs(&[pair(100, 9_000, 500), pair(600, 9_300, 640)]).unwrap();
        assert_eq!(sync.error(), Nanos::new(20));
        assert_eq!(sync.to_monotonic(real(9_300)), mono(620));
        assert_eq!(sync.to_monotonic(real(9_200)), mono(520));
        assert_eq!(sync.to_realtime(mono(720)), real(9_400));
        assert_eq!(ClockSync::from_pairs(&[]), None);
    }

    #[test]
    fn a_step_of_the_wall_clock_widens_the_error() {
        let first = ClockSync::from_pairs(&[pair(0, 1_000, 20)]).unwrap();
        let steady = ClockSync::from_pairs(&[pair(500, 1_500, 520)]).unwrap();
        let stepped = ClockSync::from_pairs(&[pair(500, 9_500, 520)]).unwrap();
        assert_eq!(first.widened_by(&steady).error(), Nanos::new(10));
        assert_eq!(first.widened_by(&stepped).error(), Nanos::new(10 + 8_000 - 20));
    }

    #[test]
    fn lengths_print_in_the_unit_a_person_would_choose() {
        for (nanos, expect) in
            [(999, "999 ns"), (812_400, "812 µs"), (58_123_456, "58.123 ms"), (1_204_000_000, "1.204 s")]
        {
            assert_eq!(Nanos::new(nanos).to_string(), expect);
        }
    }

    #[test]
    fn nothing_wraps() {
        assert_eq!(mono(5).since(mono(9)), Nanos::ZERO);
        assert_eq!(mono(5) - Nanos::new(9), mono(0));
        assert_eq!(Nanos::new(u64::MAX) + Nanos::new(1), Nanos::new(u64::MAX));
    }
}
