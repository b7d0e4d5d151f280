//! Runs that were saved: before and after, or here and there.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Gathered, Reach};
use crate::cli::CommandError;
use crate::cli::args::{CompareOutput, Judgement, RunSource, RunsBy, SavedRun};
use crate::cli::console::Console;
use crate::cli::ending::Ending;
use crate::cli::saved::read_traces;
use crate::stats::{Baseline, Group, Row, Run, grouped_by_run};
use crate::trace::Trace;

pub(super) fn run(
    saved: &[SavedRun],
    judgement: &Judgement,
    output: &CompareOutput,
    ending: &mut Ending,
    console: &mut Console,
) -> Result<(), CommandError> {
    let mut runs: Vec<(String, Vec<Trace>)> = Vec::new();
    for SavedRun { name, source } in saved {
        let path = match source {
            RunSource::File(path) => path,
            RunSource::Stdin => Path::new("-"),
        };
        let traces = read_traces(path)?;
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
    super::conclude(&gathered, judgement, output, ending, console)
}

/// Runs of places that differ are compared place by place.
fn by_default(runs: &[Run<'_>]) -> RunsBy {
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
