//! Live capture from end to end: what is traced on loopback rests on its own packets.
//!
//! Opening a packet socket needs `CAP_NET_RAW`. The tests are ignored unless asked for; where they are asked for without that
//! privilege, they fail:
//!
//! ```text
//! cargo test --test capture -- --include-ignored
//! ```

mod support;

use std::fs;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use support::dns::{Asked, DnsServer, Says};
use support::h2::{Afterwards, H2Server};
use support::http::{Log, Server, answering, response};
use support::refusing::Refusing;
use support::tls::{Authority, Certified, Terms, TlsPeer, Validity};
use support::{has_ipv6, plan, well_formed};
use wirefall::capture::{Capture, Depth, Privilege};
use wirefall::event::{Evidence, Phase};
use wirefall::flow::Keep;
use wirefall::packet::file::CaptureReader;
use wirefall::probe::{Interrupt, Probe, Watcher};
use wirefall::time::Nanos;
use wirefall::trace::Trace;

const NEEDED: &str = "this test needs CAP_NET_RAW, which it was asked for with --include-ignored";

/// A capture of this test's own.
fn capture(depth: Depth) -> Arc<Capture> {
    Arc::new(Capture::open(depth, Privilege::Keep).expect(NEEDED))
}

/// The traces of a command line's only target, watched.
fn watched(capture: &Arc<Capture>, words: &[&str]) -> Vec<Trace> {
    let (plan, _) = plan(words);
    let watcher = Watcher { tap: Arc::<Capture>::clone(capture), keep: Keep::Packets };
    let probe = Probe::watched_by(watcher, &plan, Interrupt::new()).expect("a probe");
    let traces = probe.trace(&plan.targets[0], None).traces;
    traces.iter().for_each(well_formed::check);
    traces
}

fn watched_once(words: &[&str]) -> Trace {
    let [trace] = <[Trace; 1]>::try_from(watched(&capture(Depth::Headers), words)).expect("one trace");
    trace
}

/// A trace as others read it.
fn json(trace: &Trace) -> Value {
    serde_json::to_value(trace).expect("a trace can be written")
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("no number: {value}"))
}

/// Every phase that there is rests on packets, and only those that are meant to be are there.
fn check_evidence(trace: &Trace, phases: &[Phase]) {
    assert!(trace.failure().is_none(), "{trace:?}");
    assert_eq!(trace.timeline.spans().map(|span| span.phase).collect::<Vec<_>>(), phases, "{trace:?}");
    for span in trace.timeline.spans() {
        assert_eq!(span.evidence, Evidence::Wire, "{}: {trace:?}", span.phase);
        assert!(span.error < Nanos::from_millis(1), "{}: {trace:?}", span.phase);
    }
    let wire = &json(trace)["wire"];
    assert_eq!((&wire["interface"], &wire["side"]), (&Value::from("lo"), &Value::from("client")), "{wire}");
    assert!(number(&wire["captured"]) > 0, "{wire}");
    assert_eq!(number(&wire["dropped"]), 0, "{wire}");
}

/// The times of the connection's packets that fit, from the trace's start.
fn packets(trace: &Trace, direction: &str, fits: impl Fn(&Value) -> bool) -> Vec<u64> {
    let trace = json(trace);
    let rows = trace["wire"]["packets"].as_array().expect("a list of packets");
    let fitting = rows.iter().filter(|row| row["direction"] == direction && fits(row));
    fitting.map(|row| number(&row["at_ns"])).collect()
}

fn end(trace: &Trace, phase: Phase) -> u64 {
    trace.span(phase).unwrap_or_else(|| panic!("no {phase} in {trace:?}")).end().get()
}

fn has_payload(row: &Value) -> bool {
    number(&row["bytes"]) > 0
}

