//! `wirefall regions`: how far the regions of AWS are from here.
//!
//! Each is asked some times, on a connection of its own each time, regions interleaved. The first request to each finds its name
//! and a route that are not cached anywhere on the way; it does not count. What counts is the round trip of the SYN, also of
//! requests that failed after it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::args::{
    PacketList, Picture, ProcessInputs, RegionSurvey, RegionsArgs, SummaryFormat, SurveyDepth, Verbosity,
};
use super::capture::{self, Wish};
use super::console::{self, Console};
use super::ending::Ending;
use super::interrupt::catch_interrupts;
use super::measure::{Manner, Purpose, Rounds, Turn, measure};
use super::outlet::{refuse_unwritable, save};
use super::progress::Progress;
use super::verdict::Verdict;
use super::{CommandError, drawing, summary};
use crate::capture::Depth;
use crate::probe::{Interrupt, Probe};
use crate::render::chart::{self, StackedOptions};
use crate::render::regions::{Found, RegionColumns, RegionRow, markdown};
use crate::render::terminal;
use crate::stats::{
    Baseline, Measure, Row, Sample, Settings, Stats, Summary, TargetSummary, Wanted, grouped, summarise,
};
use crate::target::{Region, Repeat};
use crate::time::Nanos;
use crate::trace::{Phase, Trace};

const CONNECT: Measure = Measure::Phase(Phase::Connect);

pub(super) fn run(args: RegionsArgs, console: &mut Console) -> Result<u8, CommandError> {
    let survey = args.resolve(console.environment(), &ProcessInputs)?;
    if survey.output.verbosity == Verbosity::Silent {
        console.be_quiet();
    }
    refuse_unwritable(survey.output.kept.files(), console)?;
    let interrupt = catch_interrupts()?;
    let plan = &survey.plan;
    let wish = Wish { rule: survey.output.capture, depth: Depth::Headers };
    let captured = capture::begin(plan, wish, None, console)?;
    let probe = match &captured {
        Some(capture) => Probe::watched_by(capture::watcher(capture, PacketList::Omit), plan, interrupt.clone())?,
        None => Probe::new(plan, interrupt.clone())?,
    };
    let mut ending = Ending::default();
    let mut traces = ask(&survey, &probe, &interrupt, &mut ending, console);
    if let Some(capture) = &captured {
        capture::report_losses(capture, console);
    }
    let rows = rows(&survey, &traces);
    // In the order of the rows: nearest first.
    let place = |trace: &Trace| rows.iter().position(|row| Some(&row.name) == trace.subject.name.as_ref());
    traces.sort_by_key(place);
    let summary = || summarised(&survey, &rows, &traces, &interrupt);
    let printed = show(&survey, &rows, summary, console);
    ending.wrote(console, printed);
    if !interrupt.requested() && !rows.iter().any(|row| matches!(row.found, Found::Reached { .. })) {
        ending.judge(console, &Verdict::unreachable(&traces));
    }
    if let Some(picture) = &survey.output.kept.picture {
        let drawn = draw(picture, &traces, console);
        ending.wrote(console, drawn);
    }
    Ok(ending.exit_code(&interrupt))
}

/// Every trace that counts, as they ended.
fn ask(
    survey: &RegionSurvey,
    probe: &Probe<'_>,
    interrupt: &Interrupt,
    ending: &mut Ending,
    console: &mut Console,
) -> Vec<Trace> {
    let targets = &survey.plan.targets;
    let given_up = RefCell::new(BTreeSet::new());
    let rounds = Rounds { warmup: 1, counted: survey.requests };
    let turns = rounds.turns(targets.len(), seed());
    let mut progress = Progress::of(rounds.requests(targets.len()));
    let mut traces: Vec<Trace> = Vec::new();
    let is_wanted = |turn: Turn| !given_up.borrow().contains(&turn.target);
    let manner = Manner { repeat: Repeat::Cold, at_once: survey.at_once };
    measure(probe, targets, turns, manner, interrupt, is_wanted, |Turn { target, purpose }, traced| {
        let name = targets.get(target).and_then(|target| target.name.as_deref()).unwrap_or_default();
        progress.step(name, console);
        if purpose == Purpose::WarmUp {
            return;
        }
        progress.wrote(save(survey.output.kept.save.as_deref(), &traced.traces), ending, console);
        traces.extend(traced.traces);
        let was_reached = |trace: &Trace| trace.subject.name.as_deref() == Some(name) && round_trip(trace).is_some();
        if !traces.iter().any(was_reached) {
            // Its further requests are not made: the bar would else wait for them.
            progress.leave_out(survey.requests.saturating_sub(1));
            given_up.borrow_mut().insert(target);
        }
    });
    progress.clear(console);
    traces
}

/// Any: the order decides nothing that is shown.
fn seed() -> u64 {
    getrandom::u64().unwrap_or_default()
}

/// The round trip, where a connection was established: SYN to SYN-ACK as the kernel or the wire has it. The phase has what this
/// program added, too, which asks several regions at once; it counts where there is nothing better.
fn round_trip(trace: &Trace) -> Option<Nanos> {
    let connect = trace.connect.as_ref().filter(|connect| connect.remote.is_some())?;
    connect.rtt.or_else(|| CONNECT.of(trace))
}

