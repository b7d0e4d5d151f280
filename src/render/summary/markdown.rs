//! The summary as Markdown for a pull request: objectives and what follows first, then one table with a row for each target.
//!
//! Invariant: a target is one row, whatever its name contains: everything that Markdown would read as markup is escaped.

use std::fmt::Write as _;

use super::objectives::{headline, measured, result};
use super::words::{
    counted, doubt, interval, layer_note, meaning_of_same, measures, nothing_compared, of_pair, outliers, pairs,
    reasons, requests, sentence, signed, stats, verdict,
};
use crate::render::length::millis;
use crate::render::markdown::{escaped, row};
use crate::stats::{Difference, Interruption, Measure, Stats, Summary, TargetSummary, Verdict};

/// In thousandths.
const P95: u32 = 950;

/// Objectives, verdicts, the table of medians (GitHub Flavored Markdown §4.10), layers, failures and what lies far out. An arrow
/// at a median says that this phase is slower (↑) or faster (↓) than that of the baseline, a question mark that it is unclear.
#[must_use]
pub fn markdown(summary: &Summary) -> String {
    let mut text = interrupted(summary) + &objectives(summary) + &verdicts(summary);
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&table(summary));
    text.push_str(&legend(summary));
    text.push_str(&layers(summary));
    text.push_str(&notes(summary));
    text
}

/// How far the run came, where it was interrupted.
fn interrupted(summary: &Summary) -> String {
    let interrupted = summary.interruption();
    interrupted.map_or(String::new(), |Interruption { made, wanted }| {
        format!("**Interrupted** after {made} of {wanted} requests: what follows is of these.\n\n")
    })
}

/// What became of all objectives, then of each.
fn objectives(summary: &Summary) -> String {
    if summary.slo.is_empty() {
        return String::new();
    }
    let (verdict, words) = headline(&summary.slo);
    let mut text = format!("**{verdict}**: {words}\n\n");
    text.push_str(&row(["objective", "target", "measured", "result"].map(str::to_owned).into_iter()));
    text.push_str(&row(["---"; 4].map(str::to_owned).into_iter()));
    for held in &summary.slo {
        let result = result(held);
        let cells = [
            escaped(&held.objective.to_string()),
            escaped(&held.row.label()),
            measured(held).map_or("–".to_owned(), |measured| escaped(&measured)),
            if held.met == Some(true) { escaped(&result) } else { format!("**{}**", escaped(&result)) },
        ];
        text.push_str(&row(cells.into_iter()));
    }
    text + if pairs(summary).is_empty() && summary.unmatched.is_empty() { "" } else { "\n" }
}

/// A line for each two rows that were compared.
fn verdicts(summary: &Summary) -> String {
    let mut text = String::new();
    for (row, against) in pairs(summary) {
        let total = of_pair(summary, row, against).find(|one| one.phase == Measure::Total);
        let words = match total {
            Some(total) => format!("**{}**: {}", total.verdict.as_str(), escaped(&sentence(summary, total))),
            None => format!("**not compared**: {}", escaped(&nothing_compared(summary, row, against))),
        };
        _ = writeln!(text, "- {words}");
    }
    for row in &summary.unmatched {
        _ = writeln!(text, "- **not compared**: {} has no baseline there", escaped(&row.label()));
    }
    text
}

fn table(summary: &Summary) -> String {
    let measures = measures(summary);
    let compares = !summary.differences.is_empty();
    let mut header = vec!["target".to_owned()];
    if compares {
        header.extend(["verdict".to_owned(), "difference (ms)".to_owned()]);
    }
    let texts = header.len();
    header.extend(["requests".to_owned(), "failed".to_owned()]);
    header.extend(measures.iter().map(|measure| format!("{measure} (ms)")));
    header.push("p95 (ms)".to_owned());
    let rules =
        (0..header.len()).map(|column| if column < texts { "---" } else { "---:" }.to_owned()).collect::<Vec<_>>();
    let mut text = row(header.into_iter()) + &row(rules.into_iter());
    for target in &summary.targets {
        let mut cells = vec![escaped(&target.row.label())];
        if compares {
            cells.extend(compared(summary, target));
        }
        cells.extend([requests(target), target.failures.to_string()]);
        cells.extend(measures.iter().map(|measure| median(summary, target, *measure)));
        cells.push(target.phases.get(&Measure::Total).map_or("–".to_owned(), p95));
        text.push_str(&row(cells.into_iter()));
    }
    text
}

/// In parentheses where it is the maximum for want of requests.
fn p95(stats: &Stats) -> String {
    let p95 = escaped(&millis(stats.p95));
    if stats.is_maximum(P95) { format!("({p95})") } else { p95 }
}

