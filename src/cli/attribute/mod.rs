//! `wirefall attribute`: saved traces and what the layers wrote down, joined.
//!
//! Inputs are read in the order in which one teaches the next its names: edges, balancers and gateways, X-Ray, then functions,
//! which know a request by their own name for it only. Inputs that cannot be read, and lines that mean nothing, are said and
//! left out.

mod inputs;
mod missing;
mod once;
mod progress;
mod report;
mod sources;

use std::cell::RefCell;
use std::fmt::Write as _;
use std::path::Path;

use super::args::{ArgsError, AttributeArgs, Format, Verbosity};
use super::console::{self, Console};
use super::ending::Ending;
use super::interrupt::catch_interrupts;
use super::outlet::{refuse_unwritable, save};
use super::saved::read_traces;
use super::{CommandError, drawing};
use crate::attribute::aws::LogReader;
use crate::attribute::record::{Record, Where};
use crate::attribute::wanted::Wanted;
use crate::attribute::{Tally, attribute};
use crate::probe::Interrupt;
use crate::render::chart;
use crate::render::{attribution, har, json, terminal};
use crate::trace::Trace;
use inputs::Input;
use missing::missing;
use once::once;
use progress::Progress;
use report::Report;
pub(super) use report::kind_of;
use sources::{Source, sources};

pub(super) fn run(args: &AttributeArgs, console: &mut Console) -> Result<u8, CommandError> {
    let kept = args.output.keep.resolve()?;
    if args.output.voice.verbosity() == Verbosity::Silent {
        console.be_quiet();
    }
    refuse_to_save_into_input(args)?;
    refuse_unwritable(kept.files(), console)?;
    let sources = sources(args)?;
    if sources.is_empty() {
        console.complain(
            "no logs are given (--alb, --apig, --cloudfront, --lambda, --xray, …): only what responses say counts",
        );
    }
    let interrupt = catch_interrupts()?;
    let mut traces = Vec::new();
    for path in &args.traces {
        let name = path.display().to_string();
        traces.extend(read_traces(path)?.into_iter().map(|trace| (name.clone(), trace)));
    }
    if traces.is_empty() {
        let files: Vec<String> = args.traces.iter().map(|path| path.display().to_string()).collect();
        return Err(CommandError::NoTracesToSplit(files.join(", ")));
    }
    let (mut traces, notes) = once(traces);
    for note in notes {
        console.complain(&note);
    }
    let mut ending = Ending::default();
    let mut gathered = Gathered::new(&traces);
    gathered.read(sources, &interrupt, console, &mut ending);
    let names = &gathered.names;
    let tally = attribute(&mut traces, &gathered.records, |at| place(names, at));
    gathered.report.say(names, &tally, &traces, console);
    if gathered.report.is_all_useless() && !interrupt.requested() {
        ending.wrote(console, Err(CommandError::NoEvidence));
    }
    let printed = print(args, &traces, &tally, console);
    ending.wrote(console, printed);
    ending.wrote(console, save(kept.save.as_deref(), &traces));
    if let Some(picture) = &kept.picture {
        let drawn = if tally.split == 0 {
            Err(CommandError::NothingSplit { missing: missing(&traces) })
        } else {
            drawing::draw(picture, |options| chart::layers(&traces, options))
        };
        ending.wrote(console, drawn);
    }
    Ok(ending.exit_code(&interrupt))
}

/// A file that had each trace twice, once with its layers and once without, would be of no use to anybody.
fn refuse_to_save_into_input(args: &AttributeArgs) -> Result<(), CommandError> {
    let place = |path: &Path| path.canonicalize().ok();
    let saved = args.output.keep.save.as_deref().and_then(place);
    if saved.is_some() && args.traces.iter().any(|path| place(path) == saved) {
        let reason = "each trace would stand in it twice; save into another file";
        return Err(ArgsError::Conflict { flag: "--save", other: "the file that is read", reason }.into());
    }
    Ok(())
}

/// `alb.log:17`.
fn place(names: &[String], at: Where) -> String {
    let name = names.get(at.file).map_or("?", String::as_str);
    let short = Path::new(name).file_name().map_or(name.into(), std::ffi::OsStr::to_string_lossy);
    format!("{short}:{}", at.line)
}

/// What was read.
struct Gathered {
    wanted: Wanted,
    records: Vec<Record>,
    /// Of each input, by its number.
    names: Vec<String>,
    report: Report,
}

impl Gathered {
    fn new(traces: &[Trace]) -> Self {
        Self { wanted: Wanted::of(traces), records: Vec::new(), names: Vec::new(), report: Report::default() }
    }

    fn read(&mut self, sources: Vec<Source>, interrupt: &Interrupt, console: &mut Console, ending: &mut Ending) {
        let bytes = sources.iter().flat_map(|source| &source.inputs).filter_map(Input::length).sum();
        let progress = RefCell::new(Progress::of(bytes));
        for source in sources {
            let mut reader = LogReader::new(source.format);
            let first = self.names.len();
            for input in &source.inputs {
                if interrupt.requested() {
                    break;
                }
                let number = self.names.len();
                self.names.push(input.name());
                let mut found = Vec::new();
                let read = input
                    .open(interrupt, &progress, console)
                    .and_then(|bytes| reader.read(number, bytes, &self.wanted, &mut |record| found.push(record)));
                progress.borrow_mut().clear(console);
                if let Err(source) = read
                    && !interrupt.requested()
                {
                    self.report.lose(number);
                    ending.wrote(console, Err(CommandError::File { doing: "read", file: input.name(), source }));
                }
                self.keep(found);
            }
            let mut found = Vec::new();
            let tally = reader.finish(&self.wanted, &mut |record| found.push(record));
            self.keep(found);
            self.report.add(source.flag, source.looks_for, source.hint, first..self.names.len(), tally);
        }
    }

    /// What these name, later inputs may know by that name alone.
    fn keep(&mut self, found: Vec<Record>) {
        for record in &found {
            self.wanted.learn(record);
        }
        self.records.extend(found);
    }
}

fn print(args: &AttributeArgs, traces: &[Trace], tally: &Tally, console: &mut Console) -> Result<(), CommandError> {
    let style = console.style(args.output.voice.color(console.environment()));
    let summary = || terminal::attribution(traces, tally, &style);
    let text = match args.output.format {
        Format::Pretty => {
            let split: Vec<Trace> = traces.iter().filter(|trace| has_something_to_show(trace)).cloned().collect();
            let shown = &split[..split.len().min(args.rows)];
            let mut text = terminal::layered(shown, &style);
            if shown.len() < split.len() {
                let _ = writeln!(text, "{} of {} requests: --rows N shows more", shown.len(), split.len());
            }
            if !text.is_empty() {
                text.push('\n');
            }
            text + &summary()
        }
        Format::Json => json::json(traces).map_err(CommandError::Json)?,
        Format::Jsonl => json::jsonl(traces).map_err(CommandError::Json)?,
        Format::Csv => attribution::csv(traces),
        Format::Har => har::har(traces),
        Format::Markdown => attribution::markdown(traces, tally),
    };
    if !matches!(args.output.format, Format::Pretty | Format::Markdown) {
        console.note(&terminal::attribution_counts(tally, &style));
    }
    console::print(text)
}

fn has_something_to_show(trace: &Trace) -> bool {
    !trace.layers.is_empty() || !trace.rejected.is_empty() || !trace.phase_witnesses.is_empty()
}
