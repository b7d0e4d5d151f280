//! The summary as a table for spreadsheets and data frames (RFC 4180): a row for each target and measure, times in integer
//! nanoseconds, with the difference from its baseline beside it.
//!
//! Invariant: the columns are the same for all summaries; what is unknown or did not happen is an empty cell, never 0. A target of
//! which every request failed is one row without a measure. Deliberately absent: layers and objectives, which
//! are in JSON.

use crate::render::csv::write_row;
use crate::stats::{Connection, Difference, Measure, Stats, Summary, TargetSummary};
use crate::time::Nanos;

/// What the row is of.
const IDENTITY: [&str; 11] = [
    "name",
    "run",
    "vantage",
    "connection",
    "redirects",
    "tags",
    "path",
    "requests",
    "failures",
    "failure_codes",
    "throughput_rps",
];
/// Its numbers, named as in JSON.
const STATS: [&str; 15] = [
    "phase", "count", "mean_ns", "sd_ns", "min_ns", "p50_ns", "p66_ns", "p75_ns", "p80_ns", "p90_ns", "p95_ns",
    "p98_ns", "p99_ns", "p999_ns", "max_ns",
];
/// How it differs from its baseline.
const DIFFERENCE: [&str; 12] = [
    "outliers",
    "baseline",
    "difference_ns",
    "low_ns",
    "high_ns",
    "confidence",
    "p_value",
    "p_adjusted",
    "verdict",
    "within_ns",
    "more",
    "lacking",
];

/// How many requests were wanted, where the run was interrupted.
const WANTED: &str = "wanted";

/// A header line and the rows, each ending in CR LF. Several values in one cell stand as `key=value` pairs, separated by blanks.
#[must_use]
pub fn csv(summary: &Summary) -> String {
    let mut text = String::new();
    write_row(&mut text, IDENTITY.into_iter().chain(STATS).chain(DIFFERENCE).chain([WANTED]).map(str::to_owned));
    for target in &summary.targets {
        if target.phases.is_empty() {
            let empty = std::iter::repeat_n(String::new(), STATS.len() + DIFFERENCE.len());
            write_row(&mut text, identity(target).into_iter().chain(empty).chain([cell(target.wanted)]));
        }
        for (measure, stats) in &target.phases {
            let of_measure = |one: &&Difference| one.row == target.row && one.phase == *measure;
            let difference = summary.differences.iter().find(of_measure);
            let cells = identity(target).into_iter().chain(numbers(*measure, stats));
            write_row(&mut text, cells.chain(differences(target, *measure, difference)).chain([cell(target.wanted)]));
        }
    }
    text
}

fn identity(target: &TargetSummary) -> [String; IDENTITY.len()] {
    let row = &target.row;
    [
        row.name.clone(),
        cell(row.run.as_ref()),
        cell(row.vantage.as_ref()),
        cell(row.connection.map(Connection::as_str)),
        row.redirects.to_string(),
        joined(&target.tags),
        cell(target.path.as_ref()),
        target.requests.to_string(),
        target.failures.to_string(),
        joined(&target.failure_codes),
        cell(target.throughput_rps),
    ]
}

fn numbers(measure: Measure, stats: &Stats) -> [String; STATS.len()] {
    let nanos = |length: Nanos| length.get().to_string();
    [
        measure.to_string(),
        stats.count.to_string(),
        nanos(stats.mean),
        cell(stats.sd.map(Nanos::get)),
        nanos(stats.min),
        nanos(stats.p50),
        nanos(stats.p66),
        nanos(stats.p75),
        nanos(stats.p80),
        nanos(stats.p90),
        nanos(stats.p95),
        nanos(stats.p98),
        nanos(stats.p99),
        nanos(stats.p999),
        nanos(stats.max),
    ]
}

fn differences(target: &TargetSummary, measure: Measure, one: Option<&Difference>) -> [String; DIFFERENCE.len()] {
    [
        target.outliers.iter().filter(|outlier| outlier.phase == measure).count().to_string(),
        cell(one.map(|one| one.against.label())),
        cell(one.map(|one| one.estimate.median.get())),
        cell(one.map(|one| one.estimate.low.get())),
        cell(one.map(|one| one.estimate.high.get())),
        cell(one.map(|one| one.estimate.confidence.get())),
        cell(one.map(|one| one.estimate.p_value)),
        cell(one.map(|one| one.p_adjusted)),
        cell(one.map(|one| one.verdict.as_str())),
        cell(one.and_then(|one| one.within).map(Nanos::get)),
        cell(one.and_then(|one| one.more)),
        cell(one.map(|one| one.lacking.target)),
    ]
}

fn joined<'a, V: ToString + 'a>(pairs: impl IntoIterator<Item = (&'a String, &'a V)>) -> String {
    let pairs: Vec<String> = pairs.into_iter().map(|(key, value)| format!("{key}={}", value.to_string())).collect();
    pairs.join(" ")
}

fn cell(value: Option<impl ToString>) -> String {
    value.map_or(String::new(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::render::csv::tests::parse;
    use crate::render::summary::specimens;

    fn cell_of(rows: &[Vec<String>], row: usize, column: &str) -> String {
        let index = rows[0].iter().position(|name| name == column).unwrap();
        rows[row][index].clone()
    }

    #[test]
    fn a_row_for_each_target_and_measure() {
        let summary = specimens::compared();
        let rows = parse(&csv(&summary));
        let measured: usize = summary.targets.iter().map(|target| target.phases.len()).sum();
        assert_eq!(rows.len(), measured + 1);
        // The baseline's first row, and the wait of the second target.
        for (row, column, expect) in [
            (1, "name", "ec2"),
            (1, "phase", "dns"),
            (1, "count", "30"),
            (1, "verdict", ""),
            (1, "difference_ns", ""),
            (12, "name", "elb"),
            (12, "path", "elb,ec2"),
            (12, "failure_codes", "connect.refused=2"),
            (12, "phase", "wait"),
            (12, "baseline", "ec2"),
            (12, "difference_ns", "1877000"),
            (12, "verdict", "slower"),
            (12, "within_ns", ""),
            (12, "wanted", ""),
        ] {
            assert_eq!(cell_of(&rows, row, column), expect, "{row}, {column}");
        }
        let failed = parse(&csv(&specimens::hostile()));
        assert_eq!(failed.len(), 2);
        for (column, expect) in [
            ("name", "a|b\x1b[31m\n\"c\",`d` → é"),
            ("failures", "1"),
            ("phase", ""),
            ("p50_ns", ""),
            ("throughput_rps", ""),
        ] {
            assert_eq!(cell_of(&failed, 1, column), expect);
        }
    }

    #[test]
    fn an_interrupted_run_says_how_many_requests_were_wanted() {
        let rows = parse(&csv(&specimens::interrupted()));
        for (row, column, expect) in
            [(1, "name", "ec2"), (1, "requests", "0"), (1, "wanted", "8"), (2, "requests", "3"), (2, "wanted", "8")]
        {
            assert_eq!(cell_of(&rows, row, column), expect, "{row}, {column}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_written_parses_back(summary in specimens::any_summary()) {
            let rows = parse(&csv(&summary));
            prop_assert!(rows.iter().all(|row| row.len() == IDENTITY.len() + STATS.len() + DIFFERENCE.len() + 1));
            let expect: usize = summary.targets.iter().map(|target| target.phases.len().max(1)).sum();
            prop_assert_eq!(rows.len(), expect + 1);
        }
    }
}
