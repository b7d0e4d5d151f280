//! What all forms of a summary for people say alike: signed lengths, intervals, verdicts, notes on layers.

use std::fmt::Write as _;

use crate::render::length::millis;
use crate::stats::{
    Counts, Difference, Estimate, INDISTINCT, Interruption, LayerNote, Measure, NEGLIGIBLE, Row, SignedNanos, Stats,
    Summary, TargetSummary, Tolerance, Verdict,
};
use crate::time::Nanos;

/// Milliseconds with a sign, without the unit: `+2.031`, `-0.120`, `0`.
pub(super) fn signed(length: SignedNanos) -> String {
    match length.get() {
        0 => "0".to_owned(),
        1.. => format!("+{}", millis(length.magnitude())),
        _ => format!("-{}", millis(length.magnitude())),
    }
}

/// `+1.912 to +2.144`.
pub(super) fn interval(estimate: &Estimate) -> String {
    format!("{} to {}", signed(estimate.low), signed(estimate.high))
}

/// `slower`, `same within ±0.041`, `unclear, about 25 more of each would tell`.
pub(super) fn verdict(difference: &Difference) -> String {
    let mut words = difference.verdict.as_str().to_owned();
    if let Some(within) = difference.within {
        _ = write!(words, " within ±{}", millis(within));
    }
    for reason in reasons(difference) {
        _ = write!(words, ", {reason}");
    }
    words
}

/// Why the verdict is none, and what would help; nothing for a difference that is none.
pub(super) fn reasons(difference: &Difference) -> Vec<String> {
    let Estimate { median, low, high, .. } = difference.estimate;
    if difference.verdict != Verdict::Unclear || median.get() == 0 {
        return Vec::new();
    }
    if let Some(least) = difference.least {
        let counts = difference.counts;
        return vec![format!(
            "too few requests for a verdict: {} of at least {least}",
            counts.target.min(counts.baseline)
        )];
    }
    let unconfirmed = (low.get() > 0 || high.get() < 0).then(|| "the rank test does not confirm it".to_owned());
    let more = difference.more.map(|more| format!("about {more} more of each would tell"));
    unconfirmed.into_iter().chain(more).collect()
}

/// What "the same" means, where something is called so.
pub(super) fn meaning_of_same(summary: &Summary) -> Option<String> {
    if !summary.differences.iter().any(|one| one.verdict == Verdict::Same) {
        return None;
    }
    let margin = match summary.same_within {
        None => String::new(),
        Some(Tolerance::Spread) => format!(
            ": what two requests differ by anyway, at least ±{} ms (±{} ms where interval and rank test both show a difference)",
            millis(INDISTINCT),
            millis(NEGLIGIBLE)
        ),
        Some(share @ Tolerance::PerMille(_)) => format!(": ±{share} of the baseline's median"),
        Some(Tolerance::Absolute(length)) => format!(": ±{} ms", millis(length)),
    };
    Some(format!("same: the whole interval lies within the margin{margin}"))
}

/// Completed requests in a second, unless several targets took turns there: how many it were then depends on all of them.
pub(super) fn throughput(summary: &Summary, target: &TargetSummary) -> Option<f64> {
    let is_there = |other: &Row| other.run == target.row.run && other.vantage == target.row.vantage;
    let mut names = summary.targets.iter().map(|other| &other.row).filter(|row| row.redirects == 0 && is_there(row));
    let first = names.next().map(|row| &row.name);
    target.throughput_rps.filter(|_| names.all(|row| Some(&row.name) == first))
}

/// One sentence on the whole of two rows.
pub(super) fn sentence(summary: &Summary, difference: &Difference) -> String {
    format!("{}{}", conclusion(summary, difference), unequal(summary, difference).unwrap_or_default())
}

/// What only one of two rows has: their totals then hold different things.
fn unequal(summary: &Summary, total: &Difference) -> Option<String> {
    let (row, against) = (&total.row, &total.against);
    let missing = summary.not_compared.iter().filter(|one| one.row == *row && one.against == *against);
    let (mut own, mut others) = (Vec::new(), Vec::new());
    for one in missing {
        match (one.counts.target, one.counts.baseline) {
            (_, 0) => own.push(one.phase.as_str()),
            (0, _) => others.push(one.phase.as_str()),
            _ => {}
        }
    }
    let only = |row: &Row, phases: &[&str]| format!("only {} has {}", row.label(), phases.join(" and "));
    match (own.is_empty(), others.is_empty()) {
        (true, true) => None,
        (false, true) => Some(format!("; {}", only(row, &own))),
        (true, false) => Some(format!("; {}", only(against, &others))),
        (false, false) => Some(format!("; {}, {}", only(row, &own), only(against, &others))),
    }
}

