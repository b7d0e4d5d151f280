//! Summaries to render in tests.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::stats::specimens::{Specimen, noisy, trace};
use crate::stats::{Baseline, Settings, Slo, Summary, Tolerance, Wanted, grouped, grouped_until, summarise};
use crate::trace::Trace;

/// The phases of a request over the network to a server near by, in microseconds.
const NEAR: [(&str, f64); 6] =
    [("dns", 900.0), ("connect", 16_000.0), ("tls", 17_500.0), ("send", 60.0), ("wait", 17_300.0), ("receive", 90.0)];

fn target(id: u32, name: &'static str, path: Option<&'static str>, wait: f64) -> Vec<Trace> {
    let phases = NEAR.map(|(phase, median)| (phase, if phase == "wait" { wait } else { median }));
    noisy(&Specimen { id, name: Some(name), path, ..Specimen::default() }, &phases, 0.03, 30, u64::from(id) + 1)
}

/// Four targets with paths, of which one fails at times, one has no name to resolve, and one is slow once.
pub(super) fn compared() -> Summary {
    let mut traces = target(0, "ec2", Some("ec2"), 17_300.0);
    traces.extend(target(100, "elb", Some("elb,ec2"), 19_300.0));
    traces.extend(target(200, "apig", Some("apig,lambda"), 41_000.0));
    traces.extend(target(300, "twin", None, 17_300.0));
    let phases = &[("connect", 16_000), ("tls", 17_500), ("wait", 900_000), ("receive", 90)];
    traces.push(trace(&Specimen { id: 400, name: Some("twin"), phases, status: 503, ..Specimen::default() }));
    for id in [500, 501] {
        let specimen = Specimen { id, name: Some("elb"), path: Some("elb,ec2"), ..Specimen::default() };
        traces.push(trace(&Specimen { failure: Some("connect.refused"), phases: &[("dns", 800)], ..specimen }));
    }
    let few = [("connect", 16_000.0), ("send", 60.0), ("wait", 18_500.0), ("receive", 90.0)];
    traces.extend(noisy(&Specimen { id: 600, name: Some("few | <b>"), ..Specimen::default() }, &few, 0.2, 5, 9));
    summarise(&grouped(&traces), &Baseline::Target("ec2".to_owned()), &Settings::default()).unwrap()
}

/// Three paths whose handshakes vary so much that their totals do not differ. The waits vary little, and one of them is longer.
pub(super) fn hidden() -> Summary {
    let path = |first: u32, name, path, wait: u64| {
        (0..30_u32).map(move |index| {
            let phases =
                &[("tls", 20_000 + u64::from(index * 7 % 30) * 1_000), ("wait", wait + u64::from(index % 3) * 10)];
            trace(&Specimen { id: first + index, name: Some(name), path: Some(path), phases, ..Specimen::default() })
        })
    };
    let traces: Vec<Trace> = path(0, "ec2", "ec2", 18_000)
        .chain(path(100, "elb", "elb,ec2", 19_500))
        .chain(path(200, "cdn", "cloudfront,ec2", 18_000))
        .collect();
    summarise(&grouped(&traces), &Baseline::Target("ec2".to_owned()), &Settings::default()).unwrap()
}

/// One target.
pub(super) fn alone() -> Summary {
    summarise(&grouped(&target(0, "ec2", None, 17_300.0)), &Baseline::Absent, &Settings::default()).unwrap()
}

/// A target of which every request failed, with a name that means harm.
pub(super) fn hostile() -> Summary {
    let name = Some("a|b\x1b[31m\n\"c\",`d` → é");
    let failed = trace(&Specimen { name, failure: Some("dns.nxdomain"), phases: &[], ..Specimen::default() });
    summarise(&grouped(&[failed]), &Baseline::Absent, &Settings::default()).unwrap()
}

