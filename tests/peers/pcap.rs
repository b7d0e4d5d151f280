//! `wirefall pcap` and tshark on the same capture: nginx and dnsmasq on loopback, asked by curl and by wirefall.
//!
//! Where both speak of the same thing, the numbers are equal to the nanosecond, because both subtract the same two stamps.
//! What differs, and why:
//! - `tcp.analysis.initial_rtt` of tshark ends with the client's ACK, SYN to SYN-ACK is `tcp.analysis.ack_rtt` of the SYN-ACK:
//!   the trace's round trip equals the latter.
//! - `http.time` of tshark ends with the frame in which the response is complete: it equals `wait` and `receive` together.
//! - `tls.handshake.extensions_alpn_str` is what the client offers: it is the tag `offered`, not what was agreed on.
//! - The version of TLS 1.3 stands in an extension of the ServerHello; the field `tls.handshake.version` says TLS 1.2.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use wirefall::event::Phase;
use wirefall::time::Nanos;
use wirefall::trace::Trace;

use crate::certificates::{HOST, write_credentials};
use crate::dnsmasq::dnsmasq;
use crate::nginx::{long_text, nginx, tls_site, way_there};
use crate::server::{Program, directory, free_port};

const TCPDUMP: Program = Program { name: "tcpdump", package: "tcpdump" };
const TSHARK: Program = Program { name: "tshark", package: "tshark" };
const CURL: Program = Program { name: "curl", package: "curl" };

/// A running capture on loopback.
struct Tcpdump {
    child: Child,
    file: PathBuf,
}

impl Tcpdump {
    fn start(file: PathBuf, filter: &str) -> Self {
        let child = Command::new(TCPDUMP.path())
            .args(["-i", "lo", "-U", "-Z", "root", "--time-stamp-precision=nano", "-w"])
            .arg(&file)
            .arg(filter)
            .stderr(Stdio::null())
            .spawn()
            .expect("tcpdump can be run");
        let capture = Self { child, file };
        // The file's header is written when the capture is under way.
        capture.wait(|length| length >= 24);
        capture
    }

