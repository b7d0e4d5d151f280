//! What holds of every trace, whatever happened, and of every failed one.

use wirefall::event::{DnsSource, FailureCode, Phase};
use wirefall::time::Nanos;
use wirefall::trace::Trace;

/// Phases are contiguous and sum to the total, none is there that did not happen, and JSON gives the same trace back.
pub fn check(trace: &Trace) {
    let json = serde_json::to_string(trace).expect("a trace has a JSON form");
    let again: Trace = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error} in {json}"));
    assert_eq!(&again, trace, "read back from {json}");

    let mut end = Nanos::ZERO;
    let mut happened: Vec<Phase> = Vec::new();
    for span in trace.timeline.spans() {
        assert_eq!(span.start, end, "{} begins where the phase before it ended: {json}", span.phase);
        assert!(happened.last() < Some(&span.phase), "{} is in wire order: {json}", span.phase);
        end = span.end();
        happened.push(span.phase);
    }
    let sum: Nanos = trace.timeline.spans().map(|span| span.duration).sum();
    assert_eq!((sum, end), (trace.total(), trace.total()), "{json}");

    // A stamp of the kernel's may lie beyond the last boundary by the error of the clocks' offset.
    let within = |at: Nanos| at <= trace.total() + Nanos::from_millis(1);
    assert!(trace.dns.iter().flat_map(|dns| &dns.queries).all(|query| within(query.start)), "{json}");
    assert!(trace.connect.iter().flat_map(|connect| &connect.attempts).all(|attempt| within(attempt.start)), "{json}");

    let has = |phase| happened.contains(&phase);
    let reused = trace.connect.as_ref().is_some_and(|connect| connect.reused);
    let asked = trace.dns.as_ref().is_some_and(|dns| dns.source == DnsSource::Network);
    assert!(!has(Phase::Blocked), "nothing was scheduled: {json}");
    assert!(!has(Phase::Dns) || asked, "dns without a query: {json}");
    assert!(!(has(Phase::Connect) && reused), "connect on a reused connection: {json}");
    assert!(
        !(has(Phase::Tls) && (reused || trace.subject.url.starts_with("http:"))),
        "tls without a handshake: {json}"
    );
    match trace.failure() {
        None => {
            assert!(has(Phase::Send) && has(Phase::Wait) && has(Phase::Receive), "a complete trace: {json}");
            assert_eq!(has(Phase::Connect), !reused, "{json}");
            assert!(trace.response.is_some() && trace.request.is_some(), "{json}");
        }
        Some(failure) => {
            assert_eq!(happened.last(), Some(&failure.phase), "a failure ends its phase: {json}");
            assert!(failure.phase < Phase::Receive || has(Phase::Wait), "receive without wait: {json}");
            assert!(failure.phase < Phase::Wait || has(Phase::Send), "wait without send: {json}");
        }
    }
}

/// What a failed trace must show: its code and the exit status of that, and exactly these phases, the last of which is the
/// one that failed.
pub fn check_failure(what: &str, trace: &Trace, code: FailureCode, exit_status: u8, phases: &[Phase]) {
    let failure = trace.failure().unwrap_or_else(|| panic!("{what} did not fail: {trace:?}"));
    let happened: Vec<Phase> = trace.timeline.spans().map(|span| span.phase).collect();
    let got = (failure.code, failure.code.exit_status(), happened.as_slice());
    assert_eq!(got, (code, exit_status, phases), "{what}: {failure}: {trace:?}");
    let connected = phases.last() > Some(&Phase::Connect);
    let remote = trace.connect.as_ref().and_then(|connect| connect.remote.as_ref());
    assert_eq!(remote.is_some(), connected, "{what}: who was it that failed? {trace:?}");
}
