//! Arguments, in two steps: raw flags, then what they mean.
//!
//! [`parse`] turns words into a [`Command`] of raw flags ([`flags`]); [`TraceArgs::resolve`] turns those, with the
//! [`Environment`] and the [`Inputs`], into a [`Plan`](crate::target::Plan) and an [`Output`]. Flags that concern one
//! request are curl's; where this program deviates from it, the flag's help or the resolving module says so.
//!
//! Invariant: nothing here reads the environment or a file by itself, except [`Environment::of_process`] and
//! [`ProcessInputs`], which a caller names.
//!
//! Deliberately absent: doing what the arguments ask for, and printing.

use std::ffi::OsString;

use clap::{CommandFactory, FromArgMatches};

mod body;
mod compare;
mod default_command;
mod environment;
mod error;
mod examples;
#[expect(clippy::doc_markdown, reason = "doc comments of flags are their help texts, where Markdown means nothing")]
#[expect(rustdoc::broken_intra_doc_links, reason = "as above: brackets mean that a part is optional")]
pub mod flags;
mod hops;
mod inputs;
mod output;
mod regions;
mod resolve;
mod shell;

pub use body::{BodyArgs, BodyPart, BodySource};
pub use compare::{CompareOutput, Comparison, Judgement, Live, RunSource, RunsBy, SavedRun, SummaryFormat};
pub use environment::Environment;
pub use error::{ArgsError, NotInFile, ValueError};
pub use flags::{
    AttributeArgs, ChartArgs, ChartKind, ClientArgs, Command, CompareArgs, CompletionsArgs, DemoArgs, LabArgs,
    PcapArgs, RegionsArgs, SideRule, TargetArgs, TraceArgs,
};
pub use hops::{HopNames, HopsWanted};
pub use inputs::{Inputs, ProcessInputs};
pub use output::{
    CaptureRule, ChartFile, Color, Destination, Format, Kept, Output, PacketList, Picture, StatusRule, Verbosity,
};
pub use regions::{RegionSurvey, SurveyDepth};
pub use shell::{completions, man};

/// The command and its raw flags. `argv` begins with the program's name.
///
/// Words that name no command belong to `trace`: `wirefall -k https://h/` is `wirefall trace -k https://h/`. The error also
/// stands for requested help and for the version: it knows its text, its stream and its exit code (2 for a misuse, else 0).
pub fn parse(argv: impl IntoIterator<Item = OsString>) -> Result<Command, clap::Error> {
    let mut command = command();
    let argv = default_command::with_default_command(argv.into_iter().collect(), &command);
    let matches = command.try_get_matches_from_mut(argv)?;
    let program = flags::Program::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    Ok(program.command)
}

/// Everything that clap knows about this program's arguments.
fn command() -> clap::Command {
    flags::Program::command().mut_subcommands(|command| command.mut_args(value_as_it_is).mut_args(last_one_counts))
}

/// As in curl, the word after a flag that takes a value is its value, whatever it begins with.
fn value_as_it_is(arg: clap::Arg) -> clap::Arg {
    let takes_word = !arg.is_positional() && arg.get_action().takes_values();
    if takes_word { arg.allow_hyphen_values(true) } else { arg }
}

/// Files of this program's own flags: what should be in one that was named first would be missing without a word.
const ONCE: [&str; 3] = ["save", "chart", "pcap"];

/// As in curl, of a flag that is given twice the last one counts; of [`ONCE`], a second one is refused.
fn last_one_counts(arg: clap::Arg) -> clap::Arg {
    let is_single = !arg.is_positional() && !matches!(arg.get_action(), clap::ArgAction::Append);
    if !is_single || ONCE.contains(&arg.get_id().as_str()) {
        return arg;
    }
    let itself = arg.get_id().clone();
    arg.overrides_with(itself)
}

#[cfg(test)]
mod command_tests;
#[cfg(test)]
mod tests;
