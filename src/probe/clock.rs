//! The one place where this program's clocks are read.

use nix::time::{ClockId, clock_gettime};

use crate::event::{Evidence, Mark};
use crate::time::{Clock, ClockPair, ClockSync, Monotonic, Nanos, Realtime, Timestamp};

/// The monotonic clock, now.
pub(crate) fn now() -> Timestamp<Monotonic> {
    read(ClockId::CLOCK_MONOTONIC)
}

/// The wall clock's whole seconds, for the identity of a trace.
pub(crate) fn epoch_seconds() -> u32 {
    let now: Timestamp<Realtime> = read(ClockId::CLOCK_REALTIME);
    u32::try_from(now.as_nanos() / 1_000_000_000).unwrap_or(u32::MAX)
}

/// The offset between both clocks, from the tightest of several readings.
pub(crate) fn sync() -> ClockSync {
    const READINGS: usize = 8;
    let pairs =
        [(); READINGS].map(|()| ClockPair { before: now(), realtime: read(ClockId::CLOCK_REALTIME), after: now() });
    ClockSync::from_pairs(&pairs).unwrap_or_else(|| unreachable!("{READINGS} readings were taken"))
}

/// This instant, witnessed by this process.
pub(crate) fn user_mark(at: Timestamp<Monotonic>) -> Mark {
    Mark { at, error: Nanos::ZERO, source: Evidence::User }
}

/// A clock that does not answer reads as its epoch: both clocks exist wherever this program can be built.
fn read<C: Clock>(id: ClockId) -> Timestamp<C> {
    let Ok(time) = clock_gettime(id) else { return Timestamp::default() };
    let part = |number: i64| u64::try_from(number).unwrap_or(0);
    Timestamp::from_nanos(part(time.tv_sec()) * 1_000_000_000 + part(time.tv_nsec()))
}