#[test]
#[ignore = "needs CAP_NET_RAW"]
fn boundaries_are_the_stamps_of_their_packets() {
    let server = Server::start(|mut peer, _| {
        if peer.request().is_some() {
            peer.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n");
            thread::sleep(Duration::from_millis(5));
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n");
            thread::sleep(Duration::from_millis(5));
            peer.send("\r\n");
            thread::sleep(Duration::from_millis(5));
            peer.send("he");
            thread::sleep(Duration::from_millis(5));
            peer.send("llo");
        }
        peer.finish();
    });
    let trace = watched_once(&[&server.url("/")]);
    check_evidence(&trace, &[Phase::Connect, Phase::Send, Phase::Wait, Phase::Receive]);
    let flags = |flags: &'static str| move |row: &Value| row["flags"] == flags;
    assert_eq!(packets(&trace, "sent", flags("S")), [0]);
    assert_eq!(packets(&trace, "received", flags("SA")), [end(&trace, Phase::Connect)]);
    assert_eq!(packets(&trace, "sent", has_payload), [end(&trace, Phase::Send)]);
    let [hint, first, head, body, last] = packets(&trace, "received", has_payload)[..] else { panic!("{trace:?}") };
    let response = trace.response.as_ref().expect("a response");
    assert_eq!(response.informational.iter().map(|hint| hint.at.get()).collect::<Vec<_>>(), [hint]);
    assert_eq!(end(&trace, Phase::Wait), first);
    assert_eq!(response.head_complete, Some(Nanos::new(head)));
    assert_eq!(response.first_body_byte, Some(Nanos::new(body)));
    assert_eq!(end(&trace, Phase::Receive), last);
}

#[test]
#[ignore = "needs CAP_NET_RAW"]
fn names_handshakes_and_frames_rest_on_packets_too() {
    let certified = Certified::for_server("server.test", &["h2"]);
    let server = H2Server::start(Some(certified.server()), Afterwards::Serve, |_, mut answer| async move {
        let mut body = answer.send_response(support::h2::head(200), false).expect("a stream");
        body.send_data(bytes::Bytes::from_static(b"hello"), true).expect("a stream");
    });
    let names = DnsServer::start(|_: &Asked| vec![Says::Addresses(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]).now()]);
    let (file, asked) = (certified.file(), names.address.to_string());
    let trace = watched_once(&["-4", "--cacert", &file, "--dns-servers", &asked, &server.https("/")]);
    let all = [Phase::Dns, Phase::Connect, Phase::Tls, Phase::Send, Phase::Wait, Phase::Receive];
    check_evidence(&trace, &all);
    // The first packet is the query: the connection's SYN comes after the answer.
    let [syn] = packets(&trace, "sent", |row| row["flags"] == "S")[..] else { panic!("{trace:?}") };
    assert!(syn >= end(&trace, Phase::Dns), "{trace:?}");
    let query = &trace.dns.as_ref().expect("a lookup").queries[0];
    assert_eq!((query.start, query.duration), (Nanos::ZERO, trace.span(Phase::Dns).map(|dns| dns.duration)));
    let (sent, received) = (packets(&trace, "sent", has_payload), packets(&trace, "received", has_payload));
    let tls = trace.tls.as_ref().expect("a handshake");
    let nanos = |at: Option<Nanos>| at.expect("a mark").get();
    assert_eq!(nanos(tls.client_hello), sent[0]);
    assert_eq!(nanos(tls.server_hello), received[0]);
    let finished = nanos(tls.finished);
    assert!(sent.contains(&finished) && finished == end(&trace, Phase::Tls), "{trace:?}");
    for phase in [Phase::Send, Phase::Wait, Phase::Receive] {
        let packets = if phase == Phase::Send { &sent } else { &received };
        assert!(packets.contains(&end(&trace, phase)), "{phase}: {trace:?}");
    }
}

#[test]
#[ignore = "needs CAP_NET_RAW"]
fn queries_over_tcp_rest_on_packets_too() {
    let log = Log::default();
    let server = answering(&log, |_| response("200 OK", "", "hello"));
    let names = DnsServer::start(|asked: &Asked| {
        let says = match asked.carrier {
            support::dns::Carrier::Udp => Says::Truncated,
            _ => Says::Addresses(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]),
        };
        vec![says.after(Duration::from_millis(5))]
    });
    let (asked, url) = (names.address.to_string(), format!("http://server.test:{}/", server.port()));
    let trace = watched_once(&["-4", "--dns-servers", &asked, &url]);
    check_evidence(&trace, &[Phase::Dns, Phase::Connect, Phase::Send, Phase::Wait, Phase::Receive]);
    let [udp, tcp] = &trace.dns.as_ref().expect("a lookup").queries[..] else { panic!("{trace:?}") };
    let took = udp.duration.expect("an answer");
    assert!(took >= Nanos::from_millis(5) && tcp.start >= udp.start + took, "{trace:?}");
    assert_eq!((tcp.start + tcp.duration.expect("an answer")).get(), end(&trace, Phase::Dns));
}