/// The verdict on the total, and its difference with the interval.
fn compared(summary: &Summary, target: &TargetSummary) -> [String; 2] {
    match difference(summary, target, Measure::Total) {
        Some(one) => {
            let words = format!("{} ({})", signed(one.estimate.median), interval(&one.estimate));
            [escaped(one.verdict.as_str()), escaped(&words)]
        }
        None => ["–".to_owned(), "–".to_owned()],
    }
}

/// The median, with a mark where it is not the baseline's.
fn median(summary: &Summary, target: &TargetSummary, measure: Measure) -> String {
    let Some(stats) = stats(summary, &target.row, measure) else { return "–".to_owned() };
    let median = escaped(&millis(stats.p50));
    let median = if measure == Measure::Total { format!("**{median}**") } else { median };
    let mark = match difference(summary, target, measure).map(|one| one.verdict) {
        Some(Verdict::Slower) => " ↑",
        Some(Verdict::Faster) => " ↓",
        Some(Verdict::Unclear) => " ?",
        Some(Verdict::Same) | None => "",
    };
    format!("{median}{mark}")
}

fn difference<'s>(summary: &'s Summary, target: &TargetSummary, measure: Measure) -> Option<&'s Difference> {
    summary.differences.iter().find(|one| one.row == target.row && one.phase == measure)
}

fn legend(summary: &Summary) -> String {
    let Some(first) = summary.differences.first() else { return format!("\nMedians.{}\n", few(summary)) };
    let baseline = summary.baseline.as_deref().unwrap_or_default();
    let percent = first.estimate.confidence.get() * 100.0;
    let same = meaning_of_same(summary).map_or(String::new(), |words| format!(" {}.", escaped(&words)));
    let mut text = format!(
        "\nMedians; ↑ slower, ↓ faster than {}, ? unclear. Differences of medians with their {percent} % interval.{same}{}\n",
        escaped(baseline),
        few(summary)
    );
    // What the sentence on the whole has said already is not said again of each phase.
    let of_total = |one: &Difference| {
        of_pair(summary, &one.row, &one.against).find(|other| other.phase == Measure::Total).map(reasons)
    };
    let hints =
        summary.differences.iter().filter(|one| !reasons(one).is_empty() && Some(reasons(one)) != of_total(one));
    for one in hints {
        _ = writeln!(text, "- {}, {}: {}", escaped(&one.row.label()), one.phase, escaped(&verdict(one)));
    }
    text
}

/// What a p95 in parentheses is, where there is one.
fn few(summary: &Summary) -> &'static str {
    let mut totals = summary.targets.iter().filter_map(|target| target.phases.get(&Measure::Total));
    if totals.any(|stats| stats.is_maximum(P95)) {
        " A p95 in parentheses is the maximum: of fewer than 20 requests there is no other."
    } else {
        ""
    }
}

fn layers(summary: &Summary) -> String {
    if summary.layers.is_empty() && summary.layer_notes.is_empty() {
        return String::new();
    }
    let mut text = "\nLayers, by the difference of the waits of two paths:\n".to_owned();
    for cost in &summary.layers {
        let words = format!(
            "{} ms ({}), {} against {}{}",
            signed(cost.estimate.median),
            interval(&cost.estimate),
            cost.with.label(),
            cost.without.label(),
            doubt(cost.verdict).map_or(String::new(), |doubt| format!(": {doubt}"))
        );
        _ = writeln!(text, "- **{}**: {}", escaped(&cost.layer), escaped(&words));
    }
    for note in &summary.layer_notes {
        _ = writeln!(text, "- {}", escaped(&layer_note(note)));
    }
    text
}