    fn wait(&self, enough: impl Fn(u64) -> bool) {
        let length = || fs::metadata(&self.file).map_or(0, |metadata| metadata.len());
        for _ in 0..500 {
            if enough(length()) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("tcpdump has written {} bytes", length());
    }

    /// Ends the capture when nothing more comes.
    fn finish(mut self) -> PathBuf {
        let mut before = u64::MAX;
        let length = || fs::metadata(&self.file).map_or(0, |metadata| metadata.len());
        while before != length() {
            before = length();
            std::thread::sleep(Duration::from_millis(300));
        }
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-INT", &pid]).status().expect("kill can be run");
        self.child.wait().expect("tcpdump ends");
        self.file.clone()
    }
}

impl Drop for Tcpdump {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The ports of the servers, by what they speak.
struct Ports {
    http: u16,
    tls: u16,
    dns: u16,
}

/// Rows of fields, as tshark sees the packets that a filter chooses.
fn tshark(file: &Path, ports: &Ports, filter: &str, fields: &[&str]) -> Vec<Vec<String>> {
    let decode = [
        format!("tcp.port=={},http", ports.http),
        format!("tcp.port=={},tls", ports.tls),
        format!("udp.port=={},dns", ports.dns),
    ];
    let output = Command::new(TSHARK.path())
        .arg("-r")
        .arg(file)
        .args(decode.iter().flat_map(|rule| ["-d", rule]))
        .args(["-Y", filter, "-T", "fields"])
        .args(fields.iter().flat_map(|field| ["-e", field]))
        .stderr(Stdio::null())
        .output()
        .expect("tshark can be run");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

fn wirefall(file: &Path) -> Vec<Trace> {
    let output = Command::new(env!("CARGO_BIN_EXE_wirefall"))
        .arg("pcap")
        .arg(file)
        // On loopback both ends are at the same place.
        .args(["--side", "client", "--format", "jsonl"])
        .output()
        .expect("wirefall can be run");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("a trace")).collect()
}

/// `0.000279000` as tshark writes seconds.
fn nanos(seconds: &str) -> Nanos {
    let (whole, decimals) = seconds.split_once('.').expect("decimals");
    let whole: u64 = whole.parse().expect("a number");
    Nanos::from_secs(whole) + Nanos::new(format!("{decimals:0<9.9}").parse().expect("a number"))
}

/// The client's port, which tells flows apart here.
fn port(trace: &Trace) -> Option<String> {
    let local = trace.connect.as_ref()?.local.as_ref()?;
    Some(local.rsplit_once(':')?.1.to_owned())
}

fn length(trace: &Trace, phase: Phase) -> Nanos {
    trace.span(phase).map_or(Nanos::ZERO, |span| span.duration)
}

fn run(program: &Path, words: &[String]) {
    let output = Command::new(program).args(words).output().expect("the client can be run");
    assert!(output.status.success(), "{} {words:?}: {output:?}", program.display());
}

/// Captures what curl and wirefall ask of nginx and dnsmasq.
fn capture() -> (PathBuf, Ports, Vec<Box<dyn std::any::Any>>) {
    let directory = directory();
    write_credentials(directory.path());
    let root = directory.path().join("www");
    fs::create_dir(&root).expect("a directory");
    fs::write(root.join("a"), "hello\n").expect("a file");
    fs::write(root.join("long"), long_text(5_000)).expect("a file");
    let ports = Ports { http: free_port(), tls: free_port(), dns: free_port() };
    let sites = format!("server {{ listen 127.0.0.1:{}; root www; }}\n", ports.http) + &tls_site(ports.tls, "");
    let file = directory.path().join("lo.pcap");
    let way = way_there(directory.path(), ports.tls);
    let web = nginx(&sites, &[ports.http, ports.tls], directory);
    let records = ["--local=/peer.test/", "--host-record=web.peer.test,127.0.0.1,37"];
    let names = dnsmasq(&records, ports.dns, crate::server::directory());

    let filter = format!("tcp port {} or tcp port {} or udp port {}", ports.http, ports.tls, ports.dns);
    let tcpdump = Tcpdump::start(file, &filter);
    let curl = CURL.path();
    let own = PathBuf::from(env!("CARGO_BIN_EXE_wirefall"));
    let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let plain = |path: &str| format!("http://127.0.0.1:{}{path}", ports.http);
    // Kept alive: two requests, one connection.
    run(&curl, &words(&["-s", &plain("/a"), &plain("/long"), "-o", "/dev/null", "-o", "/dev/null"]));
    run(&curl, &words(&["-s", "-I", &plain("/a")]));
    run(&curl, &words(&["-s", &plain("/missing")]));
    run(&own, &words(&["-s", &plain("/a")]));
    let dns = format!("127.0.0.1:{}", ports.dns);
    run(&own, &words(&["-s", "-4", "--dns-servers", &dns, &format!("http://web.peer.test:{}/a", ports.http)]));
    let secure = format!("https://{HOST}:{}/long", ports.tls);
    for flags in [&["--tls-max", "1.2", "--http1.1"][..], &["--tlsv1.3", "--http1.1"], &["--tlsv1.3", "--http2"]] {
        let flags = [&way[..], &words(flags), &words(&["-s", "-o", "/dev/null", &secure])].concat();
        run(&curl, &flags);
        run(&own, &flags);
    }
    let file = tcpdump.finish();
    (file, ports, vec![Box::new(web), Box::new(names)])
}

#[test]
#[ignore = "needs nginx, dnsmasq, curl, tcpdump, tshark and the right to capture"]
fn both_read_the_same_numbers() {
    let (file, ports, _servers) = capture();
    let traces = wirefall(&file);
    let first_of = |wanted: &str| {
        traces.iter().find(|trace| {
            port(trace).as_deref() == Some(wanted) && trace.connect.as_ref().is_some_and(|connect| !connect.reused)
        })
    };

    let streams: BTreeSet<String> =
        tshark(&file, &ports, "tcp", &["tcp.stream"]).into_iter().map(|mut row| row.remove(0)).collect();
    let flows: BTreeSet<Option<String>> = traces.iter().map(|trace| trace.subject.tags.get("flow").cloned()).collect();
    assert_eq!((flows.len(), streams.len()), (11, 11));

    let answered =
        tshark(&file, &ports, "tcp.flags.syn==1 && tcp.flags.ack==1", &["tcp.dstport", "tcp.analysis.ack_rtt"]);
    assert_eq!(answered.len(), 11);
    for row in answered {
        let trace = first_of(&row[0]).expect("a trace of this flow");
        let round_trip = trace.connect.as_ref().and_then(|connect| connect.rtt);
        assert_eq!(round_trip, Some(nanos(&row[1])), "{row:?}");
    }

    let again = tshark(&file, &ports, "tcp.analysis.retransmission", &["tcp.stream"]).len();
    let told: u64 = traces
        .iter()
        .filter_map(|trace| trace.wire.as_ref())
        .map(|wire| wire.sent.retransmitted + wire.received.retransmitted)
        .sum();
    assert_eq!(told, again as u64);

    let mut by_port: BTreeMap<String, Vec<Nanos>> = BTreeMap::new();
    for row in tshark(&file, &ports, "http.response", &["tcp.dstport", "http.time"]) {
        by_port.entry(row[0].clone()).or_default().push(nanos(&row[1]));
    }
    let mut responses = 0;
    for (port_of_flow, times) in by_port {
        let own = traces.iter().filter(|trace| port(trace).as_ref() == Some(&port_of_flow));
        let own: Vec<Nanos> = own.map(|trace| length(trace, Phase::Wait) + length(trace, Phase::Receive)).collect();
        assert_eq!(own, times, "{port_of_flow}");
        responses += times.len();
    }
    assert_eq!(responses, 6);

    let rows = tshark(&file, &ports, "dns.flags.response==1", &["dns.qry.name", "dns.time"]);
    let queries: Vec<(String, Option<Nanos>)> = traces
        .iter()
        .filter_map(|trace| trace.dns.as_ref())
        .flat_map(|dns| &dns.queries)
        .map(|query| (query.question.name.clone(), query.duration))
        .collect();
    let rows: Vec<(String, Option<Nanos>)> =
        rows.into_iter().map(|row| (row[0].clone(), Some(nanos(&row[1])))).collect();
    assert_eq!((&queries, rows.len()), (&rows, 1));

    let hellos = tshark(
        &file,
        &ports,
        "tls.handshake.type==1",
        &["tcp.srcport", "tls.handshake.extensions_server_name", "tls.handshake.extensions_alpn_str"],
    );
    assert_eq!(hellos.len(), 6);
    for row in hellos {
        let tags = &first_of(&row[0]).expect("a trace of this flow").subject.tags;
        assert_eq!((tags.get("sni"), tags.get("offered")), (Some(&row[1]), Some(&row[2])), "{row:?}");
    }
    let chosen =
        tshark(&file, &ports, "tls.handshake.type==2", &["tcp.dstport", "tls.handshake.extensions.supported_version"]);
    assert_eq!(chosen.len(), 6);
    for row in chosen {
        let trace = first_of(&row[0]).expect("a trace of this flow");
        let session = trace.tls.as_ref().and_then(|tls| tls.session.as_ref()).expect("a session");
        let expect = if row.get(1).is_some_and(|version| version == "0x0304") { "TLSv1.3" } else { "TLSv1.2" };
        assert_eq!(session.version, expect, "{row:?}");
    }
    // What is encrypted is one exchange each: nothing of the handshake, of tickets or of HTTP/2's frames is taken for one.
    let hidden = traces.iter().filter(|trace| trace.subject.url == format!("https://{HOST}:{}/", ports.tls)).count();
    assert_eq!(hidden, 6, "{:?}", traces.iter().map(|trace| &trace.subject.url).collect::<Vec<_>>());
}
