//! Runs that were saved: before and after, or here and there.

use std::collections::{BTreeSet, HashMap};

use super::{Gathered, Reach};
use crate::cli::CommandError;
use crate::cli::args::{ArgsError, CompareOutput, Judgement, RunsBy, SavedRun};
use crate::cli::console::Console;
use crate::cli::ending::Ending;
use crate::cli::saved::read_run;
use crate::stats::{Baseline, Group, Row, Run, grouped_by_run};
use crate::trace::{Trace, TraceId};

pub(super) fn run(
    saved: &[SavedRun],
    judgement: &Judgement,
    output: &CompareOutput,
    ending: &mut Ending,
    console: &mut Console,
) -> Result<(), CommandError> {
    let mut runs: Vec<(String, Vec<Trace>)> = Vec::new();
    for run in saved {
        let SavedRun { name, .. } = run;
        let traces = read_run(run)?;
        if traces.is_empty() {
            return Err(CommandError::NoTraces(name.clone()));
        }
        runs.push((name.clone(), traces));
    }
    let views: Vec<Run<'_>> = runs.iter().map(|(name, traces)| Run { name, traces }).collect();
    let by = match views.as_slice() {
        [_] => RunsBy::Vantage,
        _ => judgement.by.unwrap_or_else(|| by_default(&views)),
    };
    let has_place = |run: &Run<'_>| run.traces.iter().any(|trace| trace.subject.vantage.is_some());
    if judgement.by == Some(RunsBy::Vantage) && !views.iter().any(has_place) {
        let needed = "runs that were saved with --vantage NAME: none of these traces says where it was made";
        return Err(ArgsError::Needs { flag: "--by vantage", needed }.into());
    }
    let chosen = judgement.baseline.clone();
    let (groups, baseline, introduction) = match by {
        RunsBy::Vantage => {
            let groups = in_order(together(&views), &views);
            let baseline = chosen.or_else(|| usual_baseline(&groups));
            let compared = baseline.as_ref().filter(|_| groups.len() > 1);
            let introduction = compared.map_or(String::new(), |baseline| format!("Compared with {baseline}\n"));
            (groups, baseline.map_or(Baseline::Absent, Baseline::Target), introduction)
        }
        RunsBy::Run => {
            let groups = in_order(grouped_by_run(&views), &views);
            let before = chosen.or_else(|| views.first().map(|run| run.name.to_owned())).unwrap_or_default();
            let introduction = format!("Each target is compared with itself in {before}\n");
            (groups, Baseline::Run(before), introduction)
        }
    };
    let gathered = Gathered { groups, baseline, settings: judgement.settings, reach: Reach::Whole, introduction };
    super::conclude(&gathered, judgement, output, ending, console)?;
    for (target, traces) in targets(&gathered.groups) {
        ending.judge(console, &super::verdict(&target.label(), traces.into_iter(), judgement.status));
    }
    Ok(())
}

/// Each target of each place and run with all of its traces, as a live run has them: over both kinds of connection, and with
/// what it was redirected to.
fn targets<'t>(groups: &[Group<'t>]) -> Vec<(Row, Vec<&'t Trace>)> {
    let mut targets: Vec<(Row, Vec<&Trace>)> = Vec::new();
    let mut known: HashMap<(Option<&str>, TraceId), usize> = HashMap::new();
    let mut groups: Vec<&Group<'_>> = groups.iter().collect();
    groups.sort_by_key(|group| group.row.redirects);
    for group in groups {
        let row = Row { connection: None, redirects: 0, ..group.row.clone() };
        for trace in &group.traces {
            let run = group.row.run.as_deref();
            let origin = trace.subject.redirected_from.and_then(|from| known.get(&(run, from)).copied());
            let place = origin.or_else(|| targets.iter().position(|(target, _)| *target == row));
            let place = place.unwrap_or(targets.len());
            if place == targets.len() {
                targets.push((row.clone(), Vec::new()));
            }
            targets[place].1.push(trace);
            known.insert((run, trace.subject.trace_id), place);
        }
    }
    targets
}

/// Runs of places that differ are compared place by place.
pub(in crate::cli) fn by_default(runs: &[Run<'_>]) -> RunsBy {
    let mut known: BTreeSet<&str> = BTreeSet::new();
    for run in runs {
        let places: Option<BTreeSet<&str>> = run.traces.iter().map(|trace| trace.subject.vantage.as_deref()).collect();
        match places {
            Some(places) if places.is_disjoint(&known) => known.extend(places),
            _ => return RunsBy::Run,
        }
    }
    RunsBy::Vantage
}

/// The targets of all runs as if these were one.
fn together<'t>(runs: &[Run<'t>]) -> Vec<Group<'t>> {
    let nameless: Vec<Run<'t>> = runs.iter().map(|run| Run { name: "", traces: run.traces }).collect();
    let mut groups = grouped_by_run(&nameless);
    for group in &mut groups {
        group.row.run = None;
    }
    groups
}

/// Place by place, in the order in which places first occur. At each, the targets of the run that was given first, then those
/// that only a later one has: by name, for traces are saved in the random order in which they were made. Of one target, each run
/// stands beside the others.
fn in_order<'t>(mut groups: Vec<Group<'t>>, runs: &[Run<'_>]) -> Vec<Group<'t>> {
    let known: Vec<Row> = grouped_by_run(runs).into_iter().map(|group| group.row).collect();
    groups.sort_by_cached_key(|group| {
        let is_here = |row: &&Row| row.vantage == group.row.vantage;
        let place = known.iter().position(|row| is_here(&row));
        let first = known.iter().filter(is_here).find(|row| row.name == group.row.name);
        let run = first.and_then(|row| runs.iter().position(|run| row.run.as_deref() == Some(run.name)));
        (place, run, group.row.name.clone())
    });
    groups
}

/// The target with the fewest layers, where targets have paths: the others add something to it. Else the first
/// that is listed: none in particular, and it is said which.
fn usual_baseline(groups: &[Group<'_>]) -> Option<String> {
    let layers = |group: &&Group<'_>| group.path.as_ref().map_or(usize::MAX, |path| path.layers().count());
    groups.iter().filter(|group| group.row.redirects == 0).min_by_key(layers).map(|group| group.row.name.clone())
}