/// A run that was ended before its baseline was asked.
pub(super) fn interrupted() -> Summary {
    let wanted = ["ec2", "elb", "cdn"].map(|name| Wanted {
        name: name.to_owned(),
        tags: BTreeMap::new(),
        path: None,
        requests: 8,
    });
    let traces: Vec<Trace> = ["elb", "cdn"]
        .into_iter()
        .flat_map(|name| noisy(&Specimen { name: Some(name), ..Specimen::default() }, &NEAR, 0.03, 3, 1))
        .collect();
    let groups = grouped_until(&traces, &wanted);
    let mut summary = summarise(&groups, &Baseline::Target("ec2".to_owned()), &Settings::default()).unwrap();
    summary.interrupt(&wanted);
    summary
}

/// Objectives that are met, missed, and of which nobody knows.
pub(super) fn gated() -> Summary {
    let slo: Slo = "total=53,wait.p99=25,failures=1,blocked=1".parse().unwrap();
    let mut summary = compared();
    summary.slo = slo.hold(summary.targets.iter().filter(|target| target.row.name.starts_with('e')));
    summary
}

/// Two targets that were asked once.
pub(super) fn once_each() -> Summary {
    let traces = ["base", "other"].map(|name| trace(&Specimen { name: Some(name), ..Specimen::default() }));
    summarise(&grouped(&traces), &Baseline::Target("base".to_owned()), &Settings::default()).unwrap()
}

/// Two targets that were asked four times each, whose waits differ and whose sends do not.
pub(super) fn few() -> Summary {
    let of = |first: u32, name, wait: u64| {
        (0..4_u32).map(move |index| {
            let phases = &[("send", 60), ("wait", wait + u64::from(index) * 2_000)];
            let specimen = Specimen { id: first + index, name: Some(name), phases, ..Specimen::default() };
            trace(&Specimen { started: index * 100, ..specimen })
        })
    };
    let traces: Vec<Trace> = of(0, "base", 20_000).chain(of(100, "other", 22_000)).collect();
    summarise(&grouped(&traces), &Baseline::Target("base".to_owned()), &Settings::default()).unwrap()
}

prop_compose! {
    /// Groups of a few requests under any names, with and without vantages, paths and failures.
    pub(super) fn any_summary()(
        kinds in proptest::collection::vec((".{0,20}", 0_usize..3, any::<bool>(), 0_usize..4, 0_u64..4_000_000, 0_u8..5, 0_u32..3), 0..20),
        tolerance in 0_u32..100, slo in 0_usize..4, wanted in 0_u64..3,
    ) -> Summary {
        let mut traces = Vec::new();
        for (index, (name, vantage, reused, path, length, failed, count)) in kinds.iter().enumerate() {
            let phases: &[_] = if *reused { &[("wait", *length)] } else { &[("connect", length / 2), ("wait", *length)] };
            let specimen = Specimen {
                name: Some(if index % 2 == 0 { "base" } else { name }),
                vantage: [None, Some("x"), Some("y z")][*vantage],
                path: [None, Some("ec2"), Some("elb,ec2"), Some("elb")][*path],
                failure: (*failed == 0).then_some("wait.closed"),
                reused: *reused,
                phases,
                ..Specimen::default()
            };
            let base = u32::try_from(index).unwrap_or(0) * 10;
            traces.extend((0..=*count).map(|id| trace(&Specimen { id: base + id, ..specimen })));
        }
        let baseline = if traces.is_empty() { Baseline::Absent } else { Baseline::Target("base".to_owned()) };
        let same_within = if tolerance == 0 { Tolerance::Spread } else { Tolerance::PerMille(tolerance) };
        let settings = Settings { resamples: 50, same_within, ..Settings::default() };
        let mut summary = summarise(&grouped(&traces), &baseline, &settings).unwrap();
        let slo = ["", "total=1", "connect.p95 = 2ms , failures=0", "failures=50%,tls=1,wait=3s"][slo].parse::<Slo>();
        summary.slo = slo.map_or(Vec::new(), |slo| slo.hold(&summary.targets));
        if wanted > 0 {
            summary.interrupt(&[Wanted { name: "base".to_owned(), tags: BTreeMap::new(), path: None, requests: wanted }]);
        }
        summary
    }
}
