//! `wirefall compare`: which is faster, and by how much.
//!
//! `live` asks targets many times each; `saved` reads what was asked before. Both end in a summary.

mod live;
mod saved;

use super::args::{CompareArgs, CompareOutput, Comparison, Judgement, ProcessInputs, Verbosity};
use super::console::Console;
use super::ending::Ending;
use super::interrupt::catch_interrupts;
use super::verdict::Verdict;
use super::{CommandError, drawing, exit, summary};
use crate::stats::{Baseline, Group, Settings, TargetSummary, summarise};
use crate::trace::{Trace, UNEXPECTED_STATUS};

pub(super) fn run(args: CompareArgs, console: &mut Console) -> Result<u8, CommandError> {
    let (comparison, judgement, output) = args.resolve(console.environment(), &ProcessInputs)?;
    if output.verbosity == Verbosity::Silent {
        console.be_quiet();
    }
    let interrupt = catch_interrupts()?;
    let mut ending = Ending::default();
    match comparison {
        Comparison::Live(live) => live::run(&live, &judgement, &output, &interrupt, &mut ending, console)?,
        Comparison::Saved(runs) => saved::run(&runs, &judgement, &output, &mut ending, console)?,
    }
    Ok(ending.exit_code(&interrupt))
}

/// Summarises, prints, judges: what asking and reading end with.
fn conclude(
    groups: &[Group<'_>],
    baseline: &Baseline,
    settings: &Settings,
    judgement: &Judgement,
    output: &CompareOutput,
    ending: &mut Ending,
    console: &mut Console,
) -> Result<(), CommandError> {
    let summary = summarise(groups, baseline, settings)?;
    ending.wrote(console, summary::print(&summary, output.format, output.color, console));
    if let Some(file) = &output.chart {
        ending.wrote(console, drawing::draw_stacked(groups, file));
    }
    let is_held = |row: &&TargetSummary| match baseline {
        Baseline::Run(before) => row.row.run.as_ref() != Some(before),
        Baseline::Target(_) | Baseline::Absent => true,
    };
    if let Some(slo) = &judgement.slo {
        ending.miss(console, &slo.judge_rows(summary.targets.iter().filter(is_held)));
    }
    Ok(())
}

/// What it means that no request to a target succeeded: the failure that occurs most, the first of those where several do.
fn verdict<'t>(name: &str, traces: impl IntoIterator<Item = &'t Trace>) -> Verdict {
    let (mut requests, mut failures) = (0_u64, Vec::<(&'static str, u8, u64)>::new());
    for trace in traces {
        requests += 1;
        let Some(failure) = trace.failure_name() else { return Verdict { exit_code: 0, message: None } };
        match failures.iter_mut().find(|(known, _, _)| *known == failure) {
            Some((_, _, count)) => *count += 1,
            None => {
                let status = trace.failure().map(|failure| failure.code.exit_status());
                debug_assert!(status.is_some() || failure == UNEXPECTED_STATUS);
                failures.push((failure, status.unwrap_or(exit::HTTP_STATUS), 1));
            }
        }
    }
    let Some((code, exit_code, count)) = failures.into_iter().rev().max_by_key(|(_, _, count)| *count) else {
        return Verdict { exit_code: 0, message: None };
    };
    let message = format!("{name}: no request succeeded, and {count} of {requests} failed with {code}");
    Verdict { exit_code, message: Some(message) }
}
