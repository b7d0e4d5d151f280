//! What goes wrong on the wire is named, and its time is put where it was lost.
//!
//! Each case loses, delays or withholds one packet of one connection over a link of a known round trip, and holds the trace
//! against it: the phase that became long, the cause, how it was made good, and for how long.
//!
//! Needs the right to make network namespaces and to capture, so these tests are ignored unless asked for, and then they fail
//! where the right is missing: as root `cargo test --test loss -- --include-ignored`.

mod support;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustls::ServerConfig;
use serde_json::Value;
use support::http::{Peer, response};
use support::tls::{Certified, TlsPeer};
use wirefall::lab::link::{Conditions, Exception, Landmark, Link, Prefix, Route, Treatment};
use wirefall::time::Nanos;

const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 19, 0, 1));
const ONE_WAY: Nanos = Nanos::from_millis(10);
/// Fits into no single packet.
const LONG: usize = 40_000;
/// More than a receiver that does not read has room for.
const UPLOAD: usize = 1_000_000;

/// What the server does with its only connection.
#[derive(Clone, Copy)]
enum Serves {
    /// A short response over TLS.
    Secured,
    /// A short response in one packet.
    Short,
    /// A response of many packets.
    Long,
    /// A response whose end comes 30 ms later than its beginning.
    Late,
    /// It reads nothing for 300 ms.
    Slow,
}

/// One case: what the link does, and what the trace has to say of it.
struct Case {
    name: &'static str,
    there: Option<Exception>,
    back: Option<Exception>,
    serves: Serves,
    phase: &'static str,
    causes: &'static [&'static str],
    recovery: Option<&'static [&'static str]>,
    /// Other causes that may be seen besides, because they follow from the first.
    besides: &'static [&'static str],
    /// What it cost, in ms.
    costs: std::ops::Range<u64>,
}

const fn lose(landmark: Landmark, nth: u64) -> Exception {
    Exception { landmark, nth, treatment: Treatment::Lose }
}

const CASES: &[Case] = &[
    Case {
        name: "lost SYN",
        there: Some(lose(Landmark::Syn, 1)),
        back: None,
        serves: Serves::Short,
        phase: "connect",
        causes: &["lost_syn", "lost_syn_or_syn_ack"],
        recovery: Some(&["timeout"]),
        besides: &[],
        costs: 950..1_300,
    },
    Case {
        name: "lost SYN-ACK",
        there: None,
        back: Some(lose(Landmark::SynAck, 1)),
        serves: Serves::Short,
        phase: "connect",
        causes: &["lost_syn_ack", "lost_syn_or_syn_ack"],
        recovery: Some(&["timeout"]),
        besides: &[],
        costs: 950..1_300,
    },
    Case {
        name: "lost ClientHello",
        there: Some(lose(Landmark::ClientHello, 1)),
        back: None,
        serves: Serves::Secured,
        phase: "tls",
        causes: &["lost_client_hello"],
        recovery: Some(&["timeout", "probe"]),
        besides: &[],
        costs: 30..1_300,
    },
    Case {
        name: "lost ServerHello",
        there: None,
        back: Some(lose(Landmark::ServerHello, 1)),
        serves: Serves::Secured,
        phase: "tls",
        causes: &["lost_server_hello"],
        recovery: Some(&["timeout", "probe", "fast"]),
        besides: &[],
        costs: 10..1_300,
    },
    Case {
        name: "lost request",
        there: Some(lose(Landmark::Payload, 1)),
        back: None,
        serves: Serves::Short,
        phase: "wait",
        causes: &["lost_request"],
        recovery: Some(&["timeout", "probe"]),
        besides: &[],
        costs: 30..1_300,
    },
    Case {
        name: "lost response",
        there: None,
        back: Some(lose(Landmark::Payload, 1)),
        serves: Serves::Short,
        phase: "wait",
        causes: &["lost_response"],
        recovery: Some(&["timeout", "probe", "fast"]),
        besides: &[],
        costs: 10..1_300,
    },
    Case {
        name: "lost packet of a long response",
        there: None,
        back: Some(lose(Landmark::Payload, 3)),
        serves: Serves::Long,
        phase: "receive",
        causes: &["lost_response"],
        recovery: Some(&["fast"]),
        besides: &[],
        costs: 10..200,
    },
    Case {
        name: "lost tail of a response",
        there: None,
        back: Some(lose(Landmark::Payload, 2)),
        serves: Serves::Late,
        phase: "receive",
        causes: &["lost_response"],
        recovery: Some(&["timeout", "probe", "fast"]),
        besides: &[],
        costs: 10..1_300,
    },
    Case {
        name: "reordering",
        there: None,
        back: Some(Exception {
            landmark: Landmark::Payload,
            nth: 4,
            treatment: Treatment::Late(Nanos::from_micros(400)),
        }),
        serves: Serves::Long,
        phase: "receive",
        causes: &["reordering"],
        recovery: None,
        besides: &[],
        costs: 0..20,
    },
    Case {
        name: "zero window",
        there: None,
        back: None,
        serves: Serves::Slow,
        phase: "send",
        causes: &["zero_window"],
        recovery: None,
        besides: &["unknown_retransmission"],
        costs: 100..600,
    },
];

