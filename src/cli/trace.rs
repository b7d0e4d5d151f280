//! `wirefall trace`: one request for each target, every phase.

use std::io::Write;

use super::args::{Format, Output, ProcessInputs, TraceArgs, Verbosity};
use super::console::{self, Console};
use super::interrupt::catch_interrupts;
use super::outlet::{Named, Outlet, append};
use super::verdict::Verdict;
use super::{CommandError, drawing};
use crate::probe::{Probe, Traced};
use crate::render::chart::ChartOptions;
use crate::render::write_out::{Stream, Transfer, write_out};
use crate::render::{csv, har, heads, json, markdown, terminal, verbose};
use crate::trace::Trace;

pub(super) fn run(args: TraceArgs, console: &mut Console) -> Result<u8, CommandError> {
    let (plan, output) = args.resolve(console.environment(), &ProcessInputs)?;
    if output.verbosity == Verbosity::Silent {
        console.be_quiet();
    }
    let interrupt = catch_interrupts()?;
    let probe = Probe::new(&plan, interrupt.clone())?;
    let mut run = Run::new(output, console);
    for (index, target) in plan.targets.iter().enumerate() {
        let wanted = run.body.is_somewhere();
        let mut body = Named(&mut run.body);
        let traced = probe.trace(target, wanted.then_some(&mut body as &mut dyn Write));
        run.take(index, traced)?;
        if interrupt.requested() {
            break;
        }
    }
    run.finish()
}

/// Results on their way out.
struct Run<'c> {
    output: Output,
    console: &'c mut Console,
    body: Outlet,
    heads: Outlet,
    traces: Vec<Trace>,
    exit_code: u8,
}

impl<'c> Run<'c> {
    fn new(output: Output, console: &'c mut Console) -> Self {
        let (body, heads) = (Outlet::new(output.body.clone()), Outlet::new(output.heads.clone()));
        Self { output, console, body, heads, traces: Vec::new(), exit_code: 0 }
    }

    /// Writes what can be written of one target at once.
    fn take(&mut self, index: usize, traced: Traced) -> Result<(), CommandError> {
        let Traced { traces, stopped } = traced;
        let verdict = Verdict::of(&traces, stopped.as_ref(), self.output.status);
        if let Some(path) = &self.output.save {
            append(path, &json::jsonl(&traces).map_err(CommandError::Json)?)?;
        }
        if self.output.format == Some(Format::Jsonl) {
            console::print(&json::jsonl(&traces).map_err(CommandError::Json)?)?;
        }
        self.write_heads(&traces)?;
        self.body.flush().map_err(|source| cannot_write(&self.body, source))?;
        if self.output.verbosity == Verbosity::Verbose {
            self.console.note(&verbose::verbose(&traces));
        }
        self.write_out(index, &traces, &verdict)?;
        if let Some(message) = &verdict.message {
            self.console.complain(&format!("({}) {message}", verdict.exit_code));
        }
        if self.exit_code == 0 {
            self.exit_code = verdict.exit_code;
        }
        self.traces.extend(traces);
        Ok(())
    }

    fn write_heads(&mut self, traces: &[Trace]) -> Result<(), CommandError> {
        if !self.heads.is_somewhere() {
            return Ok(());
        }
        let text: String =
            traces.iter().filter_map(|trace| trace.response.as_ref()).map(heads::response_head).collect();
        let written = self.heads.write_all(text.as_bytes()).and_then(|()| self.heads.flush());
        written.map_err(|source| cannot_write(&self.heads, source))
    }

    /// `-w`, once for each transfer: a chain of redirects is one, its warm repetition another.
    fn write_out(&mut self, index: usize, traces: &[Trace], verdict: &Verdict) -> Result<(), CommandError> {
        let Some(format) = self.output.write_out.clone() else { return Ok(()) };
        for chain in traces.chunk_by(|_, next| next.subject.redirected_from.is_some()) {
            let transfer =
                Transfer { traces: chain, index, exit_status: verdict.exit_code, message: verdict.message.as_deref() };
            let written = write_out(&format, &transfer);
            for unknown in written.unknown {
                self.console.complain(&unknown.to_string());
            }
            for (stream, text) in written.parts {
                match stream {
                    Stream::Stdout => console::print(&text)?,
                    Stream::Stderr => self.console.note(&text),
                }
            }
        }
        Ok(())
    }

    /// Writes what shows all targets together.
    fn finish(self) -> Result<u8, CommandError> {
        if let Some(file) = &self.output.chart {
            drawing::draw(&self.traces, &ChartOptions::default(), file.path(), file.form())?;
        }
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
        } else {
            console::print(&text)?;
        }
        Ok(self.exit_code)
    }
}

fn cannot_write(outlet: &Outlet, source: std::io::Error) -> CommandError {
    CommandError::File { doing: "write", file: outlet.name(), source }
}
