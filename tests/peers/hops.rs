//! Hops side by side with tcptraceroute and mtr, in a lab of five namespaces with known delays.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::process::Command;
use std::time::Duration;

use wirefall::hops::{Leg, LegKind, Rounds, find_hops};
use wirefall::lab::link::INTERFACE;
use wirefall::probe::Interrupt;

#[path = "../support/five.rs"]
mod five;

use five::{Family, Five, IcmpLimits};

/// The address at each time to live, and its best round trip in milliseconds; silent hops are missing.
type Path = BTreeMap<u8, (IpAddr, f64)>;

/// What two programs may differ by: mtr's and tcptraceroute's clocks are this process's, ours are the kernel's, and the
/// machine is busy.
const SLACK_MS: f64 = 25.0;

fn output_of(lab: &Five, program: &str, package: &str, words: &[&str]) -> String {
    let run = || Command::new(program).args(words).env("LC_ALL", "C").output();
    let output = lab.client().run(run).expect("the client's namespace");
    let output = output.unwrap_or_else(|error| panic!("{program} (package {package}) cannot be run: {error}"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program} {words:?}: {said}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn ours(lab: &Five, family: Family, port: u16) -> Path {
    let leg = Leg { source: Some(family.client()), destination: (family.server(), port).into(), kind: LegKind::Direct };
    let found = lab.client().run(|| find_hops(&leg, None, Rounds::default(), &Interrupt::new()));
    let found = found.expect("the client's namespace").expect("the right to open raw sockets");
    let answered = found.hops.iter().filter_map(|hop| {
        let best = Duration::from(hop.round_trips?.best);
        Some((hop.ttl, (hop.address?, best.as_secs_f64() * 1e3)))
    });
    answered.collect()
}

/// ` 3  10.9.3.3  30.321 ms  30.300 ms *`
fn by_tcptraceroute(lab: &Five, family: Family, port: u16) -> Path {
    let (source, server, port) = (family.client().to_string(), family.server().to_string(), port.to_string());
    let words = ["-n", "-i", INTERFACE, "-s", &source, "-q", "3", "-w", "1", "-m", "8", &server, &port];
    let text = output_of(lab, "tcptraceroute", "tcptraceroute", &words);
    let hop = |line: &str| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let address = words.get(1)?.parse().ok()?;
        let times = words.windows(2).filter(|pair| pair[1] == "ms").filter_map(|pair| pair[0].parse().ok());
        Some((words[0].parse().ok()?, (address, times.reduce(f64::min)?)))
    };
    text.lines().filter_map(hop).collect()
}

fn by_mtr(lab: &Five, family: Family, port: u16) -> Path {
    let (source, server, port) = (family.client().to_string(), family.server().to_string(), port.to_string());
    let words = ["--tcp", "--port", &port, "--report", "--json", "-n", "-c", "3", "-Z", "2", "-a", &source, &server];
    let text = output_of(lab, "mtr", "mtr-tiny", &words);
    let report: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let hubs = report["report"]["hubs"].as_array().unwrap_or_else(|| panic!("no hubs: {text}"));
    let hop = |hub: &serde_json::Value| {
        let ttl = u8::try_from(hub["count"].as_u64()?).ok()?;
        Some((ttl, (hub["host"].as_str()?.parse().ok()?, hub["Best"].as_f64()?)))
    };
    hubs.iter().filter_map(hop).collect()
}

#[track_caller]
fn check(family: Family, ours: &Path, theirs: &Path, whose: &str) {
    let addresses = |path: &Path| path.iter().map(|(ttl, (address, _))| (*ttl, *address)).collect::<Vec<_>>();
    assert_eq!(addresses(ours), addresses(theirs), "{family:?}: wirefall and {whose}");
    for (ttl, (_, best)) in ours {
        let other = theirs[ttl].1;
        assert!((best - other).abs() < SLACK_MS, "{family:?}, ttl {ttl}: {best} ms, {whose} {other} ms");
    }
}

#[test]
#[ignore = "needs network namespaces, CAP_NET_RAW, tcptraceroute and mtr"]
#[expect(clippy::print_stderr, reason = "figures side by side, for those who want to see them")]
fn others_find_the_same_hops_as_far_away() {
    for family in Family::BOTH {
        let lab = Five::build(IcmpLimits::None);
        let site = lab.serve(family);
        let port = site.address().port();
        let ours = ours(&lab, family, port);
        assert_eq!(ours.keys().copied().collect::<Vec<_>>(), [1, 3, 4]);
        let mtr = by_mtr(&lab, family, port);
        eprintln!("wirefall {ours:?}\nmtr      {mtr:?}");
        check(family, &ours, &mtr, "mtr");
        // tcptraceroute knows IPv4 only.
        if family == Family::V4 {
            let theirs = by_tcptraceroute(&lab, family, port);
            eprintln!("tcptrace {theirs:?}");
            check(family, &ours, &theirs, "tcptraceroute");
        }
    }
}
