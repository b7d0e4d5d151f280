//! `wirefall compare`: which is faster, and by how much.
//!
//! `live` asks targets many times each; `saved` reads what was asked before. Both end in a summary.

mod live;
mod saved;

pub(super) use saved::by_default;

use std::collections::BTreeSet;

use super::args::{CompareArgs, CompareOutput, Comparison, Judgement, ProcessInputs, StatusRule, Verbosity};
use super::console::Console;
use super::ending::Ending;
use super::interrupt::catch_interrupts;
use super::outlet::refuse_unwritable;
use super::verdict::{Commonest, Verdict};
use super::{CommandError, drawing, exit, summary};
use crate::probe::Interrupt;
use crate::render::chart::{self, Order, StackedOptions};
use crate::stats::{Baseline, Group, Held, Settings, TargetSummary, Wanted, summarise};
use crate::trace::{Trace, TraceId};

pub(super) fn run(args: CompareArgs, console: &mut Console) -> Result<u8, CommandError> {
    let (comparison, judgement, output) = args.resolve(console.environment(), &ProcessInputs)?;
    if output.verbosity == Verbosity::Silent {
        console.be_quiet();
    }
    refuse_unwritable(output.kept.files(), console)?;
    let mut ending = Ending::default();
    match comparison {
        Comparison::Live(live) => {
            let interrupt = catch_interrupts()?;
            live::run(&live, &judgement, &output, &interrupt, &mut ending, console)?;
            Ok(ending.exit_code(&interrupt))
        }
        // Nothing is lost where reading is ended at once.
        Comparison::Saved(runs) => {
            saved::run(&runs, &judgement, &output, &mut ending, console)?;
            Ok(ending.exit_code(&Interrupt::new()))
        }
    }
}

/// What there is to compare.
struct Gathered<'t> {
    groups: Vec<Group<'t>>,
    baseline: Baseline,
    settings: Settings,
    reach: Reach,
    /// What is said before the summary, once it is known that there is one.
    introduction: String,
}

/// How many of the wanted requests were made.
enum Reach {
    /// All of them.
    Whole,
    /// Not all of these: the user interrupted.
    Interrupted(Vec<Wanted>),
}

/// Summarises, judges, prints: what asking and reading end with.
fn conclude(
    gathered: &Gathered<'_>,
    judgement: &Judgement,
    output: &CompareOutput,
    ending: &mut Ending,
    console: &mut Console,
) -> Result<(), CommandError> {
    let Gathered { groups, baseline, settings, reach, introduction } = gathered;
    let mut summary = summarise(groups, baseline, settings)?;
    console.note(introduction);
    if let Reach::Interrupted(wanted) = reach {
        summary.interrupt(wanted);
    }
    let is_held = |row: &&TargetSummary| match baseline {
        Baseline::Run(before) => row.row.run.as_ref() != Some(before),
        Baseline::Target(_) | Baseline::Absent => true,
    };
    if let Some(slo) = &judgement.slo {
        summary.slo = slo.hold(summary.targets.iter().filter(is_held));
    }
    ending.wrote(console, summary::print(&summary, output.format, output.color, console));
    if let Some(picture) = &output.kept.picture {
        // As in the tables: what comes before stands above what comes after.
        let stacked =
            StackedOptions { order: Order::Given, interruption: summary.interruption(), ..StackedOptions::default() };
        ending.wrote(console, drawing::draw(picture, |options| chart::stacked(groups, stacked, options)));
    }
    ending.miss(console, &summary.slo.iter().filter_map(Held::miss).collect::<Vec<_>>());
    Ok(())
}

/// What becomes of a target: nothing where a request succeeded, unless a status fails it. A redirect that was followed is no
/// success: what it led to may be one.
fn verdict<'t>(name: &str, traces: impl Iterator<Item = &'t Trace> + Clone, rule: StatusRule) -> Verdict {
    let led_on: BTreeSet<TraceId> = traces.clone().filter_map(|trace| trace.subject.redirected_from).collect();
    let last = traces.filter(|trace| !led_on.contains(&trace.subject.trace_id));
    let without_success = without_success(name, last.clone());
    match rule {
        StatusRule::FailFrom400 if without_success.exit_code == 0 => refused(name, last),
        _ => without_success,
    }
}

/// `-f`: what it means that some requests were answered with 400 or above.
fn refused<'t>(name: &str, traces: impl Iterator<Item = &'t Trace> + Clone) -> Verdict {
    let statuses = traces.clone().filter_map(|trace| trace.response.as_ref()).map(|response| response.status);
    let mut refusals = statuses.filter(|status| *status >= 400);
    let Some(first) = refusals.next() else { return Verdict { exit_code: 0, message: None } };
    let (count, requests) = (1 + refusals.count(), traces.count());
    let message =
        format!("{name}: {count} of {requests} requests were answered with status 400 or above, at first {first} (-f)");
    Verdict { exit_code: exit::HTTP_STATUS, message: Some(message) }
}

/// What it means that no request to a target succeeded: the failure that occurs most, the first of those where several do.
fn without_success<'t>(name: &str, traces: impl Iterator<Item = &'t Trace>) -> Verdict {
    let Some(Commonest { code, exit_code, count, requests }) = Commonest::of(traces) else {
        return Verdict { exit_code: 0, message: None };
    };
    let message = format!("{name}: no request succeeded, and {count} of {requests} failed with {code}");
    Verdict { exit_code, message: Some(message) }
}