#[test]
#[ignore = "needs CAP_NET_RAW"]
fn a_kept_connection_stays_watched() {
    let log = Log::default();
    let server = answering(&log, |_| {
        thread::sleep(Duration::from_millis(10));
        response("200 OK", "", "hello")
    });
    let traces = watched(&capture(Depth::Headers), &["--reuse", &server.url("/")]);
    let [cold, warm] = &traces[..] else { panic!("{traces:?}") };
    check_evidence(cold, &[Phase::Connect, Phase::Send, Phase::Wait, Phase::Receive]);
    assert_eq!(
        warm.timeline.spans().map(|span| span.phase).collect::<Vec<_>>(),
        [Phase::Send, Phase::Wait, Phase::Receive]
    );
    // The start is when this process turned to the connection; everything after it rests on packets of this request alone.
    for phase in [Phase::Wait, Phase::Receive] {
        assert_eq!(warm.span(phase).map(|span| span.evidence), Some(Evidence::Wire), "{warm:?}");
    }
    assert_eq!(packets(warm, "sent", has_payload), [end(warm, Phase::Send)]);
    assert_eq!(packets(warm, "received", has_payload), [end(warm, Phase::Receive)]);
    assert!(packets(warm, "sent", |row| row["flags"] == "S").is_empty(), "{warm:?}");
}

#[test]
#[ignore = "needs CAP_NET_RAW"]
fn wire_and_kernel_agree_within_what_a_machine_may_be_late() {
    const ROUNDS: usize = 15;
    const WAIT: Duration = Duration::from_millis(20);
    let log = Log::default();
    let server = answering(&log, |_| {
        thread::sleep(WAIT);
        response("200 OK", "", "hello")
    });
    let capture = capture(Depth::Headers);
    let url = server.url("/");
    let mut by_wire = Vec::new();
    let mut by_kernel = Vec::new();
    for _ in 0..ROUNDS {
        let wait = |trace: &Trace| trace.span(Phase::Wait).expect("a wait").duration;
        let watched = &watched(&capture, &[&url])[0];
        check_evidence(watched, &[Phase::Connect, Phase::Send, Phase::Wait, Phase::Receive]);
        by_wire.push(wait(watched));
        by_kernel.push(wait(&support::trace(&[&url])));
    }
    by_wire.sort_unstable();
    by_kernel.sort_unstable();
    let (wire, kernel) = (by_wire[ROUNDS / 2], by_kernel[ROUNDS / 2]);
    assert!(wire >= Nanos::from(WAIT) && kernel >= Nanos::from(WAIT), "{by_wire:?} {by_kernel:?}");
    let apart = wire.saturating_sub(kernel) + kernel.saturating_sub(wire);
    assert!(apart < Nanos::from_millis(5), "{by_wire:?} {by_kernel:?}");
}