fn serve(serves: Serves, peer: Peer, secured: &Arc<ServerConfig>) {
    if let Serves::Secured = serves {
        let Ok(mut tls) = TlsPeer::accept(peer, secured) else { return };
        if tls.request().is_some() {
            tls.send(response("200 OK", "", "hello"));
        }
        return tls.finish();
    }
    let mut peer = peer;
    if let Serves::Slow = serves {
        thread::sleep(Duration::from_millis(300));
    }
    if peer.request().is_none() {
        return;
    }
    match serves {
        Serves::Long => peer.send(response("200 OK", "", vec![b'.'; LONG])),
        Serves::Late => {
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
            thread::sleep(Duration::from_millis(30));
            peer.send("llo");
        }
        _ => peer.send(response("200 OK", "", "hello")),
    }
    peer.finish();
}

/// The trace of one request over a link on which `case` happens.
fn trace(case: &Case) -> Value {
    let direction = |exception: Option<Exception>| Conditions {
        delay: ONE_WAY,
        exceptions: exception.into_iter().collect(),
        ..Conditions::default()
    };
    let route = Route { far: vec![Prefix::host(SERVER)], there: direction(case.there), back: direction(case.back) };
    let link = Link::lay(&[route], 1).expect("the right to make network namespaces");
    let listener = link.server().run(|| TcpListener::bind((SERVER, 0))).expect("a namespace").expect("a port");
    let to: SocketAddr = listener.local_addr().expect("an address");
    let certified = Certified::for_server("server.test", &["http/1.1"]);
    let (serves, secured) = (case.serves, certified.server());
    let serving = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a connection");
        serve(serves, Peer::new(stream), &secured);
    });
    let upload = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(upload.path(), vec![b'x'; UPLOAD]).expect("a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_wirefall"));
    command.env_clear().args(["--format", "json", "--capture", "require", "--http1.1", "-m", "8"]);
    match case.serves {
        Serves::Secured => command
            .args(["--cacert", &certified.file(), "--resolve", &format!("server.test:{}:{SERVER}", to.port())])
            .arg(format!("https://server.test:{}/", to.port())),
        Serves::Slow => command.arg("-d").arg(format!("@{}", upload.path().display())).arg(format!("http://{to}/")),
        _ => command.arg(format!("http://{to}/")),
    };
    let output = link.client().run(|| command.output().expect("the program runs")).expect("a namespace");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}: {text}{}", case.name, String::from_utf8_lossy(&output.stderr));
    serving.join().expect("the server");
    serde_json::from_str(&text).expect("a trace")
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("no number: {value}"))
}

fn check(case: &Case) -> Result<(), String> {
    let trace = trace(case);
    let wire = &trace["wire"];
    let delays = wire["delays"].as_array().cloned().unwrap_or_default();
    let fits = |delay: &&Value| {
        let recovery = delay["recovery"].as_str();
        delay["phase"] == case.phase
            && case.causes.iter().any(|cause| delay["cause"] == *cause)
            && case.recovery.is_none_or(|ways| recovery.is_some_and(|way| ways.contains(&way)))
    };
    let described = || format!("{}: phases {} wire {wire}", case.name, trace["phases"]);
    let found = delays.iter().find(fits).ok_or_else(described)?;
    let expected = |delay: &&Value| fits(delay) || case.besides.iter().any(|cause| delay["cause"] == *cause);
    let others = delays.iter().filter(|delay| !expected(delay)).count();
    let cost = number(&found["duration_ns"]) / 1_000_000;
    let phases = trace["phases"].as_array().ok_or_else(described)?;
    let phase = phases.iter().find(|phase| phase["phase"] == case.phase).ok_or_else(described)?;
    let within = number(&phase["duration_ns"]) / 1_000_000 >= cost;
    if others == 0 && within && case.costs.contains(&cost) { Ok(()) } else { Err(described()) }
}

#[test]
#[ignore = "needs network namespaces and CAP_NET_RAW"]
fn every_trouble_is_named_and_charged_to_its_phase() {
    let wrong: Vec<String> = CASES.iter().filter_map(|case| check(case).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
#[ignore = "needs network namespaces and CAP_NET_RAW"]
fn an_untroubled_connection_has_no_delays_and_a_round_trip() {
    let quiet = Case {
        name: "nothing",
        there: None,
        back: None,
        serves: Serves::Secured,
        phase: "wait",
        causes: &[],
        recovery: None,
        besides: &[],
        costs: 0..1,
    };
    let trace = trace(&quiet);
    let wire = &trace["wire"];
    assert!(wire["delays"].as_array().is_none_or(Vec::is_empty), "{wire}");
    for way in ["sent", "received"] {
        assert_eq!(number(&wire[way]["retransmitted"]), 0, "{wire}");
    }
    let round_trip = number(&wire["syn_rtt_ns"]);
    assert!((20_000_000..70_000_000).contains(&round_trip), "{wire}");
    for phase in trace["phases"].as_array().expect("phases") {
        assert_eq!(phase["evidence"], "wire", "{trace}");
    }
}
