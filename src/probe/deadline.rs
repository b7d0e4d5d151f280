//! Waiting: every wait has an end, and Ctrl-C ends them all.

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::clock;
use crate::time::{Monotonic, Nanos, Timestamp};

/// How often a wait looks whether it was interrupted: a signal may be delivered to another thread than the waiting one.
const SLICE: Nanos = Nanos::from_millis(100);
/// How often a wait for bytes looks whether they are there: what it knows of their arrival is no coarser than this.
const FINE_SLICE: Nanos = Nanos::from_millis(1);

/// Set when the user wants to stop; shared by everything that waits.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Not interrupted yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The flag, for a signal handler to set.
    #[must_use]
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }

    /// Whether the user wants to stop.
    #[must_use]
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Why a wait ended without what it waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The deadline passed.
    TimedOut,
    /// The user pressed Ctrl-C.
    Interrupted,
}

/// When to give up, and who may end the wait earlier.
#[derive(Clone, Debug)]
pub(crate) struct Deadline {
    at: Timestamp<Monotonic>,
    interrupt: Interrupt,
}

impl Deadline {
    pub(crate) fn after(from: Timestamp<Monotonic>, length: Nanos, interrupt: &Interrupt) -> Self {
        Self { at: from + length, interrupt: interrupt.clone() }
    }

    /// The earlier of this deadline and `length` from now.
    pub(crate) fn within(&self, length: Nanos) -> Self {
        Self { at: self.at.min(clock::now() + length), interrupt: self.interrupt.clone() }
    }

    /// The earlier of both.
    pub(crate) fn or_earlier(&self, other: &Self) -> Self {
        Self { at: self.at.min(other.at), interrupt: self.interrupt.clone() }
    }

    pub(crate) fn remaining(&self) -> Nanos {
        self.at.since(clock::now())
    }

    /// Whether it has passed or the user interrupted.
    pub(crate) fn check(&self) -> Result<(), Ended> {
        if self.interrupt.requested() {
            return Err(Ended::Interrupted);
        }
        if self.remaining() == Nanos::ZERO { Err(Ended::TimedOut) } else { Ok(()) }
    }

    /// Waits until one of `interests` is ready; `poll` then has set their `revents`.
    pub(crate) fn poll(&self, interests: &mut [PollFd<'_>]) -> Result<(), Ended> {
        self.poll_in_slices(interests, SLICE, |_| {})
    }

    /// Waits, and tells `nothing_since` when a look at the descriptors began that found nothing.
    fn poll_in_slices(
        &self,
        interests: &mut [PollFd<'_>],
        slice: Nanos,
        mut nothing_since: impl FnMut(Timestamp<Monotonic>),
    ) -> Result<(), Ended> {
        loop {
            self.check()?;
            let begun = clock::now();
            match poll(interests, timeout(self.remaining().min(slice))) {
                Ok(0) => nothing_since(begun),
                Err(Errno::EINTR) => {}
                // An error of poll itself shows again in the call that follows: the descriptors are ours and open.
                Ok(_) | Err(_) => return Ok(()),
            }
        }
    }

    /// As [`Deadline::wait`], looking often enough to say when there was still nothing.
    pub(crate) fn watch(&self, fd: BorrowedFd<'_>, interest: PollFlags) -> Result<Waited, Ended> {
        let mut interests = [PollFd::new(fd, interest)];
        let mut nothing_since = None;
        self.poll_in_slices(&mut interests, FINE_SLICE, |begun| nothing_since = Some(begun))?;
        Ok(Waited { ready: interests[0].revents().unwrap_or_else(PollFlags::empty), nothing_since })
    }

    /// Waits until `fd` can be read (`POLLIN`) or written (`POLLOUT`), or has failed.
    pub(crate) fn wait(&self, fd: BorrowedFd<'_>, interest: PollFlags) -> Result<PollFlags, Ended> {
        let mut interests = [PollFd::new(fd, interest)];
        self.poll(&mut interests)?;
        Ok(interests[0].revents().unwrap_or_else(PollFlags::empty))
    }
}

/// What a wait for one descriptor came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waited {
    /// What is ready.
    pub(crate) ready: PollFlags,
    /// The last time that nothing was; `None` where the first look found something.
    pub(crate) nothing_since: Option<Timestamp<Monotonic>>,
}

/// Rounded up to whole milliseconds, so that a wait never spins through its last one.
fn timeout(length: Nanos) -> PollTimeout {
    let millis = length.get().div_ceil(1_000_000);
    u16::try_from(millis).map_or(PollTimeout::MAX, PollTimeout::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passed_deadline_and_an_interrupt_end_a_wait_at_once() {
        let interrupt = Interrupt::new();
        let past = Deadline { at: Timestamp::from_nanos(0), interrupt: interrupt.clone() };
        assert_eq!(past.poll(&mut []), Err(Ended::TimedOut));
        interrupt.flag().store(true, Ordering::Relaxed);
        let future = Deadline::after(clock::now(), Nanos::from_secs(60), &interrupt);
        assert_eq!(future.poll(&mut []), Err(Ended::Interrupted));
    }
}