/// The client is stopped while the answer comes, so that it reads in one go what came in three.
#[test]
#[ignore = "needs CAP_NET_RAW"]
fn a_first_byte_that_is_read_late_with_what_followed_it_has_its_own_time() {
    const PAUSE: Duration = Duration::from_millis(60);
    let authority = Authority::new("an authority");
    let identity = authority.issue("server.test", Validity::Now);
    let config = Terms::of(&identity).config();
    let client = Arc::new(AtomicU32::new(0));
    let its_pid = Arc::clone(&client);
    let server = Server::start(move |peer, _| {
        let mut tls = TlsPeer::new(peer, &config);
        // The tickets wait for the response, as they do in servers that gather what they write.
        while tls.session.is_handshaking() {
            assert!(tls.hear(), "a handshake");
            if tls.session.is_handshaking() {
                tls.flush();
            }
        }
        if tls.request().is_none() {
            return;
        }
        let pid = its_pid.load(Ordering::Acquire);
        signal("STOP", pid);
        while !is_stopped(pid) {
            thread::sleep(Duration::from_millis(1));
        }
        let head = tls.seal("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
        tls.peer.send(&head);
        thread::sleep(PAUSE);
        let body = tls.seal("hello");
        tls.peer.send(&body);
        thread::sleep(PAUSE);
        signal("CONT", pid);
        tls.finish();
    });
    let (file, resolve, url) = (authority.file(), server.resolve(), server.https("/"));
    let words = ["--capture", "require", "--format", "json", "--cacert", &file, "--resolve", &resolve, &url];
    let child = wirefall(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program");
    client.store(child.id(), Ordering::Release);
    let trace = only_trace(&child.wait_with_output().expect("its end"));
    let phase = |name: &str| {
        let phases = trace["phases"].as_array().expect("phases");
        phases.iter().find(|phase| phase["phase"] == name).unwrap_or_else(|| panic!("no {name}: {trace}")).clone()
    };
    let (receive, pause) = (phase("receive"), Nanos::from(PAUSE).get());
    assert_eq!(
        (&receive["evidence"], &phase("wait")["evidence"]),
        (&Value::from("wire"), &Value::from("wire")),
        "{trace}"
    );
    assert!(number(&receive["duration_ns"]) >= pause, "{trace}");
    let response = &trace["response"];
    let (head, body) = (number(&response["head_complete_ns"]), number(&response["first_body_byte_ns"]));
    assert!(body - head >= pause, "{trace}");
    assert_eq!(head, number(&receive["start_ns"]), "{trace}");
}

#[test]
#[ignore = "needs CAP_NET_RAW"]
fn fifty_traces_lose_nothing_and_leave_nothing() {
    let log = Log::default();
    let server = answering(&log, |_| response("200 OK", "", vec![b'x'; 300_000]));
    let capture = capture(Depth::Headers);
    for _ in 0..50 {
        let [trace] = <[Trace; 1]>::try_from(watched(&capture, &[&server.url("/")])).expect("one trace");
        check_evidence(&trace, &[Phase::Connect, Phase::Send, Phase::Wait, Phase::Receive]);
    }
    let [count] = &capture.counts()[..] else { panic!("one interface") };
    assert_eq!((count.interface.as_str(), count.dropped, count.left_out), ("lo", 0, 0));
    // The connection of the last trace is closed, and has been asked about; the next trace forgets it.
    assert!(count.kept < 1_000, "{count:?}");
}

#[test]
#[ignore = "needs CAP_NET_RAW"]
fn a_large_body_loses_nothing() {
    let log = Log::default();
    let body = vec![b'x'; 64 * 1_024 * 1_024];
    let server = answering(&log, move |_| response("200 OK", "", &body));
    for depth in [Depth::Headers, Depth::Whole] {
        let traces = watched(&capture(depth), &[&server.url("/")]);
        check_evidence(&traces[0], &[Phase::Connect, Phase::Send, Phase::Wait, Phase::Receive]);
    }
}

#[test]
#[ignore = "needs CAP_NET_RAW"]
fn ipv6_is_watched_too() {
    if !has_ipv6() {
        return;
    }
    let listener = TcpListener::bind("[::1]:0").expect("a port");
    let url = format!("http://[::1]:{}/", listener.local_addr().expect("an address").port());
    let serving = thread::spawn(move || {
        let (mut tcp, _) = listener.accept().expect("a client");
        support::http::read_request(&mut tcp).expect("a request");
        std::io::Write::write_all(&mut tcp, &response("200 OK", "", "hello")).expect("a client that listens");
        let _ = tcp.read(&mut [0]);
    });
    let trace = watched_once(&[&url]);
    check_evidence(&trace, &[Phase::Connect, Phase::Send, Phase::Wait, Phase::Receive]);
    serving.join().expect("a server");
}

/// Its packets are those of IPv4.
#[test]
#[ignore = "needs CAP_NET_RAW"]
fn an_ipv4_address_in_ipv6_is_watched_too() {
    if !has_ipv6() {
        return;
    }
    let log = Log::default();
    let server = answering(&log, |_| response("200 OK", "", "hello"));
    let trace = watched_once(&[&format!("http://[::ffff:127.0.0.1]:{}/", server.port())]);
    check_evidence(&trace, &[Phase::Connect, Phase::Send, Phase::Wait, Phase::Receive]);
}

/// The proxy's bytes are the first of the stream.
#[test]
#[ignore = "needs CAP_NET_RAW"]
fn what_goes_through_a_tunnel_rests_on_packets_too() {
    const PAUSE: Duration = Duration::from_millis(5);
    let certified = Certified::for_server("server.test", &["http/1.1"]);
    let secured = certified.server();
    let proxy = Server::start(move |mut peer, _| {
        assert!(peer.request().is_some(), "a CONNECT");
        thread::sleep(PAUSE);
        peer.send("HTTP/1.1 200 Connection established\r\n\r\n");
        let Ok(mut tls) = TlsPeer::accept(peer, &secured) else { return };
        if tls.request().is_some() {
            thread::sleep(PAUSE);
            tls.send(response("200 OK", "", "hello"));
            tls.finish();
        }
    });
    let (address, file) = (format!("127.0.0.1:{}", proxy.port()), certified.file());
    let trace = watched_once(&["-x", &address, "--cacert", &file, "https://server.test/"]);
    check_evidence(&trace, &[Phase::Connect, Phase::Tls, Phase::Send, Phase::Wait, Phase::Receive]);
    let (sent, received) = (packets(&trace, "sent", has_payload), packets(&trace, "received", has_payload));
    assert_eq!(end(&trace, Phase::Connect), received[0]);
    let tls = trace.tls.as_ref().expect("a handshake");
    assert_eq!([tls.client_hello, tls.server_hello], [sent[1], received[1]].map(|at| Some(Nanos::new(at))));
    assert_eq!(Some(&end(&trace, Phase::Send)), sent.last());
    let wait = trace.span(Phase::Wait).expect("a wait").duration;
    assert!(wait >= Nanos::from(PAUSE) && received.contains(&end(&trace, Phase::Wait)), "{trace:?}");
}

#[test]
#[ignore = "needs CAP_NET_RAW"]
fn every_attempt_of_a_race_is_watched() {
    let ([hole], listener) = support::blackhole::BlackHole::at(["127.0.0.2"], "127.0.0.1");
    let port = hole.address.port();
    let serving = thread::spawn(move || {
        let (mut tcp, _) = listener.accept().expect("a client");
        support::http::read_request(&mut tcp).expect("a request");
        std::io::Write::write_all(&mut tcp, &response("200 OK", "", "hello")).expect("a client that listens");
        let _ = tcp.read(&mut [0]);
    });
    let resolve = format!("server.test:{port}:127.0.0.2,127.0.0.1");
    let url = format!("http://server.test:{port}/");
    let capture = capture(Depth::Whole);
    let words = ["--happy-eyeballs-timeout-ms", "50", "--resolve", &resolve, &url];
    let trace = watched(&capture, &words).remove(0);
    check_evidence(&trace, &[Phase::Connect, Phase::Send, Phase::Wait, Phase::Receive]);
    let attempts = &trace.connect.as_ref().expect("a connection").attempts;
    assert!(attempts.len() == 2 && attempts[0].start == Nanos::ZERO, "{trace:?}");
    // The winner's SYN is its attempt's start; the loser's went unanswered, and is in the file all the same.
    assert_eq!(packets(&trace, "sent", |row| row["flags"] == "S"), [attempts[1].start.get()]);
    let syns = file(&capture).into_iter().filter(|(_, bytes)| bytes[33] == 0x02).count();
    assert_eq!(syns, 2);
    serving.join().expect("a server");
}

/// The packets of a capture's file, each with its comments.
fn file(capture: &Capture) -> Vec<(Vec<String>, Vec<u8>)> {
    let written = capture.write(Vec::new()).expect("a file");
    read_file(&written)
}

fn read_file(bytes: &[u8]) -> Vec<(Vec<String>, Vec<u8>)> {
    let mut reader = CaptureReader::open(bytes).expect("a capture file");
    let mut packets = Vec::new();
    while let Some(packet) = reader.next().expect("a whole file") {
        packets.push((packet.options.comments().map(String::from).collect(), packet.bytes.to_vec()));
    }
    packets
}

#[test]
#[ignore = "needs CAP_NET_RAW"]
fn a_file_has_whole_packets_and_says_what_they_are() {
    let log = Log::default();
    let server = answering(&log, |_| response("200 OK", "", vec![b'x'; 5_000]));
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("trace.pcapng");
    let output = wirefall(&["--pcap", path.to_str().expect("UTF-8"), &server.url("/")]).output().expect("the program");
    assert!(output.status.success(), "{output:?}");
    let mode = fs::metadata(&path).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "TLS secrets are their owner's");
    let packets = read_file(&fs::read(&path).expect("a file"));
    let notes: Vec<&str> = packets.iter().flat_map(|(notes, _)| notes).map(String::as_str).collect();
    for (phase, count) in [("connect", 1), ("send", 1), ("wait", 1), ("receive", 1)] {
        let begins = format!("end of {phase}:");
        assert_eq!(notes.iter().filter(|note| note.starts_with(&begins)).count(), count, "{phase}: {notes:?}");
    }
    let payload: usize = packets.iter().map(|(_, bytes)| bytes.windows(2).filter(|pair| pair == b"xx").count()).sum();
    assert!(payload > 4_900, "{payload}");
    // Both have said goodbye.
    let fins = packets.iter().filter(|(_, bytes)| bytes[33] & 0x01 != 0).count();
    assert_eq!(fins, 2, "{packets:?}");
}

#[test]
#[ignore = "needs CAP_NET_RAW"]
fn what_failed_is_in_the_file_too() {
    let refusing = Refusing::new();
    let url = refusing.url();
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("trace.pcapng");
    let output = wirefall(&["--pcap", path.to_str().expect("UTF-8"), &url]).output().expect("the program");
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    let flags: Vec<u8> = read_file(&fs::read(&path).expect("a file")).iter().map(|(_, bytes)| bytes[33]).collect();
    assert_eq!(flags, [0x02, 0x14], "a SYN, and a reset that acknowledges it");
}

#[test]
#[ignore = "needs CAP_NET_RAW"]
fn what_was_interrupted_is_in_the_file_too() {
    let (asked, asking) = mpsc::channel();
    let server = Server::start(move |mut peer, _| {
        peer.request();
        // A test that has failed no longer listens.
        let _ = asked.send(());
        peer.hold();
    });
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("trace.pcapng");
    let child = wirefall(&["--pcap", path.to_str().expect("UTF-8"), &server.url("/")])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program");
    asking.recv_timeout(Duration::from_secs(10)).expect("a request");
    signal("INT", child.id());
    let output = child.wait_with_output().expect("its end");
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let packets = read_file(&fs::read(&path).expect("a file"));
    assert!(packets.iter().any(|(_, bytes)| bytes.windows(5).any(|words| words == b"GET /")), "{packets:?}");
}

#[test]
#[ignore = "needs CAP_NET_RAW"]
fn without_the_privilege_require_fails_and_auto_does_without() {
    let log = Log::default();
    let server = answering(&log, |_| response("200 OK", "", "hello"));
    let url = server.url("/");
    let unprivileged = |words: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set=-net_raw", "--inh-caps=-net_raw", env!("CARGO_BIN_EXE_wirefall")]);
        command.args(words).env_clear().output().expect("setpriv (Debian: util-linux)")
    };
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("trace.pcapng");
    for words in [&["--capture", "require"][..], &["--packets"], &["--pcap", file.to_str().expect("UTF-8")]] {
        let output = unprivileged(&[words, &[url.as_str()]].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{words:?}: {output:?}");
        assert!(said.contains("CAP_NET_RAW") && said.contains("setcap cap_net_raw+ep"), "{words:?}: {said}");
    }
    assert!(log.take().is_empty() && !file.exists(), "nothing is asked for, or written, where nothing may be captured");
    let output = unprivileged(&["--format", "json", &url]);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let trace = only_trace(&output);
    assert_eq!((&trace["phases"][0]["evidence"], &trace["wire"]), (&Value::from("kernel"), &Value::Null), "{trace}");
}

/// `wirefall trace` in an empty environment.
fn wirefall(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wirefall"));
    command.arg("trace").args(words).env_clear().stdin(Stdio::null());
    command
}

/// The only trace that a run with `--format json` printed.
fn only_trace(output: &Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    match document {
        Value::Array(mut traces) => traces.remove(0),
        trace => trace,
    }
}

fn signal(name: &str, pid: u32) {
    let status = Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status().expect("a shell");
    assert!(status.success(), "kill -{name} {pid}");
}

fn is_stopped(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
    // Behind the name, which stands in parentheses.
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
}