/// All regions: those that were reached, nearest first, then the others.
fn rows(survey: &RegionSurvey, traces: &[Trace]) -> Vec<RegionRow> {
    let row = |region: &Region, found| RegionRow {
        name: region.name.to_owned(),
        description: region.description.to_owned(),
        found,
    };
    let of = |region: &Region| {
        let own = traces.iter().filter(|trace| trace.subject.name.as_deref() == Some(region.name));
        found(&own.collect::<Vec<_>>())
    };
    let mut rows: Vec<RegionRow> = survey.asked.iter().map(|region| row(region, of(region))).collect();
    rows.sort_by_key(|row| match &row.found {
        Found::Reached { round_trip, .. } => (0, round_trip.p50),
        Found::Failed { .. } => (1, Nanos::ZERO),
        Found::NotAsked | Found::NoEndpoint => (2, Nanos::ZERO),
    });
    rows.extend(survey.without_endpoint.iter().map(|region| row(region, Found::NoEndpoint)));
    rows
}

fn found(traces: &[&Trace]) -> Found {
    let failure = traces.iter().find_map(|trace| trace.failure());
    let reached = Sample::new(traces.iter().filter_map(|trace| round_trip(trace)));
    match (reached, failure) {
        (Some(round_trip), failure) => {
            let complete = || traces.iter().filter(|trace| trace.failure().is_none());
            let stats = |measure: Measure| Sample::new(complete().filter_map(|trace| measure.of(trace)));
            let mut phases: BTreeMap<Measure, Stats> =
                Measure::all().filter_map(|measure| Some((measure, stats(measure)?.stats()))).collect();
            if phases.is_empty() {
                let connected = traces.iter().filter(|trace| self::round_trip(trace).is_some());
                let connect = Sample::new(connected.filter_map(|trace| CONNECT.of(trace)));
                phases.extend(connect.map(|connect| (CONNECT, connect.stats())));
            }
            Found::Reached {
                round_trip: round_trip.stats(),
                phases,
                failure: failure.map(|failure| failure.code.to_string()),
            }
        }
        (None, Some(failure)) => {
            Found::Failed { code: failure.code.as_str().to_owned(), message: failure.message.clone() }
        }
        (None, None) => Found::NotAsked,
    }
}

fn show(
    survey: &RegionSurvey,
    rows: &[RegionRow],
    summary: impl FnOnce() -> Result<Summary, CommandError>,
    console: &Console,
) -> Result<(), CommandError> {
    let columns = match survey.depth {
        SurveyDepth::RoundTrip => RegionColumns::RoundTrip,
        SurveyDepth::Phases => RegionColumns::Phases,
    };
    let output = &survey.output;
    match output.format {
        SummaryFormat::Pretty => console::print(terminal::regions(rows, columns, &console.style(output.color))),
        SummaryFormat::Markdown => console::print(markdown(rows, columns)),
        format => summary::print(&summary()?, format, output.color, console),
    }
}

/// A bar for each region that has one. How many have none is said, here and, unless there is a title, above the bars.
fn draw(picture: &Picture, traces: &[Trace], console: &mut Console) -> Result<(), CommandError> {
    let mut groups = grouped(traces);
    let all = groups.len();
    groups.retain(|group| group.traces.iter().any(|trace| trace.failure_name().is_none()));
    let drawn = groups.len();
    let left_out = all - drawn;
    let mut picture = picture.clone();
    if left_out > 0 {
        console.note(&format!("the chart leaves out {left_out} of {all} regions: no request to them was complete\n"));
        let title = || format!("{drawn} of {all} regions; no request to the others was complete");
        picture.title.get_or_insert_with(title);
    }
    drawing::draw(&picture, |options| chart::stacked(&groups, StackedOptions::default(), options))
}

/// Regions as targets. Those that were not asked have no requests.
fn summarised(
    survey: &RegionSurvey,
    rows: &[RegionRow],
    traces: &[Trace],
    interrupt: &Interrupt,
) -> Result<Summary, CommandError> {
    let mut summary = summarise(&grouped(traces), &Baseline::Absent, &Settings::default())?;
    let unasked = rows.iter().filter(|row| matches!(row.found, Found::NoEndpoint | Found::NotAsked));
    summary.targets.extend(unasked.map(|region| TargetSummary {
        row: Row { name: region.name.clone(), run: None, vantage: None, connection: None, redirects: 0 },
        tags: BTreeMap::from([("region".to_owned(), region.name.clone())]),
        path: None,
        requests: 0,
        wanted: None,
        failures: 0,
        failure_codes: BTreeMap::new(),
        throughput_rps: None,
        status: BTreeMap::new(),
        phases: BTreeMap::new(),
        outliers: Vec::new(),
    }));
    if interrupt.requested() {
        summary.interrupt(&wanted(survey, rows));
    }
    Ok(summary)
}

/// What was wanted of the regions that are asked: one request of those that could not be reached, which are given up then.
fn wanted(survey: &RegionSurvey, rows: &[RegionRow]) -> Vec<Wanted> {
    let is_asked = |row: &&RegionRow| !matches!(row.found, Found::NoEndpoint);
    let of_region = |row: &RegionRow| {
        let requests = if matches!(row.found, Found::Failed { .. }) { 1 } else { survey.requests as u64 };
        Wanted { name: row.name.clone(), tags: BTreeMap::new(), path: None, requests }
    };
    rows.iter().filter(is_asked).map(of_region).collect()
}