fn conclusion(summary: &Summary, difference: &Difference) -> String {
    let (one, other) = (difference.row.label(), difference.against.label());
    let range = format!("{} ms", interval(&difference.estimate));
    match difference.verdict {
        Verdict::Slower | Verdict::Faster => {
            let by = format!("{} ms ({range})", millis(difference.estimate.median.magnitude()));
            let share = share(summary, difference).map_or(String::new(), |share| format!(", {share}"));
            let mostly = mostly(summary, difference).map_or(String::new(), |phase| format!(", mostly in {phase}"));
            format!("{one} is {} than {other} by {by}{share}{mostly}", difference.verdict.as_str())
        }
        Verdict::Same => {
            let within = difference.within.map_or(String::new(), |within| format!(" within ±{} ms", millis(within)));
            format!("{one} is the same as {other}{within} ({range}){}", yet(summary, difference))
        }
        Verdict::Unclear => {
            let reasons = [vec![String::new()], reasons(difference)].concat().join("; ");
            format!(
                "whether {one} is slower or faster than {other} is unclear ({range}){reasons}{}",
                yet(summary, difference)
            )
        }
    }
}

/// The phases that differ though the total does not: its noise is that of all phases together, and hides what one of them shows.
fn yet(summary: &Summary, total: &Difference) -> String {
    let phases = of_pair(summary, &total.row, &total.against).filter(|one| one.phase != Measure::Total);
    let differing = phases.filter(|one| matches!(one.verdict, Verdict::Slower | Verdict::Faster));
    let words: Vec<String> = differing
        .map(|one| {
            format!("{} is {} by {} ms", one.phase, one.verdict.as_str(), millis(one.estimate.median.magnitude()))
        })
        .collect();
    if words.is_empty() { String::new() } else { format!("; but {}", words.join(", ")) }
}

/// The difference as a share of the baseline's median: `+12 %`.
fn share(summary: &Summary, difference: &Difference) -> Option<String> {
    let median = u128::from(stats(summary, &difference.against, difference.phase)?.p50.get());
    let per_mille =
        (u128::from(difference.estimate.median.magnitude().get()) * 1_000 + median / 2).checked_div(median)?;
    let sign = if difference.estimate.median.get() < 0 { '-' } else { '+' };
    Some(match per_mille {
        0..100 => format!("{sign}{}.{} %", per_mille / 10, per_mille % 10),
        _ => format!("{sign}{} %", (per_mille + 5) / 10),
    })
}

/// The phase that makes more than half of a difference of the total.
fn mostly(summary: &Summary, total: &Difference) -> Option<Measure> {
    let phases = of_pair(summary, &total.row, &total.against).filter(|one| one.phase != Measure::Total);
    let most = phases.filter(|one| one.verdict == total.verdict).max_by_key(|one| one.estimate.median.magnitude())?;
    (most.estimate.median.magnitude().get().saturating_mul(2) > total.estimate.median.magnitude().get())
        .then_some(most.phase)
}

/// The differences of two rows, in the order of measures.
pub(super) fn of_pair<'s>(
    summary: &'s Summary,
    row: &'s Row,
    against: &'s Row,
) -> impl Iterator<Item = &'s Difference> {
    summary.differences.iter().filter(move |one| one.row == *row && one.against == *against)
}

/// Every two rows that were compared, once; those that have no measure in common, too.
pub(super) fn pairs(summary: &Summary) -> Vec<(&Row, &Row)> {
    let compared = summary.differences.iter().map(|one| (&one.row, &one.against));
    let not_compared = summary.not_compared.iter().map(|one| (&one.row, &one.against));
    let mut pairs = Vec::new();
    for pair in compared.chain(not_compared) {
        if !pairs.contains(&pair) {
            pairs.push(pair);
        }
    }
    pairs
}

/// The numbers of a row's measure.
pub(super) fn stats<'s>(summary: &'s Summary, row: &Row, measure: Measure) -> Option<&'s Stats> {
    summary.targets.iter().find(|target| target.row == *row)?.phases.get(&measure)
}

/// The measures that any row has, in their order.
pub(super) fn measures(summary: &Summary) -> Vec<Measure> {
    Measure::all().filter(|measure| summary.targets.iter().any(|target| target.phases.contains_key(measure))).collect()
}

/// `200 ×28, 503 ×2`.
pub(super) fn counted<'a>(counts: impl IntoIterator<Item = (&'a String, &'a u64)>) -> String {
    let words: Vec<String> = counts.into_iter().map(|(word, count)| format!("{word} ×{count}")).collect();
    words.join(", ")
}

/// Who lacked the measure, where somebody did: `4 of 12 and 1 of 30 had none`.
pub(super) fn lacking(counts: Counts, lacking: Counts) -> Option<String> {
    let of = |counted: u64, lacking: u64| format!("{lacking} of {}", counted + lacking);
    let (target, baseline) = (of(counts.target, lacking.target), of(counts.baseline, lacking.baseline));
    match (lacking.target, lacking.baseline) {
        (0, 0) => None,
        (_, 0) => Some(format!("{target} had none")),
        (0, _) => Some(format!("{baseline} of the baseline had none")),
        _ => Some(format!("{target} and {baseline} of the baseline had none")),
    }
}

