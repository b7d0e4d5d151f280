//! What there is to say of the inputs: those that are none of what they were given as, lines that mean nothing, inputs in which
//! nothing is of these requests.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::attribute::Tally;
use crate::attribute::aws::{Foreign, Tally as Read};
use crate::attribute::record::Source;
use crate::cli::console::Console;
use crate::trace::Trace;

/// Lines that are named for each format; more are counted.
const NAMED: usize = 3;
/// Inputs that are named one by one; more are counted.
const FEW: usize = 5;

/// What was read of each format.
#[derive(Debug, Default)]
pub(super) struct Report {
    entries: Vec<Entry>,
    /// Inputs that could not be read, or not to their end.
    lost: BTreeSet<usize>,
}

#[derive(Debug)]
struct Entry {
    flag: &'static str,
    looks_for: &'static str,
    hint: Option<&'static str>,
    /// The numbers of its inputs.
    files: Range<usize>,
    read: Read,
}

impl Report {
    pub(super) fn add(
        &mut self,
        flag: &'static str,
        looks_for: &'static str,
        hint: Option<&'static str>,
        files: Range<usize>,
        read: Read,
    ) {
        self.entries.push(Entry { flag, looks_for, hint, files, read });
    }

    /// Takes note that an input could not be read to its end.
    pub(super) fn lose(&mut self, file: usize) {
        self.lost.insert(file);
    }

    /// Whether inputs were given, and not one of them is what it was given as.
    pub(super) fn is_all_useless(&self) -> bool {
        let is_useless = |entry: &Entry, file: usize| {
            let is_nothing = entry.read.records == 0 && self.lost.contains(&file);
            is_nothing || entry.is_foreign(file)
        };
        let mut inputs = self.entries.iter().flat_map(|entry| entry.files.clone().map(move |file| (entry, file)));
        !self.entries.is_empty() && inputs.all(|(entry, file)| is_useless(entry, file))
    }

    pub(super) fn say(&self, names: &[String], tally: &Tally, traces: &[Trace], console: &mut Console) {
        for note in self.entries.iter().flat_map(|entry| entry.notes(names, &self.lost, tally, traces)) {
            console.complain(&note);
        }
    }
}

impl Entry {
    fn notes(&self, names: &[String], lost: &BTreeSet<usize>, tally: &Tally, traces: &[Trace]) -> Vec<String> {
        let is_another = self.read.foreign.iter().any(|foreign| matches!(foreign, Foreign::LooksLike { .. }));
        let needs_hint = (self.read.broken > 0 || self.found_nothing(tally)) && !is_another;
        let hint = self.hint.filter(|_| needs_hint).map(|hint| format!("{}: {hint}", self.flag));
        let silent = self.silent(names, lost, tally, traces);
        self.foreign(names).into_iter().chain(self.unread(names)).chain(silent).chain(hint).collect()
    }

    /// Lines that could not be read.
    fn unread(&self, names: &[String]) -> Vec<String> {
        let Self { flag, read, .. } = self;
        // Of inputs that are left out together, no line is worth words.
        let is_quiet = |file: usize| self.is_mixed() && self.is_foreign(file);
        let (quiet, errors): (Vec<_>, Vec<_>) = read.errors.iter().partition(|(at, _)| is_quiet(at.file));
        let first = errors.into_iter().take(NAMED);
        let mut notes: Vec<String> =
            first.map(|(at, error)| format!("{flag}: {}:{}: {error}", name(names, at.file), at.line)).collect();
        let more = read.broken.saturating_sub((NAMED + quiet.len()) as u64);
        if more > 0 {
            // What breaks off in the middle is no line, nor an object.
            let of = if read.lines < read.broken { String::new() } else { format!(" of {}", read.lines) };
            notes.push(format!("{flag}: {more} more lines{of} could not be read"));
        }
        if read.too_long > 0 {
            notes.push(format!("{flag}: {} lines longer than a mebibyte were skipped", read.too_long));
        }
        notes
    }

