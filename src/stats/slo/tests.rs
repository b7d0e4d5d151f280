//! What objectives mean, as tables.

use proptest::prelude::*;

use super::parse::length;
use super::*;
use crate::stats::{Connection, Sample};
use crate::trace::Phase;

fn stats(millis: &[u64]) -> Stats {
    Sample::new(millis.iter().map(|millis| Nanos::from_millis(*millis))).unwrap().stats()
}

/// A row of as many requests as there are totals, and failures.
fn row(name: &str, totals: &[u64], failures: u64) -> TargetSummary {
    let phases = if totals.is_empty() { BTreeMap::new() } else { [(Measure::Total, stats(totals))].into() };
    TargetSummary {
        row: Row { name: name.into(), run: None, vantage: None, connection: None, redirects: 0 },
        tags: BTreeMap::new(),
        path: None,
        requests: totals.len() as u64 + failures,
        wanted: None,
        failures,
        failure_codes: BTreeMap::new(),
        throughput_rps: None,
        status: BTreeMap::new(),
        phases,
        outliers: Vec::new(),
    }
}

fn misses(slo: &str, rows: &[TargetSummary]) -> Vec<String> {
    let held = slo.parse::<Slo>().unwrap().hold(rows);
    // A miss is what is not met, or not known.
    assert!(held.iter().all(|held| held.miss().is_none() == (held.met == Some(true))), "{held:?}");
    held.iter().filter_map(Held::miss).map(|miss| miss.to_string()).collect()
}

#[test]
fn what_is_written_wrongly_is_named_with_what_was_expected() {
    let measures = "blocked, dns, connect, tls, send, wait, receive, total, failures";
    for (text, expect) in [
        ("", "expected MEASURE=LIMIT[,…] such as total=500,wait.p95=200,failures=1%, got nothing".to_owned()),
        (" , ", "expected MEASURE=LIMIT[,…] such as total=500,wait.p95=200,failures=1%, got nothing".to_owned()),
        ("total", "expected MEASURE=LIMIT such as total=500 or wait.p95=200, got \"total\"".to_owned()),
        ("ttfb=5", format!("expected one of {measures} before \"=\", got \"ttfb\"")),
        ("total=1,=5", format!("expected one of {measures} before \"=\", got \"\"")),
        (
            "wait.p97=5",
            "expected one of .mean, .min, .median, .p50, .p66, .p75, .p80, .p90, .p95, .p98, .p99, .p99.9, .p999, .max \
             after wait, got \"p97\""
                .to_owned(),
        ),
        ("failures=x", "expected failures=COUNT or failures=SHARE%, got \"failures=x\"".to_owned()),
        ("failures=101%", "expected failures=COUNT or failures=SHARE%, got \"failures=101%\"".to_owned()),
        ("failures.p95=1", "expected failures=COUNT or failures=SHARE%, got \"failures.p95=1\"".to_owned()),
    ] {
        assert_eq!(text.parse::<Slo>().unwrap_err().to_string(), expect, "{text}");
    }
    for limit in ["", "fast", "-1", "1e3", "inf", "NaN", "1 h", "86400001", "."] {
        let expect = SloError::Length { objective: format!("total={limit}"), got: limit.into() };
        assert_eq!(format!("total={limit}").parse::<Slo>(), Err(expect), "{limit}");
    }
}

#[test]
fn limits_are_milliseconds_unless_they_say_otherwise() {
    for (text, nanos) in [
        ("500", 500_000_000),
        ("0.5", 500_000),
        (".000001", 1),
        ("50us", 50_000),
        ("50µs", 50_000),
        ("2s", 2_000_000_000),
        ("1.5 ms", 1_500_000),
        ("7ns", 7),
        ("0", 0),
    ] {
        assert_eq!(length(text), Some(Nanos::new(nanos)), "{text}");
    }
}

