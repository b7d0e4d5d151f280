//! What end-to-end tests share: traces made from command lines, and servers with known faults and delays.

#![allow(dead_code, reason = "each test program uses its part")]

use std::ffi::OsString;

use wirefall::cli::args::{self, Command, Environment, Output, ProcessInputs};
use wirefall::probe::{Interrupt, Probe, Traced};
use wirefall::target::Plan;
use wirefall::trace::Trace;

/// The plan of a command line such as `-k https://localhost:1/`, without anything of this process's environment.
pub fn plan(words: &[&str]) -> (Plan, Output) {
    let argv = ["wirefall", "trace"].iter().chain(words).map(OsString::from);
    let Command::Trace(args) = args::parse(argv).expect("the test's arguments fit") else {
        panic!("trace was asked for");
    };
    args.resolve(&Environment::from_iter(Vec::<(OsString, OsString)>::new()), &ProcessInputs).expect("a plan")
}

/// What becomes of the only target of a command line, and the body of its last response.
pub fn traced(words: &[&str]) -> (Traced, Vec<u8>) {
    let (plan, _) = plan(words);
    let probe = Probe::new(&plan, Interrupt::new()).expect("a probe");
    let mut body = Vec::new();
    let traced = probe.trace(&plan.targets[0], Some(&mut body));
    (traced, body)
}

/// The only trace of a command line.
pub fn trace(words: &[&str]) -> Trace {
    let (traced, _) = traced(words);
    let [trace] = <[Trace; 1]>::try_from(traced.traces).expect("one trace");
    trace
}
