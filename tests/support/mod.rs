//! What end-to-end tests share: traces made from command lines, and servers with known faults and delays.

#![allow(dead_code, unreachable_pub, reason = "each test program uses its part")]

pub mod blackhole;
pub mod dns;
pub mod doh;
pub mod origin;
pub mod secure;

use std::ffi::OsString;

use wirefall::cli::args::{self, Command, Environment, Output, ProcessInputs};
use wirefall::event::Evidence;
use wirefall::probe::{Interrupt, Probe, Traced};
use wirefall::target::Plan;
use wirefall::time::Nanos;
use wirefall::trace::Trace;

/// The best witness that the client has of its own sockets on this platform.
pub const BEST_WITNESS: Evidence =
    if cfg!(all(target_os = "linux", not(wirefall_portable))) { Evidence::Kernel } else { Evidence::User };

/// The plan of a command line such as `-k https://localhost:1/`, without anything of this process's environment.
pub fn plan(words: &[&str]) -> (Plan, Output) {
    plan_within(&[], words)
}

/// The plan of a command line in an environment of these variables.
pub fn plan_within(variables: &[(&str, &str)], words: &[&str]) -> (Plan, Output) {
    let words = ["wirefall", "trace"].iter().chain(words).map(OsString::from);
    let Command::Trace(args) = args::parse(words).expect("the test's arguments fit") else {
        panic!("trace was asked for");
    };
    let environment = variables.iter().copied().collect::<Environment>();
    args.resolve(&environment, &ProcessInputs).expect("a plan")
}

/// What becomes of the only target of a command line, and the body of its last response.
pub fn traced(words: &[&str]) -> (Traced, Vec<u8>) {
    run(&plan(words).0)
}

fn run(plan: &Plan) -> (Traced, Vec<u8>) {
    let probe = Probe::new(plan, Interrupt::new()).expect("a probe");
    let mut body = Vec::new();
    let traced = probe.trace(&plan.targets[0], Some(&mut body));
    (traced, body)
}

/// The only trace of a command line.
pub fn trace(words: &[&str]) -> Trace {
    trace_within(&[], words)
}

/// The only trace of a command line in an environment of these variables.
pub fn trace_within(variables: &[(&str, &str)], words: &[&str]) -> Trace {
    let (traced, _) = run(&plan_within(variables, words).0);
    let [trace] = <[Trace; 1]>::try_from(traced.traces).expect("one trace");
    assert_well_formed(&trace);
    trace
}

/// Phases are contiguous and sum to the total, everything in them lies within the trace, and its JSON can be read back.
pub fn assert_well_formed(trace: &Trace) {
    let mut end = Nanos::ZERO;
    for span in trace.timeline.spans() {
        assert_eq!(span.start, end, "{trace:#?}");
        end = span.end();
    }
    assert_eq!(end, trace.total(), "{trace:#?}");
    assert_eq!(trace.timeline.spans().map(|span| span.duration).sum::<Nanos>(), trace.total(), "{trace:#?}");
    // A stamp of the kernel's may lie beyond the last boundary by the error of the clocks' offset.
    let within = |at: Nanos| at <= trace.total() + Nanos::from_millis(1);
    assert!(trace.dns.iter().flat_map(|dns| &dns.queries).all(|query| within(query.start)), "{trace:#?}");
    assert!(
        trace.connect.iter().flat_map(|connect| &connect.attempts).all(|attempt| within(attempt.start)),
        "{trace:#?}"
    );
    let text = serde_json::to_string(trace).expect("JSON");
    assert_eq!(&serde_json::from_str::<Trace>(&text).expect("a trace"), trace);
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