#[test]
fn a_target_is_held_to_the_statistic_that_is_named_or_to_the_median() {
    let rows = [row("ec2", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 100], 0), row("elb", &[1, 1, 1, 1, 1, 1, 1, 1, 1, 1], 0)];
    let over = |text: &str, took: &str, over: &str, most: &str| {
        vec![format!("SLO {text} is missed by ec2: {took}.000 ms, {over}.000 ms over {most}.000 ms")]
    };
    for (text, expect) in [
        ("total=5", vec![]),
        ("total=4", over("total=4", "5", "1", "4")),
        ("total.median=4", over("total.median=4", "5", "1", "4")),
        ("total.p90=9", vec![]),
        ("total.p95=99", over("total.p95=99", "100", "1", "99")),
        ("total.p99.9=99", over("total.p99.9=99", "100", "1", "99")),
        ("total.max=99", over("total.max=99", "100", "1", "99")),
        ("total.min=1", vec![]),
        ("total.mean=14.5", vec![]),
        (" total = 4 , total.max=100", over("total = 4", "5", "1", "4")),
    ] {
        assert_eq!(misses(text, &rows), expect, "{text}");
    }
}

#[test]
fn a_statistic_is_called_alike_everywhere() {
    for (word, statistic) in Statistic::WORDS {
        let json = serde_json::to_value(statistic).unwrap();
        assert_eq!(json, statistic.as_str(), "{word}");
        assert_eq!(Statistic::WORDS.iter().find(|(word, _)| json == *word).unwrap().1, statistic);
    }
}

#[test]
fn failures_are_a_count_or_a_share() {
    let rows = [row("ec2", &[1; 98], 2)];
    let missed = |text: &str| vec![format!("SLO {text} is missed by ec2: 2 of 100 requests failed")];
    for (text, expect) in [
        ("failures=2", vec![]),
        ("failures=1", missed("failures=1")),
        ("failures=0", missed("failures=0")),
        ("failures=2%", vec![]),
        ("failures=1.99%", missed("failures=1.99%")),
        ("total=1", vec![]),
    ] {
        assert_eq!(misses(text, &rows), expect, "{text}");
    }
}

#[test]
fn what_cannot_be_judged_is_missed() {
    let unjudged = "cannot be judged for ec2, which counts as missed";
    assert_eq!(
        misses("total=5,failures=100%", &[row("ec2", &[], 3)]),
        [format!("SLO total=5 {unjudged}: none of 3 requests succeeded")]
    );
    assert_eq!(
        misses("total=5,failures=100%", &[row("ec2", &[], 0)]),
        ["total=5", "failures=100%"].map(|text| format!("SLO {text} {unjudged}: none of 0 requests succeeded"))
    );
    assert_eq!(misses("dns=5", &[row("ec2", &[1], 0)]), [format!("SLO dns=5 {unjudged}: no request has dns")]);
}

#[test]
fn of_warm_and_cold_requests_those_count_that_have_the_phase() {
    let connect = Measure::Phase(Phase::Connect);
    let of = |connection, phases: &[(Measure, u64)]| {
        let mut row = row("ec2", &[], 0);
        row.row.connection = Some(connection);
        row.requests = 1;
        row.phases = phases.iter().map(|(measure, millis)| (*measure, stats(&[*millis]))).collect();
        row
    };
    let rows =
        [of(Connection::Cold, &[(connect, 20), (Measure::Total, 60)]), of(Connection::Warm, &[(Measure::Total, 30)])];
    assert_eq!(misses("connect=20,total=60", &rows), Vec::<String>::new());
    assert_eq!(
        misses("connect=15,total=20", &rows),
        [
            "SLO connect=15 is missed by ec2 (cold): 20.000 ms, 5.000 ms over 15.000 ms",
            "SLO total=20 is missed by ec2 (cold): 60.000 ms, 40.000 ms over 20.000 ms",
            "SLO total=20 is missed by ec2 (warm): 30.000 ms, 10.000 ms over 20.000 ms",
        ]
    );
    assert_eq!(misses("connect=20", &rows[1..]).len(), 1);
}

proptest! {
    #[test]
    fn any_text_is_an_slo_or_refused(text in any::<String>(), near in "[a-z.]{0,9}=[0-9.]{0,5}[a-z%]{0,2}") {
        for text in [text, near] {
            if let Ok(slo) = text.parse::<Slo>() {
                prop_assert!(!slo.0.is_empty());
            }
        }
    }
}
