//! What there is to say of the inputs: lines that mean nothing, inputs in which nothing is of these requests.

use std::ops::Range;

use super::place;
use crate::attribute::Tally;
use crate::attribute::aws::Tally as Read;
use crate::cli::console::Console;
use crate::trace::Trace;

/// Lines that are named for each format; more are counted.
const NAMED: usize = 3;
/// Inputs that are named one by one; more are counted.
const FEW: usize = 5;

/// What was read of each format.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    flag: &'static str,
    looks_for: &'static str,
    /// The numbers of its inputs.
    files: Range<usize>,
    read: Read,
}

impl Report {
    pub(super) fn add(&mut self, flag: &'static str, looks_for: &'static str, files: Range<usize>, read: Read) {
        self.0.push(Entry { flag, looks_for, files, read });
    }

    pub(super) fn say(&self, names: &[String], tally: &Tally, traces: &[Trace], console: &mut Console) {
        for note in self.0.iter().flat_map(|entry| entry.notes(names, tally, traces)) {
            console.note(&format!("{note}\n"));
        }
    }
}

impl Entry {
    fn notes(&self, names: &[String], tally: &Tally, traces: &[Trace]) -> Vec<String> {
        let mut notes: Vec<String> = Vec::new();
        for (at, error) in self.read.errors.iter().take(NAMED) {
            notes.push(format!("{}: {}: {error}", self.flag, place(names, *at)));
        }
        let more = self.read.broken.saturating_sub(NAMED as u64);
        if more > 0 {
            notes.push(format!("{}: {more} more lines of {} could not be read", self.flag, self.read.lines));
        }
        if self.read.too_long > 0 {
            notes.push(format!("{}: {} lines longer than a mebibyte were skipped", self.flag, self.read.too_long));
        }
        let silent: Vec<&str> = self
            .files
            .clone()
            .filter(|file| !tally.files.contains(file))
            .filter_map(|file| names.get(file))
            .map(String::as_str)
            .collect();
        // Of a folder of logs, most files are of other hours.
        let which = match silent.len() {
            0 => return notes,
            few if few <= FEW => silent.join(", "),
            many => format!("{many} of {} inputs of {}", self.files.len(), self.flag),
        };
        let requests = match traces.len() {
            1 => "the request".to_owned(),
            several => format!("any of the {several} requests"),
        };
        let hint = if silent.len() == self.files.len() {
            format!("; looked for {}{}", self.looks_for, without_keys(traces))
        } else {
            String::new()
        };
        notes.push(format!("{which}: nothing of {requests}{hint}"));
        notes
    }
}

/// Requests that were sent without the keys that logs would have kept.
fn without_keys(traces: &[Trace]) -> String {
    let carried = |trace: &&Trace| {
        let headers = trace.request.iter().flat_map(|request| &request.headers);
        headers.into_iter().any(|(name, _)| name.eq_ignore_ascii_case("x-amzn-trace-id"))
    };
    match traces.len() - traces.iter().filter(carried).count() {
        0 => String::new(),
        bare => format!(" ({bare} requests were sent without X-Amzn-Trace-Id)"),
    }
}
