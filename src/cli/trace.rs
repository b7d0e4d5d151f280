//! `wirefall trace`: one request for each target, every phase.

use std::io::Write;

use super::args::{Format, Output, ProcessInputs, TraceArgs, Verbosity};
use super::capture::Wish;
use super::console::{self, Console};
use super::ending::Ending;
use super::hops::HopFinder;
use super::interrupt::catch_interrupts;
use super::outlet::{Named, Outlet, refuse_unwritable, save};
use super::verdict::Verdict;
use super::{CommandError, capture, drawing};
use crate::capture::{Capture, Depth};
use crate::probe::{Probe, Traced};
use crate::render::chart;
use crate::render::write_out::{Stream, Transfer, write_out};
use crate::render::{csv, har, heads, json, markdown, terminal, verbose};
use crate::trace::Trace;

pub(super) fn run(args: TraceArgs, console: &mut Console) -> Result<u8, CommandError> {
    let hops = args.hops.resolve()?;
    let (plan, output) = args.resolve(console.environment(), &ProcessInputs)?;
    if output.verbosity == Verbosity::Silent {
        console.be_quiet();
    }
    refuse_unwritable(output.files(), console)?;
    let interrupt = catch_interrupts()?;
    let depth = if output.pcap.is_some() { Depth::Whole } else { Depth::Headers };
    let captured = capture::begin(&plan, Wish { rule: output.capture, depth }, hops, console)?;
    let probe = match &captured {
        Some(capture) => Probe::watched_by(capture::watcher(capture, output.packets), &plan, interrupt.clone())?,
        None => Probe::new(&plan, interrupt.clone())?,
    };
    let mut hops = HopFinder::new(hops, &plan, interrupt.clone());
    let mut run = Run::new(output, console);
    for (index, target) in plan.targets.iter().enumerate() {
        let wanted = run.body.is_somewhere();
        let mut body = Named(&mut run.body);
        let mut traced = probe.trace(target, wanted.then_some(&mut body as &mut dyn Write));
        hops.add_to(&mut traced.traces, run.console);
        run.take(index, traced);
        if interrupt.requested() {
            break;
        }
    }
    run.finish();
    if let Some(capture) = &captured {
        run.keep_packets(capture);
    }
    Ok(run.ending.exit_code(&interrupt))
}

/// Results on their way out. An output that fails takes no other with it, and no target.
struct Run<'c> {
    output: Output,
    console: &'c mut Console,
    body: Outlet,
    heads: Outlet,
    traces: Vec<Trace>,
    ending: Ending,
}

impl<'c> Run<'c> {
    fn new(output: Output, console: &'c mut Console) -> Self {
        let (body, heads) = (Outlet::new(output.body.clone()), Outlet::new(output.heads.clone()));
        Self { output, console, body, heads, traces: Vec::new(), ending: Ending::default() }
    }

    /// Writes what can be written of one target at once.
    fn take(&mut self, index: usize, traced: Traced) {
        let Traced { traces, stopped } = traced;
        let verdict = Verdict::of(&traces, stopped.as_ref(), self.output.status);
        let saved = save(self.output.kept.save.as_deref(), &traces);
        self.wrote(saved);
        if self.output.format == Some(Format::Jsonl) {
            self.wrote(jsonl(&traces).and_then(console::print));
        }
        let heads = self.write_heads(&traces);
        self.wrote(heads);
        let body = self.body.flush().map_err(|source| self.body.unwritable(source));
        self.wrote(body);
        if self.output.verbosity == Verbosity::Verbose {
            self.console.note(&verbose::verbose(&traces));
        }
        self.write_out(index, &traces, &verdict);
        self.ending.judge(self.console, &verdict);
        if let Some(slo) = &self.output.slo {
            self.ending.miss(self.console, &slo.judge_traces(&traces));
        }
        self.traces.extend(traces);
    }

    fn wrote(&mut self, written: Result<(), CommandError>) {
        self.ending.wrote(self.console, written);
    }

    fn write_heads(&mut self, traces: &[Trace]) -> Result<(), CommandError> {
        if !self.heads.is_somewhere() {
            return Ok(());
        }
        let text: String =
            traces.iter().filter_map(|trace| trace.response.as_ref()).map(heads::response_head).collect();
        let written = self.heads.write_all(text.as_bytes()).and_then(|()| self.heads.flush());
        written.map_err(|source| self.heads.unwritable(source))
    }

    /// `-w`, once for each transfer: a chain of redirects is one, its warm repetition another.
    fn write_out(&mut self, index: usize, traces: &[Trace], verdict: &Verdict) {
        let Some(format) = self.output.write_out.clone() else { return };
        for chain in traces.chunk_by(|_, next| next.subject.redirected_from.is_some()) {
            let transfer =
                Transfer { traces: chain, index, exit_status: verdict.exit_code, message: verdict.message.as_deref() };
            let written = write_out(&format, &transfer);
            for unknown in written.unknown {
                self.console.complain(&unknown.to_string());
            }
            for (stream, text) in written.parts {
                match stream {
                    Stream::Stdout => self.wrote(console::print(&text)),
                    Stream::Stderr => self.console.note(&text),
                }
            }
        }
    }

    /// Writes what shows all targets together.
    fn finish(&mut self) {
        let printed = self.print();
        self.wrote(printed);
        if let Some(picture) = &self.output.kept.picture {
            self.wrote(drawing::draw(picture, |options| chart::waterfall(&self.traces, options)));
        }
    }

    /// Also of what failed or was interrupted: that is what people look at packets for.
    fn keep_packets(&mut self, capture: &Capture) {
        if let Some(path) = self.output.pcap.clone() {
            let written = capture::write(capture, &path);
            self.wrote(written);
        }
        capture::report_losses(capture, self.console);
    }

    fn print(&mut self) -> Result<(), CommandError> {
        let traces = &self.traces;
        let text = match self.output.format {
            None | Some(Format::Jsonl) => String::new(),
            Some(Format::Pretty) => terminal::waterfall(traces, &self.console.style(self.output.color)),
            Some(Format::Json) => json::json(traces).map_err(CommandError::Json)?,
            Some(Format::Csv) => csv::csv(traces),
            Some(Format::Har) => har::har(traces),
            Some(Format::Markdown) => markdown::markdown(traces),
        };
        // A body on standard output stays alone there.
        if self.body.is_stdout() && self.output.format == Some(Format::Pretty) {
            self.console.note(&text);
            return Ok(());
        }
        console::print(&text)
    }
}

fn jsonl(traces: &[Trace]) -> Result<String, CommandError> {
    json::jsonl(traces).map_err(CommandError::Json)
}
