//! `wirefall pcap` as a process, on captures that the tests write themselves.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use wirefall::packet::encode::{OptionBytes, between, frame};
use wirefall::packet::file::{CaptureWriter, OutgoingPacket};
use wirefall::packet::{LinkType, Tcp, TcpFlags, Transport};
use wirefall::time::Timestamp;
use wirefall::trace::Trace;

const BEGIN: u64 = 1_763_700_000_000_000_000;
const SERVER: &str = "198.51.100.7:80";

/// A capture under construction.
struct Capture {
    writer: CaptureWriter<Vec<u8>>,
    interface: u32,
}

impl Capture {
    fn new() -> Self {
        let mut writer = CaptureWriter::begin(Vec::new(), "a test").expect("a vector takes everything");
        let interface = writer.interface("eth7", LinkType::Ethernet, None).expect("a vector takes everything");
        Self { writer, interface }
    }

    fn packet(
        &mut self,
        millis: u64,
        from: SocketAddr,
        to: SocketAddr,
        flags: TcpFlags,
        numbers: [u32; 2],
        payload: &[u8],
    ) {
        let options = OptionBytes::new();
        let tcp = Tcp {
            source: from.port(),
            destination: to.port(),
            sequence: numbers[0],
            acknowledgement: numbers[1],
            flags,
            window: 1_000,
            options: options.options(),
            payload,
            payload_length: u32::try_from(payload.len()).expect("short"),
        };
        let bytes = between(from, to, Transport::Tcp(tcp)).expect("a packet");
        let bytes = frame(LinkType::Ethernet, &bytes).expect("a frame");
        let original_length = u32::try_from(bytes.len()).expect("short");
        let at = Timestamp::from_nanos(BEGIN + millis * 1_000_000);
        let packet = OutgoingPacket {
            interface: self.interface,
            at,
            direction: None,
            bytes: &bytes,
            original_length,
            comments: &[],
        };
        self.writer.packet(&packet).expect("a vector takes everything");
    }

    /// A connection from this port, begun at `start`; the server answers after `wait` more milliseconds.
    fn flow(&mut self, port: u16, start: u64, wait: u64) {
        let (client, server) = (SocketAddr::from(([10, 0, 0, 1], port)), SERVER.parse().expect("an address"));
        let request = format!("GET /{wait} HTTP/1.1\r\nHost: h.example\r\nAuthorization: Bearer secret\r\n\r\n");
        let response = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
        let sent = 1 + u32::try_from(request.len()).expect("short");
        let received = 1 + u32::try_from(response.len()).expect("short");
        let (syn, ack, fin) = (TcpFlags::SYN, TcpFlags::ACK, TcpFlags::FIN | TcpFlags::ACK);
        self.packet(start, client, server, syn, [0, 0], b"");
        self.packet(start + 20, server, client, syn | ack, [0, 1], b"");
        self.packet(start + 21, client, server, ack, [1, 1], b"");
        self.packet(start + 22, client, server, ack, [1, 1], request.as_bytes());
        self.packet(start + 22 + wait, server, client, ack, [1, sent], response);
        self.packet(start + 23 + wait, client, server, fin, [sent, received], b"");
        self.packet(start + 43 + wait, server, client, fin, [received, sent + 1], b"");
    }

    fn finish(self) -> Vec<u8> {
        self.writer.finish().expect("a vector takes everything")
    }
}

/// Three flows, the second of them the slowest.
fn three_flows() -> Vec<u8> {
    let mut capture = Capture::new();
    for (port, start, wait) in [(40_001, 0, 30), (40_002, 1_000, 300), (40_003, 2_000, 100)] {
        capture.flow(port, start, wait);
    }
    capture.finish()
}

struct Scratch(TempDir);

impl Scratch {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        path
    }
}

fn wirefall(words: &[&str], stdin: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_wirefall"))
        .args(words)
        .env_clear()
        .env("COLUMNS", "160")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program can be run");
    let mut pipe = child.stdin.take().expect("a pipe");
    // A program that refuses its arguments does not read.
    let _ = pipe.write_all(stdin);
    drop(pipe);
    child.wait_with_output().expect("its output")
}

