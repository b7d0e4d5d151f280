//! Summaries of whole runs.

use proptest::prelude::*;

use super::specimens::{Specimen, noisy, trace};
use super::*;
use crate::time::Nanos;
use crate::trace::{Phase, Trace};

/// The phases of a request over the network to a server near by, in microseconds.
const NEAR: [(&str, f64); 6] =
    [("dns", 900.0), ("connect", 16_000.0), ("tls", 17_500.0), ("send", 60.0), ("wait", 19_000.0), ("receive", 90.0)];

fn of(name: &str) -> Specimen<'_> {
    Specimen { name: Some(name), ..Specimen::default() }
}

fn against(baseline: &str) -> Baseline {
    Baseline::Target(baseline.to_owned())
}

/// Fewer resamples than usual, because there are many summaries.
fn settings() -> Settings {
    Settings { resamples: 500, ..Settings::default() }
}

/// The summary, which survives JSON.
fn summary(traces: &[Trace], baseline: &Baseline) -> Summary {
    let summary = summarise(&grouped(traces), baseline, &settings()).unwrap();
    let text = serde_json::to_string(&summary).unwrap();
    assert!(serde_json::from_str::<Summary>(&text).unwrap() == summary, "{text}");
    summary
}

/// Two targets with noise of this sigma, the second's wait longer by so many microseconds.
fn pair(sigma: f64, slower: f64, count: u32, seed: u64) -> Vec<Trace> {
    let phases = NEAR.map(|(phase, median)| (phase, median + if phase == "wait" { slower } else { 0.0 }));
    let mut traces = noisy(&of("one"), &NEAR, sigma, count, 2 * seed);
    traces.extend(noisy(&Specimen { id: 10_000, ..of("other") }, &phases, sigma, count, 2 * seed + 1));
    traces
}

fn verdicts(summary: &Summary) -> Vec<(Measure, Verdict)> {
    summary.differences.iter().map(|difference| (difference.phase, difference.verdict)).collect()
}

#[test]
fn a_target_compared_with_itself_is_the_same() {
    for sigma in [0.02, 0.1, 0.5] {
        let mut same_throughout = 0;
        let mut same_in_total = 0;
        for seed in 0..100 {
            let verdicts = verdicts(&summary(&pair(sigma, 0.0, 30, seed), &against("one")));
            assert_eq!(verdicts.len(), 7);
            same_throughout += u32::from(verdicts.iter().all(|(_, verdict)| *verdict == Verdict::Same));
            same_in_total += u32::from(verdicts[6] == (Measure::Total, Verdict::Same));
        }
        assert!(same_throughout >= 93, "sigma {sigma}: {same_throughout} of 100 in every measure");
        assert!(same_in_total >= 97, "sigma {sigma}: {same_in_total} of 100 in total");
    }
}

#[test]
fn a_difference_that_is_there_is_found_where_it_is() {
    for (sigma, slower) in [(0.02, 1_000.0), (0.1, 3_000.0), (0.3, 9_000.0), (0.1, -3_000.0)] {
        let (mut found, mut elsewhere) = (0, 0);
        for seed in 0..40 {
            let expect = if slower > 0.0 { Verdict::Slower } else { Verdict::Faster };
            for (measure, verdict) in verdicts(&summary(&pair(sigma, slower, 30, seed), &against("one"))) {
                match measure {
                    Measure::Phase(Phase::Wait) => found += u32::from(verdict == expect),
                    Measure::Total => {}
                    Measure::Phase(_) => elsewhere += u32::from(verdict != Verdict::Same),
                }
            }
        }
        assert!(found >= 36, "sigma {sigma}, {slower} µs: found in {found} of 40");
        assert!(
            elsewhere <= 8,
            "sigma {sigma}, {slower} µs: {elsewhere} of 200 phases that are the same were not called so"
        );
    }
}