/// `interrupted after 8 of 2000 requests: what follows is of these`; `None` where the run was not interrupted.
#[must_use]
pub fn interruption(summary: &Summary) -> Option<String> {
    let Interruption { made, wanted } = summary.interruption()?;
    Some(format!("interrupted after {made} of {wanted} requests: what follows is of these"))
}

/// How many requests were made, and of how many where the run was interrupted: `30`, `4 of 1000`.
pub(super) fn requests(target: &TargetSummary) -> String {
    match target.wanted {
        Some(wanted) => format!("{} of {wanted}", target.requests),
        None => target.requests.to_string(),
    }
}

/// Why a row has nothing to be compared, or to compare others with: it has no request that succeeded.
fn unmeasured(summary: &Summary, row: &Row) -> Option<String> {
    let target = summary.targets.iter().find(|target| target.row == *row)?;
    match target.requests - target.failures {
        0 if target.requests == 0 => Some(format!("{} was not asked before the interruption", row.label())),
        0 => Some(format!("no request to {} succeeded", row.label())),
        _ => None,
    }
}

/// Why two rows were not compared at all.
pub(super) fn nothing_compared(summary: &Summary, row: &Row, against: &Row) -> String {
    if let Some(reason) = unmeasured(summary, against) {
        return format!("there is no baseline to compare {} with: {reason}", row.label());
    }
    if let Some(reason) = unmeasured(summary, row) {
        return format!("{} and {} were not compared: {reason}", row.label(), against.label());
    }
    let missing = summary.not_compared.iter().filter(|one| one.row == *row && one.against == *against);
    let few = missing.map(|one| one.counts).find(|counts| counts.target > 0 && counts.baseline > 0);
    let both = format!("{} and {}", row.label(), against.label());
    match few {
        Some(counts) => format!(
            "{both} were not compared: {} and {} completed requests are too few",
            counts.target, counts.baseline
        ),
        None => format!("{both} were not compared: they have nothing in common that was measured"),
    }
}

/// Why a measure was not compared.
pub(super) fn not_compared(counts: Counts, row: &Row, against: &Row) -> String {
    match (counts.target, counts.baseline) {
        (_, 0) => format!("only {} has it", row.label()),
        (0, _) => format!("only {} has it", against.label()),
        (target, baseline) => format!("too few to compare, {target} and {baseline}"),
    }
}

/// What stands beside the cost of a layer that is none, or may be none: its sign does not say so.
pub(super) fn doubt(verdict: Verdict) -> Option<&'static str> {
    match verdict {
        Verdict::Slower | Verdict::Faster => None,
        Verdict::Same => Some("no difference shown"),
        Verdict::Unclear => Some("unclear"),
    }
}

/// A sentence on a layer whose cost the paths do not tell.
pub(super) fn layer_note(note: &LayerNote) -> String {
    match note {
        LayerNote::Missing { layer, wanted } => {
            let wanted: Vec<String> = wanted.iter().map(|path| format!("\"{path}\"")).collect();
            match wanted.len() {
                0 => format!("{layer}: no two paths differ in just this layer"),
                _ => format!("{layer}: no two paths differ in just this layer; {} would tell", wanted.join(" or ")),
            }
        }
        LayerNote::Answers { layer } => format!("{layer}: answers the requests; no path goes without it"),
        LayerNote::SamePath { path, rows } => {
            let rows: Vec<String> = rows.iter().map(Row::label).collect();
            format!("ambiguous: {} have the same path, \"{path}\"; each is paired for itself", rows.join(" and "))
        }
        LayerNote::Disagreeing { layer } => {
            format!("{layer}: its pairs disagree; what it costs depends on what stands beside it")
        }
        LayerNote::TooFew { layer, with, without } => format!(
            "{layer}: {} and {} were not compared, because one of them has too few whole responses",
            with.label(),
            without.label()
        ),
        LayerNote::Elsewhere { layer, with, without, tag } => format!(
            "{layer}: {} and {} were not compared, because they differ in the tag {tag}",
            with.label(),
            without.label()
        ),
    }
}

/// Lengths that lie far out, together for each trace.
pub(super) fn outliers(target: &TargetSummary) -> Vec<(String, Vec<(Measure, Nanos)>)> {
    let mut traces: Vec<(String, Vec<(Measure, Nanos)>)> = Vec::new();
    for outlier in &target.outliers {
        let id = outlier.trace_id.to_string();
        match traces.iter_mut().find(|(known, _)| *known == id) {
            Some((_, lengths)) => lengths.push((outlier.phase, outlier.duration)),
            None => traces.push((id, vec![(outlier.phase, outlier.duration)])),
        }
    }
    traces
}