/// Failures by their code, and how much lies far out.
fn notes(summary: &Summary) -> String {
    let mut text = String::new();
    for target in &summary.targets {
        let label = escaped(&target.row.label());
        if target.failures > 0 {
            _ = writeln!(text, "- {label} failed: {}", escaped(&counted(&target.failure_codes)));
        }
        if target.status.keys().any(|status| !status.starts_with('2')) {
            _ = writeln!(text, "- {label} answered: {}", escaped(&counted(&target.status)));
        }
        let far_out = outliers(target).len();
        if far_out > 0 {
            let of = target.requests - target.failures;
            let (lie, they_are) = if far_out == 1 { ("lies", "it is") } else { ("lie", "they are") };
            _ = writeln!(text, "- {label}: {far_out} of {of} requests {lie} far out in a phase; {they_are} counted in");
        }
    }
    if text.is_empty() { text } else { format!("\n{text}") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::render::markdown::tests::columns;
    use crate::render::summary::specimens;

    #[test]
    fn verdicts_come_first_and_a_target_is_a_row() {
        let text = markdown(&specimens::compared());
        assert!(text.starts_with("- **slower**: elb is slower than ec2 by 1.865 ms ("), "{text}");
        for expect in [
            "\n- **faster**: few \\| \\<b\\> is faster than ec2 by ",
            "\n| ec2 | – | – | 30 | 0 | 0.900 | 15.995 | 17.487 | 0.060 | 17.417 | 0.090 | **51.752** | 53.323 |\n",
            " | 32 | 2 | 0.907 | 15.945 | 17.348 | 0.061 | 19.294 ↑ | 0.090 | **53.617** ↑ | 55.097 |\n",
            "\nMedians; ↑ slower, ↓ faster than ec2, ? unclear. Differences of medians with their 95 % interval. same: the whole \
             interval lies within the margin: what two requests differ by anyway, at least ±0.250 ms (±0.050 ms where interval and \
             rank test both show a difference). A p95 in parentheses is the maximum: of fewer than 20 requests there is no other.\n\
             - few \\| \\<b\\>, ",
            ": unclear, too few requests for a verdict: 5 of at least 10\n",
            "\n- **elb**: +1.877 ms (",
            "\n- elb failed: connect.refused ×2\n- twin answered: 200 ×30, 503 ×1\n- twin: 1 of 31 requests lies far out in a phase; it is counted in\n",
        ] {
            assert!(text.contains(expect), "{expect:?} is not in\n{text}");
        }
    }

    #[test]
    fn what_the_total_hides_and_layers_without_cost_are_said() {
        let text = markdown(&specimens::hidden());
        assert!(
            text.contains("- **same**: elb is the same as ec2") && text.contains("; but wait is slower by 1.500 ms\n"),
            "{text}"
        );
        assert!(text.contains(" cdn against ec2: no difference shown\n"), "{text}");
    }

    #[test]
    fn without_a_baseline_there_is_no_verdict() {
        let text = markdown(&specimens::alone());
        assert!(text.starts_with("| target | requests | failed | dns (ms) |") && !text.contains("verdict"), "{text}");
        assert!(text.ends_with("\nMedians.\n"), "{text}");
        let failed = markdown(&specimens::hostile());
        assert!(failed.contains("| a\\|b\\\\x1b\\[31m\\\\n\"c\",\\`d\\` → é | 1 | 1 | – |\n"), "{failed}");
    }

    #[test]
    fn objectives_come_first_with_how_they_are_met() {
        let text = markdown(&specimens::gated());
        let expect = "\
**SLO missed**: 4 of 8; 2 of these are unknown, which counts as missed

| objective | target | measured | result |
| --- | --- | --- | --- |
| total=53 | ec2 | p50 51.752 ms | met |
| wait.p99=25 | ec2 | p99 18.453 ms, the maximum of 30 | met |
";
        assert!(text.starts_with(expect), "{text}");
        for expect in [
            "\n| total=53 | elb | p50 53.617 ms | **missed by 0.617 ms** |\n",
            "\n| failures=1 | elb | 2 of 32 failed | **missed by 1 request** |\n",
            "\n| blocked=1 | elb | – | **unknown: no request has blocked** |\n",
            "|\n\n- **slower**: elb",
        ] {
            assert!(text.contains(expect), "{expect:?} is not in\n{text}");
        }
        let met = Summary { slo: specimens::gated().slo.into_iter().take(2).collect(), ..specimens::alone() };
        assert!(markdown(&met).starts_with("**SLO met**: 2 of 2\n\n| objective "), "{}", markdown(&met));
    }

    #[test]
    fn an_interruption_stands_above_everything_and_a_missing_baseline_is_named() {
        let text = markdown(&specimens::interrupted());
        assert!(text.starts_with("**Interrupted** after 6 of 24 requests: what follows is of these.\n\n- "), "{text}");
        for expect in [
            "\n- **not compared**: there is no baseline to compare cdn with: ec2 was not asked before the interruption\n",
            "\n| ec2 | 0 of 8 | 0 | – |",
            "\n| elb | 3 of 8 | 0 | ",
            // Of three requests, the highest is no 95th percentile.
            "** | (52.",
            "\nMedians. A p95 in parentheses is the maximum: of fewer than 20 requests there is no other.\n",
        ] {
            assert!(text.contains(expect), "{expect:?} is not in\n{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_row_has_the_columns_of_the_header(summary in specimens::any_summary()) {
            let text = markdown(&summary);
            let rows: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
            let held = if summary.slo.is_empty() { 0 } else { summary.slo.len() + 2 };
            prop_assert_eq!(rows.len(), held + summary.targets.len() + 2);
            let (objectives, targets) = rows.split_at(held);
            for table in [objectives, targets] {
                prop_assert!(table.iter().all(|row| columns(row) == columns(table[0])), "{}", text);
            }
        }
    }
}
