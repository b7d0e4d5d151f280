//! Reading ahead: a thread of its own reads the file while the packets before are judged.
//!
//! Invariant: at most [`AHEAD`] batches wait, and as many buffers as are under way are used again: memory does not grow. What
//! was read is handed over before more is waited for, so that nothing lies here while a capture is being made.
//!
//! The thread may wait for a capture that nobody goes on with: Ctrl-C does not end a `read`. So nobody waits for the thread.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::source::Source;
use crate::packet::file::{Batch, CaptureFileError, CaptureReader, Filled};
use crate::probe::Interrupt;

/// Batches that may wait to be taken: one is enough while the next one is being read, another evens out what takes longer.
const AHEAD: usize = 4;
/// Between two looks at Ctrl-C while nothing comes.
const LOOK_UP: Duration = Duration::from_millis(50);

type Handed = Result<Batch, CaptureFileError>;

/// The batches of a file, on their way.
#[derive(Debug)]
pub(super) struct Ahead {
    full: Receiver<Handed>,
    used: Sender<Batch>,
    thread: Option<JoinHandle<()>>,
}

impl Ahead {
    /// Begins to read.
    pub(super) fn of(source: Source) -> io::Result<Self> {
        let (hand, full) = sync_channel(AHEAD);
        let (used, free) = channel();
        let read = move || {
            // Whoever does not take any more does not want to know why it ended.
            let _ = read(source, &hand, &free).or_else(|error| hand.send(Err(error)));
        };
        let thread = std::thread::Builder::new().name("capture".to_owned()).spawn(read)?;
        Ok(Self { full, used, thread: Some(thread) })
    }

    /// The next batch; `None` at the file's end, and on Ctrl-C.
    pub(super) fn next(&mut self, interrupt: &Interrupt) -> Result<Option<Batch>, CaptureFileError> {
        while !interrupt.requested() {
            match self.full.recv_timeout(LOOK_UP) {
                Ok(handed) => return handed.map(Some),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
                        std::panic::resume_unwind(panic);
                    }
                    break;
                }
            }
        }
        Ok(None)
    }

    /// Takes a batch back, to be filled again.
    pub(super) fn again(&self, batch: Batch) {
        // At the file's end nobody needs it.
        let _ = self.used.send(batch);
    }
}

/// Reads to the end, or until nobody takes any more.
fn read(source: Source, hand: &SyncSender<Handed>, free: &Receiver<Batch>) -> Result<(), CaptureFileError> {
    let mut reader = CaptureReader::open(source)?;
    loop {
        let mut batch = free.try_recv().unwrap_or_default();
        let filled = reader.fill(&mut batch)?;
        if hand.send(Ok(batch)).is_err() || filled == Filled::ToTheEnd {
            return Ok(());
        }
    }
}
