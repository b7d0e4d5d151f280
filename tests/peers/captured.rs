//! A capture by tcpdump, as tshark and `wirefall pcap` read it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use wirefall::event::Phase;
use wirefall::time::Nanos;
use wirefall::trace::Trace;

use crate::server::Program;

const TCPDUMP: Program = Program { name: "tcpdump", package: "tcpdump" };
const TSHARK: Program = Program { name: "tshark", package: "tshark" };
/// The client that asks for most of what is captured.
pub(crate) const CURL: Program = Program { name: "curl", package: "curl" };

/// A running capture.
pub(crate) struct Tcpdump {
    child: Child,
    file: PathBuf,
}

impl Tcpdump {
    /// Begins one on an interface of the namespace of the calling thread.
    pub(crate) fn start(interface: &str, file: PathBuf, filter: &str) -> Self {
        let child = Command::new(TCPDUMP.path())
            .args([
                "-i",
                interface,
                "--immediate-mode",
                "-U",
                "-Z",
                "root",
                "-B",
                "16384",
                "--time-stamp-precision=nano",
                "-w",
            ])
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
    pub(crate) fn finish(mut self) -> PathBuf {
        let mut before = u64::MAX;
        let length = || fs::metadata(&self.file).map_or(0, |metadata| metadata.len());
        while before != length() {
            before = length();
            std::thread::sleep(Duration::from_millis(500));
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

/// Ports where tshark would not know what is spoken.
#[derive(Debug, Default)]
pub(crate) struct Ports {
    pub(crate) http: Vec<u16>,
    pub(crate) tls: Vec<u16>,
    pub(crate) dns: Vec<u16>,
}

impl Ports {
    /// A filter for packets from or to them.
    pub(crate) fn filter(&self) -> String {
        let tcp = self.http.iter().chain(&self.tls).map(|port| format!("tcp port {port}"));
        tcp.chain(self.dns.iter().map(|port| format!("udp port {port}"))).collect::<Vec<_>>().join(" or ")
    }
}

/// Rows of fields, as tshark sees the packets that a filter chooses.
pub(crate) fn tshark(file: &Path, ports: &Ports, filter: &str, fields: &[&str]) -> Vec<Vec<String>> {
    let rules = |ports: &[u16], rule: &str, protocol: &str| -> Vec<String> {
        ports.iter().map(|port| format!("{rule}=={port},{protocol}")).collect()
    };
    let decode = [
        rules(&ports.http, "tcp.port", "http"),
        rules(&ports.tls, "tcp.port", "tls"),
        rules(&ports.dns, "udp.port", "dns"),
    ]
    .concat();
    let output = Command::new(TSHARK.path())
        .arg("-r")
        .arg(file)
        .args(decode.iter().flat_map(|rule| ["-d", rule]))
        .args(["-o", "tcp.reassemble_out_of_order:TRUE", "-Y", filter, "-T", "fields"])
        .args(fields.iter().flat_map(|field| ["-e", field]))
        .stderr(Stdio::null())
        .output()
        .expect("tshark can be run");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

/// The traces that `wirefall pcap` makes of a file with some more words.
pub(crate) fn wirefall(file: &Path, words: &[&str]) -> Vec<Trace> {
    wirefall_and_notes(file, words).0
}

/// The same, and what it says beside them.
pub(crate) fn wirefall_and_notes(file: &Path, words: &[&str]) -> (Vec<Trace>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_wirefall"))
        .arg("pcap")
        .arg(file)
        .args(words)
        .args(["--format", "jsonl"])
        .output()
        .expect("wirefall can be run");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let [text, notes] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("UTF-8"));
    (text.lines().map(|line| serde_json::from_str(line).expect("a trace")).collect(), notes)
}

/// `0.000279000` as tshark writes seconds.
pub(crate) fn nanos(seconds: &str) -> Nanos {
    let (whole, decimals) = seconds.split_once('.').expect("decimals");
    let whole: u64 = whole.parse().expect("a number");
    Nanos::from_secs(whole) + Nanos::new(format!("{decimals:0<9.9}").parse().expect("a number"))
}

/// The client's port, which tells flows apart here.
pub(crate) fn port(trace: &Trace) -> Option<String> {
    let local = trace.connect.as_ref()?.local.as_ref()?;
    Some(local.rsplit_once(':')?.1.to_owned())
}

/// How long a phase took; zero without it.
pub(crate) fn length(trace: &Trace, phase: Phase) -> Nanos {
    trace.span(phase).map_or(Nanos::ZERO, |span| span.duration)
}

/// Runs a client to its end, which is to be a good one.
pub(crate) fn run(program: &Path, words: &[String]) {
    let output = Command::new(program).args(words).output().expect("the client can be run");
    assert!(output.status.success(), "{} {words:?}: {output:?}", program.display());
}
