//! What end-to-end tests share: traces made from command lines, and servers with known faults and delays.

#![allow(dead_code, unreachable_pub, reason = "each test program uses its part, as of a library")]

use std::ffi::OsString;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use wirefall::cli::args::{self, Command, Environment, Output, ProcessInputs};
use wirefall::event::Evidence;
use wirefall::probe::{Interrupt, Probe, Traced};
use wirefall::target::Plan;
use wirefall::trace::Trace;

pub mod blackhole;
pub mod dns;
pub mod doh;
pub mod h2;
pub mod http;
pub mod origin;
pub mod program;
pub mod refusing;
pub mod tls;
pub mod well_formed;

/// The best witness that the client has of its own sockets on this platform.
pub const BEST_WITNESS: Evidence =
    if cfg!(all(target_os = "linux", not(wirefall_portable))) { Evidence::Kernel } else { Evidence::User };

/// The plan of a command line such as `-k https://localhost:1/`, without anything of this process's environment.
pub fn plan(words: &[&str]) -> (Plan, Output) {
    plan_in(&[], words)
}

/// The plan of a command line in an environment of these variables.
pub fn plan_in(environment: &[(&str, &str)], words: &[&str]) -> (Plan, Output) {
    let argv = ["wirefall", "trace"].iter().chain(words).map(OsString::from);
    let Command::Trace(flags) = args::parse(argv).expect("the test's arguments fit") else {
        panic!("trace was asked for");
    };
    let environment: Environment = environment.iter().copied().collect();
    flags.resolve(&environment, &ProcessInputs).expect("a plan")
}

/// What becomes of the only target of a command line, and the body of its last response.
pub fn traced(words: &[&str]) -> (Traced, Vec<u8>) {
    traced_in(&[], words)
}

/// As [`traced`], in an environment of these variables.
pub fn traced_in(environment: &[(&str, &str)], words: &[&str]) -> (Traced, Vec<u8>) {
    let (plan, _) = plan_in(environment, words);
    let probe = Probe::new(&plan, Interrupt::new()).expect("a probe");
    let mut body = Vec::new();
    let traced = probe.trace(&plan.targets[0], Some(&mut body));
    traced.traces.iter().for_each(well_formed::check);
    (traced, body)
}

/// The only trace of a command line.
pub fn trace(words: &[&str]) -> Trace {
    trace_in(&[], words)
}

/// As [`trace`], in an environment of these variables.
pub fn trace_in(environment: &[(&str, &str)], words: &[&str]) -> Trace {
    let (traced, _) = traced_in(environment, words);
    let [trace] = <[Trace; 1]>::try_from(traced.traces).expect("one trace");
    trace
}

/// Whether this machine has `::1`. Where `WIREFALL_REQUIRE_IPV6` is set, a machine without it fails the test.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
pub fn has_ipv6() -> bool {
    let has = std::net::TcpListener::bind("[::1]:0").is_ok();
    if !has {
        assert!(std::env::var_os("WIREFALL_REQUIRE_IPV6").is_none(), "this machine has no ::1, which was asked for");
        eprintln!("SKIPPED: this machine has no ::1 (set WIREFALL_REQUIRE_IPV6 to make that a failure)");
    }
    has
}

/// What a command line's only trace is, and how long it took from this side.
///
/// A limit counts from the moment the client begins, and a trace from its first packet: where the machine is busy, time may
/// pass in between.
pub fn timed_trace(words: &[&str]) -> (Trace, Duration) {
    let now = || Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC).expect("a clock"));
    let before = now();
    let trace = trace(words);
    (trace, now().saturating_sub(before))
}