#[test]
fn too_few_requests_are_called_so() {
    let mut unclear = 0;
    for count in [2, 4, 6, 9] {
        for one in summary(&pair(0.3, 6_000.0, count, 1), &against("one")).differences {
            unclear += u32::from(one.verdict == Verdict::Unclear);
            let least = (one.verdict == Verdict::Unclear).then_some(10);
            assert_eq!((one.least, one.more), (least, None), "{count}: {one:?}");
        }
    }
    assert!(unclear >= 10, "{unclear} unclear");
}

#[test]
fn a_number_of_requests_that_would_tell_mostly_does() {
    let (mut hints, mut kept) = (Vec::new(), 0);
    for (seed, count) in (0..60).flat_map(|seed| [(seed, 10), (seed, 12)]) {
        let wait = |summary: Summary| {
            summary.differences.into_iter().find(|one| one.phase == Measure::Phase(Phase::Wait)).unwrap()
        };
        let one = wait(summary(&pair(0.3, 6_000.0, count, seed), &against("one")));
        assert_eq!(one.least, None);
        if let Some(more) = one.more {
            hints.push(more);
            let more = count + u32::try_from(more.min(200)).unwrap();
            let again = wait(summary(&pair(0.3, 6_000.0, more, 1_000 + seed), &against("one")));
            kept += usize::from(again.verdict != Verdict::Unclear);
        }
    }
    hints.sort_unstable();
    assert!(hints.len() >= 20 && kept * 10 >= hints.len() * 9, "{kept} kept of {hints:?}");
    assert!(hints.iter().all(|more| more % 5 == 0) && (5..=40).contains(&hints[hints.len() / 2]), "{hints:?}");
}

#[test]
fn a_chosen_tolerance_is_what_the_same_means() {
    let traces = pair(0.1, 600.0, 30, 3);
    let groups = grouped(&traces);
    let verdict = |same_within| {
        let settings = Settings { same_within, ..settings() };
        let summary = summarise(&groups, &against("one"), &settings).unwrap();
        let total = summary.differences.iter().find(|one| one.phase == Measure::Total).unwrap();
        assert_eq!(total.within.is_some(), total.verdict == Verdict::Same);
        assert!(total.within.is_none_or(|within| within >= total.estimate.median.magnitude()));
        total.verdict
    };
    assert_eq!(verdict(Tolerance::PerMille(200)), Verdict::Same);
    assert_eq!(verdict(Tolerance::Absolute(Nanos::from_micros(50))), Verdict::Unclear);
}

#[test]
fn failures_are_counted_and_not_measured() {
    let mut traces = noisy(&of("a"), &NEAR, 0.1, 3, 1);
    for (id, failure) in [(50, "connect.refused"), (51, "connect.timeout"), (52, "connect.refused")] {
        let phases = [("connect", 30_000_000)];
        traces.push(trace(&Specimen { id, failure: Some(failure), phases: &phases, started: 1_000, ..of("a") }));
    }
    traces.push(trace(&Specimen { id: 60, status: 503, ..of("a") }));
    traces.push(trace(&Specimen { id: 61, failure: Some("dns.nxdomain"), phases: &[], ..of("down") }));
    let summary = summary(&traces, &Baseline::Absent);
    let [a, down] = &summary.targets[..] else { panic!("two rows") };
    assert_eq!((a.requests, a.failures, a.phases[&Measure::Total].count), (7, 3, 4));
    assert_eq!(a.failure_codes, [("connect.refused".to_owned(), 2), ("connect.timeout".to_owned(), 1)].into());
    assert_eq!(a.status, [("200".to_owned(), 3), ("503".to_owned(), 1)].into());
    assert!(a.phases[&Measure::Phase(Phase::Connect)].max < Nanos::from_secs(1));
    // Four whole responses in the 31 seconds until the last failure has ended.
    assert!((a.throughput_rps.unwrap() - 4.0 / 31.0).abs() < 1e-6);
    assert_eq!((down.requests, down.failures, down.throughput_rps), (1, 1, None));
    assert!(down.phases.is_empty());
}