    /// Inputs that were read, and in which nothing is of these requests.
    fn silent(&self, names: &[String], lost: &BTreeSet<usize>, tally: &Tally, traces: &[Trace]) -> Option<String> {
        let says_nothing =
            |file: &usize| !tally.files.contains(file) && !lost.contains(file) && !self.is_foreign(*file);
        let silent = self.files.clone().filter(says_nothing).filter_map(|file| names.get(file)).map(String::as_str);
        let silent: Vec<&str> = silent.collect();
        // Of a folder of logs, most files are of other hours.
        let which = match silent.len() {
            0 => return None,
            few if few <= FEW => silent.join(", "),
            many => format!("{many} of {} inputs of {}", self.files.len(), self.flag),
        };
        let requests = match traces.len() {
            1 => "the request".to_owned(),
            several => format!("any of the {several} requests"),
        };
        let looked_for = if self.found_nothing(tally) {
            format!("; looked for {}{}", self.looks_for, without_keys(traces))
        } else {
            String::new()
        };
        Some(format!("{which}: nothing of {requests}{looked_for}"))
    }

    /// Whether nothing in any of its inputs is of these requests.
    fn found_nothing(&self, tally: &Tally) -> bool {
        !self.files.clone().any(|file| tally.files.contains(&file))
    }

    fn is_foreign(&self, file: usize) -> bool {
        self.read.foreign.iter().any(|foreign| foreign.file() == file)
    }

    /// Inputs that are something else, or nothing; of a folder of all kinds of logs, only how many.
    fn foreign(&self, names: &[String]) -> Vec<String> {
        if self.is_mixed() {
            let (left_out, all) = (self.read.foreign.len(), self.files.len());
            let (what, _) = self.own_kind();
            return vec![format!("{}: {left_out} of {all} inputs are left out: none of them is {what}", self.flag)];
        }
        let name = |file| name(names, file);
        let told = |foreign: &Foreign| match *foreign {
            Foreign::Empty { file } => format!("{}: {} is empty", self.flag, name(file)),
            Foreign::LooksLike { file, kind } => {
                let (what, flag) = kind_of(kind);
                format!("{}: {} looks like {what}; did you mean {flag}?", self.flag, name(file))
            }
            Foreign::Broken { file } => {
                let (what, _) = self.own_kind();
                format!("{}: {} looks like {what}, but nothing of it can be read", self.flag, name(file))
            }
            Foreign::Unknown { file } => {
                let (what, _) = self.own_kind();
                format!("{}: {} does not look like {what}, nor like any other log known here", self.flag, name(file))
            }
        };
        let mut notes: Vec<String> = self.read.foreign.iter().take(FEW).map(told).collect();
        let more = self.read.foreign.len().saturating_sub(FEW);
        if more > 0 {
            notes.push(format!("{}: {more} more inputs are empty or something else", self.flag));
        }
        notes
    }

    /// Whether some inputs are what they were given as and several are not, as in a folder of all kinds of logs.
    fn is_mixed(&self) -> bool {
        self.read.foreign.len() > 1 && self.read.foreign.len() < self.files.len()
    }

    /// What inputs of this flag are.
    fn own_kind(&self) -> (&'static str, &'static str) {
        const KINDS: [Source; 10] = [
            Source::AlbAccess,
            Source::AlbConnection,
            Source::ClassicElb,
            Source::NlbTls,
            Source::CloudFrontStandard,
            Source::CloudFrontRealtime,
            Source::ApiGateway,
            Source::LambdaText,
            Source::LambdaJson,
            Source::XRay,
        ];
        KINDS.into_iter().map(kind_of).find(|(_, flag)| *flag == self.flag).unwrap_or(("a log", self.flag))
    }
}

/// What an input was given as.
fn name(names: &[String], file: usize) -> &str {
    names.get(file).map_or("?", String::as_str)
}

/// A kind of log in words, and its flag.
pub(in crate::cli) const fn kind_of(kind: Source) -> (&'static str, &'static str) {
    match kind {
        Source::AlbAccess => ("an access log of an Application Load Balancer", "--alb"),
        Source::AlbConnection => ("a connection log of an Application Load Balancer", "--alb-connections"),
        Source::ClassicElb => ("a log of a Classic Load Balancer", "--clb"),
        Source::NlbTls => ("a TLS log of a Network Load Balancer", "--nlb"),
        Source::CloudFrontStandard => ("a standard log of CloudFront", "--cloudfront"),
        Source::CloudFrontRealtime => ("a real-time log of CloudFront", "--cloudfront-realtime"),
        Source::ApiGateway => ("API Gateway JSON", "--apig"),
        Source::LambdaText | Source::LambdaJson => ("a log of Lambda", "--lambda"),
        Source::XRay => ("documents of X-Ray", "--xray"),
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
        1 => " (1 request was sent without X-Amzn-Trace-Id)".to_owned(),
        bare => format!(" ({bare} requests were sent without X-Amzn-Trace-Id)"),
    }
}
