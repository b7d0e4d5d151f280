//! Runs that were saved: before and after, or here and there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{Gathered, Reach};
use crate::cli::CommandError;
use crate::cli::args::{CompareOutput, Judgement, RunSource, RunsBy, SavedRun};
use crate::cli::console::Console;
use crate::cli::ending::Ending;
use crate::cli::saved::read_traces;
use crate::stats::{Baseline, Group, Run, grouped, grouped_by_run};
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
    if let [_] = runs.as_slice() {
        return by_target(runs, judgement, output, ending, console);
    }
    match judgement.by.unwrap_or_else(|| by_default(&runs)) {
        RunsBy::Vantage => by_target(runs, judgement, output, ending, console),
        RunsBy::Run => {
            let views: Vec<Run<'_>> = runs.iter().map(|(name, traces)| Run { name, traces }).collect();
            let first = views.first().map(|run| run.name.to_owned()).unwrap_or_default();
            let before = judgement.baseline.clone().unwrap_or(first);
            console.note(&format!("Each target is compared with itself in {before}\n"));
            let order = GivenOrder::of(&runs);
            let mut groups = grouped_by_run(&views);
            groups.sort_by_key(|group| (order.of_name(group), order.of_place(group)));
            conclude(groups, Baseline::Run(before), judgement, output, ending, console)
        }
    }
}

/// Runs of places that differ are compared place by place.
fn by_default(runs: &[(String, Vec<Trace>)]) -> RunsBy {
    let mut known: BTreeSet<&str> = BTreeSet::new();
    for (_, traces) in runs {
        let places: Option<BTreeSet<&str>> = traces.iter().map(|trace| trace.subject.vantage.as_deref()).collect();
        match places {
            Some(places) if places.is_disjoint(&known) => known.extend(places),
            _ => return RunsBy::Run,
        }
    }
    RunsBy::Vantage
}

/// The targets of all runs together, each place by itself.
fn by_target(
    runs: Vec<(String, Vec<Trace>)>,
    judgement: &Judgement,
    output: &CompareOutput,
    ending: &mut Ending,
    console: &mut Console,
) -> Result<(), CommandError> {
    let order = GivenOrder::of(&runs);
    let traces: Vec<Trace> = runs.into_iter().flat_map(|(_, traces)| traces).collect();
    let mut groups = grouped(&traces);
    groups.sort_by_key(|group| (order.of_place(group), order.of_name(group)));
    let baseline = judgement.baseline.clone().or_else(|| usual_baseline(&groups));
    if let Some(baseline) = baseline.as_ref().filter(|_| groups.len() > 1) {
        console.note(&format!("Compared with {baseline}\n"));
    }
    let baseline = baseline.map_or(Baseline::Absent, Baseline::Target);
    conclude(groups, baseline, judgement, output, ending, console)
}

/// What was saved is what there is.
fn conclude(
    groups: Vec<Group<'_>>,
    baseline: Baseline,
    judgement: &Judgement,
    output: &CompareOutput,
    ending: &mut Ending,
    console: &mut Console,
) -> Result<(), CommandError> {
    let gathered = Gathered { groups, baseline, settings: judgement.settings, reach: Reach::Whole };
    super::conclude(&gathered, judgement, output, ending, console)
}

/// Targets and places in the order of the runs that they first occur in, so that what was given first stands first. Those of one run
/// stand by name: its traces are saved in the random order in which they were made.
#[derive(Debug, Default)]
struct GivenOrder {
    names: BTreeMap<String, usize>,
    places: BTreeMap<String, usize>,
}

impl GivenOrder {
    fn of(runs: &[(String, Vec<Trace>)]) -> Self {
        let mut order = Self::default();
        for (run, (_, traces)) in runs.iter().enumerate() {
            for trace in traces {
                if let Some(place) = &trace.subject.vantage {
                    order.places.entry(place.clone()).or_insert(run);
                }
            }
            for group in grouped(traces) {
                order.names.entry(group.row.name).or_insert(run);
            }
        }
        order
    }

    /// A name that only occurs once all runs are looked at together stands last.
    fn of_name(&self, group: &Group<'_>) -> (usize, String) {
        let name = group.row.name.clone();
        (self.names.get(&name).copied().unwrap_or(usize::MAX), name)
    }

    /// Traces without a place stand first.
    fn of_place(&self, group: &Group<'_>) -> Option<(usize, String)> {
        let place = group.row.vantage.clone()?;
        Some((self.places.get(&place).copied().unwrap_or(usize::MAX), place))
    }
}

/// The target with the fewest layers, where targets have paths: the others add something to it. Else the first by name: none in
/// particular, and it is said which.
fn usual_baseline(groups: &[Group<'_>]) -> Option<String> {
    let layers = |group: &&Group<'_>| group.path.as_ref().map_or(usize::MAX, |path| path.layers().count());
    groups.iter().filter(|group| group.row.redirects == 0).min_by_key(layers).map(|group| group.row.name.clone())
}