fn pcap(file: &Path, words: &[&str]) -> Output {
    wirefall(&[&["pcap", file.to_str().expect("UTF-8")], words].concat(), b"")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

fn traces(output: &Output) -> Vec<Trace> {
    let line = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    text(&output.stdout).lines().map(line).collect()
}

#[test]
fn the_table_has_the_slowest_flow_first_and_says_what_it_leaves_out() {
    let scratch = Scratch::new();
    let file = scratch.file("a.pcapng", &three_flows());
    let output = pcap(&file, &[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let shown = text(&output.stdout);
    let rows: Vec<&str> = shown.lines().collect();
    assert_eq!(rows.len(), 4, "{shown}");
    for (row, [flow, wait, total]) in
        rows[1..].iter().zip([["2 ", "300.000", "322.000"], ["3 ", "100.000", "122.000"], ["1 ", "30.000", "52.000"]])
    {
        let row = row.trim_start();
        assert!(row.starts_with(flow) && row.contains(wait) && row.contains(total), "{shown}");
        assert!(row.contains("h.example") && row.contains("198.51.100.7:80"), "{shown}");
    }
    let short = pcap(&file, &["--rows", "1"]);
    assert!(text(&short.stdout).ends_with("1 of 3 flows, the slowest first: --rows N shows more\n"), "{short:?}");
    // At which end it was captured, and why that is assumed.
    assert!(text(&output.stderr).contains("captured at the client"), "{output:?}");
}

#[test]
fn one_flow_is_shown_phase_by_phase() {
    let scratch = Scratch::new();
    let file = scratch.file("a.pcapng", &three_flows());
    let one = pcap(&file, &["--flow", "2"]);
    let shown = text(&one.stdout);
    assert!(shown.contains("GET http://h.example/300") && !shown.contains("/100"), "{shown}");
    let all = pcap(&file, &["--all"]);
    for path in ["/30 ", "/300", "/100"] {
        assert!(text(&all.stdout).contains(path), "{all:?}");
    }
    let mut capture = Capture::new();
    capture.flow(40_000, 0, 5);
    let alone = pcap(&scratch.file("b.pcapng", &capture.finish()), &[]);
    assert!(text(&alone.stdout).contains("GET http://h.example/5"), "{alone:?}");
    let none = pcap(&file, &["--flow", "9"]);
    assert_eq!(none.status.code(), Some(1));
    assert!(text(&none.stderr).contains("no flow 9 is shown: the capture has 3"), "{none:?}");
}

#[test]
fn traces_can_be_charted_and_have_no_secrets() {
    let scratch = Scratch::new();
    let file = scratch.file("a.pcapng", &three_flows());
    let lines = pcap(&file, &["--format", "jsonl"]);
    let read = traces(&lines);
    assert_eq!(read.len(), 3);
    assert!(!text(&lines.stdout).contains("secret"), "{lines:?}");
    let document: Value = serde_json::from_str(text(&lines.stdout).lines().next().expect("a line")).expect("JSON");
    assert_eq!(document["wire"]["side"], "client", "{document}");
    assert_eq!(document["wire"]["interface"], "eth7", "{document}");
    assert_eq!(document["connect"]["rtt_ns"], 20_000_000, "{document}");
    assert_eq!(document["response"]["status"], 200, "{document}");
    // The same packets give the same traces.
    assert_eq!(pcap(&file, &["--format", "jsonl"]).stdout, lines.stdout);

    let saved = scratch.0.path().join("saved.jsonl");
    let chart = scratch.0.path().join("chart.svg");
    let words = ["--save", saved.to_str().expect("UTF-8"), "--chart", chart.to_str().expect("UTF-8")];
    assert_eq!(pcap(&file, &words).status.code(), Some(0));
    assert_eq!(std::fs::read(&saved).expect("it was saved"), lines.stdout);
    assert!(std::fs::read_to_string(&chart).expect("it was drawn").contains("<svg"));
    let again = scratch.0.path().join("again.svg");
    let words = ["chart", "waterfall", saved.to_str().expect("UTF-8"), "-o", again.to_str().expect("UTF-8")];
    let charted = wirefall(&words, b"");
    assert_eq!(charted.status.code(), Some(0), "{charted:?}");
}

#[test]
fn every_form_has_every_request() {
    let scratch = Scratch::new();
    let file = scratch.file("a.pcapng", &three_flows());
    let json: Vec<Trace> = serde_json::from_slice(&pcap(&file, &["--format", "json"]).stdout).expect("JSON");
    assert_eq!(json.len(), 3);
    let har: Value = serde_json::from_slice(&pcap(&file, &["--format", "har"]).stdout).expect("HAR");
    assert_eq!(har["log"]["entries"].as_array().map(Vec::len), Some(3));
    let csv = pcap(&file, &["--format", "csv"]);
    let rows: Vec<&str> = text(&csv.stdout).split_terminator("\r\n").collect();
    assert_eq!(rows.len(), 4, "{csv:?}");
    assert!(rows[0].starts_with("trace_id,") && !rows[2].starts_with("trace_id"), "{csv:?}");
    let markdown = pcap(&file, &["--format", "markdown"]);
    assert_eq!(text(&markdown.stdout).matches("h.example").count(), 3, "{markdown:?}");
}

#[test]
fn filters_choose_flows_and_name_the_word_that_is_wrong() {
    let scratch = Scratch::new();
    let file = scratch.file("a.pcapng", &three_flows());
    for (filter, expect) in [
        ("port 40002", 1),
        ("host 198.51.100.7 and not port 40002", 2),
        ("name h.example", 3),
        ("name *.other.example or client 10.0.0.0/8", 3),
        ("sni h.example", 0),
    ] {
        let output = pcap(&file, &["--filter", filter, "--format", "jsonl"]);
        assert_eq!(traces(&output).len(), expect, "{filter}");
    }
    let wrong = pcap(&file, &["--filter", "hots 10.0.0.1"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(text(&wrong.stderr).contains("\"hots\""), "{wrong:?}");
}

#[test]
fn the_side_can_be_said() {
    let scratch = Scratch::new();
    let file = scratch.file("a.pcapng", &three_flows());
    let output = pcap(&file, &["--side", "server", "--format", "jsonl", "--filter", "port 40001"]);
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(document["wire"]["side"], "server");
    assert_eq!(document["phases"][0]["phase"], "connect");
    // SYN to ACK: what lies between SYN and SYN-ACK is the server's own time.
    assert_eq!(document["phases"][0]["duration_ns"], 21_000_000);
    assert!(text(&output.stderr).contains("as --side says"), "{output:?}");
}

#[test]
fn a_file_that_breaks_off_gives_what_came_before() {
    let scratch = Scratch::new();
    let whole = three_flows();
    let file = scratch.file("cut.pcapng", &whole[..whole.len() - 30]);
    let output = pcap(&file, &["--format", "jsonl"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(traces(&output).len(), 3);
    let said = text(&output.stderr);
    assert!(said.contains("cut.pcapng") && said.contains("byte"), "{said}");
    for (name, bytes) in [("empty", &b""[..]), ("text", b"this is no capture at all")] {
        let output = pcap(&scratch.file(name, bytes), &[]);
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(text(&output.stderr).contains(name), "{output:?}");
    }
    assert_eq!(pcap(Path::new("/nonexistent"), &[]).status.code(), Some(1));
}

#[test]
fn several_files_are_one_capture_and_standard_input_is_one_too() {
    let scratch = Scratch::new();
    let [mut first, mut second] = [Capture::new(), Capture::new()];
    first.flow(40_001, 0, 10);
    second.flow(40_002, 5_000_000, 10);
    let (first, second) = (first.finish(), second.finish());
    let names = [scratch.file("1.pcapng", &first), scratch.file("2.pcapng", &second)];
    let names = names.each_ref().map(|path| path.to_str().expect("UTF-8"));
    // The second file is of an earlier time: it does no harm.
    for order in [[names[0], names[1]], [names[1], names[0]]] {
        let output = wirefall(&["pcap", order[0], order[1], "--format", "jsonl"], b"");
        let read = traces(&output);
        assert_eq!(read.len(), 2, "{output:?}");
        assert!(read.iter().all(|trace| trace.failure().is_none()), "{output:?}");
    }
    let piped = wirefall(&["pcap", "-", "--format", "jsonl"], &three_flows());
    assert_eq!((piped.status.code(), traces(&piped).len()), (Some(0), 3), "{piped:?}");
    let mut compressed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    compressed.write_all(&three_flows()).expect("a vector takes everything");
    let piped = wirefall(&["pcap", "-", "--format", "jsonl"], &compressed.finish().expect("a vector"));
    assert_eq!(traces(&piped).len(), 3, "{piped:?}");
}

#[test]
fn what_came_is_shown_while_more_may_come_and_ctrl_c_ends_it() {
    let mut capture = Capture::new();
    capture.flow(40_001, 0, 10);
    let mut child = Command::new(env!("CARGO_BIN_EXE_wirefall"))
        .args(["pcap", "-", "--format", "jsonl"])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program can be run");
    let mut pipe = child.stdin.take().expect("a pipe");
    pipe.write_all(&capture.finish()).expect("it reads");
    // The pipe stays open: this line does not wait for its end.
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    assert!(line.contains("h.example"), "{line}");
    let kill = format!("kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().expect("a shell").success());
    let ended = child.wait_with_output().expect("its end");
    assert_eq!(ended.status.code(), Some(130), "{ended:?}");
    assert_eq!(text(&ended.stderr).matches("error").count(), 0, "{ended:?}");
    drop(pipe);
}

#[test]
fn too_many_flows_are_said() {
    let scratch = Scratch::new();
    let mut capture = Capture::new();
    for port in 1..=5 {
        let client = SocketAddr::from(([10, 0, 0, 1], 40_000 + port));
        let server = SERVER.parse().expect("an address");
        capture.packet(u64::from(port), client, server, TcpFlags::SYN, [0, 0], b"");
    }
    let output = pcap(&scratch.file("a.pcapng", &capture.finish()), &["--max-flows", "2"]);
    assert!(text(&output.stderr).contains("3 flows closed early"), "{output:?}");
    assert!(text(&output.stdout).contains("connect.timeout"), "{output:?}");
}
