//! The lab's two clocks, and waiting precisely.
//!
//! tokio's timers count whole milliseconds, as coarse as the delays that the lab is to make. So a thread of its own keeps
//! the due times and wakes each waiting task a little early (a thread that sleeps is late by the kernel's timer slack,
//! 50 µs, and by its own scheduling); the task yields to others until its time has come.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::time::{Nanos, Realtime, Timestamp};

/// How long before its due time a task is woken.
const LEAD: Duration = Duration::from_micros(150);

/// The wall clock.
#[expect(clippy::disallowed_methods, reason = "servers date their certificates, cookies and records")]
pub(super) fn wall_clock() -> Timestamp<Realtime> {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(Nanos::from(since_epoch).get())
}

/// Wakes tasks at instants. The thread behind it ends when the owner of the `Timer` drops it; tasks that still wait then
/// go on at once.
#[derive(Debug)]
pub(super) struct Timer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// A handle to the timer, for tasks.
#[derive(Clone, Debug)]
pub(super) struct Sleeper(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: BinaryHeap<Reverse<Waiting>>,
    entered: u64,
    phase: Phase,
}

#[derive(Debug, Default, PartialEq)]
enum Phase {
    #[default]
    Running,
    Stopped,
}

#[derive(Debug)]
struct Waiting {
    wake_at: Instant,
    order: u64,
    wake: oneshot::Sender<()>,
}

impl Timer {
    pub(super) fn start() -> std::io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let thread = std::thread::Builder::new().name("lab timer".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || shared.run()
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    pub(super) fn sleeper(&self) -> Sleeper {
        Sleeper(Arc::clone(&self.shared))
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.shared.lock().phase = Phase::Stopped;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // The thread runs no code of others; should it have panicked all the same, there is nothing left to stop.
            let _ = thread.join();
        }
    }
}

impl Sleeper {
    /// Returns at `due`, or a few microseconds later.
    pub(super) async fn until(&self, due: Instant) {
        if let Some(woken) = self.0.enter(due) {
            // An error means that the timer has stopped, and so has the lab: nobody measures any more.
            if woken.await.is_err() {
                return;
            }
        }
        while Instant::now() < due {
            tokio::task::yield_now().await;
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` where the time is too near for a detour.
    fn enter(&self, due: Instant) -> Option<oneshot::Receiver<()>> {
        let wake_at = due.checked_sub(LEAD).filter(|wake_at| *wake_at > Instant::now())?;
        let (wake, woken) = oneshot::channel();
        let mut queue = self.lock();
        if queue.phase == Phase::Running {
            let is_next = queue.waiting.peek().is_none_or(|Reverse(next)| wake_at < next.wake_at);
            queue.entered += 1;
            let order = queue.entered;
            queue.waiting.push(Reverse(Waiting { wake_at, order, wake }));
            if is_next {
                self.changed.notify_one();
            }
        }
        Some(woken)
    }

    fn run(&self) {
        let mut queue = self.lock();
        while queue.phase == Phase::Running {
            let now = Instant::now();
            let next = queue.waiting.peek().map(|Reverse(next)| next.wake_at);
            queue = match next {
                None => self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Some(wake_at) if wake_at > now => {
                    let waited = self.changed.wait_timeout(queue, wake_at - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                Some(_) => {
                    if let Some(Reverse(due)) = queue.waiting.pop() {
                        // The task may be gone.
                        let _ = due.wake.send(());
                    }
                    queue
                }
            };
        }
        queue.waiting.clear();
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.wake_at, self.order).cmp(&(other.wake_at, other.order))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Waiting {}

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap()
    }

    #[test]
    fn nobody_wakes_early_whatever_the_order() {
        let timer = Timer::start().unwrap();
        runtime().block_on(async {
            let start = Instant::now();
            let tasks: Vec<_> = [30_000, 0, 700, 20, 5_000, 700]
                .map(|micros| {
                    let sleeper = timer.sleeper();
                    tokio::spawn(async move {
                        let due = start + Duration::from_micros(micros);
                        sleeper.until(due).await;
                        Instant::now().checked_duration_since(due)
                    })
                })
                .into_iter()
                .collect();
            for task in tasks {
                let late = task.await.unwrap().unwrap();
                assert!(late < Duration::from_millis(500), "{late:?}");
            }
        });
    }

    #[test]
    fn stopping_the_timer_ends_every_wait() {
        let timer = Timer::start().unwrap();
        let sleeper = timer.sleeper();
        let runtime = runtime();
        let task = runtime.spawn(async move { sleeper.until(Instant::now() + Duration::from_hours(1)).await });
        std::thread::sleep(Duration::from_millis(5));
        drop(timer);
        runtime.block_on(task).unwrap();
    }
}
