//! `wirefall pcap`: captures that were made elsewhere, as traces.
//!
//! Files are read once, from the beginning; what is over is printed or kept as the wanted form needs: `jsonl` and `csv` as it
//! comes, the table only its slowest flows, the other forms all traces.

mod ahead;
mod filter;
mod gather;
mod notes;
mod progress;
mod report;
mod slowest;
mod source;
mod told;

use std::path::Path;

pub use filter::{Candidate, Filter, FilterError};

use super::CommandError;
use super::args::{PcapArgs, Verbosity};
use super::console::Console;
use super::ending::Ending;
use super::interrupt::catch_interrupts;
use super::outlet::refuse_unwritable;
use crate::flow::table::{Rules, Sight, Table};
use crate::packet::file::{Batch, CaptureFileError};
use crate::packet::{Undecodable, decode};
use crate::probe::Interrupt;
use crate::time::{Realtime, Timestamp};
use ahead::Ahead;
use gather::{Gather, Wanted};
use progress::Progress;
use source::Source;

pub(super) fn run(args: &PcapArgs, console: &mut Console) -> Result<u8, CommandError> {
    let wanted = Wanted::try_from(args)?;
    if args.output.voice.verbosity() == Verbosity::Silent {
        console.be_quiet();
    }
    refuse_unwritable(wanted.kept.files(), console)?;
    let interrupt = catch_interrupts()?;
    let rules = Rules {
        most_flows: usize::try_from(args.max_flows).unwrap_or(usize::MAX),
        side: args.side.side(),
        ..Rules::default()
    };
    let style = console.style(args.output.voice.color(console.environment()));
    let mut gather = Gather::new(wanted, style);
    let mut reading =
        Reading { table: Table::new(rules), interrupt: &interrupt, latest: None, strange: Strange::default() };
    let mut ending = Ending::default();
    for file in &args.files {
        let read = reading.file(file, &mut gather, console, &mut ending);
        gather.write(console, &mut ending);
        ending.wrote(console, read);
        if interrupt.requested() {
            break;
        }
    }
    reading.table.finish(&mut gather);
    gather.finish(&reading.table.tally(), &reading.strange, console, &mut ending);
    Ok(ending.exit_code(&interrupt))
}

/// Packets that could not be read, and why.
#[derive(Debug, Default)]
struct Strange {
    /// How many.
    undecodable: u64,
    /// What is wrong with the first one.
    first: Option<Undecodable>,
    /// How many the files themselves describe wrongly.
    damaged: u64,
    /// The first of those.
    first_damage: Option<CaptureFileError>,
    /// How many the capturing machines lost.
    dropped: u64,
}

/// The files as one sequence of packets.
struct Reading<'i> {
    table: Table,
    interrupt: &'i Interrupt,
    latest: Option<Timestamp<Realtime>>,
    strange: Strange,
}

impl Reading<'_> {
    fn file(
        &mut self,
        path: &Path,
        gather: &mut Gather,
        console: &mut Console,
        ending: &mut Ending,
    ) -> Result<(), CommandError> {
        let name = path.display().to_string();
        let cannot_open = |source| CommandError::File { doing: "read", file: name.clone(), source };
        let source = Source::open(path).map_err(cannot_open)?;
        let mut progress = Progress::of(&source, &name);
        let is_live = source.is_live();
        let mut ahead = Ahead::of(source).map_err(cannot_open)?;
        let read = self.batches(&mut ahead, is_live, gather, &mut progress, console, ending);
        progress.clear(console);
        // Ctrl-C may come in the middle of a packet.
        if self.interrupt.requested() {
            return Ok(());
        }
        read.map_err(|source| CommandError::CaptureFile { file: name, source })
    }

    fn batches(
        &mut self,
        ahead: &mut Ahead,
        is_live: bool,
        gather: &mut Gather,
        progress: &mut Progress,
        console: &mut Console,
        ending: &mut Ending,
    ) -> Result<(), CaptureFileError> {
        let (mut packets, mut dropped, mut begins) = (0, 0, true);
        let read = loop {
            let mut batch = match ahead.next(self.interrupt) {
                Ok(Some(batch)) => batch,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            };
            if std::mem::take(&mut begins) {
                gather.begin_file(is_live);
                let at = batch.packets().next().map(|captured| captured.at);
                if at.is_some_and(|at| self.latest.is_some_and(|latest| at < latest)) {
                    // A file of an earlier time is no continuation.
                    self.table.finish(gather);
                }
            }
            gather.interfaces(batch.interfaces());
            self.packets(&batch, gather, console, ending);
            self.strange.damaged += batch.damaged();
            if let Some(damage) = batch.first_damage() {
                self.strange.first_damage.get_or_insert(damage);
            }
            dropped = batch.interfaces().iter().filter_map(|interface| interface.dropped).sum();
            packets += batch.len() as u64;
            progress.at(packets, batch.offset(), console);
            ahead.again(batch);
        };
        self.strange.dropped += dropped;
        read
    }

    fn packets(&mut self, batch: &Batch, gather: &mut Gather, console: &mut Console, ending: &mut Ending) {
        for captured in batch.packets() {
            self.latest = self.latest.max(Some(captured.at));
            match decode(captured.link, captured.bytes, captured.original_length) {
                Ok(packet) => {
                    let sight =
                        Sight { at: captured.at, resolution: captured.resolution, interface: captured.interface };
                    self.table.take(&sight, &packet, gather);
                    if gather.is_due() {
                        gather.write(console, ending);
                    }
                }
                Err(Undecodable::NotIp(_)) => {}
                Err(undecodable) => {
                    self.strange.undecodable += 1;
                    self.strange.first.get_or_insert(undecodable);
                }
            }
        }
    }
}
