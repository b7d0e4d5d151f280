//! Targets that are asked now: many times each, in an order in which whatever drifts hits all of them alike.

use super::{Gathered, Reach};
use crate::capture::Depth;
use crate::cli::CommandError;
use crate::cli::args::{CompareOutput, Judgement, Live, PacketList};
use crate::cli::capture::{self, Wish};
use crate::cli::console::Console;
use crate::cli::ending::Ending;
use crate::cli::measure::{Manner, Purpose, Rounds, Turn, measure};
use crate::cli::outlet::save;
use crate::cli::progress::Progress;
use crate::probe::{Interrupt, Probe};
use crate::stats::{Baseline, Settings, Wanted, grouped, grouped_until};
use crate::target::{Repeat, Target};
use crate::trace::{Trace, redact_url};

/// Orders that nobody chose are drawn from so many, so that their numbers are short enough to be typed again.
const SEEDS: u64 = 1_000_000;

pub(super) fn run(
    live: &Live,
    judgement: &Judgement,
    output: &CompareOutput,
    interrupt: &Interrupt,
    ending: &mut Ending,
    console: &mut Console,
) -> Result<(), CommandError> {
    let plan = &live.plan;
    let wish = Wish { rule: output.capture, depth: Depth::Headers };
    let captured = capture::begin(plan, wish, None, console)?;
    let probe = match &captured {
        Some(capture) => Probe::watched_by(capture::watcher(capture, PacketList::Omit), plan, interrupt.clone())?,
        None => Probe::new(plan, interrupt.clone())?,
    };
    let seed = live.seed.unwrap_or_else(|| getrandom::u64().unwrap_or_default() % SEEDS);
    console.note(&introduction(live, seed));

    let traces = ask(live, seed, &probe, output, interrupt, ending, console);
    if let Some(capture) = &captured {
        capture::report_losses(capture, console);
    }
    for (target, own) in plan.targets.iter().zip(&traces) {
        ending.judge(console, &super::verdict(&name(target), own.iter(), judgement.status));
        if live.repeat == Repeat::ColdThenWarm {
            console.note(&reconnections(&name(target), own.iter()));
        }
    }
    let wanted = wanted(live, &traces);
    let baseline = wanted.get(live.baseline).map_or(Baseline::Absent, |target| Baseline::Target(target.name.clone()));
    let settings = Settings { seed, ..judgement.settings };
    let in_order: Vec<Trace> = traces.into_iter().flatten().collect();
    let (groups, reach) = if interrupt.requested() {
        (grouped_until(&in_order, &wanted), Reach::Interrupted(wanted))
    } else {
        (grouped(&in_order), Reach::Whole)
    };
    let gathered = Gathered { groups, baseline, settings, reach, introduction: String::new() };
    super::conclude(&gathered, judgement, output, ending, console)
}

/// Every trace that counts, for each target as they ended.
fn ask(
    live: &Live,
    seed: u64,
    probe: &Probe<'_>,
    output: &CompareOutput,
    interrupt: &Interrupt,
    ending: &mut Ending,
    console: &mut Console,
) -> Vec<Vec<Trace>> {
    let targets = &live.plan.targets;
    let rounds = Rounds { warmup: live.warmup, counted: live.requests };
    let turns = rounds.turns(targets.len(), seed);
    let mut progress = Progress::of(rounds.requests(targets.len()));
    let mut traces: Vec<Vec<Trace>> = vec![Vec::new(); targets.len()];
    let mut said: Vec<String> = Vec::new();
    let manner = Manner { repeat: live.repeat, at_once: live.at_once };
    measure(
        probe,
        targets,
        turns,
        manner,
        interrupt,
        |_| true,
        |Turn { target, purpose }, traced| {
            progress.step(&name(&targets[target]), console);
            if purpose == Purpose::WarmUp {
                return;
            }
            progress.wrote(save(output.kept.save.as_deref(), &traced.traces), ending, console);
            if let Some(stopped) = traced.stopped {
                let message = format!("{}: {stopped}", name(&targets[target]));
                if !said.contains(&message) {
                    progress.clear(console);
                    console.complain(&message);
                    said.push(message);
                }
            }
            if let Some(own) = traces.get_mut(target) {
                own.extend(traced.traces);
            }
        },
    );
    progress.clear(console);
    if interrupt.requested() {
        // A redirect that was followed is part of its request.
        let made = traces.iter().flatten().filter(|trace| trace.subject.redirected_from.is_none()).count();
        let wanted = live.requests.saturating_mul(targets.len());
        console.complain(&format!("interrupted after {made} of {wanted} requests: what follows is of these"));
    }
    traces
}

/// What was wanted of each target. It is called as in the summary, where it has traces.
fn wanted(live: &Live, traces: &[Vec<Trace>]) -> Vec<Wanted> {
    let targets = live.plan.targets.iter().zip(traces);
    let of_target = |(target, own): (&Target, &Vec<Trace>)| {
        let first = own.get(..1).and_then(|first| grouped(first).into_iter().next());
        Wanted {
            name: first.map_or_else(|| name(target), |group| group.row.name),
            tags: target.tags.clone(),
            path: target.path.clone(),
            requests: live.requests as u64,
        }
    };
    targets.map(of_target).collect()
}

/// What a target is called here: a URL may hold what nobody should read over a shoulder.
fn name(target: &Target) -> String {
    target.name.clone().unwrap_or_else(|| redact_url(target.request.url.as_str()))
}

/// What is about to be done, and how it can be repeated.
fn introduction(live: &Live, seed: u64) -> String {
    let Live { requests, warmup, repeat, at_once, .. } = live;
    let targets = live.plan.targets.len();
    let to_each = if targets == 1 { String::new() } else { format!(" to each of {targets} targets, in random order") };
    let connections = match repeat {
        Repeat::Cold => "each on a connection of its own",
        Repeat::ColdThenWarm => "on one connection to each target",
    };
    let warmup = match warmup {
        0 => String::new(),
        1 => ", after 1 each that does not count and is not saved".to_owned(),
        warmup => format!(", after {warmup} each that do not count and are not saved"),
    };
    let at_once = match at_once.get() {
        1 => String::new(),
        at_once => format!(", {at_once} targets at once"),
    };
    let baseline = match live.plan.targets.get(live.baseline) {
        Some(baseline) if targets > 1 => format!("; compared with {}", name(baseline)),
        _ => String::new(),
    };
    let requests = if *requests == 1 { "1 request".to_owned() } else { format!("{requests} requests") };
    format!("{requests}{to_each}, {connections}{warmup}{at_once}{baseline} (--seed {seed})\n")
}

/// Which of the requests that should have been warm were not, if any.
fn reconnections<'t>(name: &str, traces: impl Iterator<Item = &'t Trace>) -> String {
    let (mut all, mut anew) = (0, 0);
    for trace in traces {
        all += 1;
        anew += u32::from(trace.connect.as_ref().is_some_and(|connect| !connect.reused));
    }
    match anew {
        0 => String::new(),
        _ if anew == all => {
            format!("{name}: every request opened a connection anew: it is not kept, or the requests failed\n")
        }
        _ => format!("{name}: {anew} of {all} requests opened a connection anew; they are counted apart, as cold\n"),
    }
}