#[test]
fn what_only_one_has_is_not_compared() {
    let warm: [(&str, f64); 3] = [("send", 60.0), ("wait", 19_000.0), ("receive", 90.0)];
    let mut traces = noisy(&of("base"), &NEAR, 0.1, 10, 1);
    traces.extend(noisy(&Specimen { id: 100, ..of("other") }, &NEAR[1..], 0.1, 8, 2));
    traces.extend(noisy(&Specimen { id: 200, ..of("other") }, &warm, 0.1, 4, 3));
    let summary = summary(&traces, &against("base"));
    let dns = Counts { target: 0, baseline: 10 };
    let missing: Vec<_> = summary.not_compared.iter().map(|one| (one.phase, one.counts)).collect();
    assert_eq!(missing, [(Measure::Phase(Phase::Dns), dns)]);
    let connect = &summary.differences[0];
    assert_eq!(connect.phase, Measure::Phase(Phase::Connect));
    assert_eq!(connect.counts, Counts { target: 8, baseline: 10 });
    assert_eq!(connect.lacking, Counts { target: 4, baseline: 0 });
}

#[test]
fn each_row_is_compared_with_the_baseline_of_its_place() {
    let place = |name, vantage, id| Specimen { id, vantage: Some(vantage), ..of(name) };
    let mut traces = Vec::new();
    for (index, (name, vantage)) in [("a", "x"), ("b", "x"), ("a", "y"), ("b", "y"), ("b", "z")].into_iter().enumerate()
    {
        let id = u32::try_from(index).unwrap() * 100;
        traces.extend(noisy(&place(name, vantage, id), &NEAR, 0.1, 6, u64::from(id)));
    }
    let summary = summary(&traces, &against("a"));
    let pairs: std::collections::BTreeSet<(String, String)> =
        summary.differences.iter().map(|one| (one.row.label(), one.against.label())).collect();
    let expect = [("b @ x", "a @ x"), ("b @ y", "a @ y")];
    assert_eq!(pairs, expect.map(|(row, against)| (row.to_owned(), against.to_owned())).into());
    assert_eq!(summary.unmatched.iter().map(Row::label).collect::<Vec<_>>(), ["b @ z"]);

    let error = summarise(&grouped(&traces), &against("c"), &settings()).unwrap_err();
    assert_eq!(error.to_string(), "expected the baseline to be one of a, b, got c");
}

#[test]
fn a_run_is_compared_with_the_run_before() {
    let run = |names: &[&'static str], slower: f64, seed: u64| -> Vec<Trace> {
        let phases = NEAR.map(|(phase, median)| (phase, median + slower));
        names.iter().flat_map(|name| noisy(&of(name), &phases, 0.02, 10, seed)).collect()
    };
    let compared = |old: &[Trace], new: &[Trace]| {
        let runs = [Run { name: "old", traces: old }, Run { name: "new", traces: new }];
        let summary = summarise(&grouped_by_run(&runs), &Baseline::Run("old".to_owned()), &settings()).unwrap();
        let totals = summary.differences.iter().filter(|one| one.phase == Measure::Total);
        let totals: Vec<_> =
            totals.map(|one| format!("{}, {}: {:?}", one.row.label(), one.against.label(), one.verdict)).collect();
        (totals, summary.unmatched.iter().map(Row::label).collect::<Vec<_>>())
    };
    let (totals, unmatched) = compared(&run(&["a", "b"], 0.0, 1), &run(&["b", "a", "c"], 5_000.0, 2));
    assert_eq!(totals, ["b [new], b [old]: Slower", "a [new], a [old]: Slower"]);
    assert_eq!(unmatched, ["c [new]"]);
    let (totals, unmatched) = compared(&run(&["a"], 5_000.0, 1), &run(&["moved"], 0.0, 2));
    assert_eq!((totals, unmatched), (vec!["moved [new], a [old]: Faster".to_owned()], vec![]));
}

