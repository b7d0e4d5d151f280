//! The thread that moves packets: takes them from the kernel, keeps them in the queue, and sends them when they are due.
//!
//! A packet is due at its arrival in the kernel plus its delay, so that neither this thread's own delays nor a loaded machine
//! add up: whoever is late once is late once. It sleeps until shortly before the next packet is due, then spins. The kernel
//! stamps arrivals on the wall clock; they are converted, so that a step of that clock moves nothing.
//!
//! Where it may, the thread goes before all ordinary ones (real-time class, `CAP_SYS_NICE`): on a machine that is busy, a link
//! without that right is late by what the scheduler takes, milliseconds. Its log says by how much. With packets due less than
//! 80 µs apart all the time, some 10,000 a second, it keeps a processor to itself.
//!
//! Invariant: the thread ends when the [`Pump`] is dropped.

use std::io::PipeWriter;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags};
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};

use super::kernel::{self, PacketSocket};
use super::log::{Cause, End, Log, Outcome};
use super::queue::DelayQueue;
use crate::time::{Clock, ClockPair, ClockSync, Monotonic, Nanos, Timestamp};

/// How long before a packet is due the thread is awake: longer than a processor takes to wake up.
const SPIN: Nanos = Nanos::from_micros(80);
/// How many frames are taken from one end before the due ones are looked after.
const BATCH: usize = 64;
/// How long one comparison of the two clocks is good for.
const SYNC_LASTS: Nanos = Nanos::from_millis(50);
/// The largest frame: offloads are off, but somebody may switch them on.
const LARGEST: usize = 70_000;

/// The running thread.
#[derive(Debug)]
pub(super) struct Pump {
    /// Closed, it ends the thread.
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Pump {
    /// Starts to move packets between two ends; `ends` are near and far.
    pub(super) fn start(ends: [PacketSocket; 2], queue: DelayQueue, log: Arc<Log>) -> std::io::Result<Self> {
        let (stopped, stop) = std::io::pipe()?;
        let mut mover = Mover { ends, queue, log, sync: compare_clocks(), compared_at: monotonic() };
        let thread = std::thread::Builder::new().name("link".to_owned()).spawn(move || {
            // Less exact without either, and right all the same.
            let _ = kernel::wake_exactly();
            let _ = kernel::go_first();
            mover.run(&stopped);
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Should it have panicked, there is nothing left to stop.
            let _ = thread.join();
        }
    }
}

struct Mover {
    ends: [PacketSocket; 2],
    queue: DelayQueue,
    log: Arc<Log>,
    sync: Option<ClockSync>,
    compared_at: Timestamp<Monotonic>,
}

impl Mover {
    fn run(&mut self, stopped: &std::io::PipeReader) {
        let mut buffer = vec![0; LARGEST];
        loop {
            for from in [End::Near, End::Far] {
                self.take_in(from, &mut buffer);
            }
            self.send_due();
            let wait = self.queue.next_due().map(|due| due.since(monotonic()));
            if wait.is_some_and(|wait| wait <= SPIN) {
                std::hint::spin_loop();
                continue;
            }
            if self.await_frames(wait.map(|wait| wait.saturating_sub(SPIN)), stopped) == Awaited::Stop {
                return;
            }
        }
    }

    /// Takes what has arrived at one end.
    fn take_in(&mut self, from: End, buffer: &mut [u8]) {
        for _ in 0..BATCH {
            // An error is that of an interface which has gone: there is nothing to move then.
            let Ok(Some((length, stamp))) = self.ends[from.index()].receive(buffer) else { return };
            let now = monotonic();
            if now.since(self.compared_at) > SYNC_LASTS {
                (self.sync, self.compared_at) = (compare_clocks(), now);
            }
            let arrived = stamp.zip(self.sync).map_or(now, |(stamp, sync)| sync.to_monotonic(stamp).min(now));
            if let Some(lost) = self.queue.take(arrived, from, buffer[..length].to_vec()) {
                self.log.enter(lost);
            }
        }
    }

    fn send_due(&mut self) {
        while let Some(departure) = self.queue.release(monotonic()) {
            let left = monotonic();
            let sent = self.ends[departure.from.other().index()].send(&departure.frame);
            let outcome = match sent {
                Ok(()) => Outcome::Passed { due: departure.due, left },
                Err(_) => Outcome::Lost(Cause::Refused),
            };
            if let Some(passage) = departure.ended(outcome) {
                self.log.enter(passage);
            }
        }
    }

    /// Sleeps until a frame arrives, the time is over, or the end has come.
    fn await_frames(&self, longest: Option<Nanos>, stopped: &std::io::PipeReader) -> Awaited {
        use std::os::fd::AsFd;
        let [near, far] = &self.ends;
        let mut descriptors = [near.as_fd(), far.as_fd(), stopped.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        let longest = longest.map(|longest| TimeSpec::from_duration(Duration::from(longest)));
        // Interrupted or not, the loop looks at everything again.
        let _ = nix::poll::ppoll(&mut descriptors, longest, None);
        let [.., stopped] = descriptors;
        if stopped.any() == Some(true) { Awaited::Stop } else { Awaited::Frames }
    }
}

#[derive(PartialEq, Eq)]
enum Awaited {
    Frames,
    Stop,
}

fn monotonic() -> Timestamp<Monotonic> {
    clock(ClockId::CLOCK_MONOTONIC)
}

fn clock<C: Clock>(id: ClockId) -> Timestamp<C> {
    let now = clock_gettime(id).map(Duration::from).unwrap_or_default();
    Timestamp::from_nanos(Nanos::from(now).get())
}

/// Several readings, of which the tightest counts: a thread that is interrupted between two readings would be wrong by that.
fn compare_clocks() -> Option<ClockSync> {
    let pairs = [(); 5].map(|()| ClockPair {
        before: monotonic(),
        realtime: clock(ClockId::CLOCK_REALTIME),
        after: monotonic(),
    });
    ClockSync::from_pairs(&pairs)
}
