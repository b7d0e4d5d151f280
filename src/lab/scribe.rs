//! Writes the lab's logs: a thread that takes what the servers tell and appends it to files.
//!
//! Files are new with each lab. A line is complete as soon as its request, or its connection, has ended; X-Ray's document, which
//! is one for all requests, is written anew when there is time, and at the end. Invariant: a file that cannot be written is an error with its
//! name, told once; that file is left alone from then on, and the lab and the other files go on.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::time::Instant;

use super::evidence::{Log, REALTIME_FIELDS, Traces};
use super::profile::Profile;
use super::served::Entry;

/// X-Ray's document.
const TRACES: &str = "xray.json";
/// The names of the real-time log's fields, which the log itself does not have.
const FIELDS: &str = "cloudfront-realtime.fields";
/// How long nothing must have come before X-Ray's document is written anew.
const QUIET: Duration = Duration::from_millis(100);
/// At most this share of the time goes into writing X-Ray's document, which grows.
const PAUSE: u32 = 10;

/// A log that the lab cannot write.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the log {}", file.display())]
pub struct LogError {
    /// The file, or the directory for all of them.
    pub file: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// The thread that writes.
#[derive(Debug)]
pub(super) struct Scribe {
    thread: JoinHandle<()>,
    failed: Arc<Mutex<Vec<LogError>>>,
}

/// The files, and what is wrong with them.
struct Desk {
    directory: PathBuf,
    profile: Profile,
    logs: Vec<(Log, PathBuf, Option<File>)>,
    traces: Traces,
    document: Document,
    failed: Arc<Mutex<Vec<LogError>>>,
}

impl Scribe {
    /// Makes the directory and the files; what is told to the sender is written into them until all senders are gone.
    pub(super) fn start(directory: &Path, profile: Profile) -> Result<(Self, Sender<Entry>), LogError> {
        let (sender, entries) = mpsc::channel();
        let failed = Arc::<Mutex<Vec<LogError>>>::default();
        let mut desk = Desk::new(directory, profile, Arc::clone(&failed))?;
        let thread = std::thread::Builder::new().name("lab logs".to_owned()).spawn(move || desk.write_all(&entries));
        let thread = thread.map_err(|source| LogError { file: directory.to_owned(), source })?;
        Ok((Self { thread, failed }, sender))
    }

    /// What has failed since the last time that somebody asked.
    pub(super) fn take_failures(&self) -> Vec<LogError> {
        std::mem::take(&mut *self.failed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until everything is written, which it is once all senders are gone.
    pub(super) fn finish(self) -> Vec<LogError> {
        let Self { thread, failed } = self;
        // The thread runs no code of others; should it have panicked all the same, there is nothing left to write.
        let _ = thread.join();
        std::mem::take(&mut *failed.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether X-Ray's document is as new as what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Document {
    Written,
    Behind,
    /// It cannot be written.
    Lost,
}

impl Desk {
    fn new(directory: &Path, profile: Profile, failed: Arc<Mutex<Vec<LogError>>>) -> Result<Self, LogError> {
        let named = |file: &Path| {
            let file = file.to_owned();
            |source| LogError { file, source }
        };
        fs::create_dir_all(directory).map_err(named(directory))?;
        let fields = directory.join(FIELDS);
        fs::write(&fields, REALTIME_FIELDS.replace(' ', ",") + "\n").map_err(named(&fields))?;
        let open = |log: Log| {
            let path = directory.join(log.file_name());
            let file =
                File::create(&path).and_then(|mut file| file.write_all(log.preamble().as_bytes()).map(|()| file));
            Ok((log, path.clone(), Some(file.map_err(named(&path))?)))
        };
        let logs = Log::ALL.into_iter().map(open).collect::<Result<_, LogError>>()?;
        let mut desk = Self {
            directory: directory.to_owned(),
            profile,
            logs,
            traces: Traces::default(),
            document: Document::Written,
            failed,
        };
        desk.write_document().map_err(named(&directory.join(TRACES)))?;
        Ok(desk)
    }

    fn write_all(&mut self, entries: &Receiver<Entry>) {
        let mut not_before = Instant::now();
        loop {
            let came = match self.document {
                Document::Behind => entries.recv_timeout(QUIET),
                Document::Written | Document::Lost => entries.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match came {
                Ok(Entry::WriteOut(written)) => {
                    if self.document == Document::Behind {
                        self.refresh();
                    }
                    // Whoever asked may have gone.
                    let _ = written.send(());
                }
                Ok(entry) => self.write(&entry),
                Err(RecvTimeoutError::Timeout) if Instant::now() >= not_before => {
                    let begun = Instant::now();
                    self.refresh();
                    not_before = Instant::now() + begun.elapsed() * PAUSE;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if self.document == Document::Behind {
            self.refresh();
        }
    }

    fn write(&mut self, entry: &Entry) {
        let Self { logs, profile, failed, .. } = self;
        for (log, path, file) in logs {
            let text = match entry {
                Entry::Served(served) => log.of_request(served, profile),
                Entry::Handshake(handshake) => log.of_handshake(handshake, profile),
                Entry::Ended(ended) => log.of_connection(ended, profile),
                Entry::WriteOut(_) => String::new(),
            };
            let Some(open) = file.as_mut().filter(|_| !text.is_empty()) else { continue };
            if let Err(source) = open.write_all(text.as_bytes()) {
                *file = None;
                note(failed, LogError { file: path.clone(), source });
            }
        }
        if let Entry::Served(served) = entry
            && self.traces.add(served, &self.profile)
            && self.document == Document::Written
        {
            self.document = Document::Behind;
        }
    }

    fn refresh(&mut self) {
        self.document = match self.write_document() {
            Ok(()) => Document::Written,
            Err(source) => {
                note(&self.failed, LogError { file: self.directory.join(TRACES), source });
                Document::Lost
            }
        };
    }

    /// Whole, or not at all: who reads it meanwhile finds the one before.
    fn write_document(&mut self) -> io::Result<()> {
        let new = self.directory.join(format!("{TRACES}.new"));
        fs::write(&new, self.traces.to_json())?;
        fs::rename(new, self.directory.join(TRACES))
    }
}

fn note(failed: &Mutex<Vec<LogError>>, error: LogError) {
    failed.lock().unwrap_or_else(PoisonError::into_inner).push(error);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::served::specimen;

    #[test]
    fn a_file_that_cannot_be_written_is_named_and_the_others_go_on() {
        let directory = tempfile::tempdir().unwrap();
        // Writing to /dev/full fails as on a full disk.
        std::os::unix::fs::symlink("/dev/full", directory.path().join("alb.log")).unwrap();
        let (scribe, sender) = Scribe::start(directory.path(), Profile::default()).unwrap();
        for _ in 0..2 {
            sender.send(Entry::Served(specimen::through_elb())).unwrap();
        }
        drop(sender);
        let failures = scribe.finish();
        let [LogError { file, source }] = failures.as_slice() else { panic!("{failures:?}") };
        assert!(file.ends_with("alb.log") && source.kind() == io::ErrorKind::StorageFull, "{source}");
        let truth = fs::read_to_string(directory.path().join("truth.jsonl")).unwrap();
        assert_eq!(truth.lines().count(), 2);
        assert!(directory.path().join("xray.json").exists());
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_an_error_at_once() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Scribe::start(&file.path().join("logs"), Profile::default()).unwrap_err();
        assert!(error.to_string().contains("logs"), "{error}");
    }
}