#[test]
fn runs_from_a_place_each_are_compared_all_the_same() {
    let from = |places: &[&str], id: u32| -> Vec<Trace> {
        let traces = places.iter().flat_map(|place| {
            let traces = noisy(&of("a"), &NEAR, 0.02, 10, u64::from(id));
            traces.into_iter().map(|mut trace| {
                trace.subject.vantage = Some((*place).to_owned());
                trace
            })
        });
        traces.collect()
    };
    let compared = |old: &[&str], new: &[&str]| {
        let (old, new) = (from(old, 1), from(new, 2));
        let runs = [Run { name: "old", traces: &old }, Run { name: "new", traces: &new }];
        let summary = summarise(&grouped_by_run(&runs), &Baseline::Run("old".to_owned()), &settings()).unwrap();
        let totals = summary.differences.iter().filter(|one| one.phase == Measure::Total).count();
        (totals, summary.unmatched.len())
    };
    assert_eq!(compared(&["berlin"], &["tokyo"]), (1, 0));
    // Where a run has several places, each is compared with itself.
    assert_eq!(compared(&["berlin", "tokyo"], &["tokyo"]), (1, 0));
    assert_eq!(compared(&["berlin", "tokyo"], &["oslo"]), (0, 1));
}

#[test]
fn outliers_are_named_and_counted_in() {
    let mut traces = noisy(&of("a"), &[("wait", 20_000.0)], 0.02, 29, 1);
    traces.push(trace(&Specimen { id: 999, phases: &[("wait", 900_000)], ..of("a") }));
    let target = &summary(&traces, &Baseline::Absent).targets[0];
    let named: Vec<_> = target.outliers.iter().map(|one| (one.phase, one.side, one.trace_id.to_string())).collect();
    let id = format!("{:032x}", 999);
    let wait = Measure::Phase(Phase::Wait);
    assert_eq!(named, [(wait, OutlierSide::High, id.clone()), (Measure::Total, OutlierSide::High, id)]);
    assert_eq!(target.phases[&wait].max, Nanos::from_millis(900));

    // Equal lengths have no spread, yet a few microseconds are not far out.
    let mut equal: Vec<Trace> =
        (0..20).map(|id| trace(&Specimen { id, phases: &[("wait", 20_000)], ..of("a") })).collect();
    equal.push(trace(&Specimen { id: 99, phases: &[("wait", 20_030)], ..of("a") }));
    assert!(summary(&equal, &Baseline::Absent).targets[0].outliers.is_empty());
}

