//! The command line: arguments become a [`Plan`](crate::target::Plan), results become text.
//!
//! One file for each command; `console` is where all of them print.
//!
//! Invariant: this is the only module that prints, and the only one that reads arguments and the environment.
//!
//! Deliberately absent: anything that another program could not use as a library. Measuring, assembling and drawing live in
//! the modules that this one calls.

pub mod args;
mod attribute;
mod capture;
mod chart;
mod compare;
mod console;
mod demo;
mod distance;
mod drawing;
mod ending;
mod hops;
mod interrupt;
mod lab;
mod measure;
mod outlet;
pub mod pcap;
mod progress;
mod regions;
mod saved;
mod summary;
mod trace;
mod verdict;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::lab::ProfileError;
use args::{ArgsError, Command};
use console::Console;

/// Exit codes beyond curl's, which come from [`crate::event::FailureCode::exit_status`].
mod exit {
    pub(super) const OTHER: u8 = 1;
    pub(super) const USAGE: u8 = 2;
    pub(super) const SLO: u8 = 4;
    pub(super) const HTTP_STATUS: u8 = 22;
    pub(super) const TOO_MANY_REDIRECTS: u8 = 47;
    pub(super) const INTERRUPTED: u8 = 130;
}

/// Why a command ends without having done what it should. What was measured before is written all the same.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    /// The arguments mean nothing.
    #[error(transparent)]
    Args(#[from] ArgsError),
    /// The client cannot be set up.
    #[error(transparent)]
    Probe(#[from] crate::probe::ProbeError),
    /// Nothing can be captured.
    #[error(transparent)]
    Capture(#[from] crate::capture::CaptureError),
    /// Packets cannot be written as a capture file.
    #[error("cannot write {file}")]
    Pcap {
        /// The file.
        file: String,
        /// Why not.
        source: crate::packet::file::CaptureWriteError,
    },
    /// The lab cannot be started.
    #[error(transparent)]
    Lab(#[from] crate::lab::LabError),
    /// Nobody may make it a network of its own.
    #[error("cannot make the lab a network of its own")]
    Privilege(#[from] crate::lab::link::PrivilegeError),
    /// Its network cannot be entered.
    #[error("cannot enter the lab's network")]
    Namespace(#[from] crate::lab::link::NamespaceError),
    /// A command in its network cannot be started.
    #[error("cannot run {command}")]
    Run {
        /// The program.
        command: String,
        /// Why not.
        source: std::io::Error,
    },
    /// Its profile means nothing.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// Its profile does not know where the client is.
    #[error("--at")]
    Place(#[from] crate::lab::PlaceError),
    /// Its time scale means nothing.
    #[error(transparent)]
    TimeScale(#[from] crate::lab::TimeScaleError),
    /// No chart can be drawn.
    #[error(transparent)]
    Chart(#[from] crate::render::chart::ChartError),
    /// There is no such baseline.
    #[error("--baseline")]
    Baseline(#[from] crate::stats::SummariseError),
    /// There is nothing in it to split.
    #[error("{0} has no traces: --save and --format jsonl write them")]
    NoTracesToSplit(String),
    /// Logs were given, and none of them is what it was given as.
    #[error("none of the logs given could be used")]
    NoEvidence,
    /// No wait could be split into layers, so there is nothing to draw.
    #[error("no chart of layers: no wait could be split; missing: {missing}")]
    NothingSplit {
        /// Which logs would speak of which layers.
        missing: String,
    },
    /// Nothing was saved that could be compared.
    #[error("{0} has no traces to compare")]
    NoTraces(String),
    /// Results cannot be written as JSON.
    #[error("results cannot be written as JSON")]
    Json(#[source] serde_json::Error),
    /// A line of a file is no trace.
    #[error(transparent)]
    Input(#[from] saved::NoTrace),
    /// An output cannot be written: known before anything is done for it.
    #[error("{flag}: cannot write {file}")]
    Output {
        /// The flag that names it.
        flag: &'static str,
        /// The file.
        file: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A file cannot be read or written.
    #[error("cannot {doing} {file}")]
    File {
        /// `read`, `write`, …
        doing: &'static str,
        /// The file.
        file: String,
        /// Why not.
        source: std::io::Error,
    },
    /// Standard output or error cannot be written.
    #[error("cannot print")]
    Print(#[source] std::io::Error),
    /// A capture file cannot be read, or only up to here.
    #[error("{file}")]
    CaptureFile {
        /// The file.
        file: String,
        /// What is wrong with it, and where.
        source: crate::packet::file::CaptureFileError,
    },
    /// There is no such flow.
    #[error("no flow {wanted} is shown: the capture has {flows}")]
    NoFlow {
        /// The number asked for.
        wanted: u64,
        /// How many flows there are.
        flows: u64,
    },
    /// Ctrl-C cannot be caught.
    #[error("cannot catch Ctrl-C")]
    Signals(#[source] std::io::Error),
}

impl CommandError {
    /// What somebody wrote that means nothing is misuse; a file that cannot be read or written is not, whoever named it.
    fn exit_code(&self) -> u8 {
        match self {
            Self::Args(ArgsError::Read { .. }) | Self::Profile(ProfileError::Read { .. }) => exit::OTHER,
            Self::Args(_) | Self::Baseline(_) | Self::Profile(_) | Self::Place(_) | Self::TimeScale(_) => exit::USAGE,
            _ if self.is_reader_gone() => 0,
            _ => exit::OTHER,
        }
    }

    /// Whoever read standard output has read enough.
    fn is_reader_gone(&self) -> bool {
        matches!(self, Self::Print(error) if error.kind() == std::io::ErrorKind::BrokenPipe)
    }
}

/// Runs the command that the arguments ask for. `words` begins with the program's name.
#[must_use]
pub fn run(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut console = Console::of_process();
    let command = match args::parse(words) {
        Ok(command) => command,
        Err(misuse) => {
            // Where not even that can be printed, the exit code has to do.
            let _ = misuse.print();
            return ExitCode::from(u8::try_from(misuse.exit_code()).unwrap_or(exit::USAGE));
        }
    };
    let result = match command {
        Command::Trace(args) => trace::run(*args, &mut console),
        Command::Compare(args) => compare::run(*args, &mut console),
        Command::Pcap(args) => pcap::run(&args, &mut console),
        Command::Attribute(args) => attribute::run(&args, &mut console),
        Command::Chart(args) => chart::run(*args, &mut console),
        Command::Regions(args) => regions::run(*args, &mut console),
        Command::Lab(args) => lab::run(&args, &mut console),
        Command::Demo(args) => demo::run(&args, &mut console),
        Command::Completions(args) => console::print(args::completions(args.shell)).map(|()| 0),
        Command::Man => console::print(args::man()).map(|()| 0),
    };
    let code = result.unwrap_or_else(|error| {
        let code = error.exit_code();
        if code != 0 {
            console.complain(&chain(&error));
        }
        code
    });
    ExitCode::from(code)
}

/// An error with all its causes: `cannot write a.png: Permission denied`.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    std::iter::once(error.to_string()).chain(causes.map(ToString::to_string)).collect::<Vec<_>>().join(": ")
}