/// Rows with a path, their tags and the median of their waits in microseconds.
type Paths<'a> = &'a [(&'a str, &'a str, &'a [(&'a str, &'a str)], f64)];

fn check_layers(paths: Paths<'_>, costs: &[&str], notes: &[&str]) {
    let mut traces = Vec::new();
    for (index, (name, path, tags, wait)) in paths.iter().enumerate() {
        let id = u32::try_from(index).unwrap() * 100;
        let specimen = Specimen { id, tags, path: Some(path), ..of(name) };
        traces.extend(noisy(&specimen, &[("connect", 9_000.0), ("wait", *wait)], 0.003, 20, u64::from(id) + 1));
    }
    let summary = summary(&traces, &Baseline::Absent);
    let shown = |cost: &LayerDifference| {
        assert!(cost.estimate.low <= cost.estimate.median && cost.estimate.median <= cost.estimate.high);
        format!(
            "{}: {} - {} = {}",
            cost.layer,
            cost.with.name,
            cost.without.name,
            (cost.estimate.median.get() + 500_000) / 1_000_000
        )
    };
    assert_eq!(summary.layers.iter().map(shown).collect::<Vec<_>>(), costs);
    let shown = |note: &LayerNote| serde_json::to_string(note).unwrap();
    let found: Vec<String> = summary.layer_notes.iter().map(shown).collect();
    assert_eq!(found.len(), notes.len(), "{found:?}");
    for (found, expect) in found.iter().zip(notes) {
        assert!(found.contains(expect), "{found}, expected {expect}");
    }
}

#[test]
fn a_layer_costs_what_two_paths_differ_by() {
    check_layers(
        &[
            ("ec2", "ec2", &[("path", "ec2")], 20_000.0),
            ("elb", "elb,ec2", &[("path", "elb,ec2"), ("balancer", "application")], 22_000.0),
            ("all", "cloudfront,elb,ec2", &[], 27_000.0),
            ("api", "apig,lambda", &[], 40_000.0),
            ("url", "lambda", &[], 30_000.0),
        ],
        &["elb: elb - ec2 = 2", "cloudfront: all - elb = 5", "apig: api - url = 10"],
        &["\"answers\",\"layer\":\"ec2\"", "\"answers\",\"layer\":\"lambda\""],
    );
}

#[test]
fn a_layer_may_be_put_in_anywhere_and_every_pair_is_listed() {
    check_layers(
        &[
            ("ec2", "ec2", &[], 20_000.0),
            ("elb", "elb,ec2", &[], 22_000.0),
            ("cdn", "cloudfront,ec2", &[], 25_000.0),
            ("all", "cloudfront,elb,ec2", &[], 32_000.0),
        ],
        &["elb: elb - ec2 = 2", "elb: all - cdn = 7", "cloudfront: cdn - ec2 = 5", "cloudfront: all - elb = 10"],
        &[
            "\"answers\",\"layer\":\"ec2\"",
            "\"disagreeing\",\"layer\":\"elb\"",
            "\"disagreeing\",\"layer\":\"cloudfront\"",
        ],
    );
}

#[test]
fn what_no_pair_tells_is_named_and_not_guessed() {
    check_layers(
        &[("ec2", "ec2", &[], 20_000.0), ("all", "cloudfront,elb,ec2", &[], 27_000.0)],
        &[],
        &[
            "\"answers\",\"layer\":\"ec2\"",
            "\"missing\",\"layer\":\"cloudfront\",\"wanted\":[[\"elb\",\"ec2\"]]",
            "\"missing\",\"layer\":\"elb\",\"wanted\":[[\"cloudfront\",\"ec2\"]]",
        ],
    );
    check_layers(
        &[("one", "ec2", &[], 20_000.0), ("two", "ec2", &[], 21_000.0), ("elb", "elb,ec2", &[], 25_000.0)],
        &["elb: elb - one = 5", "elb: elb - two = 4"],
        &[
            "\"same_path\",\"path\":[\"ec2\"],\"rows\":[{\"name\":\"one\"},{\"name\":\"two\"}]",
            "\"answers\"",
            "\"disagreeing\"",
        ],
    );
}

#[test]
fn layers_are_compared_in_one_place_only() {
    let (us, eu): (&[_], &[_]) = (&[("region", "us")], &[("region", "eu")]);
    check_layers(
        &[
            ("ec2-us", "ec2", us, 20_000.0),
            ("elb-us", "elb,ec2", us, 22_000.0),
            ("ec2-eu", "ec2", eu, 90_000.0),
            ("elb-eu", "elb,ec2", eu, 95_000.0),
        ],
        &["elb: elb-us - ec2-us = 2", "elb: elb-eu - ec2-eu = 5"],
        &["\"answers\",\"layer\":\"ec2\""],
    );
    check_layers(
        &[("ec2", "ec2", us, 20_000.0), ("elb", "elb,ec2", eu, 95_000.0)],
        &[],
        &[
            "\"answers\",\"layer\":\"ec2\"",
            "\"elsewhere\",\"layer\":\"elb\",\"with\":{\"name\":\"elb\"},\"without\":{\"name\":\"ec2\"},\"tag\":\"region\"",
        ],
    );
}

#[test]
fn a_path_that_failed_is_not_one_that_is_missing() {
    let mut traces = noisy(&Specimen { path: Some("elb,ec2"), ..of("elb") }, &NEAR, 0.1, 6, 1);
    let failed = Specimen { id: 50, path: Some("ec2"), failure: Some("connect.refused"), ..of("ec2") };
    traces.extend([trace(&failed), trace(&Specimen { id: 51, ..failed })]);
    let summary = summary(&traces, &Baseline::Absent);
    assert_eq!(summary.layers, []);
    let row = |name: &str| summary.targets.iter().find(|target| target.row.name == name).unwrap().row.clone();
    let too_few = LayerNote::TooFew { layer: "elb".to_owned(), with: row("elb"), without: row("ec2") };
    assert_eq!(summary.layer_notes, [too_few, LayerNote::Answers { layer: "ec2".to_owned() }]);
}

prop_compose! {
    fn any_specimen()(
        name in 0_usize..3, vantage in 0_usize..3, reused in any::<bool>(), path in 0_usize..4, failed in 0_u8..4, from in 0_u32..9,
        lengths in proptest::collection::vec(prop_oneof![Just(0), 0_u64..100_000, Just(1 << 40)], 7), present in any::<u8>(),
    ) -> Trace {
        let phases: Vec<(&str, u64)> = Phase::ALL
            .iter()
            .zip(lengths)
            .enumerate()
            .filter(|(index, _)| present >> index & 1 == 1)
            .map(|(_, (phase, length))| (phase.as_str(), length))
            .collect();
        trace(&Specimen {
            id: u32::from(present),
            from: (from < 2).then_some(from),
            name: [None, Some("a"), Some("b")][name],
            vantage: [None, Some("x"), Some("y")][vantage],
            reused,
            path: [None, Some("ec2"), Some("elb,ec2"), Some("elb")][path],
            failure: (failed == 0).then_some("wait.closed"),
            phases: &phases,
            ..Specimen::default()
        })
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_traces_have_a_summary(
        traces in proptest::collection::vec(any_specimen(), 0..40),
        confidence in 510_u32..999, resamples in 0_u32..200, seed in any::<u64>(), same_within in 0_u32..2_000,
    ) {
        let groups = grouped(&traces);
        prop_assert_eq!(groups.iter().map(|group| group.traces.len()).sum::<usize>(), traces.len());
        let settings = Settings {
            confidence: Confidence::try_from(f64::from(confidence) / 1e3).unwrap(),
            resamples,
            seed,
            same_within: if same_within < 50 { Tolerance::Spread } else { Tolerance::PerMille(same_within) },
        };
        let baseline = if groups.iter().any(|group| group.row.name == "a") { against("a") } else { Baseline::Absent };
        let summary = summarise(&groups, &baseline, &settings).unwrap();
        let text = serde_json::to_string(&summary).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Summary>(&text).unwrap(), &summary);
        prop_assert_eq!(summary.targets.iter().map(|target| target.requests).sum::<u64>(), traces.len() as u64);
        for one in &summary.differences {
            prop_assert!(one.estimate.low <= one.estimate.median && one.estimate.median <= one.estimate.high);
            prop_assert!((0.0..=1.0).contains(&one.estimate.p_value) && one.estimate.p_value <= one.p_adjusted);
            prop_assert_eq!(one.within.is_some(), one.verdict == Verdict::Same);
            prop_assert!(one.more.is_none() || one.verdict == Verdict::Unclear, "{:?} and yet {:?} more", one.verdict, one.more);
            let size = one.counts.target.min(one.counts.baseline);
            prop_assert!(one.least.is_none_or(|least| size < least && one.more.is_none() && one.verdict == Verdict::Unclear));
        }
    }
}
